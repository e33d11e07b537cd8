// The parts that every view is made of.
import {useEffect, useRef, useState} from 'preact/hooks';

import {clock, relative, tone} from '../lib/format.js';
import {html} from '../lib/html.js';
import {useNow} from '../lib/data.js';
import {shellLine} from '../lib/shell.js';

export function Title({children, actions}) {
    const text = useRef();
    useEffect(() => {
        document.title = `${text.current.textContent} · Cadre`;
    });
    return html`<header class="title"><h1 ref=${text} tabindex="-1">${children}</h1>
        ${actions && html`<div class="actions">${actions}</div>`}</header>`;
}

export const Section = ({title, id, actions, children}) => html`<section aria-labelledby=${id}>
    <header class="section"><h2 id=${id}>${title}</h2>
    ${actions && html`<div class="actions">${actions}</div>`}</header>${children}</section>`;

export const State = ({state}) => html`<span class=${`state ${tone(state)}`}>${state}</span>`;

// A moment as "3 s ago"; the tooltip has the clock's.
export function Ago({at}) {
    const now = useNow();
    return at ? html`<time datetime=${at} title=${`${clock(at)} (${at})`}>${
        relative(at, now)}</time>` : null;
}

// What went wrong: the thing, the place, the way out.
export function Problem({error, retry}) {
    if (!error) return null;
    return html`<div class="problem" role="alert"><p>${error.message}</p>
        ${error.hint && html`<p class="hint">${error.hint}</p>`}
        ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}</div>`;
}

// Of an address that names no view.
export const NotFound = () => html`<${Title}>Not found<//><${Empty}>There is no view of this
    address. <a href="#/">To the first view</a><//>`;

export const Empty = ({children}) => html`<p class="empty">${children}</p>`;
export const Loading = () => html`<p class="empty" aria-busy="true">Loading…</p>`;

// A view's data: what to show while they load, when they cannot be loaded, and when they are there.
export function Loaded({data, children}) {
    return html`${data.error && html`<${Problem} error=${data.error} retry=${data.reload} />`}
        ${data.data !== undefined ? children(data.data) : data.error ? null
            : html`<${Loading} />`}`;
}

const COPIED_MS = 1500; // it says so for

// Text to paste, with a button that copies.
export function Copy({text, label = 'Copy'}) {
    const [done, setDone] = useState(false);
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(text);
            setDone(true);
            setTimeout(() => setDone(false), COPIED_MS);
        } catch {
            setDone(false);
        }
    };
    return html`<button type="button" class="copy" onClick=${copy}>${
        done ? 'Copied' : label}</button>`;
}

// Text to paste that is no command of the CLI, and its button.
export const Paste = ({text, label}) => html`<div class="secret"><code>${text}</code><${Copy}
    text=${text} label=${label} /></div>`;

// The command of the CLI that does the same; words that are null, undefined or false are left out.
// none: what is said where there are no words, since no command would do the same.
export function Command({words, none}) {
    if (!words) return none ? html`<p class="hint">${none}</p>` : null;
    const text = shellLine(['cadre', ...words]);
    return html`<div class="command"><code>${text}</code><${Copy} text=${text} /></div>`;
}

// columns: [{name, title, cell(row), number, class}]. What does not fit a narrow screen becomes
// lines with the column's title before the value.
export function Table({columns, rows, rowKey, caption, empty = 'There is nothing here.'}) {
    if (!rows.length) return html`<${Empty}>${empty}<//>`;
    // Drawn as blocks, on a narrow screen, the parts have no roles of their own.
    return html`<div class="table"><table role="table"><caption class="hidden">${caption}</caption>
        <thead role="rowgroup"><tr role="row">${columns.map((c) => html`<th scope="col"
            role="columnheader" class=${c.number ? 'number' : ''}>${c.title}</th>`)}</tr></thead>
        <tbody role="rowgroup">${rows.map((row) => html`<tr key=${rowKey(row)} role="row">${
            columns.map((c) => html`<td role="cell"
                class=${`${c.number ? 'number' : ''} ${c.class || ''}`}
                data-title=${c.title}>${c.cell(row)}</td>`)}</tr>`)}</tbody></table></div>`;
}

// Names and values of one thing. items: [[name, value], …]; those without a value are left out.
export const Facts = ({items}) => html`<dl class="facts">${items
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

// A number that is a link to the list behind it.
export const Figure = ({value, label, href, tone: kind = ''}) => html`<a
    class=${`figure ${kind}`} href=${href}><strong>${value}</strong> <span>${label}</span></a>`;

// A button whose work takes a while: it cannot be pressed twice, and says what went wrong.
export function Action({children, run, kind = '', disabled = false, label}) {
    const [busy, setBusy] = useState(false);
    const press = async () => {
        setBusy(true);
        try {
            await run();
        } finally {
            setBusy(false);
        }
    };
    return html`<button type="button" class=${kind} disabled=${disabled || busy}
        aria-busy=${busy} aria-label=${label} onClick=${press}>${children}</button>`;
}
