// Executions: the list with its filters, and one of them.
import './executions.css';

import {path} from '../lib/api.js';
import {useNow} from '../lib/data.js';
import {OPEN_EXECUTIONS, TIMES_HELP, TIME_HINT, flowQuery, flowWords, optionsWith, shownFilters}
    from '../lib/filters.js';
import {between, duration, hasEnded} from '../lib/format.js';
import {html} from '../lib/html.js';
import {PAGE} from '../lib/pages.js';
import {Ago, Command, State, Table, Title} from '../ui/basics.js';
import {Filters, Pages} from '../ui/list.js';
import {ExecutionLink, FlowLink, Labels, TriggerLink} from '../ui/names.js';
import {Execution} from './execution.js';

export function Executions({segments, query}) {
    if (segments.length) return html`<${Execution} id=${segments[0]} />`;
    return html`<${List} query=${query} />`;
}

const STATES = ['CREATED', 'QUEUED', 'RUNNING', 'KILLING', 'SUCCESS', 'WARNING', 'FAILED', 'KILLED',
                'CANCELLED'];

function fields(query) {
    const states = [['', 'any'], [OPEN_EXECUTIONS, 'not ended'], ...STATES.map((s) => [s, s])];
    return [
        {key: 'state', label: 'State', kind: 'select', options: optionsWith(states, query.state)},
        {key: 'namespace', label: 'Namespace', hint: 'and below'},
        {key: 'flow', label: 'Flow', hint: 'id or team/id'},
        {key: 'trigger', label: 'Trigger', hint: 'of the flow'},
        {key: 'label', label: 'Labels', hint: 'a=1, b=2'},
        {key: 'since', label: 'Since', hint: TIME_HINT},
        {key: 'until', label: 'Until', hint: TIME_HINT},
        {key: 'id', label: 'Id', hint: 'its beginning'},
    ];
}

function List({query}) {
    const asked = flowQuery(query);
    return html`<${Title}>Executions<//>
        <${Filters} query=${shownFilters(query)} fields=${fields(query)}
            help=${TIMES_HELP} />
        <${Pages} where=${path('executions')} query=${{...asked, limit: PAGE}} name="executions"
            topics=${['executions']}>${(rows) => html`<${ExecutionTable} rows=${rows}
            empty=${Object.values(query).some(Boolean) ? 'No execution is so.'
                : 'No execution yet.'} />`}<//>
        <${Command} words=${['execution', 'list', ...flowWords(asked)]} />`;
}

// How long it took, or has taken so far.
export function Took({from, to}) {
    const now = useNow();
    if (!from) return null;
    return duration(to ? between(from, to) : now - Date.parse(from));
}

// Who or what began it.
export const Origin = ({e}) => e.trigger ? html`<span>trigger <${TriggerLink} ns=${e.namespace}
    flow=${e.flow} id=${e.trigger} /></span>` : html`<span><bdi>${e.createdBy}</bdi></span>`;

export function ExecutionTable({rows, empty, ofFlow}) {
    const columns = [
        {title: 'State', cell: (e) => html`<${State} state=${e.state} />`},
        {title: 'Execution', cell: (e) => html`<${ExecutionLink} id=${e.id} />`},
        {title: 'Flow', cell: (e) => html`<${FlowLink} ns=${e.namespace} id=${e.flow} />`},
        {title: 'By', cell: (e) => html`<${Origin} e=${e} />`},
        {title: 'Created', class: 'nowrap', cell: (e) => html`<${Ago} at=${e.createdAt} />`},
        {title: 'Took', class: 'nowrap', number: true, cell: (e) => html`<${Took}
        from=${e.startedAt}
            to=${hasEnded(e.state) ? e.endedAt : null} />`},
        {title: 'What', cell: (e) => html`<span class="what">${e.message && html`<bdi>${e.message
            }</bdi>`}<${Labels} labels=${e.labels} /></span>`},
    ];
    return html`<${Table} rows=${rows} rowKey=${(e) => e.id} caption="Executions" empty=${empty}
        columns=${ofFlow ? columns.filter((c) => c.title !== 'Flow') : columns} />`;
}
