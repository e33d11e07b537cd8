// One group: its numbers, its agents and jobs, and what an administrator may do with it.
import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {count, plural} from '../lib/format.js';
import {groupTrouble, requiresText} from '../lib/fleet.js';
import {html} from '../lib/html.js';
import {QUEUED, RUNNING, filterWords} from '../lib/jobs.js';
import {go, link} from '../lib/router.js';
import {option} from '../lib/shell.js';
import {CALM_MS} from '../lib/timing.js';
import {Ago, Facts, Figure, Loaded, Section, State, Title} from '../ui/basics.js';
import {useMay} from '../ui/context.js';
import {Confirm, Deeds} from '../ui/dialog.js';
import {AddAgent} from './add_agent.js';
import {AgentRows} from './agent_rows.js';
import {Same, groupJobs} from './fleet_parts.js';
import {GroupChart} from './group_chart.js';
import {GroupDialog} from './group_form.js';
import {JobTable} from './job_table.js';
import {Looked} from './looked.js';
import {Why} from './now_groups.js';
import {SPANS, WaitLine} from './waits.js';

const AGENTS = 20;
const JOBS = 20;

function Delete({group, close}) {
    const [force, setForce] = useState(false);
    return html`<${Confirm} title=${`Delete group ${group.key}?`} confirm="Delete it" danger
        close=${close} words=${['group', 'delete', group.key, force && '--force']}
        done=${`Group ${group.key} is deleted.`} run=${async () => {
            await api.del(path('groups', group.key), {force: force ? 'true' : ''});
            go(link('groups'));
        }}><div class="form"><p>It cannot be brought back. It is refused while jobs of it wait or
        run, or a namespace or flow names it.</p><label class="check"><input type="checkbox"
        checked=${force} onChange=${(e) => setForce(e.target.checked)} />Delete it all the same: the
        ${' '}${plural(group.queued, 'job')} that wait for it fail</label></div><//>`;
}

function deeds(group, admin, reload) {
    const pausing = (verb, title, text, done) => ({
        id: verb, title, show: admin && group.paused === (verb === 'resume'),
        dialog: (close) => html`<${Confirm} title=${`${title} group ${group.key}?`} confirm=${title}
            close=${close} words=${['group', verb, group.key]} done=${done} run=${async () => {
                await api.post(path('groups', group.key, verb));
                reload();
            }}><p>${text}</p><//>`});
    return [
        pausing('pause', 'Pause', 'None of its jobs is handed out until it is resumed: they ' +
            'wait. What runs, runs on.', `Group ${group.key} is paused.`),
        pausing('resume', 'Resume', 'Its jobs are handed out again.',
                `Group ${group.key} is resumed.`),
        {id: 'edit', title: 'Change', show: admin, dialog: (close) => html`<${GroupDialog}
            group=${group} close=${close} changed=${reload} />`},
        {id: 'delete', title: 'Delete', kind: 'danger', show: admin && group.key !== 'default',
         dialog: (close) => html`<${Delete} group=${group} close=${close} />`},
    ];
}

function Figures({group}) {
    return html`<div class="figures" role="group" aria-label="Numbers of the group">
        <${Figure} value=${`${count(group.online)} / ${count(group.agents)}`} label="agents online"
            href=${link('agents', {group: group.key})} />
        <${Figure} value=${count(group.unwell)} label="unwell" tone=${group.unwell ? 'bad' : ''}
            href=${link('agents', {group: group.key, state: 'UNWELL'})} />
        <${Figure} value=${count(group.running)} label="jobs running"
            href=${groupJobs(group.key, RUNNING)} />
        <${Figure} value=${count(group.queued)} label="waiting"
            href=${groupJobs(group.key, QUEUED)} /></div>`;
}

function What({group}) {
    const waits = group.waits || {};
    const why = group.queued || groupTrouble(group);
    return html`<${Section} title="About" id="about"><div class="box"><${Facts} items=${[
        ['State', html`<${State} state=${group.paused ? 'PAUSED' : 'OPEN'} />`],
        ['Why jobs wait', why ? html`<${Why} group=${group} ask />` : null],
        ['Description', group.description],
        ['Agents must offer', requiresText(group.requires)],
        ['Namespaces that may use it', (group.allowedNamespaces || []).join(', ') || 'all'],
        ['Tags', (group.tags || []).join(', ')],
        ['Jobs that may wait', group.maxQueued ? count(group.maxQueued) : 'no limit'],
        ...SPANS.map(([key, , since]) => [`Waits of the last ${key}`, waits[key] &&
            waits[key].jobs ? html`<${WaitLine} group=${waits.shared ? '' : group.key}
            since=${since} waits=${waits[key]} />` : null]),
        ['Waits are counted since', waits.since && html`<${Ago} at=${waits.since} />${
            waits.shared ? ' (together with other groups)' : ''}`],
        ['Paused by', group.pausedBy],
        ['Made', group.createdAt && html`<${Ago} at=${group.createdAt} />${
            group.createdBy ? ` by ${group.createdBy}` : ''}`],
        ['Changed by', group.updatedBy],
    ]} /></div><//>`;
}

function GroupAgents({group}) {
    const data = useData((signal) => api.get(path('agents'), {group, limit: AGENTS}, signal),
                         [group], ['agents', 'jobs'], null, CALM_MS);
    return html`<${Section} title="Agents" id="agents" actions=${html`<a
        href=${link('agents', {group})}>All agents of the group</a>`}><${Loaded} data=${data}>${
        (page) => html`<${AgentRows} agents=${page.agents} without=${['groups']}
            caption="Agents of the group" empty="No agent serves this group." />`}<//>
        <${Same} words=${['agent', 'list', ...option('--group', group)]} /><//>`;
}

function GroupJobs({group}) {
    const data = useData((signal) => api.get(path('jobs'), {group, limit: JOBS}, signal),
                         [group], ['jobs']);
    return html`<${Section} title="Jobs" id="jobs" actions=${html`<a
        href=${link('jobs', {group, state: 'FAILED', since: '24h'})}>Failed in the last day</a><a
        href=${link('jobs', {group})}>All jobs of the group</a>`}><${Loaded} data=${data}>${
        (page) => html`<${Looked} page=${page} rows=${page.jobs} limit=${JOBS} what="jobs"
            href=${link('jobs', {group})}><${JobTable} jobs=${page.jobs} without=${['group']}
            caption="The newest jobs of the group" empty="It had no jobs." /><//>`}<//>
        <${Same} words=${filterWords('list', {group})} /><//>`;
}

export function Group({group: key, span}) {
    const data = useData((signal) => api.get(path('groups', key), {}, signal), [key],
                         ['groups', 'agents', 'jobs']);
    const admin = useMay('admin');
    const gone = data.error && data.error.status === 404;
    return html`<${Title} actions=${data.data && !gone && html`<${Deeds}
            items=${deeds(data.data, admin, data.reload)} />`}>Group ${key}<//>
        <${Loaded} data=${data}>${(group) => gone ? null : html`<${Figures} group=${group} />
            <${What} group=${group} />
            <${GroupChart} group=${key} span=${span} />
            <${GroupAgents} group=${key} />
            <${GroupJobs} group=${key} />
            ${admin && html`<${AddAgent} group=${key} />`}
            <${Same} words=${['group', 'show', key]} />`}<//>`;
}
