import assert from 'node:assert/strict';
import {test} from 'node:test';

import {queryText} from '../../src/lib/query.js';
import {link, parse} from '../../src/lib/address.js';

test('an address gives its segments and its query', () => {
    assert.deepEqual(parse('#/jobs/abc?state=FAILED&name=a%20b'),
                     {segments: ['jobs', 'abc'], query: {state: 'FAILED', name: 'a b'}});
    assert.deepEqual(parse(''), {segments: [], query: {}});
    assert.deepEqual(parse('#/?a=1'), {segments: [], query: {a: '1'}});
});

test('a query may hold a question mark', () => {
    assert.deepEqual(parse('#/jobs?name=why?').query, {name: 'why?'});
});

test('several labels are kept; of others the last counts', () => {
    for (const label of [['a=1', 'b=2'], ['a=1', 'b=2', 'c=3']])
        assert.deepEqual(parse(link('jobs', {label})).query, {label});
    assert.deepEqual(parse('#/jobs?label=a=1&state=A&state=B').query, {label: 'a=1', state: 'B'});
});

test('an address that cannot be read is the first view', () => {
    assert.deepEqual(parse('#/jobs/%E0%A4%A'), {segments: [], query: {}});
});

test('what link makes, parse reads', () => {
    for (const name of ['a/b', 'a?b', 'a#b', 'a%2Fb', 'ä b', '..', '"<b>']) {
        const made = link('flows', name, {label: name});
        assert.deepEqual(parse(made), {segments: ['flows', name], query: {label: name}});
    }
});

test('keys without a value are left out', () => {
    assert.equal(queryText({a: '', b: null, c: undefined, d: 0, e: ['x', 'y']}), '?d=0&e=x&e=y');
    assert.equal(queryText({}), '');
    assert.equal(queryText(undefined), '');
});
