// Jobs as a table.
import {useNow} from '../lib/data.js';
import {duration} from '../lib/format.js';
import {html} from '../lib/html.js';
import {endWords, times} from '../lib/jobs.js';
import {SELDOM_MS} from '../lib/timing.js';
import {Ago, State, Table} from '../ui/basics.js';
import {AgentLink, GroupLink, JobLink, NamespaceLink} from '../ui/names.js';

// How long it ran, or has waited so far; of one that never ran, how long it waited.
function Times({job}) {
    const {waited, ran} = times(job, useNow(job.endedAt ? SELDOM_MS : undefined));
    const never = job.endedAt ? 'waited' : 'waits';
    return html`<span class="nowrap" title=${`waited ${duration(waited)}`}>${
        ran === null ? `${never} ${duration(waited)}` : duration(ran)}</span>`;
}

const COLUMNS = [
    {name: 'state', title: 'State', cell: (j) => html`<${State} state=${j.state} />`},
    {name: 'job', title: 'Job', class: 'job-what', cell: (j) => html`<${JobLink} id=${j.id}
        text=${j.what} /> <code>${j.id}</code>`},
    {name: 'group', title: 'Group', cell: (j) => html`<${GroupLink} name=${j.group} />`},
    {name: 'agent', title: 'Agent', cell: (j) => html`<${AgentLink} id=${j.agent}
        name=${j.agentName} />`},
    {name: 'namespace', title: 'Namespace', cell: (j) => html`<${NamespaceLink} view="jobs"
        name=${j.namespace} />`},
    {name: 'created', title: 'Created', class: 'nowrap', cell: (j) => html`<${Ago}
        at=${j.createdAt} />`},
    {name: 'ran', title: 'Ran', number: true, cell: (j) => html`<${Times} job=${j} />`},
    {name: 'end', title: 'End', cell: (j) => [j.attempt > 1 && `attempt ${j.attempt}`,
        ...endWords({exitCode: j.exitCode, reason: j.reason})].filter(Boolean).join(', ')},
];

// without: names of columns that are left out.
export const JobTable = ({jobs, caption, empty, without = []}) => html`<${Table} rows=${jobs}
    columns=${COLUMNS.filter((c) => !without.includes(c.name))} rowKey=${(j) => j.id}
    caption=${caption} empty=${empty} />`;
