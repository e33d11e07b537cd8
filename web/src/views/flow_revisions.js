// The revisions of a flow and the difference of two of them: ?from=1&to=2, else of the last two.
import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {html} from '../lib/html.js';
import {link, setQuery} from '../lib/router.js';
import {Ago, Command, Loaded, Section, Table, Title} from '../ui/basics.js';
import {More, useMore} from '../ui/more.js';
import {Difference} from '../ui/source.js';

const PAGE = 50;
const number = (text) => /^[1-9]\d{0,8}$/.test(text || '') ? Number(text) : null;

export function Revisions({ns, id, query}) {
    const where = path('flows', ns, id, 'revisions');
    const more = useMore(where, ({revisions}, signal) => api.get(where, {limit: PAGE,
        before: revisions[revisions.length - 1].revision}, signal));
    const list = useData((signal) => api.get(where, {limit: PAGE}, signal), [where],
                         more.still ? [] : ['flows']);
    return html`<${Title} actions=${html`<a class="button" href=${link('flows', ns, id)}>Flow</a>`}>
        Revisions of <bdi>${ns}</bdi> / <bdi>${id}</bdi><//>
        <${Loaded} data=${list}>${(page) => html`<${Both} ns=${ns} id=${id} first=${page}
            more=${more} anew=${list.reload} query=${query} />`}<//>`;
}

function Both({ns, id, first, more, anew, query}) {
    const pages = more.pages(first);
    const rows = pages.flatMap((p) => p.revisions);
    const newest = rows[0].revision;
    const to = number(query.to) || newest;
    const from = number(query.from) || Math.max(to - 1, 1);
    const choose = (key) => (e) => setQuery({from, to, [key]: e.target.value});
    const pick = (key, value, row, other) => html`<input type="radio" name=${key} value=${row}
        checked=${value === row} onChange=${choose(key)}
        aria-label=${`${other} is revision ${row}`} />`;
    const columns = [
        {title: 'Old', cell: (r) => pick('from', from, r.revision, 'the old one')},
        {title: 'New', cell: (r) => pick('to', to, r.revision, 'the new one')},
        {title: 'Revision', number: true, cell: (r) => html`<a
            href=${link('flows', ns, id, {revision: r.revision})}>${r.revision}</a>`},
        {title: 'Applied', cell: (r) => html`<${Ago} at=${r.createdAt} />`},
        {title: 'By', cell: (r) => r.createdBy},
    ];
    return html`<${Table} rows=${rows} columns=${columns} rowKey=${(r) => r.revision}
            caption="Revisions" />
        <${More} more=${more} first=${first} further=${pages[pages.length - 1].more}
            anew=${anew} />
        <${Section} title=${`From revision ${from} to ${to}`} id="difference">
            <${Texts} ns=${ns} id=${id} from=${from} to=${to} />
            ${[...new Set([from, to])].map((revision) => html`<${Command} key=${revision}
            words=${['flow', 'show', '--source', '--revision', String(revision),
                `${ns}/${id}`]} />`)}<//>`;
}

function Texts({ns, id, from, to}) {
    const one = (revision, signal) => api.get(path('flows', ns, id), {revision}, signal);
    const both = useData((signal) => Promise.all([one(from, signal), one(to, signal)]),
                         [ns, id, from, to]);
    return html`<${Loaded} data=${both}>${([before, after]) => html`<${Difference}
        before=${before.source} after=${after.source}
        label=${`Difference of revisions ${from} and ${to}`} />`}<//>`;
}
