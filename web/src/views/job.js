// One job: what it waits for, how it went, what it ran, and its output.
import {useEffect, useState} from 'preact/hooks';

import {api, path, request} from '../lib/api.js';
import {useData, useEvery, useKey} from '../lib/data.js';
import {hasEnded} from '../lib/format.js';
import {html} from '../lib/html.js';
import {getExact} from '../lib/inputs.js';
import {endWords} from '../lib/jobs.js';
import {go, link} from '../lib/router.js';
import {Command, Loaded, Section, State, Title} from '../ui/basics.js';
import {useMay} from '../ui/context.js';
import {Confirm} from '../ui/dialog.js';
import {lines} from '../log/decode.js';
import {Log} from '../log/view.js';
import {Attempts, Phases} from './job_phases.js';
import {JobFacts, Outputs, Spec, Why} from './job_facts.js';

const WAITS_MS = 5000;

// When the first output of the last attempt came: told by the log that is shown, or, where that
// begins later, by the first line of the whole.
function useFirstOutput(job, told) {
    const [at, setAt] = useState(null);
    const known = told.get(job.attempt) || at;
    const ended = hasEnded(job.state);
    const key = job.startedAt ? `${job.id} ${job.attempt}` : '';
    useEffect(() => setAt(null), [key]);
    useEffect(() => {
        if (!key || known) return undefined;
        const abort = new AbortController();
        (async () => {
            const response = await request('GET', path('jobs', job.id, 'logs'), {
                query: {format: 'json', attempt: job.attempt}, signal: abort.signal});
            for await (const [first] of lines(response.body)) {
                if (first) setAt(JSON.parse(first).at);
                break;
            }
        })().catch(() => {}); // the phase is left out then
        return () => abort.abort();
    }, [key, !!known, ended]);
    return known;
}

function Cancel({job, close, reload}) {
    return html`<${Confirm} title="Cancel this job?" confirm="Cancel the job" danger close=${close}
        words=${['job', 'cancel', job.id]} done=${(after) => `Job ${job.id} is ${after.state}.`}
        run=${async () => {
            const after = await api.post(path('jobs', job.id, 'cancel'));
            reload();
            return after;
        }}><p>${job.state === 'CREATED' || job.state === 'RETRYING'
            ? 'It waits; it will not run.'
            : 'Its processes are told to end, and are killed after its grace time.'}</p><//>`;
}

function Retry({job, close}) {
    const key = useKey();
    return html`<${Confirm} title="Run this job again?" confirm="Retry" close=${close}
        words=${['job', 'retry', job.id]} done=${(next) => `Job ${next.id} runs it again.`}
        run=${async () => {
            const next = await api.once(key, path('jobs', job.id, 'retry'));
            go(link('jobs', next.id));
            return next;
        }}><p>A new job with the same command, group and limits gets in line.</p><//>`;
}

function Actions({job, reload}) {
    const may = useMay('submit');
    const [ask, setAsk] = useState('');
    const close = () => setAsk('');
    const ended = hasEnded(job.state);
    if (!may) return null;
    return html`${!ended && html`<button type="button" class="danger" disabled=${
        job.state === 'KILLING'} onClick=${() => setAsk('cancel')}>Cancel</button>`}
        ${ended && job.kind === 'job' && html`<button type="button" class="main"
            onClick=${() => setAsk('retry')}>Retry</button>`}
        ${job.kind === 'job' && html`<a class="button"
            href=${link('jobs', 'new', {from: job.id})}>Change and run</a>`}
        ${ask === 'cancel' && html`<${Cancel} job=${job} close=${close}
            reload=${reload} />`}
        ${ask === 'retry' && html`<${Retry} job=${job} close=${close} />`}`;
}

function Shown({job, query}) {
    const ended = hasEnded(job.state);
    const [firsts, setFirsts] = useState(() => new Map());
    const firstOutput = useFirstOutput(job, firsts);
    const {attempt = ''} = query;
    useEffect(() => {
        if (attempt) document.getElementById('output').scrollIntoView();
    }, [attempt]);
    const log = ['job', 'logs', !ended && '--follow', job.id];
    return html`<p class="job-state"><${State} state=${job.state} />
        ${' '}<code>${job.id}</code>
        ${endWords(job).map((word) => html` <span class="job-message">${word}</span>`)}</p>
        <${Why} job=${job} />
        <${Phases} job=${job} firstOutput=${firstOutput} />
        <${Section} title="Output" id="output">
            <${Log} key=${attempt} where=${path('jobs', job.id)} ended=${ended}
                attempts=${job.attemptCount} attempt=${attempt} command=${log}
                began=${setFirsts} /><//>
        <${Outputs} outputs=${job.outputs} />
        <${Section} title="What it runs" id="spec"><${Spec} job=${job} /><//>
        <${JobFacts} job=${job} />
        <${Attempts} job=${job} />
        <${Section} title="On the command line" id="cli">
            <${Command} words=${['job', 'show', job.id]} />
            <${Command} words=${log} />
            ${!ended && html`<${Command} words=${['job', 'why', job.id]} />`}
            <${Command} words=${['job', 'show', '--command', job.id]} /><//>`;
}

export function Job({id, query}) {
    const data = useData((signal) => getExact(path('jobs', id), {}, signal), [id], ['jobs'],
                         (message) => message.ids.includes(id));
    const job = data.data;
    // Why it waits, and its place in the queue, change without an event of its own.
    useEvery(WAITS_MS, (how) => job && job.waiting && data.reload(how));
    return html`<${Title} actions=${job && html`<${Actions} job=${job} reload=${data.reload} />`}>${
        job ? job.what || id : `Job ${id}`}<//>
        <${Loaded} data=${data}>${(found) => html`<${Shown} key=${found.id} job=${found}
            query=${query} />`}<//>`;
}
