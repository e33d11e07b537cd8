// How long jobs waited: numbers, each with the jobs behind it: those that were created in that time
// and were handed out, or failed while they waited.
import {count, duration} from '../lib/format.js';
import {milliseconds} from '../lib/fleet.js';
import {html} from '../lib/html.js';
import {HANDED_OUT} from '../lib/jobs.js';
import {link} from '../lib/router.js';

export const SPANS = [['hour', 'Hour', '1h'], ['day', 'Day', '24h']]; // with the time of the list
export const PARTS = ['p50', 'p95', 'p99'];

// One number, part is one of PARTS or 'jobs', of the waits of a group; group '': of all.
export function Waited({group, since, waits, part}) {
    const ms = milliseconds(waits[part]);
    const text = part === 'jobs' ? count(waits.jobs) : ms === null ? waits[part] : duration(ms);
    return text ? html`<a class="nowrap" href=${link('jobs', {group, since, kind: 'all',
        state: HANDED_OUT})}>${text}</a>` : '–';
}

// All numbers of one time in a line.
export const WaitLine = (of) => html`${PARTS.map((part) => html`${part} <${Waited} ...${of}
    part=${part} />, `)}of <${Waited} ...${of} part="jobs" />${
    of.waits.jobs === 1 ? ' job' : ' jobs'}`;
