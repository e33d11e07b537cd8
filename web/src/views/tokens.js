// Tokens: the list, a new one, the end of one. For administrators.
import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useNow} from '../lib/data.js';
import {html} from '../lib/html.js';
import {PAGE} from '../lib/pages.js';
import {TOKEN_FORMS, standing, tokenBody, tokenWords} from '../lib/tokens.js';
import {Ago, Command, Paste, Problem, Table, Title} from '../ui/basics.js';
import {useWho} from '../ui/context.js';
import {Confirm, Dialog} from '../ui/dialog.js';
import {Pages} from '../ui/list.js';
import {GroupLink, NamespaceLink} from '../ui/names.js';
import {JoinLines} from './join_lines.js';

const EVERY_MS = 10000; // it is looked at whether one has ended

export function Tokens() {
    const [asked, setAsked] = useState(null); // 'api', 'join', or the token to be revoked
    const [version, setVersion] = useState(0); // there are no events of tokens
    const close = () => setAsked(null);
    const done = () => setVersion((n) => n + 1);
    return html`<${Title} actions=${html`<button type="button" onClick=${() => setAsked('api')}>New
            API token…</button><button type="button" onClick=${() => setAsked('join')}>New join
            token…</button>`}>Tokens<//>
        <p class="hint">An API token is for people and programs, a join token for machines that
            become agents. Secrets are shown when they are made, and never again.</p>
        <${Pages} key=${version} where=${path('tokens')} query=${{limit: PAGE}} name="tokens"
            topics=${['agents']}>${(rows) => html`<${List} rows=${rows} ask=${setAsked} />`}<//>
        <${Command} words=${['token', 'list']} />
        ${(asked === 'api' || asked === 'join') && html`<${Create} type=${asked} close=${close}
            done=${done} />`}
        ${asked && asked.id && html`<${Revoke} token=${asked} close=${close}
            revoked=${done} />`}`;
}

// What a token is for.
function Scope({t}) {
    if (t.type === 'api') return html`<span>${t.role}${t.namespace && html`, namespace <${
        NamespaceLink} view="flows" name=${t.namespace} />`}</span>`;
    return html`<span>${t.group ? html`group <${GroupLink} name=${t.group} />`
        : 'any group'}, ${t.usesLeft === null ? 'any number of machines'
            : `${t.usesLeft} ${t.usesLeft === 1 ? 'use' : 'uses'} left`}</span>`;
}

function List({rows, ask}) {
    const who = useWho();
    const now = useNow(EVERY_MS);
    const columns = [
        {title: 'Name', cell: (t) => html`<span><bdi>${t.name || '—'}</bdi>${t.id === who.id &&
            html` <span class="soft">(yours)</span>`}</span>`},
        {title: 'Type', cell: (t) => t.type},
        {title: 'For', cell: (t) => html`<${Scope} t=${t} />`},
        {title: 'State', cell: (t) => html`<span class=${`state ${standing(t, now) === 'valid' ?
            'good' : 'off'}`}>${standing(t, now)}</span>`},
        {title: 'Ends', cell: (t) => html`<span>${t.revokedAt ? html`<${Ago} at=${t.revokedAt} />${
            t.revokedBy && html` by <bdi>${t.revokedBy}</bdi>`}` : t.expiresAt
            ? html`<${Ago} at=${t.expiresAt} />` : 'never'}</span>`},
        {title: 'Last used', class: 'nowrap', cell: (t) => t.lastUsedAt ? html`<${Ago}
            at=${t.lastUsedAt} />` : html`<span class="soft">never</span>`},
        {title: 'Made', cell: (t) => html`<span><${Ago} at=${t.createdAt} />${t.createdBy && html`
            ${' by '}<bdi>${t.createdBy}</bdi>`}</span>`},
        {title: 'Id', class: 'nowrap', cell: (t) => html`<span class="mono">${t.id}</span>`},
        {title: 'Action', class: 'nowrap', cell: (t) => standing(t, now) === 'valid' && html`<button
            type="button" class="danger" aria-label=${`Revoke token ${t.name || t.id}`}
            onClick=${() => ask(t)}>Revoke…</button>`},
    ];
    return html`<${Table} rows=${rows} columns=${columns} rowKey=${(t) => t.id} caption="Tokens"
        empty="No token." />`;
}

