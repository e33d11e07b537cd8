// The API of the coordinator that served this page: docs/api.md. The cookie of the session goes
// with each request by itself; no token is kept here.

import {queryText} from './query.js';

export class ApiError extends Error {
    constructor(status, error) {
        super(error.message || `the coordinator answered ${status}`);
        this.status = status;
        this.code = error.code || '';
        this.hint = error.hint || '';
        this.field = error.field || '';
        this.problems = error.problems || [];
    }
}

let signedOut = () => {};
// fn is called when the coordinator says that nobody is signed in.
export function onSignedOut(fn) {
    signedOut = fn;
}

// Segments of a path, each escaped: path('jobs', id) is 'api/v1/jobs/ID'. A browser takes '..' for
// the folder above, however it is written: it would ask something else.
export function path(...segments) {
    for (const segment of segments) {
        if (segment === '.' || segment === '..')
            throw new ApiError(404, {message: `nothing can be named "${segment}"`});
    }
    return ['api/v1', ...segments.map(encodeURIComponent)].join('/');
}

async function errorOf(response) {
    let error = {};
    try {
        error = (await response.json()).error || {};
    } catch {
        error.message = `the coordinator answered ${response.status} without a reason`;
    }
    return new ApiError(response.status, error);
}

// The answer of fetch when it is a good one. Throws ApiError; status 0: no connection.
export async function request(method, where, {query, body, headers, signal} = {}) {
    const options = {method, headers: {...headers}, signal, credentials: 'same-origin'};
    if (method !== 'GET') options.headers['X-Cadre-Page'] = '1';
    if (body !== undefined) {
        options.headers['Content-Type'] = 'application/json';
        options.body = JSON.stringify(body);
    }
    let response;
    try {
        response = await fetch(where + queryText(query), options);
    } catch (e) {
        if (e.name === 'AbortError') throw e;
        throw new ApiError(0, {message: 'the coordinator cannot be reached',
                               hint: method === 'GET' ? 'the page tries again by itself'
                                   : 'it may have been done all the same: look before you try ' +
                                     'again'});
    }
    if (response.ok) return response;
    const error = await errorOf(response);
    if (response.status === 401) signedOut(error);
    throw error;
}

async function json(method, where, options) {
    const response = await request(method, where, options);
    return response.status === 204 ? null : response.json();
}

export const api = {
    get: (where, query, signal) => json('GET', where, {query, signal}),
    post: (where, query, body, signal) => json('POST', where, {query, body, signal}),
    // What must not be done twice: so it can be sent again with the same key, by useKey.
    once: (key, where, {query, body, signal} = {}) => json('POST', where, {
        query, body, signal, headers: {'Idempotency-Key': key}}),
    patch: (where, body) => json('PATCH', where, {body}),
    del: (where, query) => json('DELETE', where, {query}),
};
