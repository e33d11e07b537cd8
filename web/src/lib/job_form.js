// The form of a new job: its fields as the body of a submit, as the command that does the same, and
// filled with what another job ran.
import {requiresText} from './fleet.js';
import {base64Size, plural} from './format.js';
import {option} from './shell.js';

const RETRY_KEYS = ['type', 'interval', 'maxInterval', 'delayFactor', 'maxDuration'];
const ANY = 'any'; // number of attempts

// ---- texts with one thing a line; as JSON when that does not say it ----

const lineBreak = /[\r\n]/;

function fromJson(text, what, check) {
    let value;
    try {
        value = JSON.parse(text);
    } catch (e) {
        throw new Error(`${what}: what begins so is read as JSON, and it is none: ${e.message}`);
    }
    if (!check(value)) throw new Error(`${what}: the JSON holds more than texts`);
    return value;
}

const isText = (value) => typeof value === 'string';

function wordsText(list) {
    const text = list.join('\n');
    return list.some((w) => w === '' || lineBreak.test(w)) || text.trim().startsWith('[')
        ? JSON.stringify(list, null, 1) : text;
}

function wordsOf(text, what) {
    return text.trim().startsWith('[')
        ? fromJson(text, what, (v) => Array.isArray(v) && v.every(isText))
        : text.split('\n').filter((w) => w !== '');
}

function envText(env) {
    const all = Object.entries(env);
    const text = all.map(([k, v]) => `${k}=${v}`).join('\n');
    return all.some(([k, v]) => lineBreak.test(k + v) || k.trim() !== k || k.includes('=') || !k) ||
        text.trim().startsWith('{') ? JSON.stringify(env, null, 1) : text;
}

function envOf(text) {
    if (text.trim().startsWith('{'))
        return fromJson(text, 'Environment', (v) => Object.values(v).every(isText));
    const env = new Map();
    for (const [i, line] of text.split('\n').entries()) {
        if (!line.trim()) continue;
        const at = line.indexOf('=');
        const name = line.slice(0, at).trim();
        if (at < 1 || !name)
            throw new Error(`Environment, line ${i + 1}: write it as NAME=VALUE`);
        if (env.has(name)) throw new Error(`Environment, line ${i + 1}: ${name} is there twice`);
        env.set(name, line.slice(at + 1));
    }
    return Object.fromEntries(env);
}

// ---- the body ----

function whole(text, what) {
    if (!/^-?\d+$/.test(text.trim())) throw new Error(`${what}: a whole number is needed`);
    return Number(text);
}

const plain = (text) => text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');

// A field for a script has LF alone; of a script that is not changed the bytes stay, else its kind
// of line breaks.
function scriptOf(form) {
    const script = plain(form.script);
    const before = form.kept.script;
    if (before === undefined) return script;
    if (script === plain(before)) return before;
    const mixed = lineBreak.test(before.replaceAll('\r\n', ''));
    return mixed ? script : script.replaceAll('\n', '\r\n');
}

function retryOf(form) {
    const attempts = form.attempts.trim();
    const rest = form.dropped.includes('retry') ? undefined : form.kept.retry;
    if (!attempts) return undefined;
    return {...rest, ...(attempts === ANY ? {} : {maxAttempts: whole(attempts, 'Attempts')})};
}

// The fields of the form as the body of POST /api/v1/jobs. Throws Error with words for people.
export function bodyOf(form) {
    const body = {};
    if (form.what === 'script') {
        if (!form.script.trim()) throw new Error('Script: there is none yet');
        body.script = scriptOf(form);
        if (form.shell) body.shell = form.shell;
        const args = wordsOf(form.args, 'Arguments');
        if (args.length) body.args = args;
    } else {
        body.command = wordsOf(form.command, 'Command');
        if (!body.command.length) throw new Error('Command: there is none yet');
    }
    for (const key of ['name', 'namespace', 'group', 'workdir', 'timeout', 'queueTimeout',
                       'fallback'])
        if (form[key].trim()) body[key] = form[key].trim();
    const env = envOf(form.env);
    if (Object.keys(env).length) body.env = env;
    if (form.priority.trim()) body.priority = whole(form.priority, 'Priority');
    for (const key of ['requires', 'stdin', 'lease', 'killGrace'])
        if (form.kept[key] !== undefined && !form.dropped.includes(key)) body[key] = form.kept[key];
    const retry = retryOf(form);
    if (retry) body.retry = retry;
    return body;
}

// kept: what another job had and no field shows, by its name in the body; dropped: names of those
// that are not wanted.
export const EMPTY_FORM = {what: 'script', script: '', shell: '', args: '', command: '', name: '',
                           namespace: '', group: '', workdir: '', timeout: '', queueTimeout: '',
                           fallback: '', env: '', priority: '', attempts: '', kept: {},
                           dropped: []};

// ---- from another job ----

const SPEC_KEYS = ['command', 'script', 'shell', 'args', 'env', 'workdir', 'stdin', 'traceparent'];

const refuse = (what) => {
    throw new Error(`This form cannot hold what the job has as ${what}: use ` +
        "'cadre job show --command', or the API.");
};

