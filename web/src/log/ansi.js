// Output of terminals for the page: colours and faces (SGR), carriage return, backspace and
// "erase in line". All other escape sequences are dropped. What would be invisible, or would turn
// the direction of the text, is shown by its name.

export const BOLD = 1;
export const DIM = 2;
export const ITALIC = 4;
export const UNDERLINE = 8;
export const INVERSE = 16;
export const STRIKE = 32;

// fg, bg: -1: the default; 0 to 255: of the palette; RGB + 0xRRGGBB: itself.
export const RGB = 0x1000000;
export const PLAIN = Object.freeze({fg: -1, bg: -1, face: 0});

const PARAMS_MAX = 64;

// C0 and C1 without tab and line feed; marks of direction; what has no width; separators; tags.
const ODD = '\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e' +
    '\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb' +
    '\\u{e0000}-\\u{e007f}';
const SPECIAL = new RegExp(`[\\n${ODD}]`, 'u');
const SPECIAL_IN_LINES = new RegExp(`[${ODD}]`, 'u');
const CONTROL = new RegExp(`^[\\n${ODD}]$`, 'u');
const NEXT = new RegExp(`[\\n${ODD}]`, 'gu');
const COLOURS = /\x1b\[[\d:;]*m/g;

// How a character that cannot be seen is shown.
function nameOf(character) {
    const code = character.codePointAt(0);
    if (code < 0x20 || code === 0x7f) return `^${String.fromCharCode(code ^ 0x40)}`;
    return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

// Text of others in one line (names, messages), with all that is odd by its name.
export function harmless(text) {
    return SPECIAL.test(text) ? [...text].map((c) => CONTROL.test(c) ? nameOf(c) : c).join('')
        : text;
}

// A colour behind 38 or 48 at words[i], which may have parts of its own: [colour or null, next i].
function colourAt(words, i) {
    const parts = words[i].split(':');
    if (parts.length > 1) {
        const n = parts.slice(1).map(Number);
        if (n[0] === 5) return [indexed(n[1]), i + 1];
        if (n[0] === 2) return [rgb(...n.slice(-3)), i + 1];
        return [null, i + 1];
    }
    if (words[i + 1] === '5') return [indexed(Number(words[i + 2] || 0)), i + 3];
    if (words[i + 1] === '2')
        return [rgb(...[2, 3, 4].map((k) => Number(words[i + k] || 0))), i + 5];
    return [null, words.length];
}

const within = (n) => Number.isInteger(n) && n >= 0 && n <= 255;
const indexed = (n) => within(n) ? n : null;
const rgb = (r, g, b) => [r, g, b].every(within) ? RGB + (r << 16) + (g << 8) + b : null;

const ON = {1: BOLD, 2: DIM, 3: ITALIC, 4: UNDERLINE, 7: INVERSE, 9: STRIKE, 21: UNDERLINE};
const OFF = {22: BOLD | DIM, 23: ITALIC, 24: UNDERLINE, 27: INVERSE, 29: STRIKE};

// The style after the parameters of one SGR sequence.
export function sgr(style, params) {
    const words = params.split(';').slice(0, PARAMS_MAX);
    let {fg, bg, face} = style;
    for (let i = 0; i < words.length;) {
        const n = Number(words[i].split(':')[0]);
        if (n === 38 || n === 48 || n === 58) {
            const [colour, next] = colourAt(words, i);
            if (colour !== null && n === 38) fg = colour;
            if (colour !== null && n === 48) bg = colour;
            i = next;
            continue;
        }
        if (n === 0) [fg, bg, face] = [-1, -1, 0];
        else if (words[i] === '4:0') face &= ~UNDERLINE;
        else if (ON[n]) face |= ON[n];
        else if (OFF[n]) face &= ~OFF[n];
        else if (n >= 30 && n <= 37) fg = n - 30;
        else if (n >= 90 && n <= 97) fg = n - 82;
        else if (n === 39) fg = -1;
        else if (n >= 40 && n <= 47) bg = n - 40;
        else if (n >= 100 && n <= 107) bg = n - 92;
        else if (n === 49) bg = -1;
        i++;
    }
    if (fg === -1 && bg === -1 && !face) return PLAIN;
    return {fg, bg, face};
}

const CSI = /\x1b\[([0-?]*)([ -/]*)([@-~])?/y;
const STRING = /\x1b[\]PX^_][^\x1b\x07\x9c]*(?:\x07|\x9c|\x1b\\)/y;
const OTHER = /\x1b(?:[ -/]*[0-~])?/y;

// The escape sequence at text[i]: {end, final, params}; without final it only goes.
function escapeAt(text, i) {
    CSI.lastIndex = STRING.lastIndex = OTHER.lastIndex = i;
    let found = CSI.exec(text);
    if (found) {
        const own = found[2] === '' && !/[<=>?]/.test(found[1]);
        return {end: CSI.lastIndex, final: own ? found[3] : '', params: found[1]};
    }
    found = STRING.exec(text); // one without an end hides nothing: only its beginning goes
    if (found) return {end: STRING.lastIndex, final: '', params: ''};
    OTHER.exec(text);
    return {end: OTHER.lastIndex, final: '', params: ''};
}

// The style that holds behind the text.
export function styleAfter(text, style) {
    for (let i = text.indexOf('\x1b'); i >= 0;) {
        const {end, final, params} = escapeAt(text, i);
        if (final === 'm') style = sgr(style, params);
        i = text.indexOf('\x1b', end);
    }
    return style;
}

// Writes one run behind the other.
class Runs {
    constructor() {
        this.spans = [];
        this.last = null;
    }
    put(text, style, odd) {
        const {last} = this;
        if (last && last.style === style && last.odd === odd) last.text += text;
        else this.spans.push(this.last = {text, style, odd});
    }
}

// Writes characters into columns, where a later one takes the place of the one before.
class Screen {
    constructor() {
        this.cells = [];
        this.column = 0;
    }
    put(text, style, odd) {
        for (const character of odd ? [text] : text) {
            while (this.cells.length < this.column)
                this.cells.push({text: ' ', style: PLAIN, odd: false});
            this.cells[this.column++] = {text: character, style, odd};
        }
    }
    erase(params) {
        const {cells, column} = this;
        if (params === '' || params === '0') cells.length = Math.min(cells.length, column);
        else if (params === '2') cells.length = 0;
        else if (params === '1') cells.fill({text: ' ', style: PLAIN, odd: false}, 0, column + 1);
    }
    get spans() {
        const runs = new Runs();
        for (const {text, style, odd} of this.cells) runs.put(text, style, odd);
        return runs.spans;
    }
}

// A line without its end, as it stands in a terminal when it is complete: {spans, style}. spans:
// [{text, style, odd}], odd: the name of what cannot be seen; style: the one that holds behind it.
export function parseLine(text, style = PLAIN) {
    if (text.endsWith('\r')) text = text.slice(0, -1);
    if (!SPECIAL.test(text)) return {spans: text ? [{text, style, odd: false}] : [], style};
    const to = /[\r\b]|\x1b\[\d*K/.test(text) ? new Screen() : new Runs();
    for (let i = 0; i < text.length;) {
        NEXT.lastIndex = i;
        const found = NEXT.exec(text);
        const end = found ? found.index : text.length;
        if (end > i) to.put(text.slice(i, end), style, false);
        if (end === text.length) break;
        const c = String.fromCodePoint(text.codePointAt(end));
        i = end + c.length;
        if (c === '\x1b') {
            const escape = escapeAt(text, end);
            if (escape.final === 'm') style = sgr(style, escape.params);
            else if (escape.final === 'K' && to.erase) to.erase(escape.params);
            i = escape.end;
        } else if (c === '\r') {
            to.column = 0;
        } else if (c === '\b') {
            to.column = Math.max(0, to.column - 1);
        } else {
            to.put(nameOf(c), style, true);
        }
    }
    return {spans: to.spans, style};
}

// The text alone, as it is searched.
export function plainText(text) {
    return parseLine(text).spans.map((s) => s.text).join('');
}

// The same of many lines, each with a line feed behind it; null where more than colours is in them,
// and each has to be looked at by itself.
export function plainLines(text) {
    if (!SPECIAL_IN_LINES.test(text)) return text;
    const plain = text.replace(COLOURS, '').replaceAll('\r\n', '\n');
    return SPECIAL_IN_LINES.test(plain) ? null : plain;
}
