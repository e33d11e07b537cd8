// A chart of numbers over time. Who cannot see it reads the table that the view puts beside it.
import {useEffect, useRef, useState} from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import {clock, count} from '../lib/format.js';
import {html} from '../lib/html.js';

const HEIGHT = 190;
const TONES = {off: '--off', good: '--good', busy: '--busy', warn: '--warn'};
const STEPS = [1, 2, 5].flatMap((n) => [...Array(10).keys()].map((e) => n * 10 ** e))
    .sort((a, b) => a - b); // things are counted: no fractions
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((m) => m * 60);

const two = (n) => String(n).padStart(2, '0');

function timeOf(second) {
    const t = new Date(second * 1000);
    const midnight = !t.getHours() && !t.getMinutes();
    return midnight ? `${two(t.getMonth() + 1)}-${two(t.getDate())}`
        : `${two(t.getHours())}:${two(t.getMinutes())}`;
}

const short = (n) => n >= 1e6 ? `${n / 1e6} M` : n >= 10000 ? `${n / 1000} k` : count(n);

function options(series, width, sync, cursor) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = {stroke: colour('--soft'), grid: {stroke: colour('--line'), width: 1},
                  ticks: {stroke: colour('--line'), width: 1}, font: '12px system-ui, sans-serif'};
    return {
        width, height: HEIGHT, legend: {show: false},
        cursor: {drag: {x: false, y: false}, points: {size: 6}, sync: {key: sync}},
        scales: {x: {time: true}, y: {range: (u, low, high) => [0, Math.max(1, high || 0) * 1.05]}},
        axes: [{...axis, size: 32, incrs: TIMES, values: (u, splits) => splits.map(timeOf)},
               {...axis, incrs: STEPS, size: 56, space: 26,
                values: (u, splits) => splits.map(short)}],
        series: [{}, ...series.map((s) => ({label: s.name, stroke: colour(TONES[s.tone]), width: 2,
                                            dash: s.dashed ? [6, 4] : undefined,
                                            points: {show: false}}))],
        hooks: {setCursor: [(u) => cursor(u.cursor.idx)]},
    };
}

// times: in seconds. series: [{name, values, tone, dashed}]. sync: charts with the same word show
// the same moment. label: what it is, for those who cannot see it.
export function Chart({title, label, times, series, sync}) {
    const box = useRef();
    const chart = useRef(null);
    const [at, setAt] = useState(null);
    const data = [times, ...series.map((s) => s.values)];
    const now = useRef({});
    now.current = {data, label};
    const name = () => {
        const canvas = box.current.querySelector('canvas');
        canvas.setAttribute('role', 'img');
        canvas.setAttribute('aria-label', now.current.label);
    };

    useEffect(() => {
        const place = box.current;
        const dark = matchMedia('(prefers-color-scheme: dark)');
        const make = () => {
            if (chart.current) chart.current.destroy();
            chart.current = new uPlot(options(series, place.clientWidth, sync, setAt),
                                      now.current.data, place);
            name();
        };
        make();
        const sizes = new ResizeObserver(() => chart.current && place.clientWidth &&
            chart.current.setSize({width: place.clientWidth, height: HEIGHT}));
        sizes.observe(place);
        dark.addEventListener('change', make);
        return () => {
            dark.removeEventListener('change', make);
            sizes.disconnect();
            chart.current.destroy();
            chart.current = null;
        };
    }, []);
    useEffect(() => {
        if (!chart.current) return;
        chart.current.setData(now.current.data);
        name();
    }, [times, label]);

    const i = at === null || at === undefined || at >= times.length ? times.length - 1 : at;
    return html`<figure class="chart"><figcaption><h3>${title}</h3></figcaption>
        <div class="canvas" ref=${box}></div>
        <ul class="legend">${series.map((s) => html`<li key=${s.name}><span
            class=${`swatch ${s.tone} ${s.dashed ? 'dashed' : ''}`}></span>${s.name}${' '}
            <strong>${i < 0 ? '' : count(s.values[i])}</strong></li>`)}
        <li>${i < 0 ? '' : clock(times[i] * 1000)}</li></ul></figure>`;
}
