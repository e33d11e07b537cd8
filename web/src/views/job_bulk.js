// Cancels or retries the jobs that the filters find: they are counted first.
import {useEffect, useRef, useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {useKey} from '../lib/data.js';
import {count, plural} from '../lib/format.js';
import {html} from '../lib/html.js';
import {atTimes, bulkOf} from '../lib/jobs.js';
import {Command, Facts, Loading, Problem} from '../ui/basics.js';
import {useNotify} from '../ui/context.js';
import {Dialog} from '../ui/dialog.js';

const WORDS = {
    cancel: {title: 'Cancel jobs', button: 'Cancel', danger: true,
             none: 'No job that has not ended is as the filters say.',
             which: 'Those that have not ended, waiting or running, are cancelled.'},
    retry: {title: 'Retry jobs', button: 'Retry', danger: false,
            none: 'No job that can be run again is as the filters say.',
            which: 'Jobs that have ended so are run again, each as a new job; without a state ' +
                'these are the failed ones. Tasks of flows are not run again alone.'},
};
const SUMS = {cancel: [['cancelled', 'Cancelled'], ['killing', 'Told to end'],
                       ['ended', 'Had ended already'], ['changed', 'Had changed']],
              retry: [['retried', 'Run again'], ['refused', 'Refused']]};
const AT_ONCE = 200; // jobs of one request, so that the progress is seen
const REFUSALS_MAX = 20;

// Counts until nothing more is to be looked at; told(matched) meanwhile. query: with the times that
// the first answer tells, since "an hour ago" would be another moment in each request.
async function counted(verb, filters, signal, told) {
    let query = filters;
    let cursor;
    let first = null;
    let matched = 0;
    do {
        const page = await api.post(path('jobs', verb), {...query, dryRun: true, cursor},
                                    undefined, signal);
        matched += page.matched;
        if (first === null) {
            first = page.startCursor;
            query = atTimes(filters, page);
        }
        cursor = page.nextCursor;
        told(matched);
    } while (cursor);
    return {matched, first, query};
}

function Progress({verb, done, matched}) {
    return html`<label class="bulk-progress">${count(done)} of ${count(matched)}
        <progress max=${Math.max(1, matched)} value=${Math.min(done, matched)}
            aria-label=${`${WORDS[verb].title}: progress`}></progress></label>`;
}

function Result({verb, sums, errors}) {
    const items = SUMS[verb].map(([key, title]) => [title, count(sums[key] || 0)]);
    return html`<${Facts} items=${items} />
        ${errors.length > 0 && html`<ul class="bulk-errors">${errors.map((e) => html`<li><code>${
            e.id}</code> ${e.message}</li>`)}</ul>`}`;
}

// changed() is called when some have had their turn.
export function Bulk({verb, filters, close, changed}) {
    const words = WORDS[verb];
    const asked = bulkOf(verb, filters);
    return asked.refused ? html`<${Dialog} title=${words.title} close=${close}>
        <p>${asked.refused}</p><div class="actions"><button type="button"
            onClick=${close}>Close</button></div><//>`
        : html`<${Work} verb=${verb} asked=${asked} close=${close} changed=${changed} />`;
}

function Work({verb, asked, close, changed}) {
    const notify = useNotify();
    const words = WORDS[verb];
    const {filters, empty, query} = asked;
    const [all, setAll] = useState(false);
    const [found, setFound] = useState(null); // {matched, first, query}
    const [looked, setLooked] = useState(0);
    const [work, setWork] = useState(null); // {done, sums, errors, over}
    const [error, setError] = useState(null);
    const abort = useRef(null);
    const key = useKey();
    const ready = !empty || all;
    const busy = !!(work && work.busy);

    useEffect(() => {
        setFound(null);
        if (!ready) return undefined;
        abort.current = new AbortController();
        counted(verb, query, abort.current.signal, setLooked).then(setFound, (e) => {
            if (e.name !== 'AbortError') setError(e);
        });
        return () => {
            abort.current.abort();
            abort.current = null;
        };
    }, [ready]);

    // One request after the other; a retry of a request that was broken off does nothing twice.
    const run = async () => {
        const stop = (abort.current = new AbortController());
        const sums = work ? work.sums : {};
        const errors = work ? work.errors : [];
        let done = work ? work.done : 0;
        let cursor = work ? work.cursor : found.first;
        setError(null);
        try {
            do {
                setWork({done, sums, errors, cursor, busy: true});
                const page = await api.once(key, path('jobs', verb), {
                    query: {...found.query, cursor, limit: AT_ONCE}, signal: stop.signal});
                done += page.matched;
                for (const [name] of SUMS[verb]) sums[name] = (sums[name] || 0) + (page[name] || 0);
                for (const job of page.jobs || [])
                    if (job.error && errors.length < REFUSALS_MAX)
                        errors.push({id: job.retryOf, message: job.error.message});
                cursor = page.nextCursor;
            } while (cursor && !stop.signal.aborted);
            setWork({done, sums, errors, cursor, over: !cursor}); // else it was stopped
            if (!cursor) notify(`${words.title}: ${plural(done, 'job')} had their turn.`);
        } catch (e) {
            setWork({done, sums, errors, cursor});
            if (e.name !== 'AbortError') setError(e);
        }
        if (abort.current) changed(); // the view is still there
    };

    return html`<${Dialog} title=${words.title} close=${close} held=${busy}>
        ${empty ? html`<label class="check"><input type="checkbox" checked=${all}
            onChange=${(e) => setAll(e.target.checked)} /> ${filters.kind
                ? `All of the kind ${filters.kind}: no other filter is set`
                : 'All jobs: no filter is set'}</label>`
            : html`<p>The filters: ${Object.entries(filters).map(([k, v]) => html`<code
                class="filter">${k}=${[v].flat().join(', ')}</code> `)}</p>`}
        <p class="hint">${words.which}</p>
        ${ready && !found && !error && html`<${Loading} />
            <p role="status">${plural(looked, 'job')} so far</p>`}
        ${found && !work && html`<p role="status"><strong>${found.matched
            ? plural(found.matched, 'job') : words.none}</strong></p>`}
        ${work && found && html`<${Progress} verb=${verb} done=${work.done}
            matched=${found.matched} /><${Result} verb=${verb} sums=${work.sums}
            errors=${work.errors} />`}
        <${Problem} error=${error} />
        <${Command} words=${asked.words} />
        <div class="actions">${busy
            ? html`<button type="button" onClick=${() => abort.current.abort()}>Stop</button>`
            : html`<button type="button" onClick=${close}>Close</button>`}
        ${!(work && work.over) && html`<button type="button"
            class=${words.danger ? 'danger' : 'main'} disabled=${!found || !found.matched ||
                busy} onClick=${run}>${work && !busy ? 'Go on'
                : `${words.button} ${found ? plural(found.matched, 'job') : ''}`}</button>`}
        </div><//>`;
}
