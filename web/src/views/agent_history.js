// What happened to an agent: when it came and went, who drained it, and why.
import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {count, plural} from '../lib/format.js';
import {html} from '../lib/html.js';
import {Ago, Loaded, Section, Table} from '../ui/basics.js';
import {Same} from './fleet_parts.js';

const MOST = 200; // as many as are kept

const COLUMNS = [
    {title: 'When', class: 'nowrap', cell: (v) => html`<${Ago} at=${v.lastAt} />`},
    {title: 'What', class: 'nowrap', cell: (v) => v.event},
    {title: 'Times', number: true, cell: (v) => v.times > 1
        ? html`${count(v.times)} since <${Ago} at=${v.firstAt} />` : ''},
    {title: 'Who', cell: (v) => v.by || ''},
    {title: 'Why', class: 'grow', cell: (v) => v.message || ''},
];

export function AgentHistory({agent}) {
    const data = useData((signal) => api.get(path('agents', agent.id, 'history'), {limit: MOST},
                                             signal), [agent.id], ['agents']);
    return html`<${Section} title="History" id="history"><${Loaded} data=${data}>${(page) =>
        html`<${Table} columns=${COLUMNS} rows=${page.events} rowKey=${(v) => v.number}
            caption=${`What happened to the agent, newest first: ${
                plural(page.events.length, 'event')}`}
            empty="Nothing happened to it in the last 90 days." />`}<//>
        <${Same} words=${['agent', 'history', agent.removedAt ? agent.id : agent.name,
                          '--limit', String(MOST)]} /><//>`;
}
