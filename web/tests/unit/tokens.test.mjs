import assert from 'node:assert/strict';
import test from 'node:test';

import {TOKEN_FORMS, standing, tokenBody, tokenWords} from '../../src/lib/tokens.js';

test('the standing of a token', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    assert.equal(standing({}, now), 'valid');
    assert.equal(standing({expiresAt: '2026-01-01T00:00:00Z', usesLeft: 0}, now), 'expired');
    assert.equal(standing({expiresAt: '2026-01-01T00:00:01Z'}, now), 'valid');
    assert.equal(standing({usesLeft: 0}, now), 'used up');
    assert.equal(standing({usesLeft: null}, now), 'valid');
    assert.equal(standing({revokedAt: '2025-01-01T00:00:00Z', usesLeft: 0}, now), 'revoked');
});

const plain = (value) => JSON.parse(JSON.stringify(value)); // as it is sent

test('a join token', () => {
    const form = TOKEN_FORMS.join;
    assert.deepEqual(plain(tokenBody('join', form)), {type: 'join', expires: '24h', uses: 1});
    assert.deepEqual(tokenWords('join', form),
                     ['token', 'create', 'join', '--uses', '1', '--expires', '24h']);
    for (const uses of ['', ' ', '0', '00']) {
        const any = {group: ' gpu ', uses, expires: ' ', name: '-x'};
        assert.deepEqual(plain(tokenBody('join', any)),
                         {type: 'join', group: 'gpu', name: '-x', expires: null, uses: null});
        assert.deepEqual(tokenWords('join', any), ['token', 'create', 'join', '--group', 'gpu',
            '--uses', uses.trim() || '0', '--name=-x', '--expires', 'never']);
    }
    // The API says what is wrong.
    for (const uses of ['many', '1.5', '1e3'])
        assert.equal(tokenBody('join', {...form, uses}).uses, uses);
    assert.deepEqual(tokenWords('join', {...form, uses: '-1'})[3], '--uses=-1');
});

test('an API token; only one that may submit has a namespace', () => {
    const form = {...TOKEN_FORMS.api, namespace: ' a.b ', name: 'board', expires: '90d'};
    assert.deepEqual(plain(tokenBody('api', form)), {type: 'api', role: 'submit', name: 'board',
                                                     expires: '90d', namespace: 'a.b'});
    assert.deepEqual(tokenWords('api', form), ['token', 'create', 'api', '--role', 'submit',
        '--namespace', 'a.b', '--name', 'board', '--expires', '90d']);
    const read = {...form, role: 'read', expires: ''};
    assert.deepEqual(plain(tokenBody('api', read)), {type: 'api', role: 'read', name: 'board'});
    assert.deepEqual(tokenWords('api', read), ['token', 'create', 'api', '--role', 'read', '--name',
                                               'board', '--expires', 'never']);
});
