// One agent: what it offers and does, and what an administrator may do with it.
import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {count, plural} from '../lib/format.js';
import {capabilityItems} from '../lib/fleet.js';
import {html} from '../lib/html.js';
import {RUNNING, filterWords} from '../lib/jobs.js';
import {go, link} from '../lib/router.js';
import {option} from '../lib/shell.js';
import {Ago, Facts, Figure, Loaded, Section, State, Table, Title} from '../ui/basics.js';
import {useMay} from '../ui/context.js';
import {Confirm, Deeds} from '../ui/dialog.js';
import {JobLink} from '../ui/names.js';
import {AgentHistory} from './agent_history.js';
import {GroupLinks, Same, Seen} from './fleet_parts.js';
import {JobTable} from './job_table.js';
import {Looked} from './looked.js';

const JOBS = 20;
const RUNS = 100; // an agent has few slots

function Drain({agent, close, reload}) {
    const [reason, setReason] = useState(agent.drainReason || '');
    return html`<${Confirm} title=${`Drain agent ${agent.name}?`} confirm="Drain it" close=${close}
        words=${['agent', 'drain', agent.name, ...option('--reason', reason)]}
        done=${`Agent ${agent.name} drains.`} run=${async () => {
            // With an empty reason, too: without one the one before would stay.
            const where = path('agents', agent.id, 'drain');
            await api.post(`${where}?${new URLSearchParams({reason})}`);
            reload();
        }}><div class="form"><p>It gets no more jobs until it is resumed; what runs on it, runs
        on.</p><label>Reason<input type="text" name="reason" value=${reason} maxlength="500"
        onInput=${(e) => setReason(e.target.value)} /><span class="hint">Shown to who asks why the
        agent takes no jobs.</span></label></div><//>`;
}

function Remove({agent, close}) {
    const [force, setForce] = useState(false);
    const [reason, setReason] = useState('');
    return html`<${Confirm} title=${`Remove agent ${agent.name}?`} confirm="Remove it" danger
        close=${close} words=${['agent', 'remove', agent.name, force && '--force',
                               ...(reason ? option('--reason', reason) : [])]}
        done=${`Agent ${agent.name} is removed.`} run=${async () => {
            await api.del(path('agents', agent.id), {force: force ? 'true' : '', reason});
            go(link('agents'));
        }}><div class="form"><p>Its certificate is worth nothing from then on; to come back it has
        to join again. ${agent.busySlots ? `It runs ${plural(agent.busySlots, 'job')}: drain it
        first, and wait until they have ended.` : ''}</p>
        <label>Reason<input type="text" name="reason" value=${reason} maxlength="500"
            onInput=${(e) => setReason(e.target.value)} /><span class="hint">Kept with the agent
            and in the log.</span></label>
        <label class="check"><input type="checkbox" name="force" checked=${force}
            onChange=${(e) => setForce(e.target.checked)} />Remove it although it runs jobs: it is
            told to end them</label></div><//>`;
}

function deeds(agent, admin, reload) {
    return [
        {id: 'drain', title: agent.held ? 'Change the reason' : 'Drain', show: admin,
         dialog: (close) => html`<${Drain} agent=${agent} close=${close} reload=${reload} />`},
        {id: 'resume', title: 'Resume', show: admin && agent.held,
         dialog: (close) => html`<${Confirm} title=${`Resume agent ${agent.name}?`}
            confirm="Resume it" close=${close} words=${['agent', 'resume', agent.name]}
            done=${`Agent ${agent.name} is resumed.`} run=${async () => {
                await api.post(path('agents', agent.id, 'resume'));
                reload();
            }}><p>It gets jobs again.</p><//>`},
        {id: 'remove', title: 'Remove', kind: 'danger', show: admin,
         dialog: (close) => html`<${Remove} agent=${agent} close=${close} />`},
    ];
}

function About({agent}) {
    return html`<${Section} title="About" id="about"><div class="box"><${Facts} items=${[
        ['State', html`<${State} state=${agent.state} />`],
        ['Removed', agent.removedAt && html`<${Ago} at=${agent.removedAt} />${
            agent.removedBy ? ` by ${agent.removedBy}` : ''}: ${
            agent.removedReason || 'without a reason'}`],
        ['Unwell', agent.unwellReason && html`${agent.unwellReason}, <${Ago}
            at=${agent.unwellSince} />`],
        ['Drained', agent.held ? `${agent.drainReason || 'without a reason'}${
            agent.drainedBy ? ` (by ${agent.drainedBy})` : ''}` : null],
        ['Drains', agent.state === 'DRAINING' && !agent.held
            ? 'by itself: it is being stopped' : null],
        ['Groups', html`<${GroupLinks} keys=${agent.groups} />`],
        ['Last seen', html`<${Seen} agent=${agent} />`],
        ['Joined', html`<${Ago} at=${agent.createdAt} />${
            agent.createdBy ? ` with token ${agent.createdBy}` : ''}`],
        ['Version', agent.version],
        ['Id', html`<span class="mono">${agent.id}</span>`],
        ['Last refusal', agent.lastRefusal && html`${agent.lastRefusal.message} (${
            agent.lastRefusal.reason}), <${Ago} at=${agent.lastRefusal.at} />`],
    ]} /></div><//>`;
}

