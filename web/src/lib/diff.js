// The difference of two texts, line by line: the shortest, by the algorithm of Eugene W. Myers,
// "An O(ND) Difference Algorithm and Its Variations" (1986), as far as the bound goes.

const STEPS = 1000; // lines that differ; beyond it all between the equal ends is told as changed

// Lines of a text; a line feed at its end begins no further line.
export function lines(text) {
    const all = text.split(/\r\n|\n|\r/);
    if (all[all.length - 1] === '') all.pop();
    return all;
}

// For each number of steps: how far each diagonal came. null: more steps than the bound.
function search(a, b, steps) {
    const trace = [];
    let far = new Map([[1, 0]]);
    for (let d = 0; d <= Math.min(a.length + b.length, steps); d++) {
        const next = new Map();
        for (let k = -d; k <= d; k += 2) {
            const down = k === -d || (k !== d && far.get(k - 1) < far.get(k + 1));
            let x = down ? far.get(k + 1) : far.get(k - 1) + 1;
            while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
            next.set(k, x);
            if (x >= a.length && x - k >= b.length) return [...trace, next];
        }
        trace.push(next);
        far = next;
    }
    return null;
}

function walkBack(a, b, trace) {
    const out = [];
    let x = a.length;
    let y = b.length;
    for (let d = trace.length - 1; d > 0; d--) {
        const far = trace[d - 1];
        const k = x - y;
        const down = k === -d || (k !== d && far.get(k - 1) < far.get(k + 1));
        const fromX = far.get(down ? k + 1 : k - 1);
        const fromY = fromX - (down ? k + 1 : k - 1);
        for (; x > (down ? fromX : fromX + 1); x--, y--) out.push([' ', a[x - 1]]);
        if (down) out.push(['+', b[--y]]);
        else out.push(['-', a[--x]]);
    }
    for (; x > 0; x--) out.push([' ', a[x - 1]]);
    return out.reverse();
}

// [[sign, line], …] with the signs ' ', '-' and '+'.
function changes(a, b, steps) {
    let head = 0;
    while (head < a.length && head < b.length && a[head] === b[head]) head++;
    let tail = 0;
    while (tail < a.length - head && tail < b.length - head &&
           a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
    const was = a.slice(head, a.length - tail);
    const is = b.slice(head, b.length - tail);
    const trace = search(was, is, steps);
    const middle = trace ? walkBack(was, is, trace)
        : [...was.map((line) => ['-', line]), ...is.map((line) => ['+', line])];
    return [...a.slice(0, head).map((line) => [' ', line]), ...middle,
            ...a.slice(a.length - tail).map((line) => [' ', line])];
}

// {added, removed, hunks}. A hunk is a list of {sign, text, was, is}, was and is the numbers of the
// line from 1 in the old and the new text; it has up to `around` equal lines on both sides.
export function diff(before, after, around = 3, steps = STEPS) {
    let was = 0;
    let is = 0;
    const rows = changes(lines(before), lines(after), steps).map(([sign, text]) => ({
        sign, text, was: sign === '+' ? null : ++was, is: sign === '-' ? null : ++is}));
    const hunks = [];
    let end = -1; // of the last hunk, in rows
    rows.forEach((row, i) => {
        if (row.sign === ' ') return;
        const from = Math.max(i - around, 0);
        if (from > end || !hunks.length) hunks.push(rows.slice(from, i + 1));
        else hunks[hunks.length - 1].push(...rows.slice(end, i + 1));
        let to = i + 1;
        while (to < rows.length && to <= i + around && rows[to].sign === ' ') to++;
        hunks[hunks.length - 1].push(...rows.slice(i + 1, to));
        end = to;
    });
    return {added: rows.filter((r) => r.sign === '+').length,
            removed: rows.filter((r) => r.sign === '-').length, hunks};
}
