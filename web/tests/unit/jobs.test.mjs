// What the views of jobs compute.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {HANDED_OUT, atTimes, bulkOf, endWords, filterWords, filtersOf, phases, times}
    from '../../src/lib/jobs.js';

const at = (s) => new Date(Date.UTC(2026, 0, 1) + s * 1000).toISOString();

test('filters of an address, and the command that has them', () => {
    const filters = filtersOf({state: 'FAILED', group: 'gpu', name: '', x: 'y', cursor: 'z'});
    assert.deepEqual(filters, {state: 'FAILED', group: 'gpu'});
    assert.deepEqual(filterWords('list', filters), ['job', 'list', '--state', 'FAILED', '--group',
                                                    'gpu']);
    assert.deepEqual(filterWords('list', {}), ['job', 'list']);
});

// The command must not leave out a filter: it would do it to more jobs.
test('the command has each filter that an address has', () => {
    const cause = filtersOf({state: 'FAILED', reason: 'exit-code', exitCode: '3', named: 'false'});
    assert.deepEqual(Object.keys(cause), ['state', 'reason', 'exitCode', 'named']);
    for (const verb of ['list', 'cancel', 'retry'])
        assert.deepEqual(filterWords(verb, cause), ['job', verb, '--state', 'FAILED', '--reason',
            'exit-code', '--exit-code', '3', '--unnamed']);
    assert.deepEqual(filterWords('list', {exitCode: '0'}), ['job', 'list', '--exit-code', '0']);
    assert.deepEqual(filterWords('retry', {endedSince: '1h', endedUntil: at(0)}), ['job', 'retry',
        '--ended-since', '1h', '--ended-until', at(0)]);
    // The flow names its namespace, which is given once.
    const flow = filtersOf({namespace: 'a.b', flow: 'nightly', task: 'load', until: '1h'});
    assert.deepEqual(filterWords('cancel', flow), ['job', 'cancel', '--until', '1h', '--flow',
                                                   'a.b/nightly', '--task', 'load']);
    assert.deepEqual(filterWords('list', {flow: 'nightly'}), ['job', 'list', '--flow',
                                                              'NAMESPACE/nightly']);
    for (const [label, words] of [['team=data', ['--label', 'team=data']],
        [['team=data', 'day=mon'], ['--label', 'team=data', '--label', 'day=mon']]])
        assert.deepEqual(filterWords('list', filtersOf({label})), ['job', 'list', ...words]);
    const all = Object.fromEntries(['id', 'name', 'state', 'kind', 'group', 'namespace', 'agent',
        'since', 'until', 'endedSince', 'endedUntil', 'reason', 'exitCode', 'flow', 'task',
        'named', 'label']
        .map((key) => [key, 'x']));
    assert.deepEqual(filtersOf(all), all);
    assert.equal(filterWords('list', all).filter((w) => w.startsWith('--')).length, 16);
});

test('what was handed out neither waits for its first attempt nor was cancelled before', () => {
    assert.equal(HANDED_OUT, 'SUBMITTED,RUNNING,KILLING,RETRYING,SUCCESS,WARNING,FAILED,KILLED,' +
        'FIRED,NO');
});

test('what is asked for of many jobs', () => {
    // The kind alone does not choose: all jobs have one.
    assert.deepEqual(bulkOf('cancel', {}), {filters: {}, empty: true, query: {all: true},
                                            words: ['job', 'cancel', '--all']});
    assert.deepEqual(bulkOf('cancel', {kind: 'task'}), {filters: {kind: 'task'}, empty: true,
        query: {kind: 'task', all: true}, words: ['job', 'cancel', '--kind', 'task', '--all']});
    assert.deepEqual(bulkOf('cancel', {kind: 'all', state: 'CREATED'}).query,
                     {kind: 'all', state: 'CREATED'});
    // Only jobs are retried: the API refuses other kinds.
    for (const kind of ['job', 'all', 'task,job']) {
        assert.deepEqual(bulkOf('retry', {kind, id: '0s'}), {filters: {id: '0s'}, empty: false,
            query: {id: '0s'}, words: ['job', 'retry', '--id', '0s']});
        assert.deepEqual(bulkOf('retry', {kind}).query, {all: true});
    }
    for (const kind of ['task', 'evaluation', 'task,evaluation'])
        assert.deepEqual(Object.keys(bulkOf('retry', {kind, id: '0s'})), ['refused']);
    assert.deepEqual(bulkOf('retry', {state: 'FAILED', reason: 'lost', kind: 'job'}).words,
                     ['job', 'retry', '--state', 'FAILED', '--reason', 'lost']);
});

