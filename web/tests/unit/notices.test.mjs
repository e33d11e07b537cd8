import assert from 'node:assert/strict';
import test from 'node:test';

import {happenedOf, oftenOf, outcome, subjectOf, toldOf} from '../../src/lib/notices.js';

const AT = '2026-01-01T00:00:00Z';

test('a message that is done is not to be told', () => {
    const n = {state: 'DONE', tries: 0, reason: '', deliveredAt: AT, dueAt: null};
    assert.deepEqual(outcome(n), ['told', 'good']);
    assert.deepEqual(outcome({...n, deliveredAt: null}), ['', 'off']);
    assert.deepEqual(outcome({...n, reason: 'refused'}), ['failed', 'bad']);
});

test('one that is not done is told when it is due', () => {
    const n = {state: 'OPEN', tries: 0, reason: '', deliveredAt: null, dueAt: AT};
    assert.deepEqual(outcome(n), ['to be told', 'busy']);
    assert.deepEqual(outcome({...n, state: 'OVER', deliveredAt: AT}), ['to be told', 'busy']);
    assert.deepEqual(outcome({...n, tries: 1, reason: 'away'}),
                     ['failed 1 time, tried again', 'bad']);
    assert.deepEqual(outcome({...n, dueAt: null, deliveredAt: AT}), ['told', 'good']);
});

test('what a message is about has a view, or has none', () => {
    const of = (event, subject) => subjectOf({event, subject});
    assert.deepEqual(of('agent-offline', 'one'), ['agents', 'one']);
    for (const event of ['group-short', 'queue-old', 'lease-lost'])
        assert.deepEqual(of(event, 'gpu'), ['groups', 'gpu']);
    assert.deepEqual(of('token-ends', '0s'), ['tokens']);
    assert.deepEqual(of('execution-failed', 'a.b/c'), ['flows', 'a.b', 'c']);
    assert.deepEqual(of('schedule-missed', 'a.b/c/d'), ['triggers', 'a.b', 'c', 'd']);
    for (const event of ['agent-offline', 'group-short', 'execution-failed', 'token-ends'])
        assert.equal(of(event, '(rule x)'), null); // of several
    for (const [event, subject] of [['disk-low', '/var'], ['certificate-ends', 'CA'],
        ['execution-failed', 'a'], ['execution-failed', 'a/b/c'], ['schedule-missed', 'a/b'],
        ['of a later version', 'x']]) assert.equal(of(event, subject), null);
});

test('how often it happened', () => {
    const failed = {event: 'execution-failed', subject: 'a/b'};
    assert.deepEqual(happenedOf(failed), ['executions', {flow: 'a/b', state: 'FAILED'}]);
    assert.equal(happenedOf({...failed, subject: '(rule x)'}), null);
    assert.equal(happenedOf({event: 'agent-offline', subject: 'one'}), null);
    assert.equal(oftenOf({total: 1}), 'once');
    assert.equal(oftenOf({total: 1200}), '1,200 times');
    assert.equal(toldOf({messages: 0}), 'not told yet');
    assert.equal(toldOf({messages: 1}), 'in 1 message');
    assert.equal(toldOf({messages: 3}), 'in 3 messages');
});
