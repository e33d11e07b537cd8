import {useState} from 'preact/hooks';

import {html} from '../lib/html.js';
import {signIn} from '../lib/session.js';
import {Problem} from '../ui/basics.js';

export function SignIn({done, reason}) {
    const [token, setToken] = useState('');
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
    const send = async (e) => {
        e.preventDefault();
        setBusy(true);
        try {
            done(await signIn(token));
        } catch (problem) {
            setError(problem);
            setBusy(false);
        }
    };
    return html`<main class="sign-in"><h1>Cadre</h1>
        ${reason && html`<p role="status">${reason}</p>`}
        <form onSubmit=${send}>
        <label>API token<input type="password" name="token" required autocomplete="current-password"
            spellcheck=${false} value=${token} onInput=${(e) => setToken(e.target.value)} /></label>
        <${Problem} error=${error} />
        <button type="submit" class="main" disabled=${busy || !token.trim()}>Sign in</button></form>
        <p class="hint">An administrator makes one with <code>cadre token create api --role
        read</code>. You are signed in for 12 hours, or until the token ends.</p></main>`;
}