test('a window of time stands still', () => {
    const answer = {since: at(0), until: at(60), matched: 1};
    assert.deepEqual(atTimes({state: 'FAILED', since: '1h'}, answer),
                     {state: 'FAILED', since: at(0)});
    assert.deepEqual(atTimes({endedSince: '1h', endedUntil: '1m'}, {endedSince: at(0)}),
                     {endedSince: at(0), endedUntil: '1m'});
    assert.deepEqual(atTimes({until: '1m'}, {since: null, until: null}), {until: '1m'});
});

const names = (job, output) => phases(job, output).map((p) => [p.kind, p.attempt,
    p.to === null ? null : (p.to - p.from) / 1000]);

test('phases of a job that waits, was cancelled while it waited, runs, has ended', () => {
    const waits = {createdAt: at(0), endedAt: null, attempt: 0, attempts: []};
    assert.deepEqual(names(waits), [['queued', 0, null]]);
    assert.deepEqual(names({...waits, endedAt: at(4)}), [['queued', 0, 4]]);
    const attempt = {attempt: 1, submittedAt: at(2), startedAt: at(3), endedAt: null};
    const runs = {createdAt: at(0), endedAt: null, attempt: 1, attempts: [attempt]};
    assert.deepEqual(names(runs), [['queued', 1, 2], ['sent', 1, 1], ['started', 1, null]]);
    assert.deepEqual(names(runs, at(5)).slice(2), [['started', 1, 2], ['output', 1, null]]);
    const ended = {...runs, endedAt: at(9), attempts: [{...attempt, endedAt: at(9)}]};
    assert.deepEqual(names(ended, at(5)), [['queued', 1, 2], ['sent', 1, 1], ['started', 1, 2],
                                           ['output', 1, 4]]);
});

test('phases of a job that is tried again', () => {
    const job = {createdAt: at(0), endedAt: null, attempt: 2, attempts: [
        {attempt: 1, submittedAt: at(1), startedAt: at(1), endedAt: at(4)}]};
    assert.deepEqual(names(job), [['queued', 1, 1], ['sent', 1, 0], ['started', 1, 3],
                                  ['queued', 2, null]]);
    const lost = {...job, attempts: [{attempt: 1, submittedAt: at(1), startedAt: null,
                                      endedAt: at(4)}]};
    assert.deepEqual(names(lost), [['queued', 1, 1], ['sent', 1, 3], ['queued', 2, null]]);
    // Of many attempts the first ones are not known: nothing is told of before.
    const many = {...job, attempts: [{attempt: 7, submittedAt: at(1), startedAt: at(1),
                                      endedAt: at(4)}]};
    assert.deepEqual(names(many), [['sent', 7, 0], ['started', 7, 3], ['queued', 2, null]]);
});

test('times of a row', () => {
    const now = Date.parse(at(10));
    assert.deepEqual(times({createdAt: at(0), startedAt: null, endedAt: null}, now),
        {waited: 10000, ran: null});
    assert.deepEqual(times({createdAt: at(0), startedAt: at(2), endedAt: null}, now),
        {waited: 2000, ran: 8000});
    assert.deepEqual(times({createdAt: at(0), startedAt: null, endedAt: at(3)}, now),
        {waited: 3000, ran: null});
});

test('how an attempt ended', () => {
    assert.deepEqual(endWords({exitCode: 3, reason: 'exit-code', message: 'it ended'}),
                     ['exit code 3', 'it ended']);
    assert.deepEqual(endWords({exitCode: 0, reason: null, message: ''}), ['exit code 0']);
    assert.deepEqual(endWords({exitCode: 137, reason: 'timeout'}), ['exit code 137', 'timeout']);
    for (const exitCode of [null, undefined]) {
        assert.deepEqual(endWords({exitCode, reason: 'lost', message: null}), ['lost']);
        assert.deepEqual(endWords({exitCode, reason: 'exit-code'}), ['exit-code']);
        assert.deepEqual(endWords({exitCode}), []);
    }
});
