// The lines of a log, as bytes in blocks with an index. Bounded: the oldest block goes when there
// is too much. A line is numbered by its place since the beginning, so a place stays the same line.
import {PLAIN, styleAfter} from './ansi.js';

export const LINE_MAX = 16 * 1024; // bytes; what is longer goes on in the next line
export const HELD_MAX = 128 * 1024 * 1024; // bytes of lines and of their index
// Of one block: the ends of lines in it are counted in 16 bits.
const BLOCK_BYTES = 65535;
const BLOCK_LINES = 8192;
const LINE_COST = 4; // bytes of the index for a line: its end and its columns
const RUN_COST = 18; // and for a run of lines that have style, source and time in common
const BLOCK_COST = 1024; // what a block is besides, about
const WRITTEN_COST = BLOCK_BYTES + BLOCK_LINES * (LINE_COST + RUN_COST);
// More than one piece of output, of 64 KiB at most, needs, with the block that is written.
const SPARE_BYTES = 640 * 1024;
const STYLES_MAX = 65535;
const SOURCES_MAX = 65535;

const decoder = new TextDecoder();
const wholeDecoder = new TextDecoder('utf-8', {ignoreBOM: true});

// A block has `count` lines, in `bytes` each with a line feed behind it. Their runs are those from
// the lines `starts` on, with what all lines of a run have in common; the number of a line (0: it
// has none) is that of the first one of the run, and one more for each.
function newBlock() {
    return {first: 0, count: 0, used: 0, bytes: new Uint8Array(BLOCK_BYTES), rows: 0, rowsOf: 0,
            rowsDone: 0, ends: new Uint16Array(BLOCK_LINES), cells: new Uint16Array(BLOCK_LINES),
            runs: 0, starts: new Uint16Array(BLOCK_LINES), numbers: new Uint32Array(BLOCK_LINES),
            styles: new Uint16Array(BLOCK_LINES), sources: new Uint16Array(BLOCK_LINES),
            times: new Float64Array(BLOCK_LINES)};
}

// The block with no more room than it needs.
function sealed(block) {
    const {count, used, runs} = block;
    return {...block, bytes: block.bytes.slice(0, used), ends: block.ends.slice(0, count),
            cells: block.cells.slice(0, count), starts: block.starts.slice(0, runs),
            numbers: block.numbers.slice(0, runs), styles: block.styles.slice(0, runs),
            sources: block.sources.slice(0, runs), times: block.times.slice(0, runs)};
}

const sizeOf = ({used, count, runs}) => used + count * LINE_COST + runs * RUN_COST + BLOCK_COST;

// The last item of list[0 … length) whose value is n at most; values ascend, and the first is.
function lastUpTo(list, length, n, value) {
    let low = 0;
    let high = length - 1;
    while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (value(list[middle]) <= n) low = middle;
        else high = middle - 1;
    }
    return low;
}
const itself = (n) => n;
const firstOf = (block) => block.first;

// How many columns does the line take, about? Its escape sequences take none. Negative: -1 - n,
// it has such sequences.
function measure(bytes) {
    let cells = 0;
    let escapes = false;
    const {length} = bytes;
    for (let i = 0; i < length; i++) {
        const b = bytes[i];
        if (b >= 0x20) {
            if ((b & 0xc0) !== 0x80) cells++;
        } else if (b === 9) {
            cells += 8 - cells % 8;
        } else if (b === 27) {
            escapes = true;
            if (bytes[i + 1] !== 91) continue;
            for (i += 2; i < length && bytes[i] < 0x40;) i++;
        } else if (b === 13) {
            if (i < length - 1) cells = 0;
        } else {
            cells++;
        }
    }
    return escapes ? -1 - cells : cells;
}

// Is the last escape sequence one that ends all colours?
function plainAtEnd(bytes) {
    const i = bytes.lastIndexOf(27);
    return bytes[i + 1] === 91 && bytes[bytes[i + 2] === 48 ? i + 3 : i + 2] === 109;
}

const rowsOfCells = (cells, columns) => columns ? Math.max(1, Math.ceil(cells / columns)) : 1;

export class LogBuffer {
    constructor({maxBytes = HELD_MAX} = {}) {
        Object.assign(this, {maxBytes, blocks: [newBlock()], number: 0, end: 0, styles: [PLAIN],
                             styleIds: new Map(), sources: [null], sourceIds: new Map(),
                             open: new Map(), version: 0, taken: 0, sealedSize: 0, text: 0});
    }

