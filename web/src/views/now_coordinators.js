// The coordinators that share a database, and which of them owns the queue.
import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {html} from '../lib/html.js';
import {CALM_MS} from '../lib/timing.js';
import {Ago, Loaded, Section, Table} from '../ui/basics.js';
import {Same} from './fleet_parts.js';

const roleOf = (c) => (!c.alive ? 'gone' : c.owner ? 'owner' : 'standby');

const COLUMNS = [
    {title: 'Coordinator', cell: (c) => `${c.name}${c.self ? ' (this one)' : ''}`},
    {title: 'Role', cell: (c) => (c.owner ? html`<strong>${roleOf(c)}</strong>` : roleOf(c))},
    {title: 'Addresses', class: 'grow', cell: (c) => (c.addresses || []).join(', ')},
    {title: 'Version', cell: (c) => c.version},
    {title: 'Started', class: 'nowrap', cell: (c) => html`<${Ago} at=${c.startedAt} />`},
    {title: 'Seen', class: 'nowrap', cell: (c) => html`<${Ago} at=${c.seenAt} />`},
];

// status: as the coordinator answered it; one that is alone has no owner to be told of.
export function NowCoordinators({status}) {
    if (status.owns === undefined) return null;
    return html`<${List} none=${!status.owner} />`;
}

function List({none}) {
    const data = useData((signal) => api.get(path('coordinators'), {}, signal), [], ['agents'],
                         null, CALM_MS);
    return html`<${Section} title="Coordinators" id="coordinators">${none && html`
        <p class="problem" role="status">No coordinator owns the queue at present: one takes over
            within seconds, and all goes on by itself.</p>`}<${Loaded} data=${data}>${
        (page) => html`<${Table} columns=${COLUMNS} rows=${page.coordinators} rowKey=${(c) => c.id}
            caption="The coordinators that share the database"
            empty="None has said yet that it is there." />`}<//>
        <${Same} words=${['coordinator', 'list']} /><//>`;
}
