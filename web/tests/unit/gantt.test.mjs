import assert from 'node:assert/strict';
import test from 'node:test';

import {gantt, spans, ticks} from '../../src/lib/gantt.js';

const at = (s) => new Date(Date.UTC(2026, 0, 1) + s * 1000).toISOString();
const ms = (s) => Date.parse(at(s));
const run = (task, created, started, ended, more = {}) => ({task, attempt: 1, createdAt:
    at(created),
    submittedAt: at(created), startedAt: started === null ? null : at(started),
    endedAt: ended === null ? null : at(ended), ...more});

test('an execution that has ended: queued and run parts, and a task that never began', () => {
    const g = gantt({createdAt: at(0), endedAt: at(10), taskRuns: [run('a', 0, 2, 5),
        run('b', 5, 6, 10)]}, ['a', 'b', 'c'], ms(1000));
    assert.deepEqual(g.rows.map((r) => [r.task, r.parts.map((p) => [p.kind, p.left, p.width])]),
        [['a', [['queued', 0, 20], ['run', 20, 30]]], ['b', [['queued', 50, 10], ['run', 60, 40]]],
         ['c', []]]);
    assert.deepEqual(spans(g.rows[0]), {before: null, queued: 2000, run: 3000});
    assert.deepEqual(spans(g.rows[2]), {before: null, queued: null, run: null});
});

test('a run that took less than a millisecond is a run', () => {
    const g = gantt({createdAt: at(0), endedAt: at(4), taskRuns: [run('a', 0, 2, 2)]}, [], ms(4));
    assert.deepEqual(g.rows[0].parts.map((p) => [p.kind, p.left, p.width]),
                     [['queued', 0, 50], ['run', 50, 0]]);
    assert.equal(spans(g.rows[0]).run, 0);
});

test('what goes on reaches to now', () => {
    const g = gantt({createdAt: at(0), endedAt: null, taskRuns: [run('a', 0, 2, null)]}, [], ms(4));
    assert.deepEqual(g.rows[0].parts.map((p) => [p.kind, p.width]), [['queued', 50], ['run', 50]]);
    const waits = gantt({createdAt: at(0), endedAt: null, taskRuns: [run('a', 0, null, null)]}, [],
                        ms(4));
    assert.deepEqual(waits.rows[0].parts.map((p) => [p.kind, p.width]), [['queued', 100]]);
});

test('earlier attempts have a part of their own', () => {
    const g = gantt({createdAt: at(0), endedAt: at(10), taskRuns: [run('a', 0, 7, 10,
        {attempt: 2, submittedAt: at(5)})]}, [], ms(10));
    assert.deepEqual(g.rows[0].parts.map((p) => [p.kind, p.left, p.width]),
                     [['before', 0, 50], ['queued', 50, 20], ['run', 70, 30]]);
});

test('clocks that do not agree make no part outside, and none of less than nothing', () => {
    const g = gantt({createdAt: at(5), endedAt: at(5), taskRuns: [run('a', 4, 6, 5)]}, [], ms(1));
    for (const row of g.rows)
        for (const p of row.parts)
            assert.ok(p.left >= 0 && p.width >= 0 && p.left + p.width <= 100, JSON.stringify(p));
    assert.deepEqual(gantt({createdAt: at(5), endedAt: null}, [], ms(1)).rows, []);
});

test('tasks stand in the order of the flow', () => {
    const g = gantt({createdAt: at(0), endedAt: at(9), taskRuns: [run('b', 0, 1, 2),
        run('gone', 2, 3, 4)]}, ['a', 'b'], ms(9));
    assert.deepEqual(g.rows.map((r) => r.task), ['a', 'b', 'gone']);
});

test('marks of the axis are round and few', () => {
    assert.deepEqual(ticks(10000), [0, 2000, 4000, 6000, 8000, 10000]);
    for (const length of [1, 999, 61e3, 3.7e6, 9e7, 4e9, 4e11])
        assert.ok(ticks(length).length <= 7, String(length));
});
