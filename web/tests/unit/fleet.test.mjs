import assert from 'node:assert/strict';
import test from 'node:test';

import {agentTrouble, busyFirst, capabilityItems, groupChanges, groupForm,
        groupOptions, groupTrouble, historyColumns, milliseconds, parseRequires, requiresLines,
        requiresText, waitingOf} from '../../src/lib/fleet.js';

test('durations of the API', () => {
    assert.equal(milliseconds('736ms'), 736);
    assert.equal(milliseconds('1.913s'), 1913);
    assert.equal(milliseconds('1h30m'), 5400000);
    assert.equal(milliseconds('0s'), 0);
    for (const bad of [null, undefined, '', '5', 's', '1 s', '-1s', 'PT5S', '1s!', 12])
        assert.equal(milliseconds(bad), null, String(bad));
});

test('what a group requires, there and back', () => {
    const requires = {'gpu.count': '>= 1', os: ['linux', 'windows'], shell: 'bash'};
    assert.equal(requiresText(requires), 'gpu.count >= 1, os=linux or os=windows, shell=bash');
    assert.deepEqual(parseRequires(requiresLines(requires)), requires);
    assert.equal(requiresText({shell: {all: ['sh', 'bash']}}), 'shell=sh and shell=bash');
    assert.equal(requiresText(null), '');
    assert.equal(requiresLines({shell: {all: ['sh']}}), null);
});

test('lines of requires', () => {
    assert.deepEqual(parseRequires(' memory>=16GiB \n\nlabel.rack = west-1=*\n'),
                     {memory: '>=16GiB', 'label.rack': 'west-1=*'});
    assert.deepEqual(parseRequires('a!=b'), {a: '!=b'});
    assert.deepEqual(parseRequires(''), {});
    for (const bad of ['linux', '=x', ' >= 1', 'os=', 'os= '])
        assert.throws(() => parseRequires(bad), /'/, bad);
    const odd = parseRequires('__proto__=x');
    assert.deepEqual(Object.keys(odd), ['__proto__']);
    assert.equal(JSON.stringify(odd), '{"__proto__":"x"}');
});

test('what a form changes of a group', () => {
    const group = {key: 'gpu', description: 'boxes', requires: {os: 'linux'}, tags: ['gpu', 'big'],
                   allowedNamespaces: ['shop'], maxQueued: 5};
    const form = groupForm(group);
    assert.deepEqual(groupChanges(group, form), {});
    assert.deepEqual(groupChanges(group, {...form, description: ' ', requires: '', tags: '',
                                          allowedNamespaces: '', maxQueued: ''}),
                     {description: '', requires: {}, tags: [], allowedNamespaces: [],
                      maxQueued: 0});
    assert.deepEqual(groupChanges(group, {...form, allowedNamespaces: 'a, b.c'}),
                     {allowedNamespaces: ['a', 'b.c']});
    for (const bad of ['many', '-1', '1.5', '99999999999'])
        assert.throws(() => groupChanges(group, {...form, maxQueued: bad}), /is no number/);
    assert.throws(() => groupChanges(group, {...form, requires: 'linux'}), /KEY=VALUE/);
    // What lines cannot say stays as it is.
    const odd = {key: 'x', requires: {shell: {all: ['sh']}}};
    assert.deepEqual(groupChanges(odd, groupForm(odd)), {});
});

test('the command that does the same', () => {
    assert.deepEqual(groupOptions({description: '', requires: {memory: '>=1GiB', os: 'linux'},
                                   allowedNamespaces: [], tags: ['a'], maxQueued: 0}),
                     ['--description=', '--require', 'memory>=1GiB', '--require', 'os=linux',
                      '--allow-namespace=', '--tag', 'a', '--max-queued', '0']);
    assert.deepEqual(groupOptions({requires: {}}), ['--require=']);
    assert.equal(groupOptions({requires: {os: ['a', 'b']}}), null);
});

test('why a group hands out nothing', () => {
    const well = {paused: false, agents: 2, online: 1, unwell: 0};
    assert.equal(groupTrouble(well), '');
    assert.equal(groupTrouble({...well, paused: true, pausedBy: 'ann'}), 'paused by ann');
    assert.equal(groupTrouble({...well, agents: 0, online: 0}), 'no agent serves it');
    assert.match(groupTrouble({...well, online: 0}), /2 agents is online/);
    assert.match(groupTrouble({...well, unwell: 1}), /unwell/);
});

test('what the first waiting job is told, for its group', () => {
    const queued = {code: 'queued', message: 'number 12,345 in the queue of default', agents: 3};
    assert.equal(waitingOf({...queued, slots: 8, busy: 8}), 'no fitting slot is free (8 in use)');
    assert.equal(waitingOf({...queued, slots: 8, busy: 7}),
                 'each in its turn: 1 of 8 fitting slots free');
    assert.equal(waitingOf({...queued, code: 'all-busy', slots: 1, busy: 2}),
                 'no fitting slot is free (1 in use)');
    for (const waiting of [queued, {...queued, slots: 8, busy: 8}, {...queued, slots: 8, busy: 0}])
        assert.doesNotMatch(waitingOf(waiting), /number|12,345/);
    assert.equal(waitingOf({code: 'none-satisfies', message: 'no agent offers gpu'}),
                 'the first one: no agent offers gpu');
    assert.equal(waitingOf({code: 'no-agent-online', message: 'group g has no agent online'}),
                 'group g has no agent online');
    assert.equal(waitingOf(null), '');
    assert.equal(waitingOf(undefined), '');
});

test('groups that need a look stand first', () => {
    const g = (key, queued, running, more = {}) => ({key, queued, running, agents: 1, online: 1,
                                                     unwell: 0, ...more});
    const sorted = busyFirst([g('idle', 0, 0), g('runs', 0, 3), g('waits', 2, 1),
                              g('stuck', 1, 0, {online: 0}), g('a', 0, 0)]);
    assert.deepEqual(sorted.map((one) => one.key), ['stuck', 'waits', 'runs', 'a', 'idle']);
    assert.deepEqual(busyFirst(sorted, 4, 1).map((one) => one.key), ['stuck', 'waits', 'runs']);
    assert.deepEqual(busyFirst(sorted, 2, 5).length, 2);
});

test('what an agent offers', () => {
    assert.deepEqual(capabilityItems({os: 'linux', memory: 1024, shell: ['sh', 'bash'],
                                      gpu: {count: 0, model: null}, docker: true}),
                     [['os', 'linux'], ['memory', '1.0 KiB'], ['shell', 'sh, bash'],
                      ['gpu.count', '0'], ['docker', 'yes']]);
    assert.deepEqual(capabilityItems(null), []);
});

test('why an agent gets nothing', () => {
    assert.equal(agentTrouble({}), '');
    assert.equal(agentTrouble({held: true, drainedBy: 'ann'}), 'drained by ann');
    assert.equal(agentTrouble({held: true, drainReason: 'disk', unwellReason: 'full',
                               lastRefusal: {message: 'no'}}), 'full; drained: disk; refused: no');
});

test('a history with missing points has gaps', () => {
    const at = (minute) => ({at: new Date(minute * 60000).toISOString(), online: minute});
    assert.deepEqual(historyColumns([at(0), at(1), at(4)], 60000, ['online']),
                     {times: [0, 60, 120, 240], online: [0, 1, null, 4]});
    assert.deepEqual(historyColumns([], 60000, ['online']), {times: [], online: []});
    assert.deepEqual(historyColumns([at(0), at(9)], null, ['online']).times, [0, 540]);
});
