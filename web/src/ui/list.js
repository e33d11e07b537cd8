// A list of the API: filters in the address, a page at a time.
import {useState} from 'preact/hooks';

import {api} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {count} from '../lib/format.js';
import {html} from '../lib/html.js';
import {LOOKED, gather, inVain} from '../lib/pages.js';
import {setQuery} from '../lib/router.js';
import {Loaded} from './basics.js';
import {More, useMore} from './more.js';

// fields: [{key, label, kind: 'text' | 'select', hint, options: [[value, text]]}]. help: what is
// said below them. What is typed counts when the field is left, or with Enter; until then nothing
// else changes it.
export function Filters({fields, query, help}) {
    const [drafts, setDrafts] = useState({}); // typed, and not in the address yet
    const apply = (key, text) => {
        setDrafts(({[key]: applied, ...others}) => others);
        if (text.trim() !== String(query[key] ?? '')) setQuery({...query, [key]: text.trim()});
    };
    const change = (key) => (e) => apply(key, e.target.value);
    const text = (f) => html`<input type="text" value=${drafts[f.key] ?? query[f.key] ?? ''}
        placeholder=${f.hint || ''} autocomplete="off" spellcheck=${false}
        onInput=${({target: {value}}) => setDrafts((all) => ({...all, [f.key]: value}))}
        onBlur=${change(f.key)} onKeyDown=${(e) => {
            if (e.key !== 'Enter' || e.isComposing) return;
            e.preventDefault();
            apply(f.key, e.target.value);
        }} />`;
    return html`<form class="filters" role="search" onSubmit=${(e) => e.preventDefault()}>${
        fields.map((f) => html`<label key=${f.key}>${f.label}${f.kind === 'select'
            ? html`<select value=${query[f.key] || ''} onChange=${change(f.key)}>${f.options.map(
                ([value, name]) => html`<option value=${value}
                    selected=${value === (query[f.key] || '')}>${name}</option>`)}</select>`
            : text(f)}</label>`)}
        ${Object.values(query).some(Boolean) && html`<button type="button" onClick=${() => {
            setDrafts({});
            setQuery({});
        }}>Clear</button>`}
        ${help && html`<p class="hint">${help}</p>`}</form>`;
}

const AT_FIRST = 2; // requests, each of which looks at LOOKED rows: these are made by themselves
const AT_ONCE = 10; // for a click

// The pages of a list: where, with these parameters; name is of the rows in the answer.
// children(rows, reload).
export const Pages = (props) => html`<${Rows} key=${props.where + JSON.stringify(props.query)}
    ...${props} />`;

function Rows({where, query, name, topics, children}) {
    const ask = (signal) => (cursor) => api.get(where, {...query, cursor}, signal);
    const more = useMore('', (page, signal) => gather(ask(signal), name, page.cursor, AT_ONCE));
    const first = useData((signal) => gather(ask(signal), name, undefined, AT_FIRST), [],
                          more.still ? [] : topics);
    const anew = () => {
        more.forget();
        first.reload();
    };
    return html`<${Loaded} data=${first}>${(page) => {
        const pages = more.pages(page);
        const rows = pages.flatMap((p) => p.rows);
        const {cursor} = pages[pages.length - 1];
        const vain = inVain(pages) * LOOKED;
        return html`${rows.length || !cursor ? children(rows, anew) : null}
        ${cursor && vain > 0 && html`<p class="empty" role="status">${rows.length
            ? `None among the next ${count(vain)}.`
            : `None among the ${count(vain)} looked at so far.`}</p>`}
        <${More} more=${more} first=${page} further=${cursor} anew=${first.reload}
            title=${vain > 0 ? 'Look further' : 'Show more'} />`;
    }}<//>`;
}
