// Lines to paste on a machine that is to become an agent of a group.
import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {plural} from '../lib/format.js';
import {html} from '../lib/html.js';
import {link} from '../lib/router.js';
import {TOKEN_FORMS, tokenBody, tokenWords} from '../lib/tokens.js';
import {Ago, Command, Problem, Section} from '../ui/basics.js';
import {JoinLines} from './join_lines.js';

const EXPIRES = [['1h', 'in an hour'], ['24h', 'in a day'], ['168h', 'in a week'], ['', 'never']];
const USES_MAX = 1000000;

function Lines({token}) {
    return html`<p role="status">The token is shown only now. It ends ${token.expiresAt
        ? html`<${Ago} at=${token.expiresAt} />` : 'when it is revoked'}; ${token.uses
        ? plural(token.uses, 'machine') : 'any number of machines'} may use
        it. <a href=${link('tokens')}>All tokens</a></p><${JoinLines} token=${token} />`;
}

export function AddAgent({group}) {
    const [form, setForm] = useState(TOKEN_FORMS.join);
    const [token, setToken] = useState(null);
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
    const change = (key) => (e) => setForm({...form, [key]: e.target.value});
    const asked = {...form, group};
    const send = async (e) => {
        e.preventDefault();
        setBusy(true);
        setError(null);
        try {
            setToken(await api.post(path('tokens'), {}, tokenBody('join', asked)));
        } catch (problem) {
            setError(problem);
        }
        setBusy(false);
    };
    return html`<${Section} title="Add agents" id="add"><div class="box form">
        <form class="row" onSubmit=${send}>
        <label>Machines<input type="number" name="uses" min="0" max=${USES_MAX} value=${form.uses}
            onInput=${change('uses')} placeholder="any number" /></label>
        <label>The token ends<select name="expires" value=${form.expires}
            onChange=${change('expires')}>${EXPIRES.map(([value, text]) => html`<option
            value=${value} selected=${value === form.expires}>${text}</option>`)}</select></label>
        <label>Its name<input type="text" name="name" value=${form.name} autocomplete="off"
            placeholder="none" onInput=${change('name')} /></label>
        <button type="submit" class="main" disabled=${busy}>Make a join token</button></form>
        <${Problem} error=${error} />
        ${token ? html`<${Lines} token=${token} />` : html`<p class="hint">Makes a join token for
            this group, and the lines that install an agent with it. 0 machines: any number.</p>`}
        <${Command} words=${tokenWords('join', asked)} />
        </div><//>`;
}
