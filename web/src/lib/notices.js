// Messages: what they are about, how often, and how the delivery to a channel stands.
import {count, plural} from './format.js';

// [word, tone].
export function outcome(notice) {
    const due = notice.dueAt;
    if (notice.reason)
        return [due ? `failed ${plural(notice.tries, 'time')}, tried again` : 'failed', 'bad'];
    if (due) return ['to be told', 'busy'];
    return notice.deliveredAt ? ['told', 'good'] : ['', 'off'];
}

// The words of an address: of what the message is about. null: of nothing that has a view, such as
// a disk, or of many things that share the message.
export function subjectOf({event, subject}) {
    const words = subject.split('/');
    if (subject.startsWith('(')) return null;
    switch (event) {
    case 'agent-offline': return ['agents', subject];
    case 'group-short': case 'queue-old': case 'lease-lost': return ['groups', subject];
    case 'token-ends': return ['tokens'];
    case 'execution-failed': return words.length === 2 ? ['flows', ...words] : null;
    case 'schedule-missed': return words.length === 3 ? ['triggers', ...words] : null;
    default: return null;
    }
}

// The words of the address of the list of what happened. null: there is none.
export const happenedOf = (notice) => notice.event === 'execution-failed' && subjectOf(notice)
    ? ['executions', {flow: notice.subject, state: 'FAILED'}] : null;

// How often it happened, and how many messages told it.
export const oftenOf = ({total}) => (total === 1 ? 'once' : `${count(total)} times`);
export const toldOf = ({messages}) => messages ? `in ${plural(messages, 'message')}`
    : 'not told yet';
