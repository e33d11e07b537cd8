// The page of the coordinator: signs in, and shows the view that the address names.
import './style.css';

import {render} from 'preact';
import {useCallback, useEffect, useRef, useState} from 'preact/hooks';

import {api, onSignedOut, path} from './lib/api.js';
import {html} from './lib/html.js';
import {listen, watchConnection} from './lib/live.js';
import {link, useRoute} from './lib/router.js';
import {may, samePerson, signOut, whoami} from './lib/session.js';
import {RETRY_MS, backoff} from './lib/timing.js';
import {NotFound, Problem} from './ui/basics.js';
import {Boundary, loadAnew} from './ui/boundary.js';
import {Page} from './ui/context.js';
import {focusTitle, useFocusKept} from './ui/focus.js';
import {SignIn} from './views/sign_in.js';
import {views} from './views/index.js';

const OFFLINE_MS = 2000; // without a connection, before it is said

function Connection() {
    const [up, setUp] = useState(true);
    useEffect(() => {
        let timer = 0;
        const stop = watchConnection((now) => {
            clearTimeout(timer);
            if (now) setUp(true);
            else timer = setTimeout(() => setUp(document.hidden), OFFLINE_MS);
        });
        return () => {
            clearTimeout(timer);
            stop();
        };
    }, []);
    const none = useNoOwner(!up);
    if (up) return null;
    return html`<p class="offline" role="status">${none ? `No coordinator owns the queue at present:
        what is shown may be old. One takes over within seconds, and the page goes on by itself.`
        : `No connection to the coordinator: what is shown may be old. The page tries again by
        itself.`}</p>`;
}

// Is the coordinator there, but the queue nobody's? Asked while there is no stream, of what the
// owner alone can answer: a row may name the one that is gone for seconds.
function useNoOwner(asks) {
    const [none, setNone] = useState(false);
    useEffect(() => {
        let timer = 0, over = false;
        const ask = () => api.get(path('waits')).then(() => false, (e) => e.code === 'no-owner')
            .then((now) => {
                if (over) return;
                setNone(now);
                timer = setTimeout(ask, OFFLINE_MS);
            });
        if (asks) ask();
        return () => {
            over = true;
            clearTimeout(timer);
            setNone(false);
        };
    }, [asks]);
    return none;
}

// fn is called when the stream begins, and when the tab is seen again: what was known may be of
// another version, or of another person. One topic always: so a lost connection, and the end of the
// session, show in every view.
function useBegun(fn) {
    const last = useRef(fn);
    last.current = fn;
    useEffect(() => listen(['groups'], ({event}) => event === 'open' && last.current()), []);
}

// Versions of the coordinator: when this page was loaded, and now.
let served = '';
let latest = '';

function Upgrade() {
    const [now, setNow] = useState(latest);
    useBegun(() => api.get(path('version')).then(({version}) => {
        served ||= version;
        latest = version;
        setNow(version);
    }, () => {}));
    return !now || now === served ? null : html`<p class="offline" role="status">The coordinator has
        another version now, ${now}. ${' '}<button type="button" onClick=${loadAnew}>Load the page
        anew</button></p>`;
}

const GOOD = 4; // notes at once
const GOOD_MS = 6000; // then they go
const BAD = 12;

// Notes at the edge of the page; good ones go by themselves, the others stay until they are closed.
function useNotes() {
    const [notes, setNotes] = useState([]);
    const close = useCallback((note) => setNotes((all) => all.filter((n) => n !== note)), []);
    const notify = useCallback((text, kind = 'good') => {
        const note = {text, kind, key: Math.random()};
        const same = (n) => n.kind === kind;
        setNotes((all) => [...all.filter((n) => !same(n)), ...all.filter((n) => same(n) &&
            n.text !== text).slice(1 - (kind === 'bad' ? BAD : GOOD)), note]);
        if (kind !== 'bad') setTimeout(close, GOOD_MS, note);
    }, []);
    return [notes, notify, close];
}

