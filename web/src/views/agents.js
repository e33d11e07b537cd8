// All agents, and by its id or name one of them.
import {api, path} from '../lib/api.js';
import {useData} from '../lib/data.js';
import {optionsWith} from '../lib/filters.js';
import {html} from '../lib/html.js';
import {link} from '../lib/router.js';
import {option} from '../lib/shell.js';
import {CALM_MS} from '../lib/timing.js';
import {Loaded, Title} from '../ui/basics.js';
import {Filters} from '../ui/list.js';
import {More, useMore} from '../ui/more.js';
import {Agent} from './agent.js';
import {AgentRows} from './agent_rows.js';
import {Same} from './fleet_parts.js';

const SHOWN = 100; // so many more at a time
const STATES = [['', 'all'], ...['ONLINE', 'OFFLINE', 'DRAINING', 'UNWELL'].map((s) => [s, s])];

const fields = (query) => [
    {key: 'group', label: 'Group', hint: 'all'},
    {key: 'state', label: 'State', kind: 'select', options: optionsWith(STATES, query.state)},
];

// Agents behind the cursor that fit: {agents, nextCursor}.
const find = ({group, state}, cursor, signal) =>
    api.get(path('agents'), {group, state, limit: SHOWN, cursor}, signal);

function Rows({query}) {
    const {group = '', state = ''} = query;
    const more = useMore(`${group} ${state}`, (page, signal) => find({group, state},
        page.nextCursor, signal));
    const first = useData((signal) => find({group, state}, undefined, signal), [group, state],
                          more.still ? [] : ['agents', 'jobs'], null, CALM_MS);
    return html`<${Loaded} data=${first}>${(data) => {
        const pages = more.pages(data);
        const further = pages[pages.length - 1].nextCursor;
        return html`<${AgentRows} agents=${pages.flatMap((p) => p.agents)} caption="Agents by name"
            empty=${further ? 'None so far.' : 'There is no such agent.'} />
        <${More} more=${more} first=${data} further=${further} anew=${first.reload} />`;
    }}<//>`;
}

function List({query}) {
    return html`<${Title}>Agents<//>
        <${Filters} fields=${fields(query)} query=${query} />
        <${Rows} query=${query} />
        <p class="hint">A machine becomes an agent with a join token: choose
            its <a href=${link('groups')}>group</a>, then Add agents.</p>
        <${Same} words=${['agent', 'list', ...['group', 'state'].flatMap((key) =>
            query[key] ? option(`--${key}`, query[key]) : [])]} />`;
}

export function Agents({segments, query}) {
    return segments.length ? html`<${Agent} name=${segments[0]} />`
        : html`<${List} query=${query} />`;
}
