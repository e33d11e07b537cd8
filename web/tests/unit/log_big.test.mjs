// A log of 100 MiB in the page: held whole, in little more memory than it has bytes.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';

import {parseLine} from '../../src/log/ansi.js';
import {HELD_MAX, LogBuffer} from '../../src/log/buffer.js';
import {Search} from '../../src/log/search.js';

const MIB = 1024 * 1024;
const OUT = {job: 'j', attempt: 1, stream: 'stdout'};
const ERR = {job: 'j', attempt: 1, stream: 'stderr'};
const encode = (text) => new TextEncoder().encode(text);

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
function memory() {
    collect();
    collect(); // which ends the sweep of the first
    const {arrayBuffers, heapUsed} = process.memoryUsage();
    return arrayBuffers + heapUsed;
}

function found(buffer, needle) {
    const search = new Search(buffer, needle);
    while (!search.done) search.step(1000);
    return search.hits;
}

// Adds `size` bytes of lines that `lineOf` writes, in pieces that end anywhere.
function fill(buffer, size, lineOf, piece = 65536) {
    let n = 0;
    let rest = new Uint8Array();
    for (let left = size; left > 0;) {
        const texts = [];
        for (let length = rest.length; length < 8 * piece;) {
            texts.push(lineOf(n++));
            length += texts[texts.length - 1].length;
        }
        const more = encode(texts.join(''));
        const all = new Uint8Array(rest.length + more.length);
        all.set(rest);
        all.set(more, rest.length);
        let at = 0;
        for (; at + piece <= all.length && left > 0; at += piece) {
            buffer.add(OUT, all.subarray(at, at + Math.min(piece, left)), 1000 + n);
            left -= piece;
        }
        rest = all.slice(at);
    }
}

// Half of them have colours, and all characters that may be cut in two.
const lineOf = (n) => n % 2 ? `line ${n} \x1b[3${n % 8}mof much output €\x1b[0m, with ä and 😀\n`
    : `line ${n} of much output €, with ä and 😀, which has no colour\n`;

test('100 MiB are held whole: each line, its colours, what a search finds; little memory', () => {
    const before = memory();
    const buffer = new LogBuffer();
    fill(buffer, 100 * MIB, lineOf);
    const used = memory() - before;
    assert.equal(buffer.taken, 100 * MIB);
    assert.equal(buffer.first, 0);
    assert.equal(buffer.full, false);
    assert.ok(buffer.end > 1500000, `${buffer.end} lines`);
    assert.ok(used < 1.5 * buffer.taken, `${used / MIB} MiB of memory`);
    assert.ok(Math.abs(used / buffer.size - 1) < 0.1, `${used} are counted as ${buffer.size}`);
    for (let n = 0; n < buffer.end; n += 997) {
        const line = buffer.line(n);
        assert.equal(`${line.text}\n`, lineOf(n));
        assert.equal(line.number, n + 1);
        assert.equal(line.source, OUT);
        const {spans, style} = parseLine(line.text, line.style);
        assert.equal(spans.length, n % 2 ? 3 : 1);
        assert.equal(spans[0].style.fg, -1);
        if (n % 2) assert.equal(spans[1].style.fg, n % 8);
        assert.equal(style.fg, -1);
    }
    assert.ok(buffer.line(0).at < buffer.line(buffer.end - 1).at);
    const middle = buffer.end >> 1;
    assert.deepEqual(found(buffer, `LINE ${middle} OF`), [middle]);
    assert.deepEqual(found(buffer, 'nowhere'), []);
});

test('a step of a search is short, and what is looked at is told', () => {
    const buffer = new LogBuffer();
    fill(buffer, 2 * MIB, (n) => `${'\x1b[1mx\r'.repeat(n % 900)}line ${n}\n`);
    const search = new Search(buffer, 'nowhere');
    let steps = 0;
    for (let last = -1; !search.done; steps++) {
        assert.ok(search.share > last && search.share < 1);
        last = search.share;
        const from = search.next;
        search.step(0.001);
        assert.ok(search.next - from <= 8192);
    }
    assert.ok(steps > 20, `${steps} steps`);
    assert.equal(search.share, 1);
    assert.equal(new Search(new LogBuffer(), 'a').share, 1);
});

test('what is more than the page may hold pushes the first lines out, and nothing else', () => {
    const buffer = new LogBuffer({maxBytes: 4 * MIB});
    fill(buffer, 6 * MIB, lineOf);
    assert.ok(buffer.size <= 4 * MIB && buffer.size > 3.8 * MIB);
    assert.ok(buffer.full);
    assert.ok(buffer.first > 0);
    let bytes = 0;
    for (let n = buffer.first; n < buffer.end; n++) {
        const {text, number} = buffer.line(n);
        assert.equal(`${text}\n`, lineOf(n));
        assert.equal(number, n + 1);
        bytes += encode(text).length + 1;
    }
    assert.equal(buffer.text, bytes);
    assert.deepEqual(found(buffer, 'line 0 of'), []);
    assert.ok(HELD_MAX === 128 * MIB);
});

test('lines that have little in common: their numbers, sources, times and colours', () => {
    const buffer = new LogBuffer();
    const all = [];
    for (let n = 0; n < 20000; n++) {
        const source = n % 3 ? OUT : ERR;
        buffer.add(source, encode(n % 5 ? `${n}\n` : `\x1b[${31 + n % 7}m${n}\n`), n >> 1);
        all.push({source, at: n >> 1, number: n + 1});
    }
    buffer.mark('between');
    buffer.add(OUT, encode('behind\n'));
    const fg = new Map([[OUT, -1], [ERR, -1]]); // at the beginning of the next line
    all.forEach((wanted, n) => {
        const {source, at, number, style, text} = buffer.line(n);
        assert.deepEqual({source, at, number}, wanted);
        assert.equal(style.fg, fg.get(source));
        if (n % 5 === 0) fg.set(source, 1 + n % 7);
        assert.ok(text.endsWith(String(n)));
    });
    assert.deepEqual([0, 1].map((i) => buffer.line(20000 + i).number), [0, 20001]);
    assert.equal(buffer.line(20000).source, null);
});

test('of lines with all in common the index has little', () => {
    const buffer = new LogBuffer();
    buffer.mark('attempt 2');
    for (let n = 0; n < 100; n++) buffer.add(OUT, encode('line\n'), 5);
    assert.equal(buffer.blocks[0].runs, 2);
});
