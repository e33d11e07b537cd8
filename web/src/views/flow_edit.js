// The editor of a flow, new or there already. It is checked by the coordinator while one writes;
// what an apply would change is shown before it is done.
import {useCallback, useEffect, useMemo, useRef, useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {plural} from '../lib/format.js';
import {html} from '../lib/html.js';
import {go, link} from '../lib/router.js';
import {Command, Empty, Loaded, Problem, Title} from '../ui/basics.js';
import {useMay, useNotify, useWho} from '../ui/context.js';
import {Confirm} from '../ui/dialog.js';
import {Difference} from '../ui/source.js';

const PAUSE_MS = 1000; // after the last key, before it is checked
const FILE = 'flow.yaml';
const LINES = 20000; // that have a number

// What was written and not applied, while the page is open: {text, revision} by person and flow.
const drafts = new Map();

// Asks before the page goes with them.
const guard = (e) => e.preventDefault();

function keep(key, draft) {
    if (draft) drafts.set(key, draft);
    else drafts.delete(key);
    if (drafts.size) addEventListener('beforeunload', guard);
    else removeEventListener('beforeunload', guard);
}

const template = (ns) => `id: hello
namespace: ${ns || 'company.team'}
tasks:
  - id: greet
    command: ["echo", "Hello"]
`;

const send = (text, checkOnly) => api.post(path('flows'), {},
                                           {files: [{name: FILE, text}], checkOnly});

export function Editor({ns, id, query}) {
    const may = useMay('submit');
    const flow = useData((signal) => id ? api.get(path('flows', ns, id), {}, signal)
        : Promise.resolve({source: '', revision: 0}), [ns, id], id ? ['flows'] : []);
    return html`<${Title} actions=${html`<a class="button" href=${id ? link('flows', ns, id)
            : link('flows')}>${id ? 'Flow' : 'Flows'}</a>`}>${id
            ? html`Edit <bdi>${ns}</bdi> / <bdi>${id}</bdi>` : 'New flow'}<//>
        ${may ? html`<${Loaded} data=${flow}>${(f) => html`<${Form} flow=${f}
            first=${id ? f.source : template(query.namespace)} ns=${ns} id=${id} />`}<//>`
            : html`<${Empty}>Your token may only read.<//>`}`;
}

function useDraft(key, first, revision) {
    const [draft, setDraft] = useState(() => drafts.get(key) || {text: first, revision});
    const change = useCallback((text) => {
        const next = {text, revision: draft.revision};
        keep(key, text === first && draft.revision === revision ? null : next);
        setDraft(next);
    }, [key, draft.revision, first, revision]);
    const forget = useCallback((text, now) => {
        keep(key, null);
        setDraft({text, revision: now});
    }, [key]);
    return [draft, change, forget];
}

// {problems, error, result, busy} of the text; check() does it at once and gives the same.
function useCheck(text) {
    const [state, setState] = useState({problems: [], error: null, result: null, busy: false});
    const last = useRef(0);
    const check = useCallback(async () => {
        const turn = ++last.current;
        setState((s) => ({...s, busy: true}));
        let next;
        try {
            next = {problems: [], error: null, result: (await send(text, true)).flows[0]};
        } catch (error) {
            next = {problems: error.problems || [], error, result: null};
        }
        if (turn === last.current) setState({...next, busy: false});
        return next;
    }, [text]);
    useEffect(() => {
        const timer = setTimeout(check, PAUSE_MS);
        return () => clearTimeout(timer);
    }, [text]);
    return [state, check];
}

// The flow that the text would change; null: it is a new one.
const present = (result) => result.change === 'created' ? null
    : api.get(path('flows', result.namespace, result.id));

function Form({flow, first, ns, id}) {
    const who = useWho();
    const notify = useNotify();
    const [draft, change, forget] = useDraft(`${who.id} ${ns || ''} ${id || ''}`, first,
        flow.revision);
    const [state, check] = useCheck(draft.text);
    const [asked, setAsked] = useState(null);
    const [applying, setApplying] = useState({busy: false, error: null});
    const area = useRef();
    useEffect(() => setApplying((s) => ({...s, error: null})), [draft.text]);
    const apply = async () => {
        setApplying({busy: true, error: null});
        try {
            const {result} = await check();
            if (result) setAsked({result, before: await present(result)});
            setApplying({busy: false, error: null});
        } catch (error) {
            setApplying({busy: false, error});
        }
    };
    const run = async () => {
        const done = (await send(draft.text, false)).flows[0];
        forget(draft.text, done.revision);
        notify(done.change === 'unchanged' ? 'Nothing differs: no new revision.'
            : `${done.namespace}/${done.id} is ${done.change}: revision ${done.revision}.`);
        go(link('flows', done.namespace, done.id));
    };
    const newer = flow.revision !== draft.revision;
    return html`${newer && html`<p class="note warn" role="status">Revision ${flow.revision} was
            applied ${flow.updatedBy && ` by ${flow.updatedBy}`} since you began with revision ${
            draft.revision}.</p>`}
        ${(newer || draft.text !== first) && html`<p class="hint">What is written here is not
        applied.
            <button type="button" onClick=${() => forget(first, flow.revision)}>Discard it</button>
            </p>`}
        <${Text} text=${draft.text} change=${change} problems=${state.problems} area=${area} />
        <${Checked} state=${state} show=${(line) => showLine(area.current, line)} />
        <${Problem} error=${applying.error} />
        <div class="actions"><button type="button" onClick=${check}>Check</button>
        <button type="button" class="main" disabled=${applying.busy}
            onClick=${apply}>Apply…</button></div>
        <${Command} words=${['flow', 'apply', `${id || 'flow'}.yaml`]} />
        ${asked && html`<${Apply} asked=${asked} draft=${draft} ns=${ns} id=${id} run=${run}
            close=${() => setAsked(null)} />`}`;
}

function Apply({asked: {result, before}, draft, ns, id, run, close}) {
    const name = `${result.namespace}/${result.id}`;
    const other = id && (result.namespace !== ns || result.id !== id);
    return html`<${Confirm} title=${`Apply ${name}?`} confirm="Apply" run=${run} close=${close}
        words=${['flow', 'apply', `${result.id}.yaml`]}>
        ${other && html`<p class="note warn">The text names another flow
        than <bdi>${ns}/${id}</bdi>,
            which stays as it is.</p>`}
        ${!other && before && id && before.revision !== draft.revision && html`<p
            class="note warn">You began with revision ${draft.revision}; this is the difference from
            revision ${before.revision}, which was applied since.</p>`}
        ${!id && before && html`<p class="note warn">There is such a flow already: it is
        changed.</p>`}
        ${before ? html`<${Difference} before=${before.source} after=${draft.text}
            label="What changes" />` : html`<p>A new flow, of ${plural(
            draft.text.split('\n').length, 'line')}.</p>`}<//>`;
}

