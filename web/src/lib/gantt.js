// When the tasks of an execution waited and ran, as parts of a line from 0 to 100.

const ms = (at) => at ? Date.parse(at) : null;
const MANY = 500; // tasks, as many as a flow may have

// {from, to, rows}: from and to in ms; a row is {task, run, depth, parts: [{kind, from, to, left,
// width}]}, depth: of what holds it
// with the kinds 'before' (earlier attempts), 'queued' and 'run'. tasks: ids in their order, of
// which those without a task run have run null. now: in ms, the end of what has not ended.
export function gantt(execution, tasks, now) {
    const from = ms(execution.createdAt);
    const runs = execution.taskRuns || [];
    let to = ms(execution.endedAt) || now;
    for (const run of runs) to = Math.max(to, ms(run.endedAt) || 0);
    if (to <= from) to = from + 1;
    const place = (kind, a, b) => {
        const start = Math.min(Math.max(a, from), to);
        const end = Math.min(Math.max(b, start), to);
        return {kind, from: start, to: end, left: 100 * (start - from) / (to - from),
                width: 100 * (end - start) / (to - from)};
    };
    const depths = depthsOf(runs);
    const rows = runs.map((run) => ({task: run.task, run, depth: depths.get(run.run) || 0,
                                     parts: partsOf(run, now).map((p) => place(...p))}));
    const have = new Set(runs.map((run) => run.task));
    for (const task of tasks)
        if (!have.has(task)) rows.push({task, run: null, parts: []});
    if (tasks.length) {
        const order = new Map(tasks.map((task, i) => [task, i]));
        const at = (row) => order.has(row.task) ? order.get(row.task) : order.size;
        rows.sort((a, b) => at(a) - at(b)); // stable: runs of one task keep their order
    }
    return {from, to, rows: rows.slice(0, MANY)};
}

// By the number of the task run; those that hold others come before what they hold.
function depthsOf(runs) {
    const depths = new Map();
    for (const run of runs)
        if (run.run) depths.set(run.run, run.parent ? (depths.get(run.parent) || 0) + 1 : 0);
    return depths;
}

// [kind, from, to] of a task run.
function partsOf(run, now) {
    const created = ms(run.createdAt);
    const ended = ms(run.endedAt);
    const started = ms(run.startedAt);
    const parts = [];
    // With a second attempt, what was before it is told by the job alone.
    const queued = run.attempt > 1 && run.submittedAt ? ms(run.submittedAt) : created;
    if (queued > created) parts.push(['before', created, queued]);
    parts.push(['queued', queued, started || ended || now]);
    if (started) parts.push(['run', started, ended || now]);
    // A run of less than a millisecond is one all the same.
    return parts.filter(([kind, a, b]) => b > a || kind === 'run');
}

// How long it waited and ran, in ms; null: it did not.
export function spans(row) {
    const sum = (kind) => {
        const parts = row.parts.filter((p) => p.kind === kind);
        return parts.length ? parts.reduce((n, p) => n + p.to - p.from, 0) : null;
    };
    return {before: sum('before'), queued: sum('queued'), run: sum('run')};
}

// Round marks of the axis, at most six, in ms from the beginning.
export function ticks(length) {
    const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4,
                   3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5];
    let step = steps.find((s) => length / s <= 6);
    if (!step) step = 864e5 * Math.ceil(length / 864e5 / 6);
    const marks = [];
    for (let at = 0; at <= length; at += step) marks.push(at);
    return marks;
}
