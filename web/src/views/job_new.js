// Starts a job of one's own: a script or a command.
import {useEffect, useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData, useKey} from '../lib/data.js';
import {html} from '../lib/html.js';
import {EMPTY_FORM, bodyOf, formOf, keptWords, runWords} from '../lib/job_form.js';
import {go, link} from '../lib/router.js';
import {Command, Empty, Loaded, Problem, Title} from '../ui/basics.js';
import {useMay, useNotify} from '../ui/context.js';

const GROUPS = 200; // that are offered
const SHELLS = ['', 'sh', 'bash', 'powershell', 'pwsh', 'cmd', 'python3'];
const FALLBACKS = [['', 'as the namespace says, else wait'], ['WAIT', 'wait'], ['FAIL', 'fail'],
                   ['CANCEL', 'be cancelled'], ['IGNORE', 'go to the default group']];

function Field({form, set, name, label, hint, list, rows, required}) {
    const shared = {value: form[name], autocomplete: 'off', spellcheck: false, required,
                    onInput: (e) => set({...form, [name]: e.target.value})};
    return html`<label>${label}${rows
        ? html`<textarea rows=${rows} placeholder=${hint} ...${shared}></textarea>`
        : html`<input type="text" placeholder=${hint} list=${list} ...${shared} />`}</label>`;
}

function Select({form, set, name, label, options}) {
    return html`<label>${label}<select onChange=${(e) => set({...form, [name]: e.target.value})}>${
        options.map(([value, text]) => html`<option value=${value}
            selected=${value === form[name]}>${text}</option>`)}</select></label>`;
}

function What({form, set}) {
    const radio = (value, text) => html`<label class="check"><input type="radio" name="what"
        checked=${form.what === value} onChange=${() => set({...form, what: value})} />
        ${' '}${text}</label>`;
    return html`<fieldset><legend>What to run</legend><div class="radios">${
        radio('script', 'Script')}${radio('command', 'Command')}</div>
        ${form.what === 'script' ? html`
            <${Field} form=${form} set=${set} name="script" label="Script" rows=${10} required />
            <div class="fields"><${Select} form=${form} set=${set} name="shell" label="Shell"
                options=${SHELLS.map((s) => [s, s || "the platform's own"])} />
            <${Field} form=${form} set=${set} name="args" rows=${2}
                label="Arguments, one a line, or a list in JSON" /></div>`
            : html`<${Field} form=${form} set=${set} name="command" rows=${5} required
                label="Program and arguments, one a line, or a list in JSON; there is no shell"
                hint=${'uname\n-a'} />`}</fieldset>`;
}

function useGroups() {
    const [groups, setGroups] = useState([]);
    useEffect(() => {
        api.get(path('groups'), {limit: GROUPS}).then((page) => setGroups(page.groups), () => {});
    }, []);
    return groups;
}

function Preview({form}) {
    let words;
    try {
        words = runWords(bodyOf(form));
    } catch {
        return null;
    }
    return html`<${Command} words=${words}
        none="The command line has not all of these settings." />`;
}

// What the other job had that no field shows; each can be left out.
function Kept({form, set}) {
    const all = keptWords(form);
    if (!all.length) return null;
    const {dropped} = form;
    return html`<fieldset><legend>Kept from the other job</legend>${all.map(([key, words]) => html`
        <label class="check" key=${key}><input type="checkbox" checked=${!dropped.includes(key)}
            onChange=${(e) => set({...form, dropped: e.target.checked
                ? dropped.filter((d) => d !== key) : [...dropped, key]})} /> ${words}</label>`)}
        </fieldset>`;
}

function Form({start}) {
    const notify = useNotify();
    const [form, setForm] = useState(start);
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
    const key = useKey(JSON.stringify(form));
    const groups = useGroups();
    const send = async (e) => {
        e.preventDefault();
        setBusy(true);
        setError(null);
        try {
            const job = await api.once(key, path('jobs'), {body: bodyOf(form)});
            notify(`Job ${job.id} is in line.`);
            go(link('jobs', job.id));
        } catch (problem) {
            setError(problem);
            setBusy(false);
        }
    };
    const field = (name, label, hint) => html`<${Field} form=${form} set=${setForm} name=${name}
        label=${label} hint=${hint} list=${name === 'group' ? 'groups' : null} />`;
    return html`<form class="box job-new" onSubmit=${send}>
        <${What} form=${form} set=${setForm} />
        <datalist id="groups">${groups.map((g) => html`<option
            value=${g.key}></option>`)}</datalist>
        <div class="fields">${field('name', 'Name', 'to find it by')}
            ${field('group', 'Group', "the namespace's, else default")}
            ${field('namespace', 'Namespace')}
            ${field('timeout', 'Timeout', '10m')}</div>
        <${Field} form=${form} set=${setForm} name="env"
            label="Environment, NAME=VALUE a line, or an object in JSON" rows=${3} />
        <details><summary>More</summary><div class="fields">
            ${field('attempts', 'Attempts, the first included; any: no limit', '1')}
            ${field('priority', 'Priority', '0')}
            ${field('queueTimeout', 'Longest wait', '1h')}
            ${field('workdir', 'Folder on the agent', 'a fresh one')}
            <${Select} form=${form} set=${setForm} name="fallback" options=${FALLBACKS}
                label="While the group has no agent online" /></div></details>
        <${Kept} form=${form} set=${setForm} />
        <${Problem} error=${error} />
        <${Preview} form=${form} />
        <div class="actions"><a class="button" href=${link('jobs')}>Back</a>
        <button type="submit" class="main" disabled=${busy}>Start</button></div></form>`;
}

// Filled with what another job ran.
function From({id}) {
    const data = useData((signal) => api.get(path('jobs', id), {}, signal).then(formOf), [id]);
    return html`<${Loaded} data=${data}>${(start) => html`<${Form} start=${start} />`}<//>`;
}

export function NewJob({query: {from}}) {
    const form = from ? html`<${From} key=${from} id=${from} />`
        : html`<${Form} start=${EMPTY_FORM} />`;
    return html`<${Title}>New job<//>
        ${useMay('submit') ? form
            : html`<${Empty}>Your token may not start jobs: it needs the role submit.<//>`}`;
}