// Puts the line before the eyes, and the cursor on it.
function showLine(area, line) {
    const before = area.value.split('\n').slice(0, line - 1);
    const from = before.reduce((n, text) => n + text.length + 1, 0);
    const end = area.value.indexOf('\n', from);
    area.focus();
    area.setSelectionRange(from, end < 0 ? area.value.length : end);
    const height = area.scrollHeight / area.value.split('\n').length;
    area.scrollTop = Math.max(0, (line - 5) * height);
}

function Text({text, change, problems, area}) {
    const numbers = useRef();
    const follow = (e) => { numbers.current.scrollTop = e.target.scrollTop; };
    const count = text.split('\n').length;
    const gutter = useMemo(() => {
        const wrong = new Set(problems.map((p) => p.line));
        return Array.from({length: Math.min(count, LINES)}, (_, i) => html`<span key=${i}
            class=${wrong.has(i + 1) ? 'wrong' : ''}>${i + 1}${'\n'}</span>`);
    }, [count, problems]);
    return html`<div class="editor"><pre ref=${numbers} aria-hidden="true">${gutter}</pre>
        <textarea ref=${area} aria-label="Text of the flow, in YAML" aria-describedby="checked"
            aria-invalid=${problems.length ? 'true' : null} value=${text} wrap="off"
            spellcheck=${false} autocapitalize="off" autocomplete="off" onScroll=${follow}
            onInput=${(e) => change(e.target.value)}></textarea></div>`;
}

function Checked({state, show}) {
    const {problems, error, result} = state;
    return html`<div id="checked" role="status" class="checked">${problems.length
        ? html`<p class="wrong">${plural(problems.length, 'problem')}:</p><ul class="problems">${
            problems.map((p, i) => html`<li key=${i}>${p.line > 0 && html`<button type="button"
            onClick=${() => show(p.line)}>Line ${p.line}</button> `}${p.message}</li>`)}</ul>`
        : error ? html`<${Problem} error=${error} />`
        : result ? html`<p class="fine">${result.change === 'unchanged'
            ? `Nothing is wrong. Nothing differs from revision ${result.revision}.`
            : `Nothing is wrong. To be ${result.change}: ${result.namespace}/${result.id},
                revision ${ result.revision}.`}</p>`
        : html`<p class="hint">Checked when you pause.</p>`}</div>`;
}
