// Starts an execution of a flow: a form made from its inputs. ?like=ID: with those of an execution.
import {useEffect, useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData, useKey} from '../lib/data.js';
import {html} from '../lib/html.js';
import {fieldOf, fieldText, getExact, inputsOf, optionWords, own, pairsOf, show, valueOf}
    from '../lib/inputs.js';
import {go, link} from '../lib/router.js';
import {Command, Empty, Loaded, Problem, Section, Title} from '../ui/basics.js';
import {useMay, useNotify} from '../ui/context.js';
import {ExecutionLink} from '../ui/names.js';

export function Start({ns, id, query}) {
    const data = useData(async (signal) => {
        const flow = await getExact(path('flows', ns, id), {}, signal);
        const like = query.like ? await getExact(path('executions', query.like), {}, signal) : null;
        return {flow, like};
    }, [ns, id, query.like]);
    return html`<${Title} actions=${html`<a class="button" href=${link('flows', ns, id)}>Flow</a>`}>
        Start <bdi>${ns}</bdi> / <bdi>${id}</bdi><//>
        ${useMay('submit') ? html`<${Loaded} data=${data}>${({flow, like}) => html`<${Form}
            flow=${flow} like=${like} />`}<//>` : html`<${Empty}>Your token may only read.<//>`}`;
}

function texts(flow, like) {
    const given = (like && like.inputs) || {};
    return Object.fromEntries(flow.inputs.map((input) => [input.id,
        fieldText(input, Object.hasOwn(given, input.id) ? given[input.id] : input.defaults)]));
}

// The labels of an execution that the flow does not give by itself.
function labelsOf(flow, like) {
    return Object.entries((like && like.labels) || {})
        .filter(([k, v]) => own(flow.labels || {}, k) !== v)
        .map(([k, v]) => `${k}=${v}`).join('\n');
}

function Form({flow, like}) {
    const notify = useNotify();
    const [values, setValues] = useState(() => texts(flow, like));
    const [labels, setLabels] = useState(() => labelsOf(flow, like));
    const [state, setState] = useState({problems: {}, error: null, busy: false});
    const key = useKey(JSON.stringify([values, labels]));
    const {inputs, problems} = inputsOf(flow.inputs, values);
    let pairs = {};
    let labelProblem = '';
    try {
        pairs = pairsOf(labels);
    } catch (e) {
        labelProblem = e.message;
    }
    const readable = !labelProblem && !Object.keys(problems).length;
    const set = (input) => (text) => {
        setValues((v) => ({...v, [input.id]: text}));
        setState((s) => ({...s, problems: {...s.problems, [input.id]: undefined}}));
    };
    const send = async (e) => {
        e.preventDefault();
        if (!readable) {
            setState({problems: {...problems, '': labelProblem}, error: null, busy: false});
            return;
        }
        setState({problems: {}, error: null, busy: true});
        try {
            const execution = await api.once(key, path('flows', flow.namespace, flow.id,
                                                       'executions'),
                                             {body: {inputs, labels: pairs}});
            notify(`${flow.namespace}/${flow.id} is started.`);
            go(link('executions', execution.id));
        } catch (error) {
            const field = (error.field || '').replace(/^inputs\./, '').replace(/\[\d+\].*$/, '');
            const known = Object.hasOwn(values, field);
            setState({problems: known ? {[field]: error.message} : {}, error: known ? null : error,
                      busy: false});
        }
    };
    const bad = Object.values(state.problems).filter(Boolean).length;
    useEffect(() => {
        const first = bad && document.querySelector('.start [aria-invalid=true]');
        if (first) first.focus();
    }, [state.problems]);
    return html`${flow.description && html`<p class="lines">${flow.description}</p>`}
        ${flow.disabled && html`<p class="note warn">This flow is disabled: it cannot be
        started.</p>`}
        ${like && html`<p class="hint">With the inputs of execution <${
            ExecutionLink} id=${like.id} />.</p>`}
        <form class="start" onSubmit=${send} novalidate>
        ${flow.inputs.length ? flow.inputs.map((input) => html`<${Field} key=${input.id}
            input=${input} text=${own(values, input.id)} set=${set(input)}
            problem=${own(state.problems, input.id)} />`)
            : html`<${Empty}>This flow has no inputs.<//>`}
        <label>Labels, one KEY=VALUE a line${flow.labels && Object.keys(flow.labels).length
            ? `; the flow gives ${Object.entries(flow.labels).map(([k, v]) =>
            `${k}=${v}`).join(', ')}`
            : ''}<textarea rows="2" value=${labels} spellcheck=${false}
            aria-invalid=${state.problems[''] ? 'true' : null}
            onInput=${(e) => setLabels(e.target.value)}></textarea></label>
        ${state.problems[''] && html`<p class="wrong" role="alert">${state.problems['']}</p>`}
        <${Problem} error=${state.error} />
        ${bad > 0 && html`<p class="wrong" role="alert">Not started: see what is marked above.</p>`}
        <div class="actions"><button type="submit" class="main"
            disabled=${state.busy || flow.disabled}>Start</button></div></form>
        <${Section} title="The same by the command line" id="cli"><${Command}
            words=${readable ? ['flow', 'run', `${flow.namespace}/${flow.id}`,
                ...optionWords('--input', inputs), ...optionWords('--label', pairs)] : null}
            none="It is shown when all fields can be read." /><//>`;
}

