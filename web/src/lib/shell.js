// Words for a POSIX shell, to be shown and pasted: as cli/again.c writes them.

// What no font shows, or what a terminal obeys: the characters of base/escape.c.
const HIDDEN = new RegExp('[\\u{0}-\\u{1f}\\u{7f}-\\u{9f}\\u{ad}\\u{34f}\\u{61c}' +
    '\\u{115f}\\u{1160}\\u{17b4}\\u{17b5}\\u{180b}-\\u{180f}\\u{200b}-\\u{200f}' +
    '\\u{2028}-\\u{202e}\\u{2060}-\\u{206f}\\u{2800}\\u{3164}\\u{fe00}-\\u{fe0f}\\u{feff}' +
    '\\u{ffa0}\\u{fff0}-\\u{fffb}\\u{fffe}\\u{ffff}\\u{1bca0}-\\u{1bca3}' +
    '\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}\\u{d800}-\\u{dfff}]', 'u');
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

// A line break would look like the begin of another command, and the shell takes one away at the
// end of what printf writes: the variable is set before.
const BREAK = '"$nl"';
const SET_BREAK = "nl=$(printf '\\n.'); nl=${nl%.}; ";

const octal = (character) => Array.from(new TextEncoder().encode(character),
    (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');

// A word, quoted when it needs to be. It may need shellLine before it.
export function shellWord(value) {
    const word = String(value);
    if (PLAIN.test(word)) return word;
    let text = '';
    let kind = ''; // of what is open: "'" or 'printf'
    const turn = (next) => {
        if (kind === next) return;
        text += {"'": "'", printf: "')\"", '': ''}[kind];
        text += {"'": "'", printf: '"$(printf \'', '': ''}[next];
        kind = next;
    };
    for (const character of word) {
        if (character === "'" || character === '\n') {
            turn('');
            text += character === '\n' ? BREAK : "\\'";
        } else if (HIDDEN.test(character)) {
            turn('printf');
            text += octal(character);
        } else {
            turn("'");
            text += character;
        }
    }
    turn('');
    return text || "''";
}

// The words as a line; what is null, undefined or false is left out.
export function shellLine(words) {
    const line = words.filter((w) => w !== null && w !== undefined && w !== false)
        .map(shellWord).join(' ');
    return line.includes(BREAK) ? SET_BREAK + line : line;
}

// An option with its value. With "=" where the value would be taken for an option, or is empty.
export function option(name, value) {
    const text = String(value);
    return text === '' || text.startsWith('-') ? [`${name}=${text}`] : [name, text];
}
