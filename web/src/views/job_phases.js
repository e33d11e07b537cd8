// How a job went: the bar of its phases, and its attempts.
import {api, path} from '../lib/api.js';
import {useNow} from '../lib/data.js';
import {between, clock, count, duration} from '../lib/format.js';
import {html} from '../lib/html.js';
import {endWords, phases} from '../lib/jobs.js';
import {PAGE} from '../lib/pages.js';
import {link} from '../lib/router.js';
import {SELDOM_MS} from '../lib/timing.js';
import {Ago, Section, State, Table} from '../ui/basics.js';
import {AgentLink} from '../ui/names.js';
import {More, useMore} from '../ui/more.js';

const SMALLEST = 0.012; // of the bar, so that a short phase is seen

export function Phases({job, firstOutput}) {
    const now = useNow(job.endedAt ? SELDOM_MS : undefined);
    const all = phases(job, firstOutput)
        .map((p) => ({...p, ms: Math.max(0, (p.to || now) - p.from)}));
    if (!all.length) return null;
    const total = all.reduce((sum, p) => sum + p.ms, 0) || 1;
    const times = [['created', job.createdAt], ['sent', job.submittedAt],
                   ['started', job.startedAt], ['first output', firstOutput],
                   ['ended', job.endedAt]].filter(([, at]) => at);
    return html`<${Section} title="Phases" id="phases"><div class="box">
        <div class="phase-bar" aria-hidden="true">${all.map((p) => html`<span
            class=${`phase ${p.kind} ${p.to ? '' : 'going'}`}
            title=${`${p.name}: ${duration(p.ms)}`}
            style=${{flexGrow: Math.max(SMALLEST, p.ms / total)}}></span>`)}</div>
        <ol class="phases">${all.slice(-4).map((p) => html`<li><span
            class=${`phase ${p.kind}`} aria-hidden="true"></span>${p.name}${
            job.attemptCount > 1 && p.attempt ? ` (attempt ${p.attempt})` : ''}
            ${' '}<strong>${duration(p.ms)}</strong></li>`)}</ol>
        <dl class="moments">${times.map(([name, at]) => html`<div><dt>${name}</dt>
            <dd><time datetime=${at} title=${at}>${clock(at)}</time></dd></div>`)}</dl></div><//>`;
}

const columns = (job) => [
    {title: 'Attempt', number: true, cell: (a) => html`<a href=${link('jobs', job.id,
        {attempt: a.attempt})} aria-label=${`Output of attempt ${a.attempt}`}>${a.attempt}</a>`},
    {title: 'State', cell: (a) => html`<${State} state=${a.state} />`},
    {title: 'Agent', cell: (a) => html`<${AgentLink} id=${a.agent} name=${a.agentName} />`},
    {title: 'Sent', cell: (a) => a.submittedAt && html`<${Ago} at=${a.submittedAt} />`},
    {title: 'Ran', number: true, cell: (a) => duration(between(a.startedAt, a.endedAt)) || null},
    {title: 'End', cell: (a) => endWords(a).join(', ')},
];

// The last ones come with the job, those before them when they are asked for.
export function Attempts({job}) {
    const where = path('jobs', job.id, 'attempts');
    const more = useMore(where, ({attempts}, signal) => api.get(where, {limit: PAGE,
        before: attempts[attempts.length - 1].attempt}, signal));
    if (!job.attemptCount) return null;
    const first = {attempts: [...job.attempts].reverse(),
                   more: job.attempts.length > 0 && job.attempts[0].attempt > 1};
    const pages = more.pages(first);
    // The newest go on while earlier ones are read.
    const least = job.attempts.length ? job.attempts[0].attempt : Infinity;
    const earlier = pages.flatMap((p) => p.attempts).filter((a) => a.attempt < least);
    return html`<${Section} title=${`Attempts (${count(job.attemptCount)})`} id="attempts">
        <${Table} columns=${columns(job)} rows=${[...first.attempts, ...earlier]}
            rowKey=${(a) => a.attempt} caption="Attempts" />
        <${More} more=${more} first=${first} further=${pages[pages.length - 1].more}
            title="Earlier attempts" /><//>`;
}
