import {agentTrouble} from '../lib/fleet.js';
import {html} from '../lib/html.js';
import {State, Table} from '../ui/basics.js';
import {AgentLink} from '../ui/names.js';
import {GroupLinks, Seen, Slots} from './fleet_parts.js';

const system = ({capabilities: c}) => [c.osName || c.os, c.arch].filter(Boolean).join(', ');

// Agents as a table; without: names of columns that are left out.
export function AgentRows({agents, caption, empty, without = []}) {
    const columns = [
        {name: 'name', title: 'Agent', cell: (a) => html`<${AgentLink} id=${a.id}
            name=${a.name} />`},
        {name: 'state', title: 'State', cell: (a) => html`<${State} state=${a.state} />`},
        {name: 'groups', title: 'Groups', cell: (a) => html`<${GroupLinks} keys=${a.groups} />`},
        {name: 'slots', title: 'In use', cell: (a) => html`<${Slots} agent=${a} />`},
        {name: 'os', title: 'System', cell: system},
        {name: 'version', title: 'Version', class: 'nowrap', cell: (a) => a.version},
        {name: 'seen', title: 'Last seen', class: 'nowrap', cell: (a) => html`<${Seen}
            agent=${a} />`},
        {name: 'note', title: 'Note', cell: (a) => agentTrouble(a)},
    ].filter((c) => !without.includes(c.name));
    return html`<${Table} columns=${columns} rows=${agents} rowKey=${(a) => a.id}
        caption=${caption} empty=${empty} />`;
}
