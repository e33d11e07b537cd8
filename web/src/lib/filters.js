// From the filters in the address of a view to those of the API.
import {option} from './shell.js';

export const OPEN_EXECUTIONS = 'CREATED,QUEUED,RUNNING,KILLING'; // those that have not ended

// Which options a select needs so that it can show the value that the address has.
export function optionsWith(options, value) {
    return !value || options.some(([key]) => key === value) ? options
        : [...options, [value, value.replaceAll(',', ', ')]];
}

// Labels as one writes them, with commas between, or as the address has several.
export function labelsOf(label) {
    if (Array.isArray(label)) return label;
    return label ? label.split(/,\s*(?=[^,=]+=)/) : undefined;
}

// What the fields of filters show: texts.
export function shownFilters(query) {
    return Array.isArray(query.label) ? {...query, label: query.label.join(', ')} : query;
}

// A flow may be written with its namespace, labels with commas between: then several are asked
// for; times as people write them.
export function flowQuery(query) {
    const words = withTimes(query);
    const cut = (words.flow || '').lastIndexOf('/');
    if (cut > 0) {
        words.namespace = words.flow.slice(0, cut);
        words.flow = words.flow.slice(cut + 1);
    }
    if (words.label) words.label = labelsOf(words.label);
    return words;
}

// The same for the command line; asked is what flowQuery gave.
export function flowWords(asked) {
    const of = (key) => asked[key] ? option(`--${key}`, asked[key]) : [];
    return [...(asked.flow ? ['--flow', `${asked.namespace || 'NAMESPACE'}/${asked.flow}`]
        : of('namespace')),
    ...['state', 'trigger', 'since', 'until', 'id', 'order'].flatMap(of),
    ...(asked.label || []).flatMap((label) => option('--label', label))];
}

export const TIME_HINT = '1h or 2026-01-31'; // in the field of a time
export const TIMES_HELP = 'Since, until: how long ago (1h, 7d); a day (2026-01-31; until: with ' +
    'it) or a time (2026-01-31 14:30) on your clock, or 2026-01-31T13:30:00Z.';
const TIMES = ['since', 'until', 'endedSince', 'endedUntil'];
const ON_THE_CLOCK = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?$/;

// What is written for 'since' or 'until' as the API takes it: a day or a time without a zone is one
// of the browser's clock, and until a day is until its end. All else, and what no calendar has,
// stays as it is: the API says what is wrong with it.
export function timeOf(key, text) {
    const [, year, month, day, hour, minute, second] = (ON_THE_CLOCK.exec(text) || []).map(Number);
    if (!year) return text;
    const whole = Number.isNaN(hour);
    const at = new Date(year, month - 1, day, hour || 0, minute || 0, second || 0);
    const same = [at.getFullYear(), at.getMonth() + 1, at.getDate()].join() ===
        [year, month, day].join() && (whole || (hour < 24 && minute < 60 && !(second > 59)));
    if (!same) return text;
    return (whole && /until$/i.test(key) ? new Date(year, month - 1, day + 1) : at).toISOString();
}

// The filters of an address with their times as the API takes them.
export function withTimes(query) {
    return Object.fromEntries(Object.entries(query).map(([key, value]) =>
        [key, value && TIMES.includes(key) ? timeOf(key, value) : value]));
}
