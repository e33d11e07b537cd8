import assert from 'node:assert/strict';
import test from 'node:test';

import {diff, lines} from '../../src/lib/diff.js';

const text = (list) => list.map((line) => `${line}\n`).join('');
const flat = (d) => d.hunks.map((h) => h.map((r) => r.sign + r.text).join('|'));

test('lines of a text', () => {
    assert.deepEqual(lines('a\nb\n'), ['a', 'b']);
    assert.deepEqual(lines('a\r\n\nb'), ['a', '', 'b']);
    assert.deepEqual(lines(''), []);
});

test('equal texts have no hunk', () => {
    assert.deepEqual(diff('a\nb\n', 'a\nb\n'), {added: 0, removed: 0, hunks: []});
    assert.deepEqual(diff('', ''), {added: 0, removed: 0, hunks: []});
});

test('the first and the last text', () => {
    assert.deepEqual(flat(diff('', 'a\nb\n')), ['+a|+b']);
    assert.deepEqual(flat(diff('a\nb\n', '')), ['-a|-b']);
});

test('a line changed, with what is around it and the numbers of both sides', () => {
    const d = diff(text(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']),
                   text(['a', 'b', 'c', 'd', 'E', 'f', 'g', 'h', 'i']), 2);
    assert.deepEqual(flat(d), [' c| d|-e|+E| f| g']);
    assert.deepEqual(d.hunks[0].map((r) => [r.was, r.is]),
                     [[3, 3], [4, 4], [5, null], [null, 5], [6, 6], [7, 7]]);
});

test('changes that are near stand in one hunk, others in two', () => {
    const was = text([...'abcdefghijklmnop']);
    const is = text([...'abXdefgYijklmnoZ']);
    assert.deepEqual(flat(diff(was, is, 1)), [' b|-c|+X| d', ' g|-h|+Y| i', ' o|-p|+Z']);
    assert.deepEqual(flat(diff(was, is, 2)),
                     [' a| b|-c|+X| d| e| f| g|-h|+Y| i| j', ' n| o|-p|+Z']);
});

test('the difference turns the old text into the new one, whatever they are', () => {
    let seed = 7;
    const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    for (let i = 0; i < 300; i++) {
        const side = () => Array.from({length: random(12)}, () => 'abc'[random(3)]);
        const [was, is] = [side(), side()];
        const rows = diff(text(was), text(is), 1000).hunks.flat();
        if (was.join() === is.join()) {
            assert.equal(rows.length, 0);
            continue;
        }
        assert.deepEqual(rows.filter((r) => r.sign !== '+').map((r) => r.text), was);
        assert.deepEqual(rows.filter((r) => r.sign !== '-').map((r) => r.text), is);
    }
});

test('the shortest difference is found', () => {
    const d = diff(text([...'abcabba']), text([...'cbabac']), 0);
    assert.equal(d.added + d.removed, 5); // the example of the paper
});

test('beyond the bound the middle is told as changed', () => {
    const was = text(['x', ...Array.from({length: 5000}, (_, i) => `a${i}`), 'y']);
    const is = text(['x', ...Array.from({length: 5000}, (_, i) => `b${i}`), 'y']);
    const d = diff(was, is, 1);
    assert.deepEqual([d.added, d.removed, d.hunks.length], [5000, 5000, 1]);
    const few = diff(text(['p', 'a', 'q', 'b', 'r']), text(['p', 'A', 'q', 'B', 'r']), 1, 2);
    assert.deepEqual([few.added, few.removed], [3, 3]);
});
