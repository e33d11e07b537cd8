import assert from 'node:assert/strict';
import test from 'node:test';

import {visible} from '../../src/lib/visible.js';

test('text without marks stays as it is', () => {
    for (const text of ['', 'a\tb\nc', 'Grüße, 世界 🚢', '<b>&amp;</b>', 'שלום'])
        assert.equal(visible(text), text);
});

test('marks and control characters are shown', () => {
    assert.equal(visible('\u202egnp.exe\u2069'), '<U+202E>gnp.exe<U+2069>');
    assert.equal(visible('\u200f\u061c'), '<U+200F><U+061C>');
    assert.equal(visible('\x1b[31mred\0\x7f\x9b'), '\u241b[31mred\u2400\u2421\ufffd');
    assert.equal(visible('a\r\nb'), 'a\r\nb');
});
