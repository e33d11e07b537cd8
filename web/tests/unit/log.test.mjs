// The log viewer's pure parts: decoding, escape sequences, the buffer, search.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import {test} from 'node:test';

import {BOLD, DIM, INVERSE, ITALIC, PLAIN, RGB, UNDERLINE, harmless, parseLine, plainText, sgr,
    styleAfter} from '../../src/log/ansi.js';
import {LINE_MAX, LogBuffer} from '../../src/log/buffer.js';
import {BASE, PAGE, TEXT, contrast, look, readable} from '../../src/log/colour.js';
import {bytesOf, lines} from '../../src/log/decode.js';
import {HITS_MAX, Search, foundText, marked} from '../../src/log/search.js';

const encode = (text) => new TextEncoder().encode(text);
const OUT = {job: 'j', attempt: 1, stream: 'stdout'};
const ERR = {job: 'j', attempt: 1, stream: 'stderr'};
const spans = (text, style) => parseLine(text, style).spans.map((s) =>
    [s.text, s.style.fg, s.style.bg, s.style.face]);
const texts = (buffer) => Array.from({length: buffer.total - buffer.first},
    (_, i) => buffer.line(buffer.first + i).text);

async function linesOf(...parts) {
    const all = [];
    const stream = new ReadableStream({
        start(controller) {
            parts.forEach((p) => controller.enqueue(typeof p === 'string' ? encode(p) : p));
            controller.close();
        },
    });
    for await (const batch of lines(stream)) all.push(...batch);
    return all;
}

test('lines of a stream, however they are cut', async () => {
    assert.deepEqual(await linesOf('a\nb', 'c\n', '\n', 'd\ne\n'), ['a', 'bc', 'd', 'e']);
    const bytes = encode('{"t":"ä€😀"}\n');
    const single = Array.from(bytes, (b) => Uint8Array.of(b));
    assert.deepEqual(await linesOf(...single), ['{"t":"ä€😀"}']);
});

test('a last line that was broken off is left out', async () => {
    assert.deepEqual(await linesOf('a\n{"cursor":'), ['a']);
    assert.deepEqual(await linesOf(), []);
});

test('a line without an end is refused, not kept', async () => {
    const part = 'x'.repeat(1 << 20);
    await assert.rejects(linesOf(...Array(10).fill(part)), /without an end/);
});

test('bytes of messages', () => {
    assert.deepEqual([...bytesOf({text: 'é'})], [0xc3, 0xa9]);
    assert.deepEqual([...bytesOf({base64: '//4K'})], [255, 254, 10]);
    assert.equal(bytesOf({event: 'ping'}), null);
    assert.equal(bytesOf({text: 3}), null);
});

test('colours and faces', () => {
    assert.deepEqual(spans('a\x1b[1;31mb\x1b[0mc'), [['a', -1, -1, 0], ['b', 1, -1, BOLD],
                                                      ['c', -1, -1, 0]]);
    assert.deepEqual(spans('\x1b[2;3;4;7mx\x1b[22;23;24;27my'),
        [['x', -1, -1, DIM | ITALIC | UNDERLINE | INVERSE], ['y', -1, -1, 0]]);
    assert.deepEqual(spans('\x1b[97;104mx\x1b[39;49my'), [['x', 15, 12, 0], ['y', -1, -1, 0]]);
    assert.deepEqual(spans('\x1b[mx', {fg: 3, bg: -1, face: 0}), [['x', -1, -1, 0]]);
});

test('256 and true colours, in both ways to write them', () => {
    const one = (params) => sgr(PLAIN, params);
    assert.equal(one('38;5;208').fg, 208);
    assert.equal(one('38:5:208').fg, 208);
    assert.equal(one('48;2;1;2;3').bg, RGB + 0x010203);
    assert.equal(one('38:2::1:2:3').fg, RGB + 0x010203);
    assert.equal(one('38:2:1:2:3').fg, RGB + 0x010203);
    assert.deepEqual(one('38;5;208;1'), {fg: 208, bg: -1, face: BOLD});
    assert.equal(one('58;5;1;31').fg, 1); // the colour of the underline is not shown
    assert.equal(one('4:3').face, UNDERLINE);
    assert.equal(sgr(one('4'), '4:0'), PLAIN);
});

