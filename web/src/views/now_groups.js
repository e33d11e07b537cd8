// The groups on the first view: what runs, what waits and why, and how long jobs waited.
import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {count} from '../lib/format.js';
import {busyFirst, groupTrouble, waitingOf} from '../lib/fleet.js';
import {html} from '../lib/html.js';
import {QUEUED, RUNNING} from '../lib/jobs.js';
import {link} from '../lib/router.js';
import {COSTLY_MS} from '../lib/timing.js';
import {Ago, Command, Loaded, Section, Table} from '../ui/basics.js';
import {GroupLink} from '../ui/names.js';
import {groupJobs} from './fleet_parts.js';
import {PARTS, SPANS, Waited} from './waits.js';

const GROUPS = 500; // the busiest of all, from which those in trouble come first
const SHOWN = 20;
const IDLE = 8; // no further ones that do nothing
const ASKED = 8; // groups of which it is asked why their jobs wait

// What the first waiting job of a group waits for, as a group alone tells it; null: nothing.
const whyOf = async (key, signal) => (await api.get(path('groups', key), {}, signal)).why;

// Why a group's jobs wait: by its own numbers, else what its first job is told, which is asked for
// unless the group tells it.
export function Why({group, ask}) {
    const told = groupTrouble(group);
    const unknown = group.queued && !told && ask && group.why === undefined;
    const data = useData((signal) => unknown ? whyOf(group.key, signal) : Promise.resolve(null),
        [group.key, !unknown], ['jobs', 'agents', 'groups'], null, COSTLY_MS);
    if (told) return html`<span class=${group.queued ? 'state bad wrap' : 'hint'}>${told}</span>`;
    if (!group.queued) return null;
    // A group that is gone by now is no news.
    if (unknown && data.error && data.error.status !== 404)
        return html`<span class="hint">cannot be told: ${data.error.message}</span>`;
    const why = unknown ? data.data : group.why;
    return why ? html`<a href=${link('jobs', why.job)}>${waitingOf(why)}</a>` : null;
}

// Which groups are shown, of how many.
function shownOf({groups, more, complete}, shown) {
    return `${count(shown)} of ${more ? 'the ' : ''}${count(groups.length)}${
        more ? ' busiest groups' : ''}: those whose waiting jobs something keeps from running` +
        ` come first, then those with most waiting jobs, then those with most running ones.${
        complete ? '' : ' The jobs require so many different things that not all were looked at.'}`;
}

export function NowGroups() {
    const data = useData((signal) => api.get(path('groups'), {order: 'busy', limit: GROUPS},
                                             signal), [],
                         ['groups', 'agents', 'jobs']);
    const columns = (asked) => [
        {title: 'Group', cell: (g) => html`<${GroupLink} name=${g.key} />`},
        {title: 'Agents online', number: true, cell: (g) => html`<a
            href=${link('agents', {group: g.key})}>${count(g.online)} of ${count(g.agents)}</a>`},
        {title: 'Running', number: true, cell: (g) => html`<a
            href=${groupJobs(g.key, RUNNING)}>${count(g.running)}</a>`},
        {title: 'Waiting', number: true, cell: (g) => html`<a
            href=${groupJobs(g.key, QUEUED)}>${count(g.queued)}</a>`},
        {title: 'Why', class: 'fleet-why', cell: (g) => html`<${Why} group=${g}
            ask=${asked.includes(g.key)} />`},
    ];
    return html`<${Section} title="Groups" id="groups" actions=${html`<a
        href=${link('groups')}>All groups</a>`}><${Loaded} data=${data}>${(page) => {
        const rows = busyFirst(page.groups, SHOWN, IDLE);
        const asked = rows.filter((g) => g.queued).slice(0, ASKED).map((g) => g.key);
        return html`<${Table} columns=${columns(asked)} rows=${rows} rowKey=${(g) => g.key}
            caption="Groups, those with waiting jobs first" />
            ${(page.groups.length > rows.length || page.more) && html`<p class="hint">${
                shownOf(page, rows.length)}</p>`}
            <${Command} words=${['group', 'list', '--order', 'busy']} />`;
    }}<//><//>`;
}

const span = ([key, title, since]) => [...PARTS, 'jobs'].map((part) => ({
    title: `${title} ${part}`, number: true, cell: (w) => html`<${Waited} waits=${w[key]}
        group=${w.shared ? '' : w.group} since=${since} part=${part} />`}));

export function NowWaits() {
    const data = useData((signal) => api.get(path('waits'), {}, signal), [], ['jobs'], null,
                         COSTLY_MS);
    const columns = [
        {title: 'Group', cell: (w) => w.shared ? w.group
            : html`<${GroupLink} name=${w.group} />`},
        ...SPANS.flatMap(span),
    ];
    return html`<${Section} title="How long jobs waited" id="waits"><${Loaded} data=${data}>${
        (all) => html`<${Table} columns=${columns} rows=${all.groups.slice(0, SHOWN)}
            rowKey=${(w) => w.group}
            caption="Waits of the jobs of the last hour and day, by group"
            empty="No job was handed out in the last day." />
        <p class="hint">Until the first attempt was handed out; counted since the coordinator
            started, <${Ago} at=${all.since} />. The links lead to the jobs that were created in
            that time${all.groups.some((w) => w.shared) ? ', those of other to those of all groups'
            : ''}.${all.groups.length > SHOWN ? ` The first ${SHOWN}
            of ${count(all.groups.length)} groups; a group's own view has its waits.` : ''}</p>
        <${Command} words=${['waits']} />`}<//><//>`;
}
