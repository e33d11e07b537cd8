import assert from 'node:assert/strict';
import test from 'node:test';

import {flowQuery, flowWords, labelsOf, optionsWith, shownFilters, timeOf, withTimes}
    from '../../src/lib/filters.js';

test('a flow with its namespace', () => {
    assert.deepEqual(flowQuery({flow: 'a.b/c', state: 'FAILED'}),
                     {namespace: 'a.b', flow: 'c', state: 'FAILED'});
    assert.deepEqual(flowQuery({flow: 'c', namespace: 'x'}), {flow: 'c', namespace: 'x'});
    assert.deepEqual(flowQuery({flow: '/c'}), {flow: '/c'}); // refused by the API, which says why
    assert.deepEqual(flowQuery({}), {});
});

test('labels', () => {
    assert.deepEqual(flowQuery({label: 'a=1, b=x,y, c='}).label, ['a=1', 'b=x,y', 'c=']);
    assert.deepEqual(flowQuery({label: 'nonsense'}).label, ['nonsense']);
    assert.deepEqual(flowQuery({label: ['a=1, b=2', 'c=3']}).label, ['a=1, b=2', 'c=3']);
    assert.equal(labelsOf(''), undefined);
    assert.deepEqual(shownFilters({label: ['a=1', 'b=2'], id: 'x'}), {label: 'a=1, b=2', id: 'x'});
    assert.deepEqual(shownFilters({label: 'a=1'}), {label: 'a=1'});
});

test('a select can show what the address has', () => {
    const options = [['', 'any'], ['A', 'A']];
    assert.equal(optionsWith(options, 'A'), options);
    assert.equal(optionsWith(options, undefined), options);
    assert.deepEqual(optionsWith(options, 'A,B').at(-1), ['A,B', 'A, B']);
});

test('words of the command line', () => {
    assert.deepEqual(flowWords(flowQuery({flow: 'a/b', label: 'k=v', since: '1h', order: 'next'})),
                     ['--flow', 'a/b', '--since', '1h', '--order', 'next', '--label', 'k=v']);
    assert.deepEqual(flowWords({namespace: 'a'}), ['--namespace', 'a']);
    assert.deepEqual(flowWords({flow: 'b'}), ['--flow', 'NAMESPACE/b']);
    assert.deepEqual(flowWords({}), []);
});

test('a day and a time are those of the clock here', () => {
    const zone = process.env.TZ;
    process.env.TZ = 'Europe/Berlin';
    assert.equal(timeOf('since', '2026-01-31'), '2026-01-30T23:00:00.000Z');
    assert.equal(timeOf('until', '2026-01-31'), '2026-01-31T23:00:00.000Z'); // with that day
    assert.equal(timeOf('since', '2026-03-29'), '2026-03-28T23:00:00.000Z'); // it has 23 hours
    assert.equal(timeOf('until', '2026-03-29'), '2026-03-29T22:00:00.000Z');
    assert.equal(timeOf('until', '2025-12-31'), '2025-12-31T23:00:00.000Z');
    for (const key of ['since', 'until']) {
        assert.equal(timeOf(key, '2026-07-01 14:30'), '2026-07-01T12:30:00.000Z');
        assert.equal(timeOf(key, '2026-07-01T00:00:05'), '2026-06-30T22:00:05.000Z');
        // What the API takes, and what it refuses, which then says why.
        for (const text of ['1h', 'P1D', '2026-01-31T08:00:00Z', '2026-01-31T08:00:00.5+01:00',
            '2026-02-30', '2026-13-01', '2026-00-10', '2026-01-00', '0000-01-01', '0020-01-01',
            '2026-01-31 24:00', '2026-01-31 12:60', '2026-01-31 12:30:60', '2026-1-31',
            '2026-01-31 8:00', '2026-01-31T', '31.1.2026', 'yesterday', '20260131'])
            assert.equal(timeOf(key, text), text);
    }
    assert.deepEqual(withTimes({since: '2026-01-31', until: '1h', name: '2026-01-31'}),
                     {since: '2026-01-30T23:00:00.000Z', until: '1h', name: '2026-01-31'});
    assert.deepEqual(withTimes({since: '', until: undefined}), {since: '', until: undefined});
    assert.deepEqual(flowQuery({until: '2026-01-31'}), {until: '2026-01-31T23:00:00.000Z'});
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
});
