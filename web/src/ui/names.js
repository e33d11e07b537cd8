// Links to things by their names; nothing where there is none. Names are isolated: what is written
// from right to left changes nothing around it.
import {html} from '../lib/html.js';
import {show} from '../lib/inputs.js';
import {link} from '../lib/router.js';

const named = (text, ...where) => html`<a href=${link(...where)}><bdi>${text}</bdi></a>`;
const byId = (id, view) => id ? html`<a class="mono" href=${link(view, id)}>${id}</a>` : null;

export const GroupLink = ({name}) => name ? named(name, 'groups', name) : null;
export const AgentLink = ({id, name}) => id ? named(name || id, 'agents', id) : null;
export const JobLink = ({id, text}) => text ? named(text, 'jobs', id) : byId(id, 'jobs');
export const ExecutionLink = ({id}) => byId(id, 'executions');
export const TriggerLink = ({ns, flow, id}) => named(id, 'triggers', ns, flow, id);
export const FlowLink = ({ns, id}) => id ? html`<a href=${link('flows', ns, id)}><bdi>${
    ns}</bdi>/<bdi>${id}</bdi></a>` : null;

// What a view lists of a namespace and those below it.
export const NamespaceLink = ({name, view}) => name ? named(name, view, {namespace: name}) : null;

// Each label is a link to the executions that have it.
export const Labels = ({labels}) => {
    const all = Object.entries(labels || {});
    return all.length ? html`<ul class="labels">${all.map(([k, v]) => html`<li key=${k}><a
        href=${link('executions', {label: `${k}=${v}`})}><bdi>${k}=${v}</bdi></a></li>`)}</ul>`
        : null;
};

// Names and values of an object: inputs, outputs.
export const Values = ({values, empty}) => {
    const all = Object.entries(values || {});
    return all.length ? html`<dl class="values">${all.map(([k, v]) => html`<div
        key=${k}><dt><bdi>${k
        }</bdi></dt><dd><pre>${show(v)}</pre></dd></div>`)}</dl>` : html`<p
        class="empty">${empty}</p>`;
};