test('SGR that is wrong changes nothing and throws nothing', () => {
    for (const params of ['38', '38;5;256', '38;5;-1', '38;2;300;1;1', '38:5', '38:9:1', '999',
                          ';;;;', '1e3', '38;7;1', '48', '58;5', ':', '38:2:1'])
        assert.equal(sgr(PLAIN, params), PLAIN, params);
    assert.equal(sgr(PLAIN, '1;'.repeat(100000)).face, BOLD);
});

test('other escape sequences are dropped', () => {
    for (const one of ['\x1b[2J', '\x1b[10;20H', '\x1b[?25l', '\x1b[>1m', '\x1b(B', '\x1b=',
                       '\x1b]0;title\x07', '\x1b]8;;http://x/\x1b\\', '\x1bPq#0\x1b\\',
                       '\x1b_x\x1b\\', '\x1b[1 q', '\x1b7', '\x1b[!p'])
        assert.deepEqual(spans(`a${one}b`), [['ab', -1, -1, 0]], JSON.stringify(one));
    assert.equal(plainText('a\x1b'), 'a');
    assert.equal(plainText('a\x1b[12;'), 'a');
    assert.equal(plainText('a\x1b]0;never ended'), 'a0;never ended');
});

test('carriage return, backspace and erase, as in a terminal', () => {
    assert.equal(plainText('10%\r20%\r100%'), '100%');
    assert.equal(plainText('abcdef\rxy'), 'xycdef');
    assert.equal(plainText('abcdef\rxy\x1b[K'), 'xy');
    assert.equal(plainText('abc\x1b[2Kd'), '   d');
    assert.equal(plainText('abc\b\bX'), 'aXc');
    assert.equal(plainText('\b\b\ba'), 'a');
    assert.equal(plainText('line\r'), 'line');
});

test('what cannot be seen is shown by its name', () => {
    assert.equal(plainText('a\u202eb'), 'a<U+202E>b');
    assert.equal(plainText('a\u2066b\u200fc\u061c'), 'a<U+2066>b<U+200F>c<U+061C>');
    assert.equal(plainText('a\0b\x07c\x7f'), 'a^@b^Gc^?');
    assert.equal(plainText('a\u009b31mb'), 'a<U+009B>31mb');
    assert.equal(plainText('\u{e0041}'), '<U+E0041>');
    assert.equal(harmless('a\nb\u202e'), 'a^Jb<U+202E>');
    assert.equal(plainText('<b onclick=x>&amp;'), '<b onclick=x>&amp;');
    assert.equal(parseLine('a\u202eb').spans[1].odd, true);
    assert.equal(plainText('tab\tä €😀 \u0627'), 'tab\tä €😀 \u0627');
});

test('a style goes on in the next line', () => {
    const {style} = parseLine('\x1b[32mgreen');
    assert.deepEqual(spans('on', style), [['on', 2, -1, 0]]);
    assert.equal(styleAfter('x\x1b[0m', style), PLAIN);
    for (const text of ['\x1b[1mx', '\x1b[0mx\x1b[3m', '\x1b[31mx\x1b[0', '\x1b[31mx\x1b[m',
                        '\x1b[m', '\x1b[31mx\x1b[0m', '\x1b[31m\x1b]0;\x1b[0m', '\x1b[31m0m',
                        '\x1b[31m\x1b0m', '\x1b[31mx\x1b[00m', '\x1b[4mx\x1b(0m',
                        '\x1b[31mx\x1b[1;0m\x1b']) {
        const buffer = new LogBuffer();
        buffer.add(OUT, encode(`${text}\nnext\n`));
        assert.deepEqual(buffer.line(1).style, styleAfter(text, PLAIN), JSON.stringify(text));
    }
});

test('text can be read on what is behind it', () => {
    for (let i = 0; i < 256; i++)
        for (const style of [{fg: i, bg: -1, face: 0}, {fg: -1, bg: i, face: 0},
                             {fg: i, bg: i, face: 0}, {fg: i, bg: -1, face: INVERSE | DIM}]) {
            const {style: css} = look(style);
            if (!css) continue;
            const number = (text) => parseInt(text.slice(1), 16);
            const behind = css.backgroundColor ? number(css.backgroundColor) : PAGE;
            assert.ok(contrast(number(css.color), behind) >= 4.5, JSON.stringify(style));
        }
    assert.equal(readable(0xffffff, 0), 0xffffff);
    assert.deepEqual(look(PLAIN), {class: undefined, style: undefined});
    assert.equal(look({fg: 1, bg: -1, face: BOLD}).class, 'bold f1');
});

