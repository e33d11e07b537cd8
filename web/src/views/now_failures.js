// What failed in the last day, by its cause.
import {count} from '../lib/format.js';
import {html} from '../lib/html.js';
import {endWords} from '../lib/jobs.js';
import {link} from '../lib/router.js';
import {Ago, Loaded, Section, State, Table} from '../ui/basics.js';
import {FlowLink, GroupLink, JobLink} from '../ui/names.js';
import {Same} from './fleet_parts.js';

const SHOWN = 20;

// How many failed, as far as the coordinator looked: {count, text, query of the list of jobs}.
export function failedOf(failures) {
    const n = failures.causes.reduce((sum, c) => sum + (c.state === 'FAILED' ? c.count : 0), 0);
    const all = failures.complete && !(failures.causeCount > failures.causes.length);
    return {count: n, text: all ? count(n) : `${count(n)}+`,
            query: {state: 'FAILED', kind: 'all', endedSince: failures.since}};
}

// What the jobs have in common: the task of a flow, a name, or the group that it befell.
function common(c) {
    if (c.flow) return html`<${FlowLink} ns=${c.namespace} id=${c.flow} />${
        c.task ? ` ${c.task}` : ''}`;
    if (c.group) return html`group <${GroupLink} name=${c.group} />`;
    return c.name || 'jobs without a name';
}

export function NowFailures({data}) {
    const columns = [
        {title: 'State', cell: (c) => html`<${State} state=${c.state} />`},
        {title: 'Cause', cell: (c) => endWords({...c, message: ''}).join(', ')},
        {title: 'Of', cell: common},
        {title: 'Message', class: 'grow', cell: (c) => c.message},
        {title: 'Jobs', number: true, cell: (c) => html`<a href=${link('jobs', {...c.query})}>${
            count(c.count)}</a>`},
        {title: 'Last', class: 'nowrap', cell: (c) => html`<${Ago} at=${c.lastAt} />`},
        {title: 'Example', cell: (c) => html`<${JobLink} id=${c.example} />`},
    ];
    return html`<${Section} title="Failures of the last day" id="failures"><${Loaded}
        data=${data}>${(all) => html`<${Table} columns=${columns} rows=${all.causes.slice(0, SHOWN)}
            rowKey=${(c) => JSON.stringify([c.state, c.reason, c.exitCode, c.query])}
            caption="Failures by cause" empty="Nothing failed." />
        <p class="hint">Jobs that ended in the last day, whenever they were created: as FAILED or
            KILLED, or as CANCELLED though no user did it.</p>
        ${!all.complete && html`<p class="hint">Among the ${count(all.looked)} jobs created last
            that did not end well.</p>`}
        ${(all.causeCount || 0) > SHOWN && html`<p class="hint">The ${SHOWN} most frequent of ${
            count(all.causeCount)} causes.</p>`}
        <${Same} words=${['failures']} />`}<//><//>`;
}
