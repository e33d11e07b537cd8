// Data of a view: loaded when it is shown, and again when the coordinator says that it changed.
import {useCallback, useEffect, useMemo, useRef, useState} from 'preact/hooks';

import {listen} from './live.js';
import {RETRY_MS, backoff, rest} from './timing.js';

const BETWEEN_MS = 1000; // at most one load a second for changes
const TIMED = Symbol('timed'); // for reload, by useEvery: no load under way is broken off

// load(signal) gives a promise. deps: load anew when one of them changes. topics: also when one of
// these changes; matters(message) may say no; between: at most one load in so many ms for changes,
// and fewer when they take long. {data, error, loading, reload}; the old data stay while new ones
// come, and while an error stands. Without a connection, and where the coordinator has too much to
// do, it is tried again.
export function useData(load, deps, topics = [], matters = null, between = BETWEEN_MS) {
    const [state, setState] = useState({data: undefined, error: null, loading: true});
    const job = useRef({timer: 0, ended: 0, took: 0, tries: 0});
    const now = job.current;
    now.load = load;
    now.matters = matters;
    now.between = between;

    // For a change: not while a load is under way, or a slow one would never end.
    const soon = useCallback(() => {
        if (now.timer) return;
        now.timer = setTimeout(() => {
            now.timer = 0;
            if (document.hidden) return; // told anew when somebody looks
            if (now.busy) now.again = true;
            else run();
        }, Math.max(0, now.ended + rest(now.between, now.took) - performance.now()));
    }, []);

    // The next try, which waits until somebody looks.
    const retry = useCallback(() => {
        document.removeEventListener('visibilitychange', retry);
        if (document.hidden) document.addEventListener('visibilitychange', retry);
        else run();
    }, []);

    const halt = useCallback(() => {
        if (now.abort) now.abort.abort();
        clearTimeout(now.timer);
        document.removeEventListener('visibilitychange', retry);
        now.timer = 0;
        now.again = false;
    }, []);

    const run = useCallback(() => {
        halt();
        const began = performance.now();
        now.busy = true;
        const abort = (now.abort = new AbortController());
        setState((s) => ({...s, loading: true}));
        new Promise((done) => done(now.load(abort.signal)))
            .then((data) => ({data, error: null}), (error) => ({error}))
            .then((got) => {
                if (abort.signal.aborted) return;
                now.busy = false;
                now.ended = performance.now();
                now.took = now.ended - began;
                setState((s) => ({data: s.data, loading: false, ...got}));
                const {error} = got;
                if (error && (error.status === 0 || error.status === 503)) {
                    clearTimeout(now.timer);
                    now.timer = setTimeout(retry, backoff(now.tries++, RETRY_MS));
                    return;
                }
                now.tries = 0;
                if (now.again) {
                    now.again = false;
                    soon();
                }
            });
    }, []);

    const reload = useCallback((how) => how === TIMED ? soon() : run(), []);

    useEffect(() => {
        setState((s) => ({...s, data: undefined, error: null}));
        run();
        return halt;
    }, deps);

    useEffect(() => {
        if (!topics.length) return undefined;
        // What is shown may be older than the stream: "open" counts, too.
        return listen(topics, (message) => {
            if (message.ids && now.matters && !message.more && !now.matters(message)) return;
            // The connection is there again: this need not wait for the next try.
            if (message.event === 'open' && now.tries && !now.busy) {
                now.tries = 0;
                halt();
                now.ended = performance.now();
                now.took = 0;
            }
            soon();
        });
    }, [topics.join(',')]);

    return {...state, reload};
}

// Calls fn each `every` ms, unless the tab is hidden. fn may be the reload of useData: then a load
// that takes longer ends before the next one begins.
export function useEvery(every, fn) {
    const last = useRef(fn);
    last.current = fn;
    useEffect(() => {
        const timer = setInterval(() => !document.hidden && last.current(TIMED), every);
        return () => clearInterval(timer);
    }, [every]);
}

// One timer for all that want the moment at the same rate, so that they are drawn together.
const clocks = new Map(); // from ms to {timer, users}

function tick(every, fn) {
    let clock = clocks.get(every);
    if (!clock) {
        const users = new Set();
        const tell = () => !document.hidden && users.forEach((user) => user(Date.now()));
        clock = {users, tell, timer: setInterval(tell, every)};
        document.addEventListener('visibilitychange', tell);
        clocks.set(every, clock);
    }
    clock.users.add(fn);
    return () => {
        clock.users.delete(fn);
        if (clock.users.size) return;
        clearInterval(clock.timer);
        document.removeEventListener('visibilitychange', clock.tell);
        clocks.delete(every);
    };
}

// The moment, anew each `every` ms, for "3 s ago".
export function useNow(every = 1000) {
    const [now, setNow] = useState(Date.now());
    useEffect(() => tick(every, setNow), [every]);
    return now;
}

// The key of a request for api.once: another one each time that a form is opened, and when `what`,
// that is asked for, changes.
export const useKey = (what = '') => useMemo(() => crypto.randomUUID(), [what]);
