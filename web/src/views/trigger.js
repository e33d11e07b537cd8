// One trigger: its state, its next firings, what it did, and what can be done with it.
import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {clock, count, duration, between} from '../lib/format.js';
import {html} from '../lib/html.js';
import {endWords} from '../lib/jobs.js';
import {link} from '../lib/router.js';
import {shellLine} from '../lib/shell.js';
import {Action, Ago, Command, Empty, Facts, Loaded, Paste, Problem, Section, State, Table,
        Title} from '../ui/basics.js';
import {useMay, useNotify} from '../ui/context.js';
import {Confirm, Dialog} from '../ui/dialog.js';
import {ExecutionLink, FlowLink, JobLink} from '../ui/names.js';
import {Backfills} from './backfill.js';
import {when} from './triggers.js';

const NEXT = 10; // firings

export function Trigger({ns, flow, id}) {
    const may = useMay('submit');
    const where = ['triggers', ns, flow, id];
    const [failed, setFailed] = useState(null);
    const data = useData((signal) => api.get(path(...where), {}, signal), [ns, flow, id],
                         ['triggers', 'executions']);
    return html`<${Title} actions=${may && data.data && html`<${Actions} t=${data.data}
        where=${where} reload=${data.reload}
            failed=${setFailed} />`}>Trigger <bdi>${id}</bdi> of <bdi>${flow}</bdi><//>
        <${Problem} error=${failed} />
        <${Loaded} data=${data}>${(t) => html`<${Parts} t=${t} where=${where} may=${may} />`}<//>`;
}

function Actions({t, where, reload, failed}) {
    const notify = useNotify();
    const [asked, setAsked] = useState(false);
    const name = where.slice(1).join('/');
    const post = (word, said) => async () => {
        failed(null);
        try {
            const answer = await api.post(path(...where, word));
            notify(said(answer));
        } catch (error) {
            failed(error);
        }
        reload();
    };
    return html`${t.kind === 'polling' && html`<${Action} disabled=${t.disabled}
            run=${post('run', () => 'It is evaluated now.')}>Run now<//>`}
        ${t.kind === 'webhook' && html`<button type="button" onClick=${() => setAsked(true)}>New
            key…</button>`}
        ${t.disabled
        ? html`<${Action} kind="main" run=${post('enable', () => `${name} is enabled.`)}>Enable<//>`
        : html`<${Action} run=${post('disable', () => `${name} is disabled.`)}>Disable<//>`}
        ${asked && html`<${Key} t=${t} where=${where} name=${name}
            close=${() => setAsked(false)} />`}`;
}

function Key({where, name, close}) {
    const [key, setKey] = useState('');
    if (key) return html`<${Shown} where=${where} secret=${key} close=${close} />`;
    // Confirm closes when it is done: only without a key that is still to be read.
    let made = false;
    const run = async () => {
        const answer = await api.post(path(...where, 'key'));
        made = true;
        setKey(answer.key);
    };
    return html`<${Confirm} title="A new key for this webhook?" confirm="Make a key" danger
        run=${run}
        close=${() => made || close()} words=${['trigger', 'key', name]}><p>The key before, if there
        is
        one, ends at once: who calls with it is refused. The new one is shown once.</p><//>`;
}

function Shown({where, secret, close}) {
    const address = new URL(path('webhooks', where[1], where[2]), document.baseURI).href;
    const call = shellLine(['curl', '-H', `Authorization: Bearer ${secret}`, '-d', '{}', address]);
    return html`<${Dialog} title="The key of this webhook" close=${close} held>
        <p class="note warn">It is shown now and never again: keep it.</p>
        <${Paste} text=${secret} label="Copy the key" />
        <p>Whoever has it may start this flow, and nothing else:</p>
        <${Paste} text=${call} label="Copy the call" />
        <div class="actions"><button type="button" class="main"
        onClick=${close}>Close</button></div>
        <//>`;
}

const fired = (t) => html`<a href=${link('executions', {namespace: t.namespace, flow: t.flow,
    trigger: t.id})}>${count(t.fired)}</a>`;

// A number of which the history below tells. The address names the view alone.
const told = (t, n) => count(n) && html`<a href=${link('triggers', t.namespace, t.flow, t.id)}
    onClick=${(e) => {
        e.preventDefault();
        const title = document.getElementById('history');
        title.tabIndex = -1;
        title.focus();
        title.scrollIntoView();
    }}>${count(n)}</a>`;

