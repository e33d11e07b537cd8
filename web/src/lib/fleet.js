// Groups and agents in words: what a group requires, why its jobs wait, what an agent offers.
import {bytes, count, plural} from './format.js';
import {option} from './shell.js';

// What the API writes as "1h30m", "736ms" or "1.913s", in ms. null: it is no duration.
export function milliseconds(text) {
    if (typeof text !== 'string' || !/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return null;
    const units = {ms: 1, s: 1000, m: 60000, h: 3600000, d: 86400000};
    let sum = 0;
    for (const [, number, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d)/g))
        sum += parseFloat(number) * units[unit];
    return sum;
}

function wish(key, value) {
    return /^[<>!=]/.test(value) ? `${key} ${value}` : `${key}=${value}`;
}

function listOf(value) {
    return Array.isArray(value) ? value : value && typeof value === 'object' ? value.all || []
        : [value];
}

// {"os": ["linux", "windows"]} as "os=linux or os=windows", for people.
export function requiresText(requires) {
    return Object.entries(requires || {}).map(([key, value]) => listOf(value)
        .map((one) => wish(key, String(one))).join(Array.isArray(value) ? ' or ' : ' and '))
        .join(', ');
}

// The same as lines to edit, several of one key for several values. null: lines cannot say it.
export function requiresLines(requires) {
    const lines = [];
    for (const [key, value] of Object.entries(requires || {})) {
        if (value && typeof value === 'object' && !Array.isArray(value)) return null;
        for (const one of listOf(value)) lines.push(wish(key, String(one)));
    }
    return lines.join('\n');
}

// The object that the lines say. Throws an Error that names the line.
export function parseRequires(text) {
    const requires = {};
    for (const line of text.split('\n').map((l) => l.trim()).filter(Boolean)) {
        const at = line.search(/[=<>!]/);
        const key = at < 0 ? '' : line.slice(0, at).trim();
        if (!key)
            throw new Error(`'${line}' is not KEY=VALUE, for example os=linux or memory>=16GiB`);
        const value = line.slice(line[at] === '=' ? at + 1 : at).trim();
        if (!value) throw new Error(`'${line}' has no value`);
        const before = Object.hasOwn(requires, key) ? requires[key] : undefined;
        Object.defineProperty(requires, key, {
            value: before === undefined ? value : [...listOf(before), value],
            enumerable: true, configurable: true, writable: true});
    }
    return requires;
}

export function wordsOf(text) {
    return text.split(/[\s,]+/).filter(Boolean);
}

// The fields of a form about a group, as texts.
export function groupForm(group) {
    return {key: group.key || '', description: group.description || '',
            requires: requiresLines(group.requires), tags: (group.tags || [])
                .filter((t) => t !== group.key).join(' '),
            allowedNamespaces: (group.allowedNamespaces || []).join(' '),
            maxQueued: group.maxQueued ? String(group.maxQueued) : ''};
}

// What the form changes of the group, as the API takes it. Throws an Error that says what is wrong.
export function groupChanges(group, form) {
    const before = groupForm(group);
    const body = {};
    const differs = (key) => form[key] !== null && form[key].trim() !== (before[key] || '');
    if (differs('description')) body.description = form.description.trim();
    if (differs('requires')) body.requires = parseRequires(form.requires);
    if (differs('tags')) body.tags = wordsOf(form.tags);
    if (differs('allowedNamespaces')) body.allowedNamespaces = wordsOf(form.allowedNamespaces);
    if (differs('maxQueued')) {
        const most = form.maxQueued.trim();
        if (!/^\d{0,10}$/.test(most)) throw new Error(`at most queued: '${most}' is no number`);
        body.maxQueued = parseInt(most || '0', 10);
    }
    return body;
}

// The options of `cadre group update` that do the same. null: it has none for this.
export function groupOptions(body) {
    const words = [];
    const list = (name, values) => {
        if (!values) return;
        for (const value of values.length ? values : ['']) words.push(...option(name, value));
    };
    if (body.description !== undefined) words.push(...option('--description', body.description));
    if (body.requires) {
        const entries = Object.entries(body.requires);
        if (entries.some(([, value]) => typeof value !== 'string')) return null;
        list('--require', entries.map(([key, value]) => /^[<>!=]/.test(value) ? key + value
            : `${key}=${value}`));
    }
    list('--allow-namespace', body.allowedNamespaces);
    list('--tag', body.tags);
    if (body.maxQueued !== undefined) words.push('--max-queued', String(body.maxQueued));
    return words;
}

