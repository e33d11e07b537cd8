// The inputs of a flow: from the fields of a form to what an execution is given, and back. Values
// go as texts where they can, since the coordinator reads texts as the type that the flow names: so
// numbers stay as they were written.
import {request} from './api.js';
import {option} from './shell.js';

// JSON whose numbers keep the digits that they have (1.0, 9007199254740993), where the browser can.
export function parseExact(text) {
    if (!JSON.rawJSON) return JSON.parse(text);
    return JSON.parse(text, (key, value, context) =>
        typeof value === 'number' && String(value) !== context.source
            ? JSON.rawJSON(context.source) : value);
}

// What the API says, with the digits that its numbers have.
export async function getExact(where, query, signal) {
    return parseExact(await (await request('GET', where, {query, signal})).text());
}

// A value as a text for people: a text as it is, everything else as JSON.
export function show(value) {
    if (value === null || value === undefined) return '';
    return typeof value === 'string' ? value : JSON.stringify(value);
}

const MANY = 'one value a line, or a list in JSON';

// Which kind of field an input has.
export function fieldOf(input) {
    switch (input.type) {
    case 'BOOLEAN': case 'BOOL': return {kind: 'select', options: ['true', 'false']};
    case 'SELECT': case 'ENUM':
        if (!input.allowCustomValue) return {kind: 'select', options: input.values || []};
        return {kind: 'line', options: input.values, hint: 'or a value of your own'};
    case 'MULTISELECT':
        if (!input.values || input.allowCustomValue) return {kind: 'text', hint: `${MANY}${
            input.values ? `: ${input.values.join(', ')}, or others` : ''}`};
        return {kind: 'boxes', options: input.values};
    case 'ARRAY': return {kind: 'text', hint: `${MANY}${input.itemType
        ? `, each of the type ${input.itemType}` : ''}`};
    case 'INT': return {kind: 'line', mode: 'numeric', hint: range(input, 'an integer')};
    case 'FLOAT': return {kind: 'line', mode: 'decimal', hint: range(input, 'a number')};
    case 'DATE': return {kind: 'line', native: 'date'};
    case 'TIME': return {kind: 'line', hint: '23:59 or 23:59:59'};
    case 'DATETIME': return {kind: 'line', hint: '2026-01-31T23:59:59Z, or with an offset'};
    case 'DURATION': return {kind: 'line', hint: '1h30m or PT1H30M'};
    case 'JSON': return {kind: 'text', hint: 'JSON'};
    case 'YAML': return {kind: 'text', hint: 'YAML'};
    case 'URI': return {kind: 'line', hint: 'https://example.com/a'};
    case 'EMAIL': return {kind: 'line', hint: 'ops@example.com'};
    case 'SECRET': return {kind: 'line', native: 'password'};
    default: return {kind: /\n/.test(show(input.defaults)) ? 'text' : 'line'};
    }
}

function range({min, max}, what) {
    const given = (n) => n !== null && n !== undefined;
    if (given(min) && given(max)) return `${what} from ${show(min)} to ${show(max)}`;
    if (given(min)) return `${what}, at least ${show(min)}`;
    return given(max) ? `${what}, at most ${show(max)}` : what;
}

const isList = (input) => input.type === 'ARRAY' || input.type === 'MULTISELECT';

// What stands in the field of a value. Lists of words stand one a line.
export function fieldText(input, value) {
    if (value === null || value === undefined) return '';
    if (input.type === 'JSON' || input.type === 'YAML')
        return typeof value === 'string' && input.type === 'YAML' ? value
            : JSON.stringify(value, null, 2);
    if (isList(input) && Array.isArray(value) && value.every(plain))
        return value.map(show).join('\n');
    return show(value);
}

const plain = (v) => typeof v === 'string' ? v.trim() === v && v !== '' && !/^[[{]|\n/.test(v)
    : typeof v === 'number' || typeof v === 'boolean';

// What is sent for what stands in the field; undefined: nothing, so that the default holds. Throws
// an Error with a sentence.
export function valueOf(input, text) {
    if (isList(input)) return listOf(input, text);
    if (input.type === 'JSON') {
        if (!text.trim()) return undefined;
        try {
            JSON.parse(text);
        } catch (e) {
            throw new Error(`is no JSON: ${e.message}`);
        }
        return text;
    }
    if (text !== '') return text;
    // An empty text is a value where it takes the place of a default.
    return input.type === 'STRING' && show(input.defaults) !== '' ? '' : undefined;
}

function listOf(input, text) {
    const words = text.trim();
    if (!words) return show(input.defaults) === '' ? undefined : [];
    if (!words.startsWith('[')) return words.split('\n').map((w) => w.trim()).filter(Boolean);
    try {
        return parseExact(words);
    } catch (e) {
        throw new Error(`is no list in JSON: ${e.message}`);
    }
}

// What an object has under a name that somebody else chose, "constructor" for example; undefined:
// nothing.
export const own = (object, name) => Object.hasOwn(object, name) ? object[name] : undefined;

// {inputs, problems: {id: sentence}} of a form: texts by id. What stands as its default is left
// out, so that the flow decides.
export function inputsOf(list, texts) {
    const inputs = new Map();
    const problems = new Map();
    for (const input of list) {
        const text = own(texts, input.id) || '';
        if (text === fieldText(input, input.defaults)) {
            if (input.required && !text) problems.set(input.id, 'is needed');
            continue;
        }
        try {
            const value = valueOf(input, text);
            if (value !== undefined) inputs.set(input.id, value);
            else if (input.required) problems.set(input.id, 'is needed');
        } catch (e) {
            problems.set(input.id, e.message);
        }
    }
    return {inputs: Object.fromEntries(inputs), problems: Object.fromEntries(problems)};
}

// Lines "key=value" as an object. Throws an Error with a sentence.
export function pairsOf(text) {
    const pairs = new Map();
    for (const line of text.split('\n')) {
        if (!line.trim()) continue;
        const at = line.indexOf('=');
        const key = line.slice(0, Math.max(at, 0)).trim();
        if (!key) throw new Error(`'${line.trim()}' is not KEY=VALUE`);
        if (pairs.has(key)) throw new Error(`'${key}' is there twice: leave one of them out`);
        pairs.set(key, line.slice(at + 1).trim());
    }
    return Object.fromEntries(pairs);
}

// Words of the command line for them: --input k=v for each that has a value.
export function optionWords(name, values) {
    return Object.entries(values).filter(([, value]) => value !== null)
        .flatMap(([key, value]) => option(name, `${key}=${show(value)}`));
}