// What it asked for: without the shell that it names, which the coordinator adds.
function requiresOf(job) {
    const {shell} = job.spec || {};
    const all = [];
    for (const [key, value] of Object.entries(job.requires || {})) {
        const texts = value && Array.isArray(value.all) ? [...value.all] : [value];
        const own = key === 'shell' && shell ? texts.indexOf(shell) : -1;
        if (own >= 0) texts.splice(own, 1);
        if (texts.length > 1 || !texts.every(isText)) refuse(`requires.${key}`);
        if (texts.length) all.push([key, texts[0]]);
    }
    return all.length ? Object.fromEntries(all) : undefined;
}

// All of it but the number of attempts; undefined when that is all.
function retryRest(retry) {
    if (!retry) return undefined;
    for (const key of Object.keys(retry))
        if (key !== 'maxAttempts' && !RETRY_KEYS.includes(key)) refuse(`retry.${key}`);
    const rest = Object.fromEntries(RETRY_KEYS.filter((key) => retry[key] !== null &&
        retry[key] !== undefined).map((key) => [key, retry[key]]));
    const usual = Object.entries(rest).every(([key, value]) =>
        value === {type: 'constant', interval: '1s'}[key]);
    return usual ? undefined : rest;
}

// The form filled with what another job ran. Throws Error when it would be another job.
export function formOf(job) {
    const spec = job.spec || {};
    const text = (value) => value === null || value === undefined ? '' : String(value);
    for (const key of Object.keys(spec)) if (!SPEC_KEYS.includes(key)) refuse(key);
    const {retry} = job;
    const inNamespace = !!job.namespace; // that may have a group and a fallback of its own
    const kept = {requires: requiresOf(job), stdin: spec.stdin, lease: job.lease,
                  killGrace: job.killGrace, retry: retryRest(retry),
                  script: lineBreak.test(text(spec.script).replaceAll('\n', '')) ? spec.script
                      : undefined};
    const form = {
        ...EMPTY_FORM, what: spec.command ? 'command' : 'script', script: plain(text(spec.script)),
        shell: text(spec.shell), args: wordsText(spec.args || []),
        command: wordsText(spec.command || []), name: text(job.name),
        namespace: text(job.namespace),
        group: job.group === 'default' && !inNamespace ? '' : text(job.group),
        fallback: job.fallback === 'WAIT' && !inNamespace ? '' : text(job.fallback),
        workdir: text(spec.workdir), timeout: text(job.timeout),
        queueTimeout: text(job.queueTimeout), env: envText(spec.env || {}),
        priority: job.priority ? String(job.priority) : '',
        attempts: retry ? text(retry.maxAttempts) || ANY : '',
        kept: Object.fromEntries(Object.entries(kept).filter(([, v]) => v !== undefined &&
            v !== null))};
    for (const key of ['name', 'workdir'])
        if (form[key] !== form[key].trim() || lineBreak.test(form[key])) refuse(key);
    return form;
}

// What is kept of the other job beside the fields, for people: [[name, sentence]].
export function keptWords(form) {
    const {requires, stdin, lease, killGrace, retry} = form.kept;
    return [
        ['requires', requires && `requires ${requiresText(requires)}`],
        ['stdin', stdin && `its standard input, ${plural(base64Size(stdin), 'byte')}`],
        ['lease', lease && `lease ${lease}`],
        ['killGrace', killGrace && `grace to end ${killGrace}`],
        ['retry', retry && `how attempts follow each other: ${Object.entries(retry)
            .map(([k, v]) => `${k} ${v}`).join(', ')}`],
    ].filter(([, words]) => words);
}

// ---- the command ----

// The words of 'cadre run' that submit the same; null: it has no option for something.
export function runWords(body) {
    const {retry = {}} = body;
    if (body.killGrace !== undefined || (body.stdin !== undefined && body.script !== undefined) ||
        RETRY_KEYS.some((key) => retry[key] !== undefined) ||
        (body.retry && !(retry.maxAttempts >= 1))) return null;
    const words = ['run'];
    const add = (name, value) => value !== undefined && words.push(...option(name, value));
    add('--group', body.group);
    add('--namespace', body.namespace);
    add('--name', body.name);
    for (const [k, v] of Object.entries(body.requires || {})) {
        if (/[=<>!]/.test(k)) return null;
        add('--require', `${k}=${v}`);
    }
    for (const [k, v] of Object.entries(body.env || {})) add('--env', `${k}=${v}`);
    add('--workdir', body.workdir);
    add('--timeout', body.timeout);
    add('--queue-timeout', body.queueTimeout);
    add('--lease', body.lease);
    add('--fallback', body.fallback);
    add('--priority', body.priority);
    if (body.retry) add('--retry', retry.maxAttempts - 1);
    if (body.stdin !== undefined) add('--stdin', 'FILE');
    if (body.script !== undefined) {
        add('--shell', body.shell);
        add('--script', 'FILE');
        if (body.args) words.push('--', ...body.args);
    } else {
        words.push('--', ...body.command);
    }
    return words;
}
