// The virtual list of the log: only the rows that are seen (and some more) are in the document.
import {Component, createRef} from 'preact';

import {clock} from '../lib/format.js';
import {html} from '../lib/html.js';
import {harmless, parseLine} from './ansi.js';
import {look} from './colour.js';
import {HEIGHT_MAX, moveBy, placeFor} from './scroll.js';
import {marked} from './search.js';

const ROW = 20; // px, as in log.css
const BEYOND = 15; // rows before and behind the seen ones
const PARSED_MAX = 500;

// The time of day at which the coordinator received it.
function timeOf(at) {
    return at ? `${clock(at).slice(11)}.${String(at % 1000).padStart(3, '0')}` : '';
}

function Row({line, spans, needle, here, name, times}) {
    const kind = line.source ? line.source.stream : 'mark';
    return html`<div class=${`log-row ${kind} ${here ? 'here' : ''}`}
        data-n=${line.source ? line.number || '' : ''}
        title=${line.at ? `${kind}, received ${clock(line.at)}` : null}>
        ${times && html`<span class="log-time">${timeOf(line.at)}</span>`}
        ${name !== null && html`<span class="log-task" title=${name}>${name}</span>`}
        <span class="log-text">${marked(spans, needle).map((s) => {
            const {class: face, style} = look(s.style);
            const text = s.hit ? html`<mark>${s.text}</mark>` : s.text;
            if (s.odd) return html`<span class="odd">${text}</span>`;
            return face || style ? html`<span class=${face} style=${style}>${text}</span>` : text;
        })}</span></div>`;
}

export class Lines extends Component {
    constructor() {
        super();
        this.box = createRef();
        this.probe = createRef();
        this.state = {row: 0, rows: 40, columns: 0, shift: 0};
        this.parsed = new Map();
        this.anchor = null; // {place, pixels}: what stands at the upper edge
        this.lastTop = 0;
        // All rows are `extra` px higher than the element that has them; what it shows at the upper
        // edge is y = scrollTop + shift. Both are 0 where all rows have room.
        this.extra = 0;
        this.shift = 0;
        this.lastY = 0;
        this.scrolled = () => this.look();
    }

    componentDidMount() {
        this.props.handle.current = this;
        this.watch = new ResizeObserver(() => this.measure());
        this.watch.observe(this.box.current);
        this.measure();
        this.settle();
    }

    componentWillUnmount() {
        this.watch.disconnect();
    }

    componentDidUpdate(before) {
        if (before.session !== this.props.session) {
            this.parsed.clear();
            this.anchor = null;
        }
        if (['wrap', 'names', 'times'].some((key) => before[key] !== this.props[key]))
            this.measure();
        this.settle();
    }

    // Stays at the end while following, else at the line that was there before.
    settle() {
        const box = this.box.current;
        if (this.props.following) {
            box.scrollTop = box.scrollHeight;
        } else if (this.anchor) {
            const {buffer} = this.props.session;
            const place = Math.max(this.anchor.place, buffer.first);
            this.moveTo(buffer.rowsBefore(place, this.columns()) * ROW +
                (place === this.anchor.place ? this.anchor.pixels : 0));
        }
        this.look(true);
    }

    get most() {
        return this.box.current.scrollHeight - this.box.current.clientHeight;
    }

    moveTo(y) {
        const box = this.box.current;
        const {most, extra} = this;
        const top = placeFor(y, box.scrollTop, most, extra);
        if (Math.abs(box.scrollTop - top) >= 1) box.scrollTop = top;
        this.shift = extra && Math.min(Math.max(y, 0), most + extra) - box.scrollTop;
    }

    columns() {
        return this.props.wrap ? this.state.columns : 0;
    }

    measure() {
        const box = this.box.current;
        const text = box.querySelector('.log-text');
        const room = text ? box.clientWidth - (text.getBoundingClientRect().left -
            box.getBoundingClientRect().left) - 12 - box.scrollLeft : box.clientWidth - 76;
        const columns = Math.max(20, Math.floor(room / (this.probe.current.offsetWidth / 50)));
        const rows = Math.ceil(box.clientHeight / ROW);
        if (columns !== this.state.columns || rows !== this.state.rows)
            this.setState({columns, rows});
    }

