// Addresses of views: #/jobs?state=FAILED.
import {queryText} from './query.js';

const LISTS = ['label']; // several of them have to hold

// {segments, query}; several of what may be a list are an array, else the last counts. A fragment
// that cannot be read is the first view.
export function parse(fragment) {
    const text = fragment.replace(/^#?\/?/, '');
    const [where, query = ''] = text.split(/\?(.*)/s);
    const segments = [];
    for (const word of where.split('/')) {
        if (!word) continue;
        try {
            segments.push(decodeURIComponent(word));
        } catch {
            return {segments: [], query: {}};
        }
    }
    const values = {};
    for (const [key, value] of new URLSearchParams(query))
        values[key] = LISTS.includes(key) && values[key] ? [values[key], value].flat() : value;
    return {segments, query: values};
}

// The address of a view: link('jobs', id), link('jobs', {state: 'FAILED'}).
export function link(...words) {
    const last = words[words.length - 1];
    const query = last && typeof last === 'object' ? words.pop() : {};
    return `#/${words.map(encodeURIComponent).join('/')}${queryText(query)}`;
}
