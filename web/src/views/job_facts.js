// What is known of a job: why it waits, what it runs, its outputs, its settings.
import {requiresText} from '../lib/fleet.js';
import {base64Size, bytes as size, clock} from '../lib/format.js';
import {html} from '../lib/html.js';
import {link} from '../lib/router.js';
import {shellLine} from '../lib/shell.js';
import {Ago, Command, Copy, Facts, Section} from '../ui/basics.js';
import {AgentLink, ExecutionLink, FlowLink, GroupLink, JobLink, NamespaceLink, Values}
    from '../ui/names.js';

// Why it does not run yet, in words.
export function Why({job}) {
    if (!job.waiting) return null;
    return html`<div class="why" role="status"><p><strong>It waits:</strong>
        ${' '}${job.waiting.message}</p>
        ${job.retryAt && html`<p>The next attempt is due <${Ago} at=${job.retryAt} />.</p>`}
        <${Command} words=${['job', 'why', job.id]} /></div>`;
}

export function Outputs({outputs}) {
    if (!outputs || !Object.keys(outputs).length) return null;
    return html`<${Section} title="Outputs" id="outputs"><div class="box"><${Values}
        values=${outputs} /></div><//>`;
}

function Text({title, text}) {
    return html`<figure class="spec-text"><figcaption>${title}<${Copy} text=${text} /></figcaption>
        <pre tabindex="0">${text}</pre></figure>`;
}

export function Spec({job}) {
    const spec = job.spec || {};
    const env = Object.entries(spec.env || {});
    const rest = [['Folder', spec.workdir],
                  ['Standard input', spec.stdin && size(base64Size(spec.stdin))],
                  ['Trace', spec.traceparent]].filter(([, value]) => value);
    return html`<div class="box spec">
        ${spec.command && html`<${Text} title="Command" text=${shellLine(spec.command)} />`}
        ${spec.script !== undefined && html`<${Text}
            title=${spec.shell ? `Script for ${spec.shell}` : 'Script'} text=${spec.script} />`}
        ${spec.args && spec.args.length > 0 && html`<${Text} title="Arguments"
            text=${shellLine(spec.args)} />`}
        ${env.length > 0 && html`<${Text} title="Environment"
            text=${env.map(([k, v]) => `${k}=${v}`).join('\n')} />`}
        ${rest.length > 0 && html`<${Facts} items=${rest} />`}</div>`;
}

const KINDS = {job: 'job', task: 'task of an execution', evaluation: 'evaluation of a trigger'};
const moment = (at) => at && html`<time datetime=${at} title=${at}>${clock(at)}</time>`;

function retry(r) {
    if (!r) return null;
    const number = r.maxAttempts === null ? 'any number of attempts' : `${r.maxAttempts} attempts`;
    const wait = r.type === 'constant' ? `${r.interval} apart` : `${r.type}, from ${r.interval}` +
        (r.maxInterval ? ` to ${r.maxInterval}` : '');
    return `${number}, ${wait}${r.maxDuration ? `, for ${r.maxDuration} at most` : ''}`;
}

export function JobFacts({job}) {
    return html`<${Section} title="Facts" id="facts"><div class="box"><${Facts} items=${[
        ['Kind', KINDS[job.kind] || job.kind],
        ['Name', job.name && html`<a href=${link('jobs', {name: job.name})}>${
            job.name}</a>`],
        ['Namespace', job.namespace && html`<${NamespaceLink} view="jobs"
            name=${job.namespace} />`],
        ['Flow', job.flow && html`<${FlowLink} ns=${job.namespace} id=${job.flow} />`],
        ['Execution', job.execution && html`<${ExecutionLink} id=${job.execution} />`],
        ['Task', job.task],
        ['Group', html`<${GroupLink} name=${job.group} />`],
        ['Agent', job.agent && html`<${AgentLink} id=${job.agent} name=${job.agentName} />`],
        ['Retry of', job.retryOf && html`<${JobLink} id=${job.retryOf} />`],
        ['Created by', job.createdBy],
        ['Cancelled by', job.cancelledBy],
        ['Created', moment(job.createdAt)],
        ['Ended', moment(job.endedAt)],
        ['Requires', requiresText(job.requires)],
        ['Without an agent', job.fallback],
        ['Priority', job.priority || null],
        ['Timeout of an attempt', job.timeout],
        ['Longest wait', job.queueTimeout],
        ['Lease', job.lease],
        ['Grace to end', job.killGrace],
        ['Retries', retry(job.retry)],
        ['Output', job.truncated ? 'more than is kept: the middle is missing' : null],
    ]} /></div><//>`;
}
