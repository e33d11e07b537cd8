// Who is signed in. The cookie is the browser's; the page knows only what the coordinator says.
import {api, path} from './api.js';
import {stopLive} from './live.js';

export const whoami = () => api.get(path('whoami'));
export const signIn = (token) => api.post(path('session'), undefined, {token: token.trim()});

// The stream goes after the session: when this fails, the page goes on as before.
export async function signOut() {
    await api.del(path('session'));
    stopLive();
}

// Whether two answers of whoami are of one token with the same rights.
export const samePerson = (a, b) => ['id', 'role', 'namespace'].every((key) => a[key] === b[key]);

// Roles hold what the ones before hold.
const ROLES = ['read', 'submit', 'admin'];
export function may(who, role) {
    return !!who && ROLES.indexOf(who.role) >= ROLES.indexOf(role);
}
