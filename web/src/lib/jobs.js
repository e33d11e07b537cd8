// What the views of jobs compute: filters, commands of the CLI, phases.
import {OVER, between} from './format.js';
import {option} from './shell.js';

export const OPEN = ['CREATED', 'SUBMITTED', 'RUNNING', 'KILLING', 'RETRYING'];

// For the filter of states: what waits, what a group counts as waiting, what runs.
export const WAITING = 'CREATED,RETRYING';
export const QUEUED = 'CREATED';
export const RUNNING = 'SUBMITTED,RUNNING,KILLING';

// About what was handed out to an agent: not what waits for its first attempt, or was cancelled
// before it. Those that failed while they waited are among them.
export const HANDED_OUT = [...OPEN, ...OVER].filter((s) => s !== 'CREATED' && s !== 'CANCELLED')
    .join(',');

// The filters of a list, in the order of the command; each is a parameter of the API.
const FILTERS = ['id', 'name', 'state', 'kind', 'group', 'namespace', 'agent', 'since', 'until',
                 'endedSince', 'endedUntil', 'reason', 'exitCode', 'flow', 'task', 'named',
                 'label'];

// What of an address is a filter and says something.
export function filtersOf(query) {
    return Object.fromEntries(FILTERS.filter((key) => query[key])
        .map((key) => [key, query[key]]));
}

// The options of the command that say more than their own value.
const OPTIONS = {
    namespace: ({namespace, flow}) => flow ? [] : option('--namespace', namespace),
    endedSince: ({endedSince}) => option('--ended-since', endedSince),
    endedUntil: ({endedUntil}) => option('--ended-until', endedUntil),
    exitCode: ({exitCode}) => option('--exit-code', exitCode),
    flow: ({namespace, flow}) => option('--flow', `${namespace || 'NAMESPACE'}/${flow}`),
    named: () => ['--unnamed'],
    label: ({label}) => [label].flat().flatMap((l) => option('--label', l)),
};

// The words of 'cadre job list|cancel|retry' with these filters.
export function filterWords(verb, filters) {
    return ['job', verb, ...FILTERS.filter((key) => filters[key]).flatMap((key) =>
        OPTIONS[key] ? OPTIONS[key](filters) : option(`--${key}`, filters[key]))];
}

// What 'cancel' or 'retry' of the jobs in a list asks for: {filters, query, empty, words}, or
// {refused: sentence}. empty: nothing but perhaps the kind chooses, which all jobs have: then it is
// about all of them. words: of the command.
export function bulkOf(verb, given) {
    const {kind, ...rest} = given;
    const kinds = (kind || 'job').split(',');
    if (verb === 'retry' && !kinds.includes('job') && !kinds.includes('all'))
        return {refused: 'Only jobs are run again, not tasks of executions or evaluations of ' +
            'triggers: start the flow again instead.'};
    const filters = verb === 'retry' ? rest : given;
    const empty = !Object.keys(rest).length;
    const words = filterWords(verb, filters);
    return {filters, empty, query: empty ? {...filters, all: true} : filters,
            words: empty ? [...words, '--all'] : words};
}

// The filters with what is since and until as times, as an answer tells them.
export function atTimes(filters, answer) {
    const times = ['since', 'until', 'endedSince', 'endedUntil']
        .filter((key) => filters[key] && answer[key])
        .map((key) => [key, answer[key]]);
    return {...filters, ...Object.fromEntries(times)};
}

// How an attempt ended, as words: the code, the reason unless the code says it, the message.
export function endWords({exitCode = null, reason, message}) {
    const code = exitCode !== null;
    return [code && `exit code ${exitCode}`, !(code && reason === 'exit-code') && reason, message]
        .filter(Boolean);
}

// The phases of the job's attempts: [{name, kind, from, to, attempt}], from and to in ms; to is
// null for the one that goes on. firstOutput: of the last attempt, when it is known.
export function phases(job, firstOutput = null) {
    const result = [];
    const add = (kind, name, attempt, from, to) => from && result.push({
        kind, name, attempt, from: Date.parse(from), to: to ? Date.parse(to) : null});
    const attempts = job.attempts || [];
    let since = attempts.length && attempts[0].attempt > 1 ? null : job.createdAt;
    for (const a of attempts) {
        if (a.submittedAt) {
            add('queued', since === job.createdAt ? 'waited' : 'waited to try again', a.attempt,
                since, a.submittedAt);
            add('sent', 'sent to the agent', a.attempt, a.submittedAt, a.startedAt || a.endedAt);
        }
        const output = a === attempts[attempts.length - 1] && a.startedAt ? firstOutput : null;
        if (a.startedAt) add('started', output ? 'ran without output' : 'ran', a.attempt,
                             a.startedAt, output || a.endedAt);
        if (output) add('output', 'ran with output', a.attempt, output, a.endedAt);
        since = a.endedAt;
    }
    const last = attempts[attempts.length - 1];
    if (!job.endedAt && (!last || last.endedAt))
        add('queued', last ? 'waits to try again' : 'waits', job.attempt, since, null);
    else if (job.endedAt && !attempts.length)
        add('queued', 'waited', 0, job.createdAt, job.endedAt);
    return result;
}

// How long it waited, and how long it ran, of a row of the list; now in ms while it goes on.
export function times(job, now) {
    const at = new Date(now).toISOString();
    const ended = job.endedAt || at;
    return {waited: between(job.createdAt, job.startedAt || ended),
            ran: job.startedAt ? between(job.startedAt, ended) : null};
}
