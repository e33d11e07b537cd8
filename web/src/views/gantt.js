// The tasks of an execution as a table, with bars of when they waited and ran. The bars say nothing
// that the cells do not say.
import {useNow} from '../lib/data.js';
import {clock, duration, hasEnded, tone} from '../lib/format.js';
import {gantt, spans, ticks} from '../lib/gantt.js';
import {html} from '../lib/html.js';
import {endWords} from '../lib/jobs.js';
import {Ago, Empty, State} from '../ui/basics.js';
import {AgentLink, JobLink} from '../ui/names.js';

const LEAST = 0.4; // percent, so that a short part is seen
const MANY = 50; // tasks: their bars grow at this rate
const MANY_MS = 5000;
const NEVER = 2 ** 30; // ms

const KINDS = {before: 'earlier attempts', queued: 'waited', run: 'ran'};

export function Gantt({execution, tasks}) {
    const now = useNow(hasEnded(execution.state) ? NEVER
        : tasks.length > MANY ? MANY_MS : undefined);
    const {from, to, rows} = gantt(execution, tasks, now);
    if (!rows.length) return html`<${Empty}>No task has begun.<//>`;
    const marks = ticks(to - from);
    return html`<div class="table gantt"><table><caption class="hidden">Tasks, when each waited and
        ran</caption><thead><tr><th scope="col">Task</th><th scope="col">State</th>
        <th scope="col" class="number">Waited</th><th scope="col" class="number">Ran</th>
        <th scope="col">Agent</th><th class="bars" aria-hidden="true"><div class="axis">${marks
            .filter((at) => (at / (to - from)) < 0.95).map((at) => html`<span key=${at}
            style=${{left: `${100 * at / (to - from)}%`}}>${at ? duration(at).replace(/ 0 [a-z]+$/,
            '') : '0'}</span>`)}</div>
        </th></tr></thead>
        <tbody>${rows.map((row, i) => html`<${Row}
            key=${row.run ? row.run.id || row.run.run : `${i} ${row.task}`}
            row=${row} ended=${hasEnded(execution.state)} />`)}</tbody></table></div>
        <p class="hint legend" aria-hidden="true"><span class="bar queued"></span> waited
            ${Object.keys(RAN).filter((t) => rows.some(({run}) => run && tone(run.state) === t))
            .map((t) => html`<span key=${t}><span class=${`bar run ${t}`}></span> ${RAN[t]}
            </span>`)}
            ${rows.some((r) => r.parts.some((p) => p.kind === 'before')) && html`<span
            class="bar before"></span> earlier attempts`}</p>`;
}

// What a bar of each tone means.
const RAN = {busy: 'runs', good: 'ran', warn: 'warned or tries again', bad: 'failed',
    off: 'cancelled or killed'};

function Row({row, ended}) {
    const {run} = row;
    const {before, queued, run: ran} = spans(row);
    return html`<tr><td data-title="Task" style=${{paddingLeft: row.depth
        ? `${0.5 + 1.25 * row.depth}rem` : null}}>${run && run.id ? html`<${JobLink} id=${run.id}
        text=${row.task} />` : html`<bdi>${row.task}</bdi>`}${run && typeof run.value === 'string'
            && html` <span class="soft"><bdi>${run.value}</bdi></span>`}</td>
        <td data-title="State"><span>${run ? html`<${State} state=${run.state} />` : html`<span
            class="soft">${ended ? 'not run' : 'to come'}</span>`}${run && html`<${Why}
            run=${run} />`}</span></td>
        <td data-title="Waited" class="number nowrap">${duration(queued)}</td>
        <td data-title="Ran" class="number nowrap">${duration(ran)}${before !== null && html`<span
            class="hidden">, earlier attempts ${duration(before)}</span>`}</td>
        <td data-title="Agent">${run && html`<${AgentLink} id=${run.agent}
            name=${run.agentName} />`}</td>
        <td class="bars" aria-hidden="true"><div class="track">${row.parts.map((p) => html`<span
            key=${p.kind} class=${`bar ${p.kind} ${p.kind === 'run' ? tone(run.state) : ''}`}
            title=${`${KINDS[p.kind]} ${duration(p.to - p.from)}, from ${
                clock(new Date(p.from).toISOString())}`}
            style=${{left: `${Math.min(p.left, 100 - LEAST)}%`,
                     width: `${Math.max(p.width, LEAST)}%`}}></span>`)}</div></td></tr>`;
}

// What is to say of a task run beside its state.
function Why({run}) {
    const {exitCode, message, waiting} = run;
    const said = message || (waiting && waiting.message);
    const words = [run.attempt > 1 && `attempt ${run.attempt}`, ...endWords({
        exitCode: exitCode || null, reason: said ? null : run.reason, message: said})]
        .filter(Boolean);
    return html`${words.length > 0 && html`<span
        class="because"><bdi>${words.join(' · ')}</bdi></span>`}${
        run.retryAt && html`<span class="because">tried again <${Ago} at=${run.retryAt}
        /></span>`}`;
}