function Parts({t, where, may}) {
    const name = where.slice(1).join('/');
    const schedule = t.kind === 'schedule';
    return html`
        ${t.disabled && html`<p class="note warn">Disabled${t.disabledBy &&
        html` by <bdi>${t.disabledBy
            }</bdi>`}${t.reason && html`: <bdi>${t.reason}</bdi>`}</p>`}
        ${t.waiting && html`<p class="note wait">It waits: <bdi>${t.waiting.message}</bdi></p>`}
        <${Facts} items=${[
            ['Flow', html`<${FlowLink} ns=${t.namespace} id=${t.flow} />`],
            ['Kind', t.kind],
            ['When', html`<span>${when(t)}</span>`],
            ['Next', t.nextAt && html`<${Ago} at=${t.nextAt} />`],
            ['Last', t.result && html`<span><${State} state=${t.result} /> <${Ago}
                at=${t.evaluatedAt} /></span>`],
            ['Last message', t.message],
            ['Last execution', t.execution && html`<${ExecutionLink} id=${t.execution} />`],
            ['Evaluation under way', t.job && html`<${JobLink} id=${t.job} />`],
            ['Executions at the same time', t.allowConcurrent ? 'allowed' : 'one at a time'],
            ['Fired', fired(t)],
            ['Evaluations', t.kind === 'polling' ? html`<a href=${link('jobs', {
                kind: 'evaluation', namespace: t.namespace, flow: t.flow, task: t.id})}>${
                count(t.evaluations)}</a>` : null],
            ['Skipped', told(t, t.skipped)],
            ['Missed', schedule ? told(t, t.missed) : null],
            ['To be caught up with', schedule ? told(t, t.backlog) : null],
            ['Errors', told(t, t.errors)],
        ]} />
        ${schedule && html`<${Section} title="Next firings" id="next"><${Next} t=${t} where=${where}
        />
            <${Command} words=${['trigger', 'next', name]} /><//>
            <${Backfills} t=${t} where=${where} may=${may} />`}
        <${Section} title="History" id="history"><${History} t=${t} />
            <${Command} words=${['trigger', 'show', name]} /><//>
        ${may && html`<${Section} title=${t.disabled ? 'Enable by the command line'
            : 'Disable by the command line'} id="cli"><${Command} words=${['trigger',
            t.disabled ? 'enable' : 'disable', name]} />${t.kind === 'polling' && html`<${Command}
            words=${['trigger', 'run', name]} />`}<//>`}`;
}

const FIRINGS = [
    {title: 'On its clocks', cell: (f) => html`<span class="mono">${f.planned}</span>`},
    {title: 'On yours', class: 'nowrap', cell: (f) => clock(f.firesAt || f.plannedAt)},
    {title: 'In', class: 'nowrap', cell: (f) => html`<${Ago} at=${f.firesAt || f.plannedAt} />`},
];

const Firings = ({rows, empty}) => html`<${Table} rows=${rows} columns=${FIRINGS}
    rowKey=${(f) => f.plannedAt} caption="Planned moments" empty=${empty} />`;

function Next({t, where}) {
    const data = useData((signal) => api.get(path(...where, 'next'), {count: NEXT}, signal),
                         [where.join('/'), t.nextAt, t.disabled]);
    return html`<${Loaded} data=${data}>${(n) => html`${n.disabled && html`<p class="hint">If it
        were
        enabled:</p>`}<${Firings} rows=${n.firings} empty="It does not fire any more." />
        ${n.searchedTo && html`<p class="hint">Searched until ${clock(n.searchedTo)}: too much is
        left
        out by its conditions.</p>`}`}<//>`;
}

function History({t}) {
    if (!t.history.length) return html`<${Empty}>Nothing yet.<//>`;
    const columns = [
        {title: 'Result', cell: (h) => html`<${State} state=${h.result || 'under way'} />`},
        {title: 'Planned', class: 'nowrap', cell: (h) => h.plannedAt && clock(h.plannedAt)},
        {title: 'At', class: 'nowrap', cell: (h) => html`<${Ago} at=${h.startedAt} />`},
        {title: 'Took', number: true, class: 'nowrap', cell: (h) => h.job && h.endedAt
            ? duration(between(h.startedAt, h.endedAt)) : ''},
        {title: 'Evaluation', cell: (h) => html`<${JobLink} id=${h.job} />`},
        {title: 'Execution', cell: (h) => html`<${ExecutionLink} id=${h.execution} />`},
        {title: 'What', cell: (h) => html`<span>${h.moments > 1 &&
            `${count(h.moments)} moments. `}<bdi>${endWords({exitCode: h.exitCode,
            message: h.message}).join(', ')}</bdi></span>`},
    ].filter((c) => (c.title !== 'Planned' || t.kind === 'schedule') &&
        (!['Evaluation', 'Took'].includes(c.title) || t.kind === 'polling'));
    return html`<${Table} rows=${t.history} columns=${columns} rowKey=${(h) => h.number}
        caption="What it did last" />`;
}
