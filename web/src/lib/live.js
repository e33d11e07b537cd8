// What changed, told by GET /api/v1/events. A browser has six connections to a host for all of its
// tabs, so one tab that is seen holds the stream and tells the others; a hidden one holds none.
// Listeners load anew what they show.
import {api, path} from './api.js';
import {queryText} from './query.js';
import {Silence, backoff} from './timing.js';

const TOPICS = ['agents', 'executions', 'flows', 'groups', 'jobs', 'triggers'];
const LEAD = 'cadre-live'; // the lock of the tab that holds the stream, and the channel of all

const listeners = new Set(); // {topics: Set, changed(message)}
const watchers = new Set(); // told whether the stream stands
const channel = typeof BroadcastChannel === 'function' && navigator.locks
    ? new BroadcastChannel(LEAD) : null;
let running = false; // this tab is seen, and something listens
let leading = null; // gives the lead up
let waiting = null; // for the lead
let source = null;
let retry = 0;
let timer = 0;
let connected = true; // until it is known that it is not; true as well while nothing is wanted
const silence = new Silence(() => channel && !leading ? setConnected(false) : broken());

function setConnected(now) {
    if (connected === now) return;
    connected = now;
    watchers.forEach((fn) => fn(now));
}

function tell(message) {
    for (const one of [...listeners]) {
        if (message.event === 'open' || message.event === 'reload' ||
            one.topics.has(message.event))
            one.changed(message);
    }
}

// ---- the tab that holds the stream ----

function post(message) {
    if (channel) channel.postMessage(message);
}

function close() {
    clearTimeout(timer);
    silence.stop();
    if (source) source.close();
    source = null;
}

function broken() {
    close();
    setConnected(false);
    post({connected: false});
    // The stream does not say why it broke off: a session that has ended is told by this.
    api.get(path('whoami')).catch(() => {});
    timer = setTimeout(open, backoff(retry++));
}

function take(e) {
    if (!e.data) return;
    silence.heard();
    retry = 0;
    setConnected(true);
    const message = JSON.parse(e.data);
    post({connected: true, message});
    if (message.event !== 'ping') tell(message);
}

function open() {
    source = new EventSource(path('events') + queryText({topic: TOPICS.join(',')}));
    for (const name of ['open', 'reload', 'ping', ...TOPICS]) source.addEventListener(name, take);
    source.onerror = broken;
    silence.heard();
}

// ---- every tab ----

function begin() {
    if (running || document.hidden || !listeners.size) return;
    running = true;
    if (!channel) {
        open();
        return;
    }
    post({ask: true});
    silence.heard();
    waiting = new AbortController();
    navigator.locks.request(LEAD, {signal: waiting.signal}, () => new Promise((give) => {
        if (!running) {
            give();
            return;
        }
        leading = give;
        open();
    })).catch(() => {}); // given up
}

function end() {
    running = false;
    if (waiting) waiting.abort();
    waiting = null;
    close();
    if (leading) leading();
    leading = null;
    retry = 0;
    setConnected(true);
}

if (channel)
    channel.onmessage = ({data}) => {
        if (data.ask && leading) post({connected});
        if (!running || leading || data.ask) return;
        silence.heard();
        if (data.connected === false && connected) api.get(path('whoami')).catch(() => {});
        const back = data.connected && !connected;
        setConnected(data.connected);
        // After a silence of the other tab nobody knows what it did not pass on.
        if (back && !(data.message && data.message.event === 'open')) tell({event: 'open'});
        if (data.message && data.message.event !== 'ping') tell(data.message);
    };

document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
        end();
        return;
    }
    begin();
    tell({event: 'open'}); // what changed meanwhile
});

// Calls changed({event, ids, more}) when something of these topics changed, and at the beginning
// of the stream. Returns the function that ends it.
export function listen(topics, changed) {
    const one = {topics: new Set(topics), changed};
    listeners.add(one);
    begin();
    return () => {
        listeners.delete(one);
        setTimeout(() => !listeners.size && running && end()); // another view may begin now
    };
}

// fn(true) while the stream stands, or none is wanted. Returns the function that ends it.
export function watchConnection(fn) {
    watchers.add(fn);
    fn(connected);
    return () => watchers.delete(fn);
}

export const stopLive = end;
