// What is shown to be pasted into a shell: sh makes the words of it that were meant.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {test} from 'node:test';

import {option, shellLine, shellWord} from '../../src/lib/shell.js';

// Each word as JSON, by the shell that reads the line.
function read(words) {
    const line = shellLine(['node', '-e',
        'console.log(JSON.stringify(process.argv.slice(1)))', '--', ...words]);
    assert.doesNotMatch(line, /[\0-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]/);
    return JSON.parse(execFileSync('sh', ['-c', line], {encoding: 'utf8'}));
}

test('words as they are, and quoted', () => {
    assert.equal(shellWord('a-b_c@%+=:,./1'), 'a-b_c@%+=:,./1');
    assert.equal(shellWord('a b'), "'a b'");
    assert.equal(shellWord(''), "''");
    assert.equal(shellWord(0), '0');
    assert.equal(shellWord("it's"), "'it'\\''s'");
    assert.equal(shellLine(['a', '', null, undefined, false, 0]), "a '' 0");
});

test('what a terminal would obey is written by printf', () => {
    assert.equal(shellWord('\x1b[2J'), `"$(printf '\\033')"'[2J'`);
    assert.equal(shellWord('a\u202eb'), `'a'"$(printf '\\342\\200\\256')"'b'`);
    assert.equal(shellLine(['a\nb', 'c']), `nl=$(printf '\\n.'); nl=\${nl%.}; 'a'"$nl"'b' c`);
});

test('a shell reads the same words', () => {
    const words = ['', 'a b', "'", "''a'", '"$HOME"', '`id`', '$(id)', '\\', '\\n', '%s%d', '*',
                   'two\nlines', '\n', 'end\n\n', '\r\n', '\x1b[31m\x03\x7f', '\x011', '\x1b9',
                   '\u0085', '\u202e', '\u{e0041}', 'ä€😀', '-n', '!x', '~', '#', 'a=b',
                   '"$nl"', '\x1b\x1b\n\x1b'];
    assert.deepEqual(read(words), words);
    assert.deepEqual(read(['"$nl"']), ['"$nl"']);
});

test('an option whose value is empty, or looks like an option', () => {
    assert.deepEqual(option('--reason', 'a b'), ['--reason', 'a b']);
    assert.deepEqual(option('--uses', 0), ['--uses', '0']);
    for (const value of ['', '-', '-x', '--token'])
        assert.deepEqual(option('--reason', value), [`--reason=${value}`]);
});