const Notes = ({notes, close}) => html`<div class="notes" role="status" aria-live="polite">${
    notes.map((n) => html`<p key=${n.key} class=${n.kind}>${n.text}${n.kind === 'bad' &&
        html` <button type="button" onClick=${() => close(n)}>Dismiss</button>`}</p>`)}</div>`;

function Navigation({segments, who}) {
    return html`<nav aria-label="Views">${views.filter((v) => v.title && may(who, v.role || 'read'))
        .map((v) => html`<a key=${v.path} href=${v.path ? link(v.path) : '#/'}
            aria-current=${(segments[0] || '') === v.path ? 'page' : null}>${v.title}</a>`)}</nav>`;
}

function Shell({who, left, check}) {
    const {segments, query} = useRoute();
    const [notes, notify, close] = useNotes();
    const main = useRef();
    const view = views.find((v) => v.path === (segments[0] || ''));
    const where = segments.join('/');
    useEffect(() => {
        scrollTo(0, 0);
        focusTitle();
    }, [where]);
    useFocusKept(main);
    useBegun(check);
    const out = async () => {
        try {
            await signOut();
            left('');
        } catch (error) {
            notify(error.message, 'bad');
        }
    };
    return html`<${Page.Provider} value=${{who, notify}}>
        <a class="skip" href="#main" onClick=${(e) => {
            e.preventDefault();
            main.current.focus();
        }}>Skip to content</a>
        <header class="top"><a class="brand" href="#/">Cadre</a>
        <${Navigation} segments=${segments} who=${who} />
        <span class="who" title=${who.namespace ? `namespace ${who.namespace}` : ''}>${
            who.name || who.id} (${who.role})
        <button type="button" onClick=${out}>Sign out</button></span></header>
        <${Connection} /><${Upgrade} />
        <main id="main" ref=${main} tabindex="-1"><${Boundary} key=${where}>${
            view && segments.length - 1 <= view.depth && may(who, view.role || 'read')
                ? html`<${view.show} segments=${segments.slice(1)} query=${query} />`
                : html`<${NotFound} />`}<//></main>
        <${Notes} notes=${notes} close=${close} />
    <//>`;
}

function App() {
    const [who, setWho] = useState(undefined); // undefined: not known yet; null: nobody
    const [reason, setReason] = useState('');
    const [error, setError] = useState(null);
    const tries = useRef({timer: 0, made: 0}).current;
    const ask = useCallback(() => {
        clearTimeout(tries.timer);
        whoami().then((w) => {
            setError(null);
            setWho(w);
        }, (e) => {
            setError(e.status === 401 ? null : e);
            if (e.status === 401) setWho(null);
            else if (e.status === 0 || e.status >= 500)
                tries.timer = setTimeout(ask, backoff(tries.made++, RETRY_MS));
        });
    }, []);
    // In another tab somebody else may have signed in: the cookie is one for all of them.
    const check = useCallback(() => whoami().then((now) => setWho((before) =>
        !before || samePerson(before, now) ? before : now), () => {}), []);
    useEffect(() => {
        onSignedOut(() => setWho((before) => {
            if (before) setReason('The session has ended: sign in again.');
            return null;
        }));
        ask();
    }, []);
    if (error) return html`<main class="sign-in"><h1>Cadre</h1>
        <${Problem} error=${error} retry=${ask} /></main>`;
    if (who === undefined) return html`<main class="sign-in" aria-busy="true"><h1>Cadre</h1>
        </main>`;
    if (!who) return html`<${SignIn} reason=${reason} done=${(w) => {
        setReason('');
        setWho(w);
    }} />`;
    return html`<${Shell} key=${JSON.stringify([who.id, who.role, who.namespace])} who=${who}
        check=${check} left=${(text) => {
            setReason(text);
            setWho(null);
        }} />`;
}

render(html`<${Boundary}><${App} /><//>`, document.getElementById('app'));
