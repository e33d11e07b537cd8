// What the coordinator does at this moment, and what is wrong.
import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {clock, count} from '../lib/format.js';
import {html} from '../lib/html.js';
import {RUNNING, WAITING} from '../lib/jobs.js';
import {link} from '../lib/router.js';
import {CALM_MS, COSTLY_MS} from '../lib/timing.js';
import {Ago, Figure, Loaded, Section, Table, Title} from '../ui/basics.js';
import {useMay} from '../ui/context.js';
import {FlowLink, TriggerLink} from '../ui/names.js';
import {Same} from './fleet_parts.js';
import {NowGroups, NowWaits} from './now_groups.js';
import {NowCoordinators} from './now_coordinators.js';
import {NowFailures, failedOf} from './now_failures.js';

const TRIGGERS = 10;
const NOTICES = 100;

const lots = (jobs, states) => states.split(',').reduce((sum, s) => sum + (jobs[s] || 0), 0);

function AgentFigures({agents, slots}) {
    const some = (n) => (n ? 'bad' : '');
    return html`<div class="figures" role="group" aria-label="Agents">
        <${Figure} value=${count(agents.online)} label="agents online"
            href=${link('agents', {state: 'ONLINE'})} />
        <${Figure} value=${count(agents.offline)} label="offline" tone=${some(agents.offline)}
            href=${link('agents', {state: 'OFFLINE'})} />
        <${Figure} value=${count(agents.unwell)} label="unwell" tone=${some(agents.unwell)}
            href=${link('agents', {state: 'UNWELL'})} />
        <${Figure} value=${count(agents.draining)} label="draining"
            href=${link('agents', {state: 'DRAINING'})} />
        <${Figure} value=${`${count(slots.free)} / ${count(slots.total)}`} label="slots free"
            href=${link('agents', {state: 'ONLINE'})} /></div>`;
}

function JobFigures({status, failures}) {
    const both = (states) => lots(status.jobs, states) + lots(status.evaluations, states);
    const failed = failures && failedOf(failures);
    return html`<div class="figures" role="group" aria-label="Jobs">
        <${Figure} value=${count(both(WAITING))} label="jobs waiting"
            href=${link('jobs', {state: WAITING, kind: 'all'})} />
        <${Figure} value=${count(both(RUNNING))} label="running"
            href=${link('jobs', {state: RUNNING, kind: 'all'})} />
        <${Figure} value=${failed ? failed.text : '…'} label="failed in a day"
            tone=${failed && failed.count ? 'bad' : ''}
            href=${link('jobs', failed ? failed.query : {state: 'FAILED', kind: 'all',
                                                              endedSince: '24h'})} /></div>`;
}

// Work of the coordinator's own that trips a bug: rare, and to be known.
const PutOff = ({list}) => list.length ? html`<div class="problem" role="alert">${list.map((p) =>
    html`<p>The coordinator's own work ${p.what} trips a bug and is tried again <${Ago}
        at=${p.until} />; see entry ${p.incident} of its log.</p>`)}</div>` : null;

function Schedules() {
    const data = useData((signal) => api.get(path('triggers'), {order: 'next', limit: TRIGGERS},
                                             signal), [], ['triggers'], null, CALM_MS);
    const columns = [
        {title: 'Next', class: 'nowrap', cell: (t) => html`<${Ago} at=${t.nextAt} />`},
        {title: 'At', class: 'nowrap', cell: (t) => clock(t.nextAt)},
        {title: 'Schedule', cell: (t) => html`<${TriggerLink} ns=${t.namespace}
            flow=${t.flow} id=${t.id} />`},
        {title: 'Flow', cell: (t) => html`<${FlowLink} ns=${t.namespace} id=${t.flow} />`},
        {title: 'Planned', cell: (t) => `${t.cron || ''}${t.timezone ? ` (${t.timezone})` : ''}`},
    ];
    return html`<${Section} title="Next schedules" id="schedules" actions=${html`<a
        href=${link('triggers')}>All triggers</a>`}><${Loaded} data=${data}>${(page) => html`
        <${Table} columns=${columns} rows=${page.triggers} caption="The schedules that fire next"
            rowKey=${(t) => `${t.namespace}/${t.flow}/${t.id}`}
            empty=${page.nextCursor ? 'None of those that were looked at fires again.'
                : 'No schedule is enabled.'} />`}<//>
        <${Same} words=${['trigger', 'list', '--order', 'next']} /><//>`;
}

// Messages that a channel did not take; an administrator is told.
function Notices() {
    const data = useData((signal) => api.get(path('notices'), {limit: NOTICES}, signal), [],
                         ['jobs', 'executions', 'agents'], null, COSTLY_MS);
    const columns = [
        {title: 'Channel', cell: (n) => n.channel},
        {title: 'Event', cell: (n) => n.event},
        {title: 'Subject', cell: (n) => n.subject},
        {title: 'Why', class: 'grow', cell: (n) => n.reason},
        {title: 'Tries', number: true, cell: (n) => html`<a
        href=${link('notices')}>${count(n.tries)}</a>`},
        {title: 'Last', class: 'nowrap', cell: (n) => html`<${Ago} at=${n.lastAt} />`},
        {title: 'Again', class: 'nowrap', cell: (n) => html`<${Ago} at=${n.dueAt} />`},
    ];
    return html`<${Section} title="Messages that failed" id="notices" actions=${html`<a
        href=${link('notices')}>All messages</a>`}><${Loaded} data=${data}>${(page) =>
        html`<${Table} columns=${columns} rows=${page.notices.filter((n) => n.reason)}
            rowKey=${(n) => n.id} caption="Messages that no channel took"
            empty=${page.notices.length ? `None of the last ${count(page.notices.length)} messages
                failed.` : 'No message was to be sent.'} />
        <${Same} words=${['notify', 'list']} />`}<//><//>`;
}

export function Now() {
    const status = useData((signal) => api.get(path('status'), {}, signal), [], ['jobs', 'agents']);
    const failures = useData((signal) => api.get(path('failures'), {}, signal), [], ['jobs'], null,
                             COSTLY_MS);
    const admin = useMay('admin');
    return html`<${Title}>Now<//>
        <${Loaded} data=${status}>${(s) => html`<${PutOff} list=${s.putOff || []} />
            <${AgentFigures} agents=${s.agents} slots=${s.slots} />
            <${JobFigures} status=${s} failures=${failures.data} />`}<//>
        ${status.data && html`<${NowCoordinators} status=${status.data} />`}
        <${NowGroups} />
        <${NowFailures} data=${failures} />
        <${NowWaits} />
        <${Schedules} />
        ${admin && html`<${Notices} />`}
        <${Same} words=${['status']} />`;
}
