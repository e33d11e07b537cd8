import assert from 'node:assert/strict';
import {test} from 'node:test';

import {base64Size, bytes, duration, hasEnded, plural, relative} from '../../src/lib/format.js';

test('durations', () => {
    for (const [ms, text] of [[null, ''], [NaN, ''], [-5, '0 ms'], [0, '0 ms'], [999, '999 ms'],
                              [1000, '1.0 s'], [59999, '60 s'], [60000, '1 min 0 s'],
                              [3600000, '1 h 0 min'], [48 * 3600000, '2 d 0 h']])
        assert.equal(duration(ms), text, String(ms));
});

test('moments before and after now', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    assert.equal(relative('2026-01-01T00:00:00Z', now), 'now');
    assert.equal(relative('2025-12-31T23:59:57Z', now), '3 s ago');
    assert.equal(relative('2026-01-01T00:05:30Z', now), 'in 5 min');
    assert.equal(relative(null, now), '');
});

test('sizes', () => {
    for (const [n, text] of [[0, '0 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [1536, '1.5 KiB'],
                             [10 << 20, '10 MiB'], [null, '']])
        assert.equal(bytes(n), text);
});

test('one and many', () => {
    assert.equal(plural(1, 'job'), '1 job');
    assert.equal(plural(0, 'job'), '0 jobs');
    assert.equal(plural(2, 'entry', 'entries'), '2 entries');
});

test('states that have ended', () => {
    assert.ok(hasEnded('SUCCESS') && hasEnded('CANCELLED') && hasEnded('NO'));
    assert.ok(!hasEnded('RUNNING') && !hasEnded('RETRYING') && !hasEnded('CREATED'));
});

test('the size of what is written in base64 is that of its bytes', () => {
    for (const [text, size] of [['', 0], ['YQ==', 1], ['YWI=', 2], ['YWJj', 3], ['/+8=', 2],
                                ['YQ', 1]])
        assert.equal(base64Size(text), size, text);
    for (const none of [undefined, null]) assert.equal(base64Size(none), undefined);
});
