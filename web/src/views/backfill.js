// Backfills of a schedule: those under way, and the form that begins one. It is counted first.
import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {OPEN_EXECUTIONS} from '../lib/filters.js';
import {clock, count, plural} from '../lib/format.js';
import {html} from '../lib/html.js';
import {optionWords, pairsOf} from '../lib/inputs.js';
import {link} from '../lib/router.js';
import {option} from '../lib/shell.js';
import {Ago, Command, Loaded, Problem, Section, Table} from '../ui/basics.js';
import {useNotify} from '../ui/context.js';
import {Confirm, Dialog} from '../ui/dialog.js';

const MOST = 10000; // moments that the API counts
const PARALLEL = 50; // executions at a time, at most
const SHOWN = 100; // of them

export function Backfills({t, where, may}) {
    const [asked, setAsked] = useState(null); // 'new', or the backfill to be cancelled
    const data = useData((signal) => api.get(path(...where, 'backfills'), {}, signal),
                         [where.join('/')], ['triggers', 'executions']);
    const name = where.slice(1).join('/');
    const close = () => setAsked(null);
    const columns = [
        {title: 'Backfill', cell: (b) => html`<span class="mono">${b.id}</span>`},
        {title: 'From', class: 'nowrap', cell: (b) => clock(b.start)},
        {title: 'To', class: 'nowrap', cell: (b) => clock(b.end)},
        {title: 'Has come to', class: 'nowrap', cell: (b) => clock(b.cursor)},
        {title: 'Started', number: true, cell: (b) => html`<a href=${link('executions', {
            namespace: t.namespace, flow: t.flow, trigger: t.id, since: b.createdAt})}>${
            count(b.started)}</a>`},
        {title: 'Open', number: true, cell: (b) => html`<a href=${link('executions', {
            namespace: t.namespace, flow: t.flow, trigger: t.id, since: b.createdAt,
            state: OPEN_EXECUTIONS})}>${count(b.open)} of ${b.parallel}</a>`},
        {title: 'Which', cell: (b) => b.missed ? 'missed ones' : 'all'},
        {title: 'By', cell: (b) => html`<span><bdi>${b.createdBy}</bdi> <${Ago} at=${b.createdAt} />
            </span>`},
        {title: 'Action', class: 'nowrap', cell: (b) => may && html`<button type="button"
        class="danger" aria-label=${
            `Cancel backfill ${b.id}`} onClick=${() => setAsked(b)}>Cancel…</button>`},
    ];
    return html`<${Section} title="Backfills under way" id="backfills" actions=${may && html`<button
            type="button" onClick=${() => setAsked('new')}>Backfill…</button>`}>
        <${Loaded} data=${data}>${(d) => html`<${Table} rows=${d.backfills} columns=${columns}
            rowKey=${(b) => b.id} caption="Backfills under way" empty="None." />`}<//>
        <${Command} words=${['trigger', 'backfills', name]} />
        ${asked === 'new' && html`<${Begin} t=${t} where=${where} name=${name} close=${close}
            done=${data.reload} />`}
        ${asked && asked !== 'new' && html`<${Cancel} backfill=${asked} where=${where} name=${name}
            close=${close} reload=${data.reload} />`}<//>`;
}

function Cancel({backfill, where, name, close, reload}) {
    const run = async () => {
        await api.post(path(...where, 'backfills', backfill.id, 'cancel'));
        reload();
    };
    return html`<${Confirm} title="Cancel this backfill?" confirm="Cancel the backfill" danger
        run=${run} done="The backfill starts no more executions." close=${close}
        words=${['trigger', 'backfill', name, '--cancel', backfill.id]}>
        <p>It starts no more executions. Those under way go on: ${count(backfill.open)}.</p><//>`;
}

function Begin({t, where, name, close, done}) {
    const notify = useNotify();
    const [form, setForm] = useState({start: '', end: '', parallel: '1', missed: false,
        inputs: ''});
    const [counted, setCounted] = useState(null);
    const [state, setState] = useState({error: null, busy: false});
    const set = (key) => (e) => {
        const value = e.target.type === 'checkbox' ? e.target.checked : e.target.value;
        setForm((f) => ({...f, [key]: value}));
        setCounted(null);
    };
    const body = (inputs, dryRun) => ({start: form.start.trim(), end: form.end.trim(), inputs,
        parallel: /^\d+$/.test(form.parallel) ? Number(form.parallel) : form.parallel,
        missed: form.missed, dryRun});
    const send = async (dryRun) => {
        setState({error: null, busy: true});
        try {
            const answer = await api.post(path(...where, 'backfills'), {},
                                          body(pairsOf(form.inputs), dryRun));
            setState({error: null, busy: false});
            if (dryRun) {
                setCounted(answer);
                return;
            }
            notify('The backfill has begun.');
            done();
            close();
        } catch (error) {
            setState({error, busy: false});
        }
    };
    let pairs = null;
    try {
        pairs = pairsOf(form.inputs);
    } catch { /* it is told when it is counted */ }
    const hint = `2026-01-31, or 2026-01-31T08:00 on the clocks of ${t.timezone}`;
    return html`<${Dialog} title=${`Backfill of ${name}`} close=${close} held=${state.busy}><form
        class="form" onSubmit=${(e) => {
            e.preventDefault();
            send(!counted);
        }}><p>One execution for each planned moment between two times that lie in the past.</p>
        <label>First moment<input type="text" required placeholder=${hint} autocomplete="off"
            value=${form.start} onInput=${set('start')} /></label>
        <label>Last moment; a day is the whole day<input type="text" required autocomplete="off"
            placeholder=${hint} value=${form.end} onInput=${set('end')} /></label>
        <label>At a time<input type="number" min="1" max=${PARALLEL} required value=${form.parallel}
            onInput=${set('parallel')} /></label>
        <label class="check"><input type="checkbox" checked=${form.missed}
            onChange=${set('missed')} /> Only moments that have no execution yet</label>
        <label>Inputs in the place of the trigger's, one KEY=VALUE a line<textarea rows="2"
            spellcheck=${false} value=${form.inputs} onInput=${set('inputs')}></textarea></label>
        <${Problem} error=${state.error} />
        ${counted && html`<${Counted} answer=${counted} />`}
        <${Command} words=${pairs && ['trigger', 'backfill', name,
            ...option('--start', form.start || 'T'), ...option('--end', form.end || 'T'),
            ...(form.parallel !== '1' ? option('--parallel', form.parallel) : []),
            form.missed && '--missed', ...optionWords('--input', pairs),
            !counted && '--dry-run']} none="The inputs cannot be read yet." />
        <div class="actions"><button type="button" disabled=${state.busy}
            onClick=${close}>Close</button>
        <button type="submit" class="main" disabled=${state.busy || (counted && !counted.count)}>${
            counted ? `Start ${executions(counted)}` : 'Count first'}</button></div></form><//>`;
}

const executions = (a) => `${a.more && a.count >= MOST ? 'at least ' : ''}${
    plural(a.count, 'execution')}`;

function Counted({answer}) {
    const rows = answer.firings.slice(0, SHOWN);
    return html`<div role="status"><p><strong>${executions(answer)}</strong>${answer.searchedTo &&
        ` up to ${clock(answer.searchedTo)}`}${rows.length < answer.count &&
        `, of which the first ${rows.length}`}:</p><ul class="planned" tabindex="0"
        aria-label="Planned moments">${rows.map((f) => html`<li key=${f.plannedAt}>${
        f.planned}</li>`)}</ul></div>`;
}