function Field({input, text, set, problem}) {
    const field = fieldOf(input);
    const name = `input-${input.id}`;
    const about = `${name}-about`;
    const attributes = {id: name, 'aria-invalid': problem ? 'true' : null, 'aria-describedby':
        about,
                        'aria-required': input.required ? 'true' : null, spellcheck: false};
    const title = html`${input.displayName || input.id} <span class="type">${input.type}${
        input.required ? ', needed' : ''}</span>`;
    const typed = (e) => set(e.target.value);
    return html`<div class=${`field ${problem ? 'with-problem' : ''}`}>${field.kind === 'boxes'
        ? html`<${Boxes} title=${title} options=${field.options} text=${text} set=${set}
            about=${about} name=${name} />` : html`<label for=${name}>${title}</label>${
        field.kind === 'select' ? html`<${Choice} attributes=${attributes} options=${field.options}
            text=${text} typed=${typed} none=${show(input.defaults) === ''} />`
        : field.kind === 'text' ? html`<textarea ...${attributes} value=${text} onInput=${typed}
            rows=${Math.min(12, Math.max(2, text.split('\n').length))}></textarea>`
        : html`<${Line} attributes=${attributes} field=${field} text=${text} typed=${typed}
            empty=${input.type !== 'STRING' && show(input.defaults)} />`}`}
        <p class="hint" id=${about}>${[input.description, field.hint].filter(Boolean)
            .join(' · ')}</p>
        ${problem && html`<p class="wrong" role="alert">${input.id} ${
            problem.replace(`inputs.${input.id}: `, '')}</p>`}</div>`;
}

// empty: what counts when nothing stands there.
function Line({attributes, field, text, typed, empty}) {
    const list = field.options && field.options.length ? `${attributes.id}-values` : null;
    return html`<input ...${attributes} type=${field.native || 'text'}
        inputmode=${field.mode || null} list=${list} placeholder=${empty ? `empty: ${empty}` : null}
        autocomplete="off" value=${text} onInput=${typed} />
        ${list && html`<datalist id=${list}>${field.options.map((o) => html`<option key=${o}
            value=${o} />`)}</datalist>`}`;
}

// A value that is none of the options stays to be seen. none: it may be left out.
function Choice({attributes, options, text, typed, none}) {
    const all = text && !options.includes(text) ? [text, ...options] : options;
    return html`<select ...${attributes} value=${text} onChange=${typed}>
        ${(none || !text) && html`<option value="" selected=${!text}>— none —</option>`}
        ${all.map((o) => html`<option key=${o} value=${o} selected=${o === text}>${o}</option>`)}
        </select>`;
}

function Boxes({title, options, text, set, about, name}) {
    const list = {type: 'MULTISELECT'};
    const chosen = valueOf(list, text) || [];
    const change = (option) => (e) => set(fieldText(list, options.filter((o) => o === option
        ? e.target.checked : chosen.includes(o))));
    return html`<fieldset id=${name} aria-describedby=${about}>
        <legend>${title}</legend>${options.map((o) => html`<label key=${o} class="check"><input
            type="checkbox" checked=${chosen.includes(o)} onChange=${change(o)} /> ${
            o}</label>`)}</fieldset>`;
}