    // Notes what is seen, after the reader scrolled or the page did.
    look(own = false) {
        const box = this.box.current;
        const {following, setFollowing, session} = this.props;
        const scrolled = box.scrollTop - this.lastTop;
        if (!own && scrolled && this.extra)
            this.moveTo(moveBy(scrolled, this.lastY, box.scrollTop, this.most, this.extra));
        const y = box.scrollTop + this.shift;
        const moved = y - this.lastY;
        this.lastTop = box.scrollTop;
        this.lastY = y;
        const row = Math.floor(y / ROW);
        if (!own && scrolled) {
            const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
            if (following && moved < -1 && !atEnd) setFollowing(false);
            else if (!following && moved > 0 && atEnd && session.state !== 'held')
                setFollowing(true);
        }
        if (own ? following || !this.anchor : scrolled) this.hold(row, y, moved);
        if (row !== this.state.row || this.shift !== this.state.shift)
            this.setState({row, shift: this.shift});
    }

    // Lines may have gone since they were drawn; then the edge is reckoned from the line before.
    hold(row, y, moved) {
        const {buffer} = this.props.session;
        if (buffer.first !== this.drawnFirst && this.anchor) {
            this.anchor.pixels += moved;
            return;
        }
        const place = buffer.lineAtRow(row, this.columns());
        this.anchor = {place, pixels: y - buffer.rowsBefore(place, this.columns()) * ROW};
    }

    // The place of the first line that is seen.
    top() {
        return this.props.session.buffer.lineAtRow(this.state.row, this.columns());
    }

    show(place) {
        const box = this.box.current;
        const top = this.props.session.buffer.rowsBefore(place, this.columns()) * ROW;
        const y = box.scrollTop + this.shift;
        if (top < y || top > y + box.clientHeight - 2 * ROW)
            this.moveTo(Math.max(0, top - box.clientHeight / 3));
        this.anchor = {place, pixels: box.scrollTop + this.shift - top};
        this.look(true);
    }

    spans(place, line) {
        if (line.open) return parseLine(line.text, line.style).spans;
        let spans = this.parsed.get(place);
        if (!spans) {
            spans = parseLine(line.text, line.style).spans;
            if (this.parsed.size > PARSED_MAX) this.parsed.clear();
            this.parsed.set(place, spans);
        }
        return spans;
    }

    render({session, needle, here, names, ended, times, following}, {row, rows}) {
        const {buffer} = session;
        const columns = this.columns();
        this.drawnFirst = buffer.first;
        const all = buffer.rowsBefore(buffer.total, columns);
        const height = Math.min(all * ROW, HEIGHT_MAX);
        this.extra = all * ROW - height;
        if (!this.extra || following) this.shift = this.extra;
        const start = buffer.lineAtRow(Math.max(0, Math.min(row, all - rows) - BEYOND), columns);
        const list = [];
        const last = Math.min(buffer.total, start + rows + 2 * BEYOND);
        for (let n = start; n < last; n++) {
            const line = buffer.line(n);
            const name = !names ? null : !line.source ? ''
                : harmless(names.get(line.source.job) || line.source.job);
            list.push(html`<${Row} key=${n} line=${line} spans=${this.spans(n, line)}
                needle=${needle} here=${n === here} name=${name} times=${times} />`);
        }
        const above = Math.max(0, buffer.rowsBefore(start, columns) * ROW - this.shift);
        const reading = session.state === 'reading' || session.state === 'idle';
        return html`<div class="log-box" ref=${this.box} tabindex="0" role="region" dir="ltr"
            aria-label="Lines of the output" onScroll=${this.scrolled}>
            <span class="log-probe" ref=${this.probe} aria-hidden="true">${'0'.repeat(50)}</span>
            ${buffer.total === buffer.first && html`<p>${session.state === 'ended' || ended &&
                !reading ? 'There is no output.' : 'No output yet.'}</p>`}
            <div class="log-all" style=${{minHeight: `${height}px`,
                paddingTop: `${above}px`}}>${list}</div></div>`;
    }
}