function Figures({agent}) {
    const jobs = link('jobs', {agent: agent.id, state: RUNNING, kind: 'all'});
    return html`<div class="figures" role="group" aria-label="Numbers of the agent">
        <${Figure} value=${`${count(agent.busySlots)} / ${count(agent.slots)}`}
            label="slots in use" href=${jobs} />
        <${Figure} value=${count(agent.freeSlots)} label="slots free"
            href=${link('agents', {group: agent.group || ''})} /></div>`;
}

function Offers({agent}) {
    const labels = capabilityItems(agent.labels);
    const items = capabilityItems(agent.capabilities);
    return html`<${Section} title="What it offers" id="offers">
        <div class="box">${items.length ? html`<${Facts} items=${items} />`
            : html`<p class="empty">It has not told yet.</p>`}</div>
        ${labels.length > 0 && html`<h3>Labels</h3><div class="box"><${Facts}
            items=${labels} /></div>`}<//>`;
}

// Processes of attempts that are over, which the agent could not end.
function Remnants({remnants}) {
    if (!remnants || !remnants.length) return null;
    const columns = [
        {title: 'Job', cell: (r) => html`<${JobLink} id=${r.job} />`},
        {title: 'Attempt', number: true, cell: (r) => count(r.attempt)},
        {title: 'Processes', class: 'grow', cell: (r) => r.processes},
        {title: 'Since', class: 'nowrap', cell: (r) => html`<${Ago} at=${r.since} />`},
    ];
    return html`<${Section} title="Processes that it could not end" id="remnants">
        <${Table} columns=${columns} rows=${remnants} rowKey=${(r) => `${r.job}/${r.attempt}`}
            caption="Processes of attempts that are over" />
        <p class="hint">Each takes a slot until it is ended on the machine.</p><//>`;
}

// agent: its id; name: what commands call it.
function Runs({agent, name}) {
    const filters = {state: RUNNING, kind: 'all'};
    const data = useData((signal) => api.get(path('jobs'), {agent, ...filters, limit: RUNS},
                                             signal), [agent], ['jobs']);
    const all = link('jobs', {agent, ...filters});
    return html`<${Section} title="What it runs" id="runs" actions=${html`<a href=${all}>As a
        list</a>`}><${Loaded} data=${data}>${(page) => html`<${Looked} page=${page}
        rows=${page.jobs} limit=${RUNS} what="jobs" href=${all}><${JobTable} jobs=${page.jobs}
            without=${['agent', 'end']} caption="Jobs that the agent has"
            empty="It runs nothing." /><//>`}<//>
        <${Same} words=${filterWords('list', {agent: name, ...filters})} /><//>`;
}

function History({agent, name}) {
    const data = useData((signal) => api.get(path('jobs'), {agent, limit: JOBS}, signal), [agent],
                         ['jobs']);
    return html`<${Section} title="Its last jobs" id="last" actions=${html`<a
        href=${link('jobs', {agent, state: 'FAILED', since: '24h'})}>Failed in the last day</a><a
        href=${link('jobs', {agent})}>All of its jobs</a>`}><${Loaded} data=${data}>${(page) =>
        html`<${Looked} page=${page} rows=${page.jobs} limit=${JOBS} what="jobs"
            href=${link('jobs', {agent})}><${JobTable} jobs=${page.jobs} without=${['agent']}
            caption="The newest jobs of the agent" empty="It had no jobs." /><//>`}<//>
        <${Same} words=${filterWords('list', {agent: name})} /><//>`;
}

export function Agent({name}) {
    const data = useData((signal) => api.get(path('agents', name), {}, signal), [name],
                         ['agents', 'jobs']);
    const admin = useMay('admin');
    const removed = data.data && data.data.removedAt;
    const agent = data.error && data.error.status === 404 ? null : data.data;
    const called = agent && (removed ? agent.id : agent.name);
    return html`<${Title} actions=${agent && !removed && html`<${Deeds}
            items=${deeds(agent, admin, data.reload)} />`}>Agent ${agent ? agent.name : name}<//>
        <${Loaded} data=${data}>${() => agent && html`<${Figures} agent=${agent} />
            <${About} agent=${agent} />
            <${Remnants} remnants=${agent.remnants} />
            <${Runs} agent=${agent.id} name=${called} />
            <${Offers} agent=${agent} />
            <${AgentHistory} agent=${agent} />
            <${History} agent=${agent.id} name=${called} />
            <${Same} words=${['agent', 'show', called]} />`}<//>`;
}
