// Tokens: how one stands, and the form of a new one as the API and the command line take it.
import {option} from './shell.js';

// 'valid', or why a token is not.
export function standing(token, now) {
    if (token.revokedAt) return 'revoked';
    if (token.expiresAt && Date.parse(token.expiresAt) <= now) return 'expired';
    return token.usesLeft === 0 ? 'used up' : 'valid';
}

// The fields that a form has at first; uses: empty or 0: any number of machines.
export const TOKEN_FORMS = {api: {role: 'submit', namespace: '', expires: '', name: ''},
                            join: {group: '', uses: '1', expires: '24h', name: ''}};

function usesOf(text) {
    if (!/^\d*$/.test(text)) return text; // the API says what is wrong with it
    return Number(text) || null;
}

// What POST /api/v1/tokens takes.
export function tokenBody(type, form) {
    const text = (key) => form[key].trim() || undefined;
    const name = text('name');
    const expires = text('expires');
    if (type === 'join') return {type, group: text('group'), name, expires: expires || null,
                                 uses: usesOf(form.uses.trim())};
    return {type, role: form.role, name, expires,
            namespace: form.role === 'submit' ? text('namespace') : undefined};
}

// The words of 'cadre token create' that do the same.
export function tokenWords(type, form) {
    const of = (key, none = '') => {
        const text = form[key].trim() || none;
        return text ? option(`--${key}`, text) : [];
    };
    const more = type === 'join' ? [...of('group'), ...of('uses', '0')]
        : [...of('role'), ...(form.role === 'submit' ? of('namespace') : [])];
    return ['token', 'create', type, ...more, ...of('name'), ...of('expires', 'never')];
}
