// Finds the lines that hold a text, a bit at a time, so that the page stays usable.
import {count} from '../lib/format.js';
import {plainLines, plainText} from './ansi.js';

export const HITS_MAX = 10000;

export class Search {
    constructor(buffer, needle) {
        this.buffer = buffer;
        this.needle = needle.toLowerCase();
        this.hits = []; // places of lines, ascending
        this.next = buffer.first;
    }

    get done() {
        return this.next >= this.buffer.end || this.hits.length >= HITS_MAX;
    }

    // How much of what is there was looked at, 0 to 1.
    get share() {
        const {first, end} = this.buffer;
        return end > first ? Math.max(0, this.next - first) / (end - first) : 1;
    }

    // Looks at more lines for some milliseconds. The lines that are gone are no hits any more.
    step(ms = 25) {
        const {buffer} = this;
        this.next = Math.max(this.next, buffer.first);
        let gone = 0;
        while (gone < this.hits.length && this.hits[gone] < buffer.first) gone++;
        if (gone) this.hits.splice(0, gone);
        const end = performance.now() + ms;
        while (!this.done) {
            this.look(buffer.linesFrom(this.next));
            if (performance.now() > end) break;
        }
    }

    // Many lines at once where that says enough: most lines do not have the text.
    look({text, end}) {
        const plain = plainLines(text);
        const small = plain === null ? text : plain.toLowerCase();
        if (plain !== null && !small.includes(this.needle)) {
            this.next = end;
            return;
        }
        for (const line of small.split('\n')) {
            if (this.next === end || this.hits.length >= HITS_MAX) return;
            const found = plain === null
                ? plainText(line.replace(/^\ufeff/, '')).toLowerCase() : line;
            if (found.includes(this.needle)) this.hits.push(this.next);
            this.next++;
        }
    }

    // The hit behind (direction 1) or before (-1) a place, around the end; -1: none.
    from(place, direction) {
        if (!this.hits.length) return -1;
        if (direction > 0) {
            const found = this.hits.find((n) => n > place);
            return found === undefined ? this.hits[0] : found;
        }
        const found = this.hits.findLast((n) => n < place);
        return found === undefined ? this.hits[this.hits.length - 1] : found;
    }
}

// What a search has found, and where it looked when these lines are not the whole log.
export function foundText({hits, done, share}, here, lines, whole) {
    const at = hits.indexOf(here);
    const all = `${count(hits.length)}${hits.length >= HITS_MAX ? '+' : ''}`;
    const found = at >= 0 ? `${at + 1} of ${all}` : hits.length ? `${all} lines`
        : done ? 'not found' : '…';
    if (!done && share < 0.95) return `${found} (${Math.floor(share * 10) * 10} % searched)`;
    return whole ? found : `${found} in the ${count(lines)} lines that are here`;
}

// Cuts spans where the needle (in small letters) stands: [{…span, hit: true or false}].
export function marked(spans, needle) {
    const text = spans.map((s) => s.text).join('');
    const small = text.toLowerCase();
    if (!needle || small.length !== text.length) return spans;
    const edges = [];
    for (let at = small.indexOf(needle); at >= 0; at = small.indexOf(needle, at + needle.length))
        edges.push([at, at + needle.length]);
    if (!edges.length) return spans;
    const result = [];
    let start = 0;
    let edge = 0;
    for (const span of spans) {
        const end = start + span.text.length;
        for (let at = start; at < end;) {
            while (edge < edges.length && edges[edge][1] <= at) edge++;
            const [from, to] = edges[edge] || [Infinity, Infinity];
            const hit = from <= at;
            const stop = Math.min(end, hit ? to : from);
            result.push({...span, text: text.slice(at, stop), hit});
            at = stop;
        }
        start = end;
    }
    return result;
}
