import assert from 'node:assert/strict';
import {test} from 'node:test';

import {gather, inVain} from '../../src/lib/pages.js';

// Answers with these pages, one after the other; asked holds the cursors.
function list(...pages) {
    const asked = [];
    return [asked, async (cursor) => {
        asked.push(cursor);
        const rows = pages[asked.length - 1];
        return {jobs: rows, nextCursor: asked.length < pages.length ? `c${asked.length}` : null};
    }];
}

test('a page with rows is enough', async () => {
    const [asked, ask] = list(['a'], ['b']);
    assert.deepEqual(await gather(ask, 'jobs', undefined, 10),
                     {rows: ['a'], cursor: 'c1', requests: 1});
    assert.deepEqual(asked, [undefined]);
});

test('pages without rows are passed over, and no more than so many', async () => {
    let [asked, ask] = list([], [], ['a'], ['b']);
    assert.deepEqual(await gather(ask, 'jobs', undefined, 10),
                     {rows: ['a'], cursor: 'c3', requests: 3});
    assert.deepEqual(asked, [undefined, 'c1', 'c2']);
    [asked, ask] = list([], [], ['a']);
    assert.deepEqual(await gather(ask, 'jobs', undefined, 2),
                     {rows: [], cursor: 'c2', requests: 2});
    assert.equal(asked.length, 2);
});

test('nothing at all is told from nothing so far', async () => {
    const [, ask] = list([], []);
    assert.deepEqual(await gather(ask, 'jobs', 'c0', 10), {rows: [], cursor: null, requests: 2});
});

test('requests that found nothing count since the last row', () => {
    const pages = (...list) => list.map(([rows, requests]) => ({rows, requests}));
    assert.equal(inVain(pages([['a'], 1])), 0);
    assert.equal(inVain(pages([[], 2])), 2);
    assert.equal(inVain(pages([[], 2], [[], 10])), 12);
    assert.equal(inVain(pages([['a'], 2], [[], 10], [[], 10])), 20);
    assert.equal(inVain(pages([[], 2], [['a'], 3])), 0);
});