test('the style sheets have the colours of the code', () => {
    const css = (name) => fs.readFileSync(new URL(`../../src/${name}`, import.meta.url), 'utf8');
    const colours = (text, pattern) => [...text.matchAll(pattern)].map(([, ...found]) => {
        const hex = found.pop();
        const long = hex.length === 3 ? hex.replace(/./g, '$&$&') : hex;
        return [...found, parseInt(long, 16)];
    });
    assert.deepEqual(colours(css('log/log.css'), /\.f(\d+) \{ color: #([0-9a-f]+); \}/g),
        BASE.map((colour, i) => [String(i), colour]));
    assert.deepEqual(colours(css('style.css'), /--log-text: #([0-9a-f]+);/g), [[TEXT]]);
    const behind = colours(css('style.css'), /--log: #([0-9a-f]+);/g).flat();
    assert.equal(behind.length, 2); // light and dark
    assert.equal(behind[0], PAGE);
    for (const colour of [...BASE, TEXT])
        for (const page of behind)
            assert.ok(contrast(colour, page) >= 4.5, `${colour.toString(16)} on ${page}`);
});

test('lines in the buffer, however they are cut', () => {
    const whole = encode('a\nbä€😀\n\x1b[31mred\nstill\x1b[0m\n\nlast');
    for (let size = 1; size < whole.length; size++) {
        const buffer = new LogBuffer();
        for (let i = 0; i < whole.length; i += size) buffer.add(OUT, whole.subarray(i, i + size));
        assert.deepEqual(texts(buffer), ['a', 'bä€😀', '\x1b[31mred', 'still\x1b[0m', '',
                                         'last']);
        assert.equal(buffer.line(3).style.fg, 1);
        assert.equal(buffer.line(4).style, PLAIN);
        assert.equal(buffer.line(5).open, true);
        buffer.flush();
        assert.deepEqual(buffer.line(5), {...buffer.line(5), text: 'last', open: false, number: 6});
    }
});

test('stdout and stderr do not cut each other in two', () => {
    const buffer = new LogBuffer();
    buffer.add(OUT, encode('one '));
    buffer.add(ERR, encode('bad\n'));
    buffer.add(OUT, encode('line\n'));
    assert.deepEqual(texts(buffer), ['bad', 'one line']);
    assert.equal(buffer.line(0).source.stream, 'stderr');
});

test('bytes that are no text are shown as such', () => {
    const buffer = new LogBuffer();
    buffer.add(OUT, Uint8Array.of(0xff, 0xfe, 10));
    assert.deepEqual(texts(buffer), ['\ufffd\ufffd']);
});

test('a very long line is cut between characters and sequences, and numbered once', () => {
    const buffer = new LogBuffer();
    buffer.add(OUT, encode(`x${'€'.repeat(LINE_MAX)}\nnext\n`));
    const all = texts(buffer);
    assert.equal(all.slice(0, -1).join(''), `x${'€'.repeat(LINE_MAX)}`);
    assert.ok(!all.some((t) => t.includes('\ufffd')));
    assert.equal(buffer.line(0).number, 1);
    assert.equal(buffer.line(1).number, 0);
    assert.equal(buffer.line(buffer.end - 1).number, 2);
    const coloured = new LogBuffer();
    coloured.add(OUT, encode(`${'x'.repeat(LINE_MAX - 3)}\x1b[38;5;9mred\n`));
    assert.equal(plainText(coloured.line(1).text), 'red');
});

test('a line that is written over and over stays one line', () => {
    const buffer = new LogBuffer();
    for (let i = 0; i < 20000; i++) buffer.add(OUT, encode(`\x1b[33mstep ${i}\r`));
    buffer.add(OUT, encode('done      \n'));
    assert.equal(buffer.total, 1);
    assert.equal(plainText(buffer.line(0).text).trim(), 'done');
});

test('the oldest lines go, and the others keep their places and numbers', () => {
    const buffer = new LogBuffer({maxBytes: 1024 * 1024});
    const text = encode(`${'0123456789'.repeat(10)}\n`.repeat(100));
    for (let i = 0; i < 400; i++) buffer.add(OUT, text);
    assert.ok(buffer.size <= 1024 * 1024);
    assert.ok(buffer.first > 0);
    assert.equal(buffer.end, 40000);
    assert.equal(buffer.line(39999).number, 40000);
    assert.equal(buffer.line(buffer.first).number, buffer.first + 1);
    const short = new LogBuffer({maxBytes: 1024 * 1024}); // lines without text have an index, too
    for (let i = 0; i < 300; i++) short.add(OUT, encode('\n'.repeat(1000)));
    assert.ok(short.size <= 1024 * 1024);
    assert.ok(short.first > 0 && short.end - short.first > 100000);
    assert.equal(short.text, short.end - short.first);
    assert.ok(short.full);
});

test('rows of wrapped lines', () => {
    const buffer = new LogBuffer();
    buffer.add(OUT, encode(`${'x'.repeat(25)}\n\n\x1b[31m${'y'.repeat(10)}\x1b[0m\na\tb\nopen`));
    assert.equal(buffer.rowsBefore(4, 10), 3 + 1 + 1 + 1);
    assert.equal(buffer.rowsBefore(5, 10), 7);
    assert.equal(buffer.rowsBefore(3, 0), 3);
    assert.deepEqual([0, 2, 3, 4, 5, 6, 99].map((r) => buffer.lineAtRow(r, 10)),
        [0, 0, 1, 2, 3, 4, 4]);
    assert.equal(new LogBuffer().lineAtRow(3, 10), 0);
});

test('search looks at the text without its sequences', () => {
    const buffer = new LogBuffer();
    buffer.add(OUT, encode('one\nTw\x1b[31mo\n\x1b[1mthree\nsecond two\n'));
    const search = new Search(buffer, 'tWO');
    search.step(1000);
    assert.deepEqual(search.hits, [1, 3]);
    assert.equal(search.from(1, 1), 3);
    assert.equal(search.from(3, 1), 1);
    assert.equal(search.from(1, -1), 3);
    assert.equal(search.from(0, 1), 1);
    assert.equal(new Search(buffer, '31m').from(0, 1), -1);
    buffer.add(OUT, encode('two\n'));
    search.step(1000);
    assert.deepEqual(search.hits, [1, 3, 4]);
});

test('a search looks at each line as it is shown', () => {
    const buffer = new LogBuffer();
    const whole = [0xe2, 0x82, 10, 0xac, 10, ...encode('\ufeffab\n\ufeffcd\r\nx\x1b[3'), 10,
                   ...encode('1mred\x1b[0m\nΟΔΟΣ\nΟΔΟΣ end\r\n10%\r20%\n\u202eab\n')];
    buffer.add(OUT, Uint8Array.from(whole));
    buffer.mark('of\ntwo');
    for (const needle of ['€', '\ufffd', 'ab', 'cd', 'feff', '1m', 'οδος', 'οδοσ', '10%', '20%',
                          '<u+202e>a', 'red', 'end', 'of^jtwo', 'two', 'x']) {
        const search = new Search(buffer, needle);
        search.step(1000);
        assert.deepEqual(search.hits, Array.from({length: buffer.end}, (_, n) => n).filter((n) =>
            plainText(buffer.line(n).text).toLowerCase().includes(needle)), needle);
    }
    assert.equal(buffer.end, 11);
});

test('what was found is told, and where it was looked for', () => {
    const hits = [3, 5];
    const told = (search, here = -1, whole = true) =>
        foundText({hits, done: true, share: 1, ...search}, here, 12345, whole);
    assert.equal(told({}), '2 lines');
    assert.equal(told({}, 5), '2 of 2');
    assert.equal(told({hits: []}), 'not found');
    assert.equal(told({hits: []}, -1, false), 'not found in the 12,345 lines that are here');
    assert.equal(told({}, 3, false), '1 of 2 in the 12,345 lines that are here');
    assert.equal(told({done: false, share: 0.47}, -1, false), '2 lines (40 % searched)');
    assert.equal(told({done: false, share: 0.99, hits: []}), '…');
    assert.equal(told({hits: Array(HITS_MAX).fill(1), share: 0.2}), '10,000+ lines');
});

test('what was found is marked across spans', () => {
    const cut = marked(parseLine('a\x1b[31mbc\x1b[0mabc').spans, 'abc');
    assert.deepEqual(cut.map((s) => [s.text, !!s.hit]),
        [['a', true], ['bc', true], ['abc', true]]);
    assert.deepEqual(marked(parseLine('xxabxab').spans, 'ab').map((s) => [s.text, !!s.hit]),
        [['xx', false], ['ab', true], ['x', false], ['ab', true]]);
    assert.deepEqual(marked([], 'a'), []);
});