    get first() {
        return this.blocks[0].first;
    }
    // Bytes of memory, about; `text`: those of the lines among them.
    get size() {
        return this.sealedSize + WRITTEN_COST;
    }
    // Might the next piece of output push the oldest lines out?
    get full() {
        return this.size > this.maxBytes - SPARE_BYTES;
    }
    // The lines that have ended, and those that have not.
    get total() {
        return this.end + this.openLines.length;
    }
    get openLines() {
        if (this.openVersion !== this.version) {
            this.openVersion = this.version;
            this.openList = [...this.open.values()].filter((o) => o.length);
        }
        return this.openList;
    }

    // source: {job, attempt, stream}. bytes may begin and end anywhere.
    add(source, bytes, at = 0) {
        this.version++;
        this.taken += bytes.length;
        const line = this.lineOf(source);
        line.at = at;
        for (let from = 0; from < bytes.length;) {
            const end = bytes.indexOf(10, from);
            const part = bytes.subarray(from, end < 0 ? bytes.length : end);
            from += part.length + 1;
            if (end >= 0 && !line.length && part.length <= LINE_MAX) {
                this.ended(line, part, false);
                continue;
            }
            this.extend(line, part);
            if (end < 0) break;
            this.finish(line);
        }
    }

    // A remark of the page between the lines.
    mark(text) {
        this.version++;
        text = text.replaceAll('\n', '^J'); // of a name: a line has no line feed in it
        this.store(new TextEncoder().encode(text), {source: 0, style: 0, number: 0, at: 0,
                                                    cells: text.length});
    }

    // Ends the open lines, or those of one job.
    flush(job = null) {
        this.version++;
        for (const [key, line] of this.open) {
            if (job !== null && this.sources[line.source].job !== job) continue;
            if (line.length) this.finish(line);
            this.open.delete(key);
        }
    }

    lineOf(source) {
        const key = `${source.job} ${source.attempt} ${source.stream}`;
        let line = this.open.get(key);
        if (line) return line;
        let id = this.sourceIds.get(key);
        if (id === undefined) {
            id = this.sources.length < SOURCES_MAX ? this.sources.push(source) - 1 : 1;
            this.sourceIds.set(key, id);
        }
        line = {source: id, bytes: new Uint8Array(256), length: 0, style: PLAIN, more: false,
                at: 0};
        this.open.set(key, line);
        return line;
    }

    extend(line, part) {
        while (line.length + part.length > LINE_MAX) {
            const room = LINE_MAX - line.length;
            this.grow(line, part.subarray(0, room));
            part = part.subarray(room);
            this.cut(line);
        }
        this.grow(line, part);
    }

    grow(line, part) {
        if (line.length + part.length > line.bytes.length) {
            const size = Math.max(line.bytes.length * 2, line.length + part.length);
            const bytes = new Uint8Array(Math.min(LINE_MAX, size));
            bytes.set(line.bytes.subarray(0, line.length));
            line.bytes = bytes;
        }
        line.bytes.set(part, line.length);
        line.length += part.length;
    }

    // A line that is full: of one that is written over and over only the last state stays; another
    // one goes on in the next line. No character and no escape sequence is cut in two.
    cut(line) {
        const bytes = line.bytes.subarray(0, line.length);
        const again = bytes.lastIndexOf(13, line.length - 2);
        if (again > 0) {
            line.style = styleAfter(decoder.decode(bytes.subarray(0, again)), line.style);
            this.keep(line, again + 1);
            return;
        }
        let end = line.length;
        const escape = bytes.lastIndexOf(27);
        if (escape > end - 64 && escape > 0) end = escape;
        if (end === line.length && bytes[end - 1] >= 0x80) {
            let lead = end - 1;
            while (lead > end - 4 && (bytes[lead] & 0xc0) === 0x80) lead--;
            if (bytes[lead] >= 0xc0) end = lead;
        }
        this.finish(line, Math.max(end, 1), true);
    }

    keep(line, from) {
        line.bytes.copyWithin(0, from, line.length);
        line.length -= from;
    }

    finish(line, end = line.length, more = false) {
        this.ended(line, line.bytes.subarray(0, end), more);
        this.keep(line, end);
    }

    // more: the line goes on in the next one.
    ended(line, bytes, more) {
        let cells = measure(bytes);
        const style = this.styleId(line.style);
        if (cells < 0) {
            cells = -1 - cells;
            line.style = plainAtEnd(bytes) ? PLAIN : styleAfter(decoder.decode(bytes), line.style);
        }
        this.store(bytes, {source: line.source, style, cells, at: line.at,
                           number: line.more ? 0 : ++this.number});
        line.more = more;
    }

