// Colours of the log: classes for the sixteen, values for the others. Text is made lighter or
// darker until it can be read on what is behind it (WCAG AA).
import {BOLD, DIM, INVERSE, ITALIC, RGB, STRIKE, UNDERLINE} from './ansi.js';

// The sixteen; log.css has the same for the classes f0 to f15.
export const BASE = [0x8c95a8, 0xff7b7b, 0x7fd88f, 0xe6c265, 0x7db4ff, 0xd9a0f5, 0x6fd3dc, 0xd5dae4,
              0xa5aec0, 0xff9c9c, 0xa2ecae, 0xf5d98b, 0xa5cbff, 0xe8c2ff, 0x9ae8ef, 0xffffff];
// Behind text they are themselves.
const BEHIND = [0x000000, 0x9c1f24, 0x1d6b33, 0x7a5600, 0x1e4ea8, 0x74339c, 0x0c6670, 0xc8ced9,
                0x4a5264, 0xd8484c, 0x3fae5c, 0xd9a91a, 0x4f8df0, 0xb46fe0, 0x35b3bf, 0xffffff];
// As style.css has them; in the dark, what is behind the text is darker still.
export const TEXT = 0xe4e8f0;
export const PAGE = 0x10141d;
const STEPS = [0, 95, 135, 175, 215, 255];

function ofPalette(n, base) {
    if (n < 16) return base[n];
    if (n >= 232) return (8 + (n - 232) * 10) * 0x10101;
    const k = n - 16;
    return (STEPS[Math.floor(k / 36)] << 16) + (STEPS[Math.floor(k / 6) % 6] << 8) + STEPS[k % 6];
}

const value = (colour, base, none) => colour < 0 ? none
    : colour >= RGB ? colour - RGB : ofPalette(colour, base);

const parts = (c) => [c >> 16, (c >> 8) & 255, c & 255];

function light(colour) { // relative luminance of WCAG 2
    const [r, g, b] = parts(colour).map((n) => {
        const s = n / 255;
        return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a, b) {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
}

function mix(a, b, share) {
    const to = parts(b);
    return parts(a).map((n, i) => Math.round(n + (to[i] - n) * share))
        .reduce((all, n) => (all << 8) + n, 0);
}

// The colour, or one near to it that can be read on `behind`.
export function readable(colour, behind) {
    const to = contrast(0xffffff, behind) > contrast(0, behind) ? 0xffffff : 0;
    for (let share = 0; share < 1; share += 0.1) {
        const one = mix(colour, to, share);
        if (contrast(one, behind) >= 4.5) return one;
    }
    return to;
}

const hex = (colour) => `#${colour.toString(16).padStart(6, '0')}`;

const FACES = [[BOLD, 'bold'], [ITALIC, 'italic'], [UNDERLINE, 'underline'], [STRIKE, 'strike']];
const known = new Map();

// {class, style} of a span; style is an object that the page sets by code, or undefined.
export function look({fg, bg, face}) {
    const key = `${fg},${bg},${face}`;
    let result = known.get(key);
    if (result) return result;
    const classes = FACES.filter(([bit]) => face & bit).map(([, name]) => name);
    let style;
    if (bg === -1 && !(face & INVERSE) && fg < 16 && (fg === -1 || !(face & DIM))) {
        if (face & DIM) classes.push('dim');
        if (fg >= 0) classes.push(`f${fg}`);
    } else {
        let front = value(fg, BASE, TEXT);
        let behind = value(bg, BEHIND, PAGE);
        if (face & INVERSE) [front, behind] = [behind, front];
        if (face & DIM) front = mix(front, behind, 0.4);
        style = {color: hex(readable(front, behind))};
        if (bg !== -1 || face & INVERSE) style.backgroundColor = hex(behind);
    }
    result = {class: classes.join(' ') || undefined, style};
    if (known.size > 4096) known.clear();
    known.set(key, result);
    return result;
}
