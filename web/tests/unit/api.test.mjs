// Requests and who makes them.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {ApiError, api, path} from '../../src/lib/api.js';

test('paths escape their segments, and refuse those that lead elsewhere', () => {
    assert.equal(path('jobs', 'a/b?c'), 'api/v1/jobs/a%2Fb%3Fc');
    assert.equal(path('flows', 'a.b', '...'), 'api/v1/flows/a.b/...');
    for (const bad of ['.', '..'])
        assert.throws(() => path('flows', bad, 'x'), ApiError);
});

test('only what reads is said to be tried again', async (t) => {
    t.mock.method(globalThis, 'fetch', async () => {
        throw new TypeError('no connection');
    });
    const hintOf = (request) => request.then(() => assert.fail(), (e) => {
        assert.equal(e.status, 0);
        return e.hint;
    });
    assert.match(await hintOf(api.get(path('jobs'))), /tries again/);
    for (const request of [api.post(path('jobs'), {}, {}), api.del(path('session')),
                           api.patch(path('groups', 'g'), {}), api.once('k', path('jobs'))])
        assert.match(await hintOf(request), /may have been done/);
});

test('what must not be done twice is sent with its key', async (t) => {
    const sent = t.mock.method(globalThis, 'fetch', async () => Response.json({id: 'a'}));
    const {signal} = new AbortController();
    assert.deepEqual(await api.once('k1', path('jobs', 'retry'), {query: {cursor: 'c', group: ''},
                                                                  body: {a: 1}, signal}),
                     {id: 'a'});
    assert.deepEqual(await api.once('k1', path('jobs')), {id: 'a'});
    await api.post(path('jobs', 'cancel'), {dryRun: true}, undefined, signal);
    const [[where, first], [plain, second], [, third]] = sent.mock.calls.map((c) => c.arguments);
    assert.equal(where, 'api/v1/jobs/retry?cursor=c');
    assert.equal(plain, 'api/v1/jobs');
    for (const options of [first, second]) {
        assert.equal(options.method, 'POST');
        assert.equal(options.headers['Idempotency-Key'], 'k1');
        assert.equal(options.headers['X-Cadre-Page'], '1');
    }
    assert.equal(first.body, '{"a":1}');
    assert.equal(second.body, undefined);
    assert.deepEqual([first.signal, third.signal], [signal, signal]);
    assert.equal(third.headers['Idempotency-Key'], undefined);
});