    styleId(style) {
        if (style === PLAIN) return 0;
        const key = `${style.fg},${style.bg},${style.face}`;
        let id = this.styleIds.get(key);
        if (id === undefined) {
            if (this.styles.length > STYLES_MAX) return 0;
            id = this.styles.push(style) - 1;
            this.styleIds.set(key, id);
        }
        return id;
    }

    store(bytes, {source, style, number, at, cells}) {
        let block = this.blocks[this.blocks.length - 1];
        if (block.count === BLOCK_LINES || block.used + bytes.length + 1 > BLOCK_BYTES)
            block = this.seal(block);
        const i = block.count++;
        block.bytes.set(bytes, block.used);
        block.used += bytes.length;
        block.bytes[block.used++] = 10;
        block.ends[i] = block.used;
        block.cells[i] = Math.min(cells, 65535);
        const r = block.runs - 1;
        const next = r >= 0 && block.numbers[r] ? block.numbers[r] + i - block.starts[r] : 0;
        if (r < 0 || next !== number || block.styles[r] !== style ||
            block.sources[r] !== source || block.times[r] !== at) {
            const run = block.runs++;
            block.starts[run] = i;
            block.numbers[run] = number;
            block.styles[run] = style;
            block.sources[run] = source;
            block.times[run] = at;
        }
        this.text += bytes.length + 1;
        this.end++;
    }

    // Keeps a copy of the block that is written, which begins anew; what is too much goes.
    seal(block) {
        this.blocks[this.blocks.length - 1] = sealed(block);
        this.sealedSize += sizeOf(block);
        Object.assign(block, {first: this.end, count: 0, used: 0, runs: 0, rows: 0, rowsDone: 0});
        this.blocks.push(block);
        while (this.blocks.length > 1 && this.size > this.maxBytes) {
            const gone = this.blocks.shift();
            this.sealedSize -= sizeOf(gone);
            this.text -= gone.used;
        }
        return block;
    }

    blockOf(n) {
        return this.blocks[lastUpTo(this.blocks, this.blocks.length, n, firstOf)];
    }

    // The line in place n, first ≤ n < total: {text, style, number, source, at, open}.
    line(n) {
        if (n >= this.end) {
            const o = this.openLines[n - this.end];
            return {text: decoder.decode(o.bytes.subarray(0, o.length)), style: o.style,
                    number: o.more ? 0 : this.number + 1 + n - this.end,
                    source: this.sources[o.source], at: o.at, open: true};
        }
        const block = this.blockOf(n);
        const i = n - block.first;
        const from = i ? block.ends[i - 1] : 0;
        const r = lastUpTo(block.starts, block.runs, i, itself);
        const number = block.numbers[r] && block.numbers[r] + i - block.starts[r];
        return {text: decoder.decode(block.bytes.subarray(from, block.ends[i] - 1)),
                style: this.styles[block.styles[r]], number,
                source: this.sources[block.sources[r]], at: block.times[r], open: false};
    }

    // Some lines from place n on, first ≤ n < end: {text, end}. In the text a line feed stands
    // behind each of them, and only there; end is the place behind them.
    linesFrom(n) {
        const block = this.blockOf(n);
        const from = n > block.first ? block.ends[n - block.first - 1] : 0;
        return {text: wholeDecoder.decode(block.bytes.subarray(from, block.used)),
                end: block.first + block.count};
    }

    rowsOfBlock(block, columns) {
        if (!columns) return block.count;
        if (block.rowsOf !== columns) Object.assign(block, {rows: 0, rowsDone: 0, rowsOf: columns});
        for (; block.rowsDone < block.count; block.rowsDone++)
            block.rows += rowsOfCells(block.cells[block.rowsDone], columns);
        return block.rows;
    }

    // Rows on the screen, of so many columns (0: each line is one row), of the lines before n.
    rowsBefore(n, columns) {
        if (!columns) return n - this.first;
        let rows = 0;
        for (const block of this.blocks) {
            if (n >= block.first + block.count) {
                rows += this.rowsOfBlock(block, columns);
                continue;
            }
            for (let i = 0; i < n - block.first; i++) rows += rowsOfCells(block.cells[i], columns);
            return rows;
        }
        return rows + Math.max(0, n - this.end);
    }

    // The line that stands in this row.
    lineAtRow(row, columns) {
        if (!columns) return Math.min(this.first + row, Math.max(this.first, this.total - 1));
        for (const block of this.blocks) {
            const rows = this.rowsOfBlock(block, columns);
            if (row >= rows) {
                row -= rows;
                continue;
            }
            for (let i = 0; i < block.count; i++) {
                row -= rowsOfCells(block.cells[i], columns);
                if (row < 0) return block.first + i;
            }
        }
        return Math.max(this.first, Math.min(this.end + row, this.total - 1));
    }
}
