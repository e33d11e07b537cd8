// Messages to channels: what was told, what is due, what cannot be delivered; and a test of each
// channel. For administrators.
import './executions.css';

import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {html} from '../lib/html.js';
import {happenedOf, oftenOf, outcome, subjectOf, toldOf} from '../lib/notices.js';
import {PAGE} from '../lib/pages.js';
import {link} from '../lib/router.js';
import {Ago, Command, Loaded, Section, Table, Title} from '../ui/basics.js';
import {Confirm} from '../ui/dialog.js';
import {Pages} from '../ui/list.js';

export function Notices() {
    const [version, setVersion] = useState(0); // there are no events of messages
    return html`<${Title} actions=${html`<button type="button"
            onClick=${() => setVersion((n) => n + 1)}>Load anew</button>`}>Messages<//>
        <p class="hint">What people are told when something goes wrong. Channels and rules stand in
            coordinator.yaml.</p>
        <${Pages} key=${version} where=${path('notices')} query=${{limit: PAGE}} name="notices"
            topics=${[]}>${(rows) => html`<${List} rows=${rows} />`}<//>
        <${Command} words=${['notify', 'list']} />
        <${Section} title="Channels" id="channels"><${Channels} />
            <${Command} words=${['notify', 'channels']} /><//>`;
}

const STATES = {OPEN: 'warn', OVER: 'busy', DONE: 'off'};

function Outcome({n}) {
    const [word, tone] = outcome(n);
    const due = n.dueAt;
    return html`<span>${word && html`<span class=${`state ${tone}`}>${word}</span> `}${due
        ? html`<${Ago} at=${due} />` : n.deliveredAt && html`<${Ago} at=${n.deliveredAt} />`}${
        n.reason && html`<span class="because"><bdi>${n.reason}</bdi></span>`}</span>`;
}

const linked = (words, text) => words ? html`<a href=${link(...words)}>${text}</a>` : text;

const COLUMNS = [
    {title: 'State', cell: (n) => html`<span class=${`state ${STATES[n.state] || 'off'}`}>${n.state
        }</span>`},
    {title: 'Event', cell: (n) => n.event},
    {title: 'Subject', cell: (n) => linked(subjectOf(n), html`<bdi>${n.subject}</bdi>`)},
    {title: 'Channel', cell: (n) => n.channel},
    {title: 'How often', cell: (n) => html`<span>${linked(happenedOf(n), oftenOf(n))}, ${toldOf(n)
        }</span>`},
    {title: 'Last', class: 'nowrap', cell: (n) => html`<${Ago} at=${n.lastAt} />`},
    {title: 'Outcome', cell: (n) => html`<${Outcome} n=${n} />`},
];

const List = ({rows}) => html`<${Table} rows=${rows} columns=${COLUMNS} rowKey=${(n) => n.id}
    caption="Messages" empty="Nothing was to be told." />`;

function Channels() {
    const [asked, setAsked] = useState('');
    const data = useData((signal) => api.get(path('channels'), {limit: PAGE}, signal), []);
    const columns = [
        {title: 'Channel', cell: (c) => html`<bdi>${c.name}</bdi>`},
        {title: 'Kind', cell: (c) => c.kind},
        {title: 'Reaches', cell: (c) => html`<bdi>${c.reaches}</bdi>`},
        {title: 'Action', class: 'nowrap', cell: (c) => html`<button type="button"
        aria-label=${`Test ${c.name}`}
            onClick=${() => setAsked(c.name)}>Test…</button>`},
    ];
    return html`<${Loaded} data=${data}>${(page) => html`<${Table} rows=${page.channels}
            columns=${columns} rowKey=${(c) => c.name} caption="Channels"
            empty="None: nobody is told of anything." />`}<//>
        ${asked && html`<${Test} name=${asked} close=${() => setAsked('')} />`}`;
}

function Test({name, close}) {
    const run = async () => {
        const answer = await api.post(path('channels', name, 'test'));
        if (!answer.delivered) throw new Error(`It did not get through: ${answer.reason}`);
    };
    return html`<${Confirm} title=${`Send a test message to ${name}?`} confirm="Send" run=${run}
        done=${`The test message to ${name} got through.`} close=${close}
        words=${['notify', 'test', name]}><p>Whoever the channel reaches gets it. It takes up to
        45 s.</p><//>`;
}
