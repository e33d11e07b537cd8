// Triggers: the list with what fires next, and one of them.
import './triggers.css';

import {path} from '../lib/api.js';
import {flowQuery, flowWords} from '../lib/filters.js';
import {html} from '../lib/html.js';
import {PAGE} from '../lib/pages.js';
import {link} from '../lib/router.js';
import {Ago, Command, NotFound, State, Table, Title} from '../ui/basics.js';
import {Filters, Pages} from '../ui/list.js';
import {ExecutionLink, FlowLink, JobLink, TriggerLink} from '../ui/names.js';
import {Trigger} from './trigger.js';

export function Triggers({segments, query}) {
    if (segments.length === 3) return html`<${Trigger} ns=${segments[0]} flow=${segments[1]}
        id=${segments[2]} />`;
    if (segments.length) return html`<${NotFound} />`;
    return html`<${List} query=${query} />`;
}

function List({query}) {
    const asked = flowQuery(query);
    const filtered = Object.values(query).some(Boolean);
    return html`<${Title}>Triggers<//>
        <${Filters} query=${query} fields=${[
            {key: 'namespace', label: 'Namespace', hint: 'and what is below it'},
            {key: 'flow', label: 'Flow', hint: 'id, or NAMESPACE/ID'},
            {key: 'order', label: 'Order', kind: 'select',
             options: [['', 'all by name'], ['next', 'schedules that fire next']]}]} />
        <${Pages} where=${path('triggers')} query=${{...asked, limit: PAGE}} name="triggers"
            topics=${['triggers']}>${(rows) => html`<${TriggerTable} rows=${rows}
            empty=${filtered ? 'No trigger is so.' : 'No flow has a trigger yet.'} />`}<//>
        <${Command} words=${['trigger', 'list', ...flowWords(asked)]} />`;
}

// When it fires, in words.
export function when(t) {
    switch (t.kind) {
    case 'schedule': return html`<code>${t.cron}</code> <span class="soft">${t.timezone}</span>`;
    case 'polling': return `every ${t.interval}`;
    case 'webhook': return 'when it is called';
    default: return 'after another flow';
    }
}

function Next({t}) {
    if (t.disabled) return html`<span class="state off">disabled</span>`;
    if (t.nextAt) return html`<${Ago} at=${t.nextAt} />`;
    if (t.kind === 'webhook' || t.kind === 'flow') return html`<span class="soft">—</span>`;
    if (t.job) return html`<${JobLink} id=${t.job} text="is evaluated now" />`;
    return html`<span class="soft">${t.kind === 'schedule' ? 'never again' : 'held'}</span>`;
}

export function TriggerTable({rows, empty, ofFlow}) {
    const columns = [
        {title: 'Trigger', cell: (t) => html`<${TriggerLink} ns=${t.namespace} flow=${t.flow}
            id=${t.id} />`},
        {title: 'Flow', cell: (t) => html`<${FlowLink} ns=${t.namespace} id=${t.flow} />`},
        {title: 'Kind', cell: (t) => t.kind},
        {title: 'When', cell: (t) => html`<span>${when(t)}</span>`},
        {title: 'Next', class: 'nowrap', cell: (t) => html`<${Next} t=${t} />`},
        {title: 'Last', cell: (t) => html`<span>${t.result && html`<${State} state=${t.result}
        /> `}<${
            Ago} at=${t.evaluatedAt} />${t.message && html`<span
            class="because"><bdi>${t.message}</bdi>
            </span>`}</span>`},
        {title: 'Execution', cell: (t) => html`<${ExecutionLink} id=${t.execution} />`},
        {title: 'Fired', number: true, cell: (t) => html`<a href=${link('executions',
            {namespace: t.namespace, flow: t.flow, trigger: t.id})}>${t.fired}</a>`},
    ];
    return html`<${Table} rows=${rows} rowKey=${(t) => `${t.namespace}/${t.flow}/${t.id}`}
        caption="Triggers" empty=${empty}
        columns=${ofFlow ? columns.filter((c) => c.title !== 'Flow') : columns} />`;
}