// The history of a group as columns for a chart: times in seconds, and each of the keys. Where
// points are missing there is a gap.
export function historyColumns(points, stepMs, keys) {
    const columns = {times: [], ...Object.fromEntries(keys.map((key) => [key, []]))};
    let before = null;
    for (const point of points) {
        const at = Date.parse(point.at);
        if (before !== null && stepMs && at - before > 1.5 * stepMs) {
            columns.times.push((before + stepMs) / 1000);
            for (const key of keys) columns[key].push(null);
        }
        columns.times.push(at / 1000);
        for (const key of keys) columns[key].push(point[key]);
        before = at;
    }
    return columns;
}

// Why nothing of the group is handed out, as far as its own numbers tell; '' when they do not.
export function groupTrouble(group) {
    if (group.paused) return group.pausedBy ? `paused by ${group.pausedBy}` : 'paused';
    if (!group.agents) return 'no agent serves it';
    if (!group.online) return `none of its ${plural(group.agents, 'agent')} is online`;
    if (group.unwell >= group.online) return 'all of its agents that are online are unwell';
    return '';
}

// What holds for one job alone.
const OF_ONE = ['none-satisfies'];

// What the first waiting job of a group is told, as it holds for the others, too: its place in the
// queue does not. waiting: of the API.
export function waitingOf(waiting) {
    if (!waiting) return '';
    const {code, busy, slots, message} = waiting;
    if (code !== 'queued' && code !== 'all-busy')
        return OF_ONE.includes(code) ? `the first one: ${message}` : message;
    if (!(slots >= 0 && busy >= 0)) return 'each in its turn, as slots become free';
    return busy >= slots ? `no fitting slot is free (${count(slots)} in use)`
        : `each in its turn: ${count(slots - busy)} of ${plural(slots, 'fitting slot')} free`;
}

const IDLE = 4;
const rank = (g) => (g.queued ? (groupTrouble(g) ? 0 : 1) : g.running ? 2
    : g.paused || g.unwell ? 3 : IDLE);

// Those that need a look first: in trouble with waiting jobs, then what waits, then what runs; at
// most so many, of idle ones only up to the first so many.
export function busyFirst(groups, most = groups.length, idle = most) {
    const sorted = [...groups].sort((a, b) => rank(a) - rank(b) || b.queued - a.queued ||
        b.running - a.running || (a.key < b.key ? -1 : 1));
    return sorted.slice(0, most).filter((g, i) => i < idle || rank(g) < IDLE);
}

function capability(name, value) {
    if (name === 'memory' || name === 'disk') return bytes(value);
    if (Array.isArray(value)) return value.map(String).join(', ');
    if (value === true) return 'yes';
    if (value === false) return 'no';
    return typeof value === 'number' ? count(value) : String(value);
}

// [[name, text], …] of what an agent offers; what stands inside another has a dotted name, as in
// requires.
export function capabilityItems(capabilities, prefix = '') {
    const items = [];
    for (const [key, value] of Object.entries(capabilities || {})) {
        const name = prefix + key;
        if (value && typeof value === 'object' && !Array.isArray(value))
            items.push(...capabilityItems(value, `${name}.`));
        else if (value !== null) items.push([name, capability(key, value)]);
    }
    return items;
}

// Why an agent gets no jobs, or what else is to be known of it; '' when all is well.
export function agentTrouble(agent) {
    const words = [];
    if (agent.unwellReason) words.push(agent.unwellReason);
    if (agent.drainReason) words.push(`drained: ${agent.drainReason}`);
    else if (agent.held) words.push(agent.drainedBy ? `drained by ${agent.drainedBy}` : 'drained');
    if (agent.lastRefusal) words.push(`refused: ${agent.lastRefusal.message}`);
    return words.join('; ');
}
