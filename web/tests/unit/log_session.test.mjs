// The reader of a log: cursors, breaks, attempts, what is missing, a buffer that is full.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {SILENT_MS} from '../../src/lib/timing.js';
import {LogSession} from '../../src/log/session.js';

const out = (cursor, offset, text, more = {}) => ({cursor, job: 'j', attempt: 1, stream: 'stdout',
                                                   offset, at: '2026-01-01T00:00:00.000Z', text,
                                                   ...more});
const state = (word) => ({event: 'state', id: 'j', state: word});

// Answers one request after the other: a list of messages, whose stream ends as it should, breaks
// (the last item is 'break') or stays open ('open'); or a status. The addresses go into `asked`.
function serve(t, ...answers) {
    const asked = [];
    t.mock.method(globalThis, 'fetch', async (where, {signal}) => {
        asked.push(where);
        const answer = answers.shift() || ['open'];
        if (typeof answer === 'number')
            return new Response(JSON.stringify({error: {message: 'no'}}), {status: answer});
        return new Response(new ReadableStream({
            start(controller) {
                signal.addEventListener('abort', () => {
                    try {
                        controller.error(new DOMException('', 'AbortError'));
                    } catch {
                        // it has ended
                    }
                });
                const last = answer[answer.length - 1];
                for (const message of answer.filter((m) => typeof m === 'object'))
                    controller.enqueue(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
                if (last === 'break') setTimeout(() => controller.error(new TypeError('cut')));
                else if (last !== 'open') controller.close();
            },
        }));
    });
    return asked;
}

// Starts a session; until(test) waits for a state of it.
function session(options = {}) {
    const waits = [];
    const one = new LogSession({where: 'api/v1/jobs/j', ...options, changed: () => {
        for (const w of [...waits])
            if (w.test(one)) {
                waits.splice(waits.indexOf(w), 1);
                w.done();
            }
    }});
    one.until = (check) => check(one) ? Promise.resolve()
        : new Promise((done) => waits.push({test: check, done}));
    one.start();
    return one;
}

const texts = ({buffer}) => Array.from({length: buffer.total - buffer.first},
    (_, i) => buffer.line(buffer.first + i).text);
const ended = (s) => s.state === 'ended';

test('reads to the end', async (t) => {
    const asked = serve(t, [state('RUNNING'), out(1, 0, 'a\nb'), out(2, 3, 'c'), state('SUCCESS')]);
    const s = session({query: {tail: 10, stream: ''}});
    await s.until(ended);
    assert.deepEqual(texts(s), ['a', 'bc']);
    assert.equal(s.buffer.openLines.length, 0);
    assert.deepEqual(asked, ['api/v1/jobs/j/follow?tail=10&format=json']);
    assert.equal(s.earlier, false);
    assert.equal(s.firsts.get(1), '2026-01-01T00:00:00.000Z');
});

test('goes on by the cursor after a break, and after an end without a final state', async (t) => {
    t.mock.method(Math, 'random', () => 0);
    const asked = serve(t, [out(7, 0, 'a\n'), 'break'], [state('RUNNING'), out(8, 2, 'b\n')],
                        [out(9, 4, 'c\n'), state('FAILED')]);
    const s = session();
    await s.until(ended);
    assert.deepEqual(texts(s), ['a', 'b', 'c']);
    assert.deepEqual(asked.map((a) => new URLSearchParams(a.split('?')[1]).get('cursor')),
        [null, '7', '8']);
});

test('a refusal is told and not repeated', async (t) => {
    const asked = serve(t, 404);
    const s = session();
    await s.until((one) => one.state === 'failed');
    assert.equal(s.error.status, 404);
    s.start();
    assert.equal(asked.length, 1);
});

test('a state that is final at first does not end the log before its output', async (t) => {
    serve(t, [state('SUCCESS'), out(1, 0, 'late\n'), state('SUCCESS')]);
    const s = session();
    await s.until(ended);
    assert.deepEqual(texts(s), ['late']);
});

test('stopped, it goes on where it was', async (t) => {
    const asked = serve(t, [out(3, 0, 'a\n'), 'open'], [out(4, 2, 'b\n'), state('SUCCESS')]);
    const s = session();
    await s.until((one) => one.cursor === 3);
    s.stop();
    assert.equal(s.state, 'idle');
    s.start();
    await s.until(ended);
    assert.deepEqual(texts(s), ['a', 'b']);
    assert.match(asked[1], /cursor=3/);
});

test('a stream that says nothing is given up, and another goes on by the cursor', async (t) => {
    t.mock.timers.enable({apis: ['setTimeout']});
    const asked = serve(t, [out(3, 0, 'a\n'), 'open'], [out(4, 2, 'b\n'), state('SUCCESS')]);
    const s = session();
    await s.until((one) => one.cursor === 3);
    t.mock.timers.tick(SILENT_MS - 1);
    assert.equal(s.state, 'reading');
    t.mock.timers.tick(1);
    assert.equal(s.state, 'broken');
    t.mock.timers.tick(1000);
    await s.until(ended);
    assert.deepEqual(texts(s), ['a', 'b']);
    assert.match(asked[1], /cursor=3/);
});

test('attempts and what was left out are told between the lines', async (t) => {
    serve(t, [out(1, 0, 'one'), out(2, 0, 'two\n', {attempt: 2}), out(3, 5000, 'end\n',
        {attempt: 2}), state('SUCCESS')]);
    const s = session();
    await s.until(ended);
    assert.deepEqual(texts(s), ['one', 'attempt 2', 'two',
        '4.9 KiB of stdout were left out: the job wrote more than is kept', 'end']);
    assert.equal(s.buffer.line(1).source, null);
    assert.equal(s.buffer.line(4).number, 3);
});

test('it is known that there is more before the first line', async (t) => {
    for (const first of [out(1, 10, 'x\n'), out(1, 0, 'x\n', {attempt: 2})]) {
        serve(t, [first, state('SUCCESS')]);
        const s = session();
        await s.until(ended);
        assert.equal(s.earlier, true);
        t.mock.restoreAll();
    }
});

test('of an execution the end is that of the execution, and jobs have names', async (t) => {
    serve(t, [{event: 'execution', state: 'RUNNING'}, {event: 'state', id: 'j', task: 'load',
        state: 'RUNNING'}, out(1, 0, 'open'), {event: 'state', id: 'j', task: 'load',
        state: 'SUCCESS'}, out(2, 0, 'b\n', {job: 'k'}), {event: 'execution', state: 'WARNING'}]);
    const s = session({where: 'api/v1/executions/e'});
    await s.until(ended);
    assert.deepEqual(texts(s), ['open', 'b']);
    assert.equal(s.names.get('j'), 'load');
});

test('while older lines are read it stops at a full buffer, and reads on when asked', async (t) => {
    const limits = {maxBytes: 2 * 1024 * 1024};
    const text = `${'x'.repeat(99)}\n`.repeat(600);
    const all = Array.from({length: 60}, (_, i) => out(i, i * text.length, text));
    const asked = serve(t, all, [...all.slice(18), state('SUCCESS')], [...all, state('SUCCESS')]);
    const s = session({limits});
    s.following = false;
    await s.until((one) => one.state === 'held');
    assert.equal(s.buffer.first, 0);
    assert.ok(s.buffer.end < 60 * 600);
    const {cursor} = s;
    s.readOn();
    await s.until(ended);
    assert.ok(s.buffer.first > 0);
    assert.match(asked[1], new RegExp(`cursor=${cursor}$`));
    const follows = session({limits});
    await follows.until(ended);
    assert.equal(follows.buffer.end, 60 * 600);
});

test('without a place it asks until there is nothing more of what has ended', async (t) => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    Object.defineProperty(globalThis, 'navigator', {configurable: true, value: {
        locks: {request: async (name, how, given) => given(null)}}});
    t.after(() => Object.defineProperty(globalThis, 'navigator', before ||
        {configurable: true, value: undefined}));
    const asked = serve(t, [out(1, 0, 'a\n')], [], [out(2, 2, 'b')], [], [out(3, 3, 'no')]);
    const s = session();
    const next = async () => {
        while (s.abort) await new Promise((done) => setTimeout(done, 5));
        s.start(); // without the rest between
    };
    await s.until((one) => one.cursor === 1);
    await next();
    while (asked.length < 2) await new Promise((done) => setTimeout(done));
    s.over = true; // while an answer is under way: there may be more
    await next();
    await s.until((one) => one.cursor === 2);
    await next();
    await s.until(ended);
    s.start();
    assert.deepEqual(texts(s), ['a', 'b']);
    assert.deepEqual(asked.map((a) => a.split('?')[0]), Array(4).fill('api/v1/jobs/j/logs'));
});

test('of an execution it stops after much output, also while it is followed', async (t) => {
    const text = `${'x'.repeat(999)}\n`;
    const all = Array.from({length: 30}, (_, i) => out(i + 1, i * 1000, text));
    const end = {event: 'execution', state: 'SUCCESS'};
    const asked = serve(t, all, [...all.slice(20), end]);
    const s = session({where: 'api/v1/executions/e', most: 20000});
    await s.until((one) => one.state === 'held');
    assert.equal(s.cursor, 20);
    s.readOn();
    await s.until(ended);
    assert.equal(s.buffer.end, 30);
    assert.match(asked[1], /cursor=20$/);
    serve(t, [...all, state('SUCCESS')]);
    const job = session({most: 20000});
    await job.until(ended);
});
