// Agents and jobs of a group over the last hour or day.
import {useMemo, useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useData, useEvery} from '../lib/data.js';
import {historyColumns, milliseconds} from '../lib/fleet.js';
import {clock, count, duration} from '../lib/format.js';
import {html} from '../lib/html.js';
import {link} from '../lib/router.js';
import {Chart} from '../ui/chart.js';
import {Ago, Empty, Loaded, Section, Table} from '../ui/basics.js';

const BELOW = 'The numbers stand in the table below.';
const EVERY_MS = 60000;
const NUMBERS = [['agents', 'Agents'], ['online', 'Online'], ['running', 'Running'],
                 ['queued', 'Waiting']];

// The numbers as a table, made when it is opened.
function Numbers({points}) {
    const [open, setOpen] = useState(false);
    const columns = [{title: 'At', class: 'nowrap', cell: (p) => clock(p.at)},
                     ...NUMBERS.map(([key, title]) => ({title, number: true,
                                                       cell: (p) => count(p[key])}))];
    return html`<details class="numbers" onToggle=${(e) => setOpen(e.target.open)}><summary>The
        numbers as a table</summary>${open && html`<div class="scroll" tabindex="0" role="region"
        aria-label="The numbers"><${Table} columns=${columns} rows=${[...points].reverse()}
        rowKey=${(p) => p.at} caption="Agents, running and waiting jobs, newest first" /></div>`}
        </details>`;
}

function Charts({group, points, step}) {
    const of = useMemo(() => historyColumns(points, milliseconds(step),
                                            NUMBERS.map(([key]) => key)), [points]);
    const span = `${clock(points[0].at)} to ${clock(points[points.length - 1].at)}`;
    const most = (key) => count(Math.max(...of[key].map((n) => n || 0)));
    return html`<div class="pair">
        <${Chart} title="Agents and running jobs" sync=${group} times=${of.times}
            label=${`Chart of agents and running jobs of group ${group}, ${span}. Agents online: ${
                most('online')} at most; running jobs: ${most('running')} at most. ${BELOW}`}
            series=${[{name: 'Agents', values: of.agents, tone: 'off', dashed: true},
                      {name: 'Online', values: of.online, tone: 'good'},
                      {name: 'Running', values: of.running, tone: 'busy'}]} />
        <${Chart} title="Waiting jobs" sync=${group} times=${of.times}
            label=${`Chart of waiting jobs of group ${group}, ${span}: ${most('queued')} at most. ${
                BELOW}`}
            series=${[{name: 'Waiting', values: of.queued, tone: 'warn'}]} /></div>
        <${Numbers} points=${points} />`;
}

const spoken = (step) => duration(milliseconds(step)).replace(/ 0 s$/, '');

const SPANS = [['hour', 'Last hour'], ['day', 'Last day']];

export function GroupChart({group, span}) {
    const asked = span === 'day' ? 'day' : 'hour';
    const data = useData((signal) => api.get(path('groups', group, 'history'), {span: asked},
                                             signal), [group, asked], []);
    useEvery(EVERY_MS, data.reload);
    const spans = SPANS.map(([key, title]) => html`<a key=${key} class="button"
        href=${link('groups', group, {span: key})}
        aria-current=${key === asked ? 'true' : null}>${title}</a>`);
    return html`<${Section} title="Over time" id="history" actions=${spans}><${Loaded}
        data=${data}>${(all) => html`${all.points.length > 1
            ? html`<${Charts} key=${asked} group=${group} points=${all.points}
                step=${all.step} />`
            : html`<${Empty}>Nothing is known yet: these numbers are noted while the coordinator
                runs.<//>`}
            <p class="hint">Noted every ${spoken(all.step)} since the coordinator started, <${Ago}
            at=${all.since} />.${all.shared ? ' These numbers are of several groups.' : ''}</p>`}
        <//><//>`;
}
