// All groups, and by its key one of them.
import {path} from '../lib/api.js';
import {count} from '../lib/format.js';
import {groupTrouble, requiresText} from '../lib/fleet.js';
import {html} from '../lib/html.js';
import {QUEUED, RUNNING} from '../lib/jobs.js';
import {PAGE} from '../lib/pages.js';
import {link} from '../lib/router.js';
import {State, Table, Title} from '../ui/basics.js';
import {useMay} from '../ui/context.js';
import {Deeds} from '../ui/dialog.js';
import {Pages} from '../ui/list.js';
import {GroupLink} from '../ui/names.js';
import {Same, groupJobs} from './fleet_parts.js';
import {Group} from './group.js';
import {GroupDialog} from './group_form.js';

const columns = [
    {title: 'Group', cell: (g) => html`<${GroupLink} name=${g.key} />`},
    {title: 'State', cell: (g) => g.paused ? html`<${State} state="PAUSED" />`
        : g.unwell ? html`<${State} state="UNWELL" />` : null},
    {title: 'Agents online', number: true, cell: (g) => html`<a
        href=${link('agents', {group: g.key})}>${count(g.online)} of ${count(g.agents)}</a>`},
    {title: 'Running', number: true, cell: (g) => html`<a
        href=${groupJobs(g.key, RUNNING)}>${count(g.running)}</a>`},
    {title: 'Waiting', number: true, cell: (g) => html`<a
        href=${groupJobs(g.key, QUEUED)}>${count(g.queued)}</a>`},
    {title: 'Note', cell: (g) => groupTrouble(g)},
    {title: 'Requires', cell: (g) => requiresText(g.requires)},
    {title: 'Description', cell: (g) => g.description},
];

function List() {
    const admin = useMay('admin');
    return html`<${Title} actions=${html`<${Deeds} items=${[{id: 'new', title: 'New group',
        show: admin, dialog: (close) => html`<${GroupDialog} close=${close} />`}]} />`}>Groups<//>
        <${Pages} where=${path('groups')} query=${{limit: PAGE}} name="groups"
            topics=${['groups', 'agents', 'jobs']}>${(rows) => html`<${Table} columns=${columns}
            rows=${rows} rowKey=${(g) => g.key} caption="Groups by key" />`}<//>
        <${Same} words=${['group', 'list']} />`;
}

export function Groups({segments, query}) {
    return segments.length ? html`<${Group} group=${segments[0]} span=${query.span} />`
        : html`<${List} />`;
}
