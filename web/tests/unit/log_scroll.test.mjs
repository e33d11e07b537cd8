// Positions in a log that is longer than an element may be high.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {HEIGHT_MAX, moveBy, placeFor, squeeze} from '../../src/log/scroll.js';

const MOST = HEIGHT_MAX - 600;
const EXTRA = 45e6;

// A reader who scrolls as a browser does: {y, top}.
class Reader {
    constructor(y, most = MOST, extra = EXTRA) {
        Object.assign(this, {y, most, extra, top: squeeze(y, most, extra)});
    }
    scroll(by) {
        const top = Math.min(Math.max(this.top + by, 0), this.most);
        const y = moveBy(top - this.top, this.y, top, this.most, this.extra);
        this.top = placeFor(y, top, this.most, this.extra);
        assert.ok(this.top >= 0 && this.top <= this.most);
        return this.y = y;
    }
}

test('what fits is at its own position', () => {
    for (const y of [0, 1, 5000, 3e6, MOST]) {
        assert.equal(squeeze(y, MOST, 0), y);
        assert.equal(placeFor(y, 77, MOST, 0), y);
        assert.equal(new Reader(y, MOST, 0).scroll(-300), Math.max(0, y - 300));
        assert.equal(new Reader(y, MOST, 0).scroll(MOST), MOST);
    }
});

test('all of what does not fit has a position, in its order, and the ends have theirs', () => {
    for (const extra of [1, 20, 1e5, EXTRA, 5e9]) {
        let last = -1;
        for (let i = 0; i <= 1000; i++) {
            const top = squeeze((MOST + extra) * i / 1000, MOST, extra);
            assert.ok(top > last);
            last = top;
        }
        assert.equal(last, MOST);
        assert.equal(squeeze(1000, MOST, extra), 1000);
        assert.equal(squeeze(MOST + extra - 1000, MOST, extra), MOST - 1000);
        assert.equal(placeFor(-5, 3e6, MOST, extra), 0);
        assert.equal(placeFor(MOST + extra + 9, 3e6, MOST, extra), MOST);
    }
});

test('a wheel moves by what it says, anywhere, and gets to both ends', () => {
    for (const y of [0, 999, 25000, 1e6 - 5, 1e6 + 5, 20e6, 30e6, 49e6 - 5, 49e6 + 5, 5e7 - 700]) {
        for (const by of [-1000, 1000]) {
            const reader = new Reader(y);
            for (let i = 1; i <= 2500; i++)
                assert.equal(reader.scroll(by), Math.min(Math.max(y + i * by, 0), MOST + EXTRA));
        }
    }
    for (const [y, by, end] of [[3e6, -9000, 0], [47e6, 9000, MOST + EXTRA]]) {
        const reader = new Reader(y);
        for (let i = 0; i < 340; i++) reader.scroll(by);
        assert.equal(reader.y, end);
        assert.equal(reader.top, end ? MOST : 0);
    }
});

test('the scroll bar moves in proportion, and back to where it was', () => {
    const reader = new Reader(0);
    assert.equal(Math.round(reader.scroll(MOST / 2)), Math.round((MOST + EXTRA) / 2));
    assert.equal(reader.scroll(MOST), MOST + EXTRA);
    assert.equal(reader.scroll(-MOST), 0);
    for (const top of [5e5, 2e6, 4e6 - 1e5, MOST - 5e5]) {
        const y = new Reader(0).scroll(top);
        assert.ok(Math.abs(squeeze(y, MOST, EXTRA) - top) < 1e-3);
    }
});
