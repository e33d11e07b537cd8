// Foreign text must not change how the text around it is read: marks that turn the direction of
// writing, and control characters other than tab and line ends, are shown as what they are.
const MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const HIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const ALL = new RegExp(HIDDEN.source, 'g');

function shown(c) {
    const code = c.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code); // ␛ and its like
    if (code === 0x7f) return '\u2421';
    if (!MARKS.test(c)) return '\ufffd';
    return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

export function visible(text) {
    return HIDDEN.test(text) ? text.replace(ALL, shown) : text;
}
