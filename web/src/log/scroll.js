// Scrolling through more rows than an element may be high: its height is bounded, and its scroll
// position stands for another one, y, of 0 to most + extra. Both are px; most: the last position
// that the element has. At both ends they go in step, between them in proportion; there what is
// moved by little is moved by as much, and the two drift apart for a while.

// px. Firefox has elements up to 17.8 million, Chromium up to 33.5 million px of the device: this
// holds up to a ratio of 6.
export const HEIGHT_MAX = 5e6;
const STEP_MAX = 10000; // px by a wheel or a key; what goes further is the scroll bar or "end"
const EDGE = 2 * STEP_MAX; // px: nearer to an end they are in step
const ENDS = 1e6;
const DRIFT_MAX = ENDS / 2;

// The position that stands for y.
export function squeeze(y, most, extra) {
    if (!extra || y <= ENDS) return y;
    if (y >= most + extra - ENDS) return y - extra;
    return ENDS + (y - ENDS) * (most - 2 * ENDS) / (most + extra - 2 * ENDS);
}

function stretch(top, most, extra) {
    if (!extra || top <= ENDS) return top;
    if (top >= most - ENDS) return top + extra;
    return ENDS + (top - ENDS) * (most + extra - 2 * ENDS) / (most - 2 * ENDS);
}

// The y of the position `top`, which was moved by so much from one that stood for `before`.
export function moveBy(moved, before, top, most, extra) {
    if (Math.abs(moved) > STEP_MAX) return stretch(top, most, extra);
    return Math.min(Math.max(before + moved, 0), most + extra);
}

// The position in which y is shown, now that the element is at `top`: that one when it may be.
export function placeFor(y, top, most, extra) {
    const wanted = squeeze(Math.min(Math.max(y, 0), most + extra), most, extra);
    const within = (t) => t > EDGE && t < most - EDGE;
    return extra && within(top) && within(wanted) && Math.abs(top - wanted) <= DRIFT_MAX
        ? top : wanted;
}
