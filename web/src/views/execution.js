// One execution: its tasks on a line of time, inputs, outputs, logs.
import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData, useEvery, useKey} from '../lib/data.js';
import {clock, hasEnded, tone} from '../lib/format.js';
import {html} from '../lib/html.js';
import {getExact, optionWords} from '../lib/inputs.js';
import {go, link} from '../lib/router.js';
import {Ago, Command, Facts, Loaded, Section, State, Title} from '../ui/basics.js';
import {useMay} from '../ui/context.js';
import {Confirm} from '../ui/dialog.js';
import {Log} from '../log/view.js';
import {FlowLink, Labels, Values} from '../ui/names.js';
import {Origin, Took} from './executions.js';
import {Gantt} from './gantt.js';

const WAITS_MS = 5000;

// Is a message about this execution? Its tasks are jobs; the next one comes with the end of the one
// before, or when none is under way.
function matters(e) {
    return (message) => !e || message.ids.includes(e.id) ||
        e.taskRuns.some((run) => message.ids.includes(run.id)) ||
        (message.event === 'jobs' && !hasEnded(e.state) &&
            !e.taskRuns.some((run) => run.id && !hasEnded(run.state)));
}

export function Execution({id}) {
    const may = useMay('submit');
    const [asked, setAsked] = useState('');
    const [known, setKnown] = useState(null);
    const data = useData(async (signal) => {
        const e = await getExact(path('executions', id), {}, signal);
        setKnown(e);
        return e;
    }, [id], ['executions', 'jobs'], matters(known));
    const e = data.data;
    // Why it waits changes without an event of its own.
    useEvery(WAITS_MS, (how) => e && e.waiting && data.reload(how));
    const close = () => setAsked('');
    return html`<${Title} actions=${may && e && html`
            ${!hasEnded(e.state) && e.state !== 'KILLING' && html`<button type="button"
                class="danger" onClick=${() => setAsked('cancel')}>Cancel…</button>`}
            <button type="button" onClick=${() => setAsked('again')}>Start again…</button>
            <a class="button" href=${link('flows', e.namespace, e.flow, 'start', {like: id})}>Start
                with other inputs</a>`}>Execution <span class="mono">${id}</span><//>
        ${asked === 'cancel' && html`<${Cancel} e=${e} close=${close}
            reload=${data.reload} />`}
        ${asked === 'again' && html`<${Again} e=${e} close=${close} />`}
        <${Loaded} data=${data}>${(one) => html`<${Parts} e=${one} />`}<//>`;
}

function Cancel({e, close, reload}) {
    const run = async () => {
        const after = await api.post(path('executions', e.id, 'cancel'));
        reload();
        return after;
    };
    const told = (after) => after.state === 'CANCELLED' ? 'The execution is cancelled.'
        : 'The execution is told to end.';
    return html`<${Confirm} title="Cancel this execution?" confirm="Cancel the execution" danger
        run=${run} done=${told} close=${close} words=${['execution', 'cancel', e.id]}>
        <p>Its task that runs is killed, and no other one starts.</p><//>`;
}

function Again({e, close}) {
    const labels = e.labels || {};
    const inputs = e.inputs || {};
    const name = `${e.namespace}/${e.flow}`;
    const key = useKey();
    const run = async () => {
        const next = await api.once(key, path('flows', e.namespace, e.flow, 'executions'),
                                    {body: {inputs, labels}});
        go(link('executions', next.id));
    };
    return html`<${Confirm} title="Start again with the same inputs?" confirm="Start" run=${run}
        done=${`${name} is started.`} close=${close} words=${['flow', 'run', name,
            ...optionWords('--input', inputs), ...optionWords('--label', labels)]}>
        <p>A new execution of <bdi>${name}</bdi>, by the newest revision of it.
        ${e.trigger && html` What the trigger <bdi>${e.trigger}</bdi> told this one is not told the
            new one: tasks that ask for it fail.`}</p><${Values} values=${inputs} empty="No inputs."
            /><//>`;
}

function Parts({e}) {
    const flow = useData((signal) => api.get(path('flows', e.namespace, e.flow),
                                             {revision: e.revision}, signal).catch(() => null),
                         [e.namespace, e.flow, e.revision]);
    return html`
        ${e.message && html`<p class=${`note ${tone(e.state)}`}><bdi>${
            e.message}</bdi>${e.reason && ` (${e.reason})`}</p>`}
        ${e.waiting && html`<p class="note wait">It
        waits: <bdi>${e.waiting.message}</bdi>${e.wakesAt &&
            html` It goes on <${Ago} at=${e.wakesAt} />.`}</p>`}
        <${Facts} items=${[
            ['State', html`<${State} state=${e.state} />`],
            ['Flow', html`<${FlowLink} ns=${e.namespace} id=${e.flow} />`],
            ['Revision', html`<a href=${link('flows', e.namespace, e.flow,
                {revision: e.revision})}>${e.revision}</a>`],
            ['Begun by', html`<${Origin} e=${e} />`],
            ['Backfill', e.backfill && html`<span class="mono">${e.backfill}</span>`],
            ['Created', html`<time datetime=${e.createdAt}>${clock(e.createdAt)}</time>, <${Ago}
                at=${e.createdAt} />`],
            ['Took', e.startedAt && html`<${Took} from=${e.startedAt} to=${e.endedAt} />`],
            ['Ended', e.endedAt && html`<${Ago} at=${e.endedAt} />`],
            ['Cancelled by', e.cancelledBy],
            ['Trace', e.traceparent && html`<span class="mono">${e.traceparent}</span>`],
            ['Labels', e.labels && Object.keys(e.labels).length
                ? html`<${Labels} labels=${e.labels} />` : null],
        ]} />
        <${Section} title="Tasks" id="tasks"><${Gantt} execution=${e}
            tasks=${(flow.data && flow.data.tasks) || []} /><//>
        <${Section} title="Output" id="output"><${Log} where=${path('executions', e.id)}
        ended=${hasEnded(e.state)}
            names=${new Map(e.taskRuns.map((run) => [run.id, run.task]))} />
            <${Command} words=${['execution', 'logs', !hasEnded(e.state) && '--follow', e.id]}
            /><//>
        <div class="two"><${Section} title="Inputs" id="inputs"><div class="box"><${Values}
            values=${e.inputs} empty="None." /></div><//>
        <${Section} title="Outputs" id="outputs"><div class="box"><${Values} values=${e.outputs}
            empty=${hasEnded(e.state) ? 'The flow has none, or it did not end well.'
                : 'They come at the end.'} /></div><//></div>
        ${e.triggerOutputs && html`<${Section} title="What the trigger told" id="trigger"><div
            class="box"><${Values} values=${e.triggerOutputs} empty="Nothing." /></div><//>`}
        <${Command} words=${['execution', 'show', e.id]} />`;
}
