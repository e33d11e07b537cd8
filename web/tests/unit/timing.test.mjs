import assert from 'node:assert/strict';
import {test} from 'node:test';

import {SILENT_MS, Silence, backoff, rest} from '../../src/lib/timing.js';

test('silence is told once, and counted from what was heard last', (t) => {
    t.mock.timers.enable({apis: ['setTimeout']});
    let told = 0;
    const silence = new Silence(() => told++);
    t.mock.timers.tick(SILENT_MS * 2);
    assert.equal(told, 0);
    silence.heard();
    t.mock.timers.tick(SILENT_MS - 1);
    silence.heard();
    t.mock.timers.tick(SILENT_MS - 1);
    assert.equal(told, 0);
    t.mock.timers.tick(1);
    assert.equal(told, 1);
    t.mock.timers.tick(SILENT_MS * 2);
    assert.equal(told, 1);
    silence.heard();
    silence.stop();
    t.mock.timers.tick(SILENT_MS * 2);
    assert.equal(told, 1);
});

test('tries in vain wait longer each time, up to half a minute', (t) => {
    t.mock.method(Math, 'random', () => 1);
    assert.deepEqual([0, 1, 2, 6, 10000].map((n) => backoff(n)), [500, 1000, 2000, 30000, 30000]);
    assert.equal(backoff(0, 2000), 2000);
    Math.random.mock.mockImplementation(() => 0);
    assert.equal(backoff(1), 500);
});

test('a slow load has a longer rest behind it', () => {
    assert.equal(rest(1000, 20), 1000);
    assert.equal(rest(1000, 900), 4500);
    assert.equal(rest(1000, 100000), 60000);
    assert.equal(rest(90000, 100000), 90000);
});
