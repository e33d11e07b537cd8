// One flow: what it is, its triggers, its last executions, its text.
import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {html} from '../lib/html.js';
import {getExact, show} from '../lib/inputs.js';
import {PAGE} from '../lib/pages.js';
import {go, link, setQuery} from '../lib/router.js';
import {Ago, Command, Empty, Facts, Loaded, Section, Table, Title} from '../ui/basics.js';
import {useMay} from '../ui/context.js';
import {Confirm} from '../ui/dialog.js';
import {Labels, NamespaceLink} from '../ui/names.js';
import {Source} from '../ui/source.js';
import {ExecutionTable} from './executions.js';
import {Looked} from './looked.js';
import {TriggerTable} from './triggers.js';

const NEWEST = 10; // executions

const INPUTS = [
    {title: 'Input', cell: (i) => html`<code>${i.id}</code>`},
    {title: 'Type', cell: (i) => i.type},
    {title: 'Needed', cell: (i) => i.required ? 'yes' : 'no'},
    {title: 'Default', cell: (i) => html`<code class="value">${show(i.defaults)}</code>`},
    {title: 'Meaning', cell: (i) => i.description},
];

function Delete({ns, id, close}) {
    const run = async () => {
        await api.del(path('flows', ns, id));
        go(link('flows'));
    };
    return html`<${Confirm} title=${`Delete ${ns}/${id}?`} confirm="Delete" danger run=${run}
        done=${`${ns}/${id} is deleted.`} close=${close} words=${['flow', 'delete', `${ns}/${id}`]}>
        <p>The flow, its revisions and its triggers go. Queued executions are cancelled; those that
        run go on. This cannot be undone.</p><//>`;
}

export function Flow({ns, id, query}) {
    const may = useMay('submit');
    const [deleting, setDeleting] = useState(false);
    const revision = /^\d+$/.test(query.revision || '') ? query.revision : undefined;
    const flow = useData((signal) => getExact(path('flows', ns, id), {revision}, signal),
                         [ns, id, revision], ['flows']);
    return html`<${Title} actions=${may && html`
            <a class="button" href=${link('flows', ns, id, 'start')}>Start…</a>
            <a class="button" href=${link('flows', ns, id, 'edit')}>Edit</a>
            <button type="button" class="danger" onClick=${() =>
            setDeleting(true)}>Delete…</button>`
        }><bdi>${ns}</bdi> / <bdi>${id}</bdi><//>
        ${deleting && html`<${Delete} ns=${ns} id=${id} close=${() => setDeleting(false)} />`}
        <${Loaded} data=${flow}>${(f) => html`<${Parts} f=${f} old=${revision} />`}<//>`;
}

function Parts({f, old}) {
    const ns = f.namespace;
    return html`
        ${f.description && html`<p class="lines">${f.description}</p>`}
        ${f.disabled && html`<p class="note warn">This flow is disabled: it starts no executions and
            evaluates no triggers.</p>`}
        <${Facts} items=${[
            ['Namespace', html`<${NamespaceLink} view="flows" name=${ns} />`],
            ['Revision', html`<a href=${link('flows', ns, f.id, 'revisions')}>${f.revision}</a>`],
            ['Changed', html`<${Ago} at=${f.updatedAt} />${f.updatedBy && ` by ${f.updatedBy}`}`],
            ['Tasks', f.tasks.join(', ')],
            ['Labels', f.labels && Object.keys(f.labels).length
                ? html`<${Labels} labels=${f.labels} />` : null],
        ]} />
        ${f.inputs.length > 0 && html`<${Section} title="Inputs" id="inputs"><${Table}
            rows=${f.inputs} columns=${INPUTS} rowKey=${(i) => i.id} caption="Inputs" /><//>`}
        <${Section} title="Triggers" id="triggers" actions=${html`<a href=${link('triggers',
            {namespace: ns, flow: f.id})}>All triggers of this flow</a>`}>
            <${Triggers} ns=${ns} id=${f.id} /><//>
        <${Section} title="Last executions" id="executions" actions=${html`<a
            href=${link('executions', {namespace: ns, flow: f.id})}>All executions</a>`}>
            <${Executions} ns=${ns} id=${f.id} /><//>
        <${Section} title=${old ? `Text of revision ${f.revision}` : 'Text'} id="text"
            actions=${html`${old && html`<button type="button" onClick=${() => setQuery({})}>
            Show the present one</button>`}<a href=${link('flows', ns, f.id, 'revisions')}>Revisions
            and differences</a>`}>
            <${Source} text=${f.source} label=${`Text of ${ns}/${f.id}`} />
            <${Command} words=${['flow', 'show', '--source', ...(old ? ['--revision', old] : []),
                `${ns}/${f.id}`]} /><//>`;
}

function Triggers({ns, id}) {
    const data = useData((signal) => api.get(path('triggers'), {namespace: ns, flow: id,
                                             limit: PAGE}, signal), [ns, id], ['triggers']);
    return html`<${Loaded} data=${data}>${(page) => page.triggers.length
        ? html`<${TriggerTable} rows=${page.triggers} ofFlow />`
        : html`<${Empty}>None: executions of it are started by people and programs.<//>`}<//>`;
}

function Executions({ns, id}) {
    const data = useData((signal) => api.get(path('executions'), {namespace: ns, flow: id,
                                             limit: NEWEST}, signal), [ns, id], ['executions']);
    return html`<${Loaded} data=${data}>${(page) => html`<${Looked} page=${page}
        rows=${page.executions} limit=${NEWEST} what="executions" href=${link('executions',
            {namespace: ns, flow: id})}><${ExecutionTable} ofFlow rows=${page.executions}
        empty="None yet." /><//>`}<//>`;
}
