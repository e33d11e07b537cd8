// Flows: the list by namespace; one flow, its revisions, its editor and its form to start.
import './flows.css';

import {path} from '../lib/api.js';
import {html} from '../lib/html.js';
import {PAGE} from '../lib/pages.js';
import {link} from '../lib/router.js';
import {option} from '../lib/shell.js';
import {Ago, Command, Empty, NotFound, Table, Title} from '../ui/basics.js';
import {useMay} from '../ui/context.js';
import {Filters, Pages} from '../ui/list.js';
import {NamespaceLink} from '../ui/names.js';
import {Editor} from './flow_edit.js';
import {Revisions} from './flow_revisions.js';
import {Start} from './flow_start.js';
import {Flow} from './flow.js';

const PARTS = {edit: Editor, start: Start, revisions: Revisions};

export function Flows({segments, query}) {
    const [ns, id, part] = segments;
    if (segments.length === 1 && ns === 'new') return html`<${Editor} query=${query} />`;
    if (segments.length === 2) return html`<${Flow} ns=${ns} id=${id} query=${query} />`;
    if (segments.length === 3 && PARTS[part])
        return html`<${PARTS[part]} ns=${ns} id=${id} query=${query} />`;
    if (segments.length) return html`<${NotFound} />`;
    return html`<${List} query=${query} />`;
}

function byNamespace(rows) {
    const groups = [];
    for (const row of rows) {
        const last = groups[groups.length - 1];
        if (last && last.namespace === row.namespace) last.rows.push(row);
        else groups.push({namespace: row.namespace, rows: [row]});
    }
    return groups;
}

function List({query}) {
    const may = useMay('submit');
    const columns = [
        {title: 'Flow', cell: (f) => html`<a href=${link('flows', f.namespace, f.id)}>${f.id}</a>`},
        {title: 'Revision', number: true, cell: (f) => html`<a
            href=${link('flows', f.namespace, f.id, 'revisions')}>${f.revision}</a>`},
        {title: 'Triggers', number: true, cell: (f) => html`<a href=${link('triggers',
            {namespace: f.namespace, flow: f.id})}>${f.triggers}</a>`},
        {title: 'Executions', cell: (f) => html`<a href=${link('executions',
            {namespace: f.namespace, flow: f.id})}>list</a>`},
        {title: 'Changed', class: 'nowrap', cell: (f) => html`<${Ago} at=${f.updatedAt} />`},
        {title: 'By', cell: (f) => f.updatedBy},
    ];
    if (may) columns.push({title: 'Action', class: 'nowrap', cell: (f) => html`<a
        aria-label=${`Start ${f.namespace}/${f.id}`}
        href=${link('flows', f.namespace, f.id, 'start')}>Start</a>`});
    return html`<${Title} actions=${may && html`<a class="button" href=${link('flows', 'new',
            {namespace: query.namespace})}>New flow</a>`}>Flows<//>
        <${Filters} query=${query} fields=${[{key: 'namespace', label: 'Namespace',
            hint: 'and what is below it'}]} />
        <${Pages} where=${path('flows')} query=${{namespace: query.namespace, limit: PAGE}}
            name="flows" topics=${['flows']}>${(rows) => rows.length ? byNamespace(rows).map(
            (g, i) => html`<section key=${g.namespace} aria-labelledby=${`ns-${i}`}>
                <h2 id=${`ns-${i}`}><${NamespaceLink} view="flows"
                name=${g.namespace} /></h2><${Table} rows=${g.rows} columns=${columns}
                rowKey=${(f) => f.id} caption=${`Flows of ${g.namespace}`} /></section>`)
            : html`<${Empty}>${query.namespace ? 'No flow in this namespace.'
                : 'No flow yet.'}<//>`}<//>
        <${Command} words=${['flow', 'list', ...(query.namespace
            ? option('--namespace', query.namespace) : [])]} />`;
}