function Revoke({token, close, revoked}) {
    const who = useWho();
    const [force, setForce] = useState(false);
    const [last, setLast] = useState(false);
    const run = async () => {
        try {
            await api.del(path('tokens', token.id), {force: force ? 'true' : ''});
        } catch (error) {
            if (error.code === 'last-administrator') setLast(true);
            throw error;
        }
        revoked();
    };
    return html`<${Confirm} title=${`Revoke the token ${token.name || token.id}?`} confirm="Revoke"
        danger run=${run} done=${`The token ${token.name || token.id} is revoked.`} close=${close}
        words=${['token', 'revoke', force && '--force', token.id]}>
        <p>${token.type === 'join' ?
        'No machine joins with it any more; agents that have joined stay.'
            : 'It ends at once, with all that is read with it. This cannot be undone.'}</p>
        ${token.id === who.id && html`<p class="note warn">You are signed in with this token: you
            are signed out.</p>`}
        ${last && html`<label class="check"><input type="checkbox" checked=${force}
            onChange=${(e) => setForce(e.target.checked)} /> Revoke it although nobody can make
            tokens then but on the coordinator's host</label>`}<//>`;
}

function Create({type, close, done}) {
    const [form, setForm] = useState(TOKEN_FORMS[type]);
    const [state, setState] = useState({error: null, busy: false, made: null});
    const set = (key) => (e) => setForm((f) => ({...f, [key]: e.target.value}));
    const send = async (e) => {
        e.preventDefault();
        setState({error: null, busy: true, made: null});
        try {
            const made = await api.post(path('tokens'), {}, tokenBody(type, form));
            setState({error: null, busy: false, made});
        } catch (error) {
            setState({error, busy: false, made: null});
        }
    };
    const end = () => {
        if (state.made) done();
        close();
    };
    if (state.made) return html`<${Made} token=${state.made} close=${end} />`;
    const field = (key, label, more = {}) => html`<label>${label}<input type="text"
        autocomplete="off"
        spellcheck=${false} value=${form[key]} onInput=${set(key)} ...${more} /></label>`;
    return html`<${Dialog} title=${type === 'api' ? 'New API token' : 'New join token'}
        close=${end} held=${state.busy}>
        <form class="form" onSubmit=${send}>
        ${field('name', 'Name, for people', {placeholder: type === 'api' ? 'dashboard' : 'office'})}
        ${type === 'api' ? html`<label>Role<select value=${form.role} onChange=${set('role')}>${[
            ['read', 'read: may look'], ['submit', 'submit: may also run and cancel'],
            ['admin', 'admin: may do everything']].map(([v, text]) => html`<option value=${v}
            selected=${v === form.role}>${text}</option>`)}</select></label>
            ${form.role === 'submit' && field('namespace', 'Namespace; empty: all',
                                              {placeholder: 'company.team'})}`
            : html`${field('group', 'Worker group that the agents must join; empty: any')}
            ${field('uses', 'How many machines may use it; empty: any number',
            {inputmode: 'numeric'})}`}
        ${field('expires', 'Ends after; empty: never', {placeholder: '24h, 90d or P30D'})}
        <${Problem} error=${state.error} />
        <${Command} words=${tokenWords(type, form)} />
        <div class="actions"><button type="button" disabled=${state.busy}
            onClick=${end}>Close</button>
        <button type="submit" class="main" disabled=${state.busy}>Create</button></div></form><//>`;
}

const Made = ({token, close}) => html`<${Dialog} title="The new token" close=${close} held>
    <p class="note warn">It is shown now and never again: keep it.</p>
    <${Paste} text=${token.token} label="Copy the token" />
    <${JoinLines} token=${token} />
    <div class="actions"><button type="button" class="main" onClick=${close}>Close</button></div>
    <//>`;
