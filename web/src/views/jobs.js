// Jobs: the list with its filters. #/jobs/new starts one, #/jobs/ID shows one.
import './jobs.css';

import {useRef, useState} from 'preact/hooks';

import {path} from '../lib/api.js';
import {TIMES_HELP, TIME_HINT, labelsOf, optionsWith, shownFilters, withTimes}
    from '../lib/filters.js';
import {OVER} from '../lib/format.js';
import {html} from '../lib/html.js';
import {HANDED_OUT, OPEN, filterWords, filtersOf} from '../lib/jobs.js';
import {link} from '../lib/router.js';
import {Command, Title} from '../ui/basics.js';
import {useMay} from '../ui/context.js';
import {Filters, Pages} from '../ui/list.js';
import {Bulk} from './job_bulk.js';
import {NewJob} from './job_new.js';
import {Job} from './job.js';
import {JobTable} from './job_table.js';

const KINDS = [['', 'jobs and tasks'], ['job', 'jobs'], ['task', 'tasks of executions'],
               ['evaluation', 'evaluations of triggers'], ['all', 'all']];
const STATES = [['', 'any'], [OPEN.join(','), 'not ended'], [HANDED_OUT, 'handed out'],
                ...[...OPEN, ...OVER].map((s) => [s, s])];

// Shown when the address has them: what the failures of the first view link to.
const CAUSE_FIELDS = [
    {key: 'endedSince', label: 'Ended since', hint: TIME_HINT},
    {key: 'endedUntil', label: 'Ended until', hint: TIME_HINT},
    {key: 'reason', label: 'Reason'}, {key: 'exitCode', label: 'Exit code'},
    {key: 'flow', label: 'Flow'}, {key: 'task', label: 'Task'},
    {key: 'named', label: 'Has a name', hint: 'false'},
];

const fields = (query) => [
    {key: 'id', label: 'Id', hint: 'its beginning'},
    {key: 'name', label: 'Name', hint: 'whole name'},
    {key: 'state', label: 'State', kind: 'select', options: optionsWith(STATES, query.state)},
    {key: 'kind', label: 'Kind', kind: 'select', options: optionsWith(KINDS, query.kind)},
    {key: 'group', label: 'Group'},
    {key: 'namespace', label: 'Namespace', hint: 'and below'},
    {key: 'agent', label: 'Agent', hint: 'name or id'},
    {key: 'label', label: 'Labels', hint: 'a=1, b=2'},
    {key: 'since', label: 'Since', hint: TIME_HINT},
    {key: 'until', label: 'Until', hint: TIME_HINT},
    ...CAUSE_FIELDS.filter(({key}) => query[key]),
];

function List({query}) {
    const may = useMay('submit');
    const [bulk, setBulk] = useState('');
    const list = useRef({}); // {reload}: it may stand still, and not hear of what changes
    const written = filtersOf(query);
    const filters = withTimes(written);
    if (filters.label) filters.label = labelsOf(filters.label);
    const actions = may && html`<button type="button" onClick=${() => setBulk('cancel')}>Cancel
        these…</button><button type="button" onClick=${() => setBulk('retry')}>Retry
        these…</button><a class="button main" href=${link('jobs', 'new')}>New job</a>`;
    return html`<${Title} actions=${actions}>Jobs<//>
        <${Filters} query=${shownFilters(written)} fields=${fields(query)} help=${TIMES_HELP} />
        <${Pages} where=${path('jobs')} query=${filters} name="jobs" topics=${['jobs']}>${(rows,
            reload) => {
            list.current.reload = reload;
            return html`<${JobTable} jobs=${rows} caption="Jobs"
                empty="No job is as the filters say." />`;
        }}<//>
        <${Command} words=${filterWords('list', filters)} />
        ${bulk && html`<${Bulk} key=${JSON.stringify([bulk, filters])} verb=${bulk}
            filters=${filters} close=${() => setBulk('')}
            changed=${() => list.current.reload && list.current.reload()} />`}`;
}

export function Jobs({segments, query}) {
    if (!segments.length) return html`<${List} query=${query} />`;
    if (segments[0] === 'new') return html`<${NewJob} query=${query} />`;
    return html`<${Job} id=${segments[0]} query=${query} />`;
}
