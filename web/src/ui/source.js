// The text of a file with the numbers of its lines, and the difference of two.
import {useMemo} from 'preact/hooks';

import {diff, lines} from '../lib/diff.js';
import {plural} from '../lib/format.js';
import {html} from '../lib/html.js';
import {Empty} from './basics.js';

const MOST = 5000; // lines that are shown

// The numbers are made by CSS, so that what is copied has none.
export function Source({text, label}) {
    const all = lines(text);
    return html`<pre class="source" tabindex="0" role="region" aria-label=${label}><code>${all
        .slice(0, MOST).map((line, i) => html`<span key=${i}>${line || ' '}${'\n'}</span>`)
        }</code></pre>
        ${all.length > MOST && html`<${Empty}>${plural(all.length - MOST, 'more line')}: see the
        command.<//>`}`;
}

const SIGNS = {'+': 'added', '-': 'removed', ' ': ''};

export function Difference({before, after, label}) {
    const {added, removed, hunks} = useMemo(() => diff(before, after), [before, after]);
    if (!hunks.length) return html`<${Empty}>No line differs.<//>`;
    let left = MOST;
    return html`<p class="hint">${plural(added, 'line')} added, ${
        plural(removed, 'line')} removed</p><div class="difference" tabindex="0" role="region"
        aria-label=${label}>${hunks.map((hunk, i) => {
        const rows = hunk.slice(0, Math.max(left, 0));
        left -= hunk.length;
        return html`<table key=${i}><caption class="hidden">Lines that differ</caption>
            <thead class="hidden"><tr><th scope="col">old line</th><th scope="col">new line</th>
            <th scope="col">text</th></tr></thead>
            <tbody>${rows.map((row, n) => html`<tr key=${n} class=${SIGNS[row.sign]}>
            <td class="at">${row.was}</td><td class="at">${row.is}</td>
            <td class="line"><span aria-hidden="true">${row.sign}</span>${row.sign !== ' ' &&
            html`<span class="hidden">${SIGNS[row.sign]}: </span>`}${row.text}</td></tr>`)}</tbody>
            </table>`;
    })}</div>${left < 0 && html`<${Empty}>${plural(-left, 'more line')}.<//>`}`;
}
