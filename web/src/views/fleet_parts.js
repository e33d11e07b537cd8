// What the views of groups and agents share.
import {plural} from '../lib/format.js';
import {html} from '../lib/html.js';
import {RUNNING} from '../lib/jobs.js';
import {link} from '../lib/router.js';
import {Ago, Command} from '../ui/basics.js';
import {GroupLink} from '../ui/names.js';
import './fleet.css';

// The jobs of a group that wait or run: what the group's numbers count.
export const groupJobs = (key, state) => link('jobs', {group: key, state, kind: 'all'});

export const GroupLinks = ({keys}) => (keys || []).map((key, i) => html`${i ? ', ' : ''}<${
    GroupLink} name=${key} />`);

// One that is connected is seen all the time.
export const Seen = ({agent}) => ['OFFLINE', 'REMOVED'].includes(agent.state)
    ? html`<${Ago} at=${agent.lastSeenAt} />` : 'connected';

// Slots in use of all that there are.
export const Slots = ({agent}) => html`<a class="nowrap" href=${link('jobs',
    {agent: agent.id, state: RUNNING, kind: 'all'})}>${agent.busySlots} of ${
    plural(agent.slots, 'slot')}</a>`;

// The command of the CLI that shows the same, at the end of a view.
export const Same = ({words}) => html`<div class="same"><p class="hint">The same on the command
    line:</p><${Command} words=${words} /></div>`;
