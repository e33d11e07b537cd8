// The output of a job or an execution, live.
//
//   <${Log} where=${path('jobs', id)} ended=${hasEnded(job.state)} attempts=${job.attemptCount} />
//   <${Log} where=${path('executions', id)} ended=${…} names=${new Map([[jobId, 'task']])} />
//
// names: of jobs, shown before the lines (of an execution; those that the stream tells are known).
// command: the words of the CLI command that prints the same. attempt: of a job, only this one.
// began(firsts): told of a Map from attempts to the times of their first output, as they come.
import './log.css';

import {useEffect, useMemo, useReducer, useRef, useState} from 'preact/hooks';

import {queryText} from '../lib/query.js';
import {bytes as sizeText, count} from '../lib/format.js';
import {html} from '../lib/html.js';
import {Command, Problem} from '../ui/basics.js';
import {Lines} from './lines.js';
import {Search, foundText} from './search.js';
import {LogSession} from './session.js';

const TAIL = 20000; // lines, at first
const TAIL_MORE = 1000000; // what the API gives at most

const STREAMS = [['', 'stdout and stderr'], ['stdout', 'stdout'], ['stderr', 'stderr'],
                 ['system', "Cadre's remarks"]];

const DRAW_MS = 100; // at most one drawing in this time, while there is much to read

function useSession(where, query, following, over) {
    const [version, changed] = useReducer((n) => n + 1, 0);
    const key = where + queryText(query);
    const draw = useRef({timer: 0, last: 0}).current;
    const session = useMemo(() => new LogSession({where, query, changed: () => {
        if (draw.timer) return;
        draw.timer = setTimeout(() => {
            draw.timer = 0;
            draw.last = Date.now();
            changed();
        }, Math.max(0, draw.last + DRAW_MS - Date.now()));
    }}), [key]);
    session.following = following;
    session.over = over;
    useEffect(() => {
        const seen = () => document.hidden ? session.stop()
            : session.state !== 'held' && session.start();
        seen();
        document.addEventListener('visibilitychange', seen);
        return () => {
            document.removeEventListener('visibilitychange', seen);
            session.stop();
        };
    }, [session]);
    useEffect(() => () => clearTimeout(draw.timer), []);
    return [session, version];
}

// Looks for the text in what is there and in what comes.
function useSearch(buffer, text, version) {
    const [, again] = useReducer((n) => n + 1, 0);
    const search = useMemo(() => text ? new Search(buffer, text) : null, [buffer, text]);
    useEffect(() => {
        if (!search || search.done) return undefined;
        let timer;
        const from = performance.now();
        const step = () => {
            search.step();
            if (search.done || performance.now() - from > DRAW_MS) again();
            else timer = setTimeout(step);
        };
        timer = setTimeout(step);
        return () => clearTimeout(timer);
    });
    return search;
}

function Choice({label, value, options, change}) {
    return html`<label>${label}<select onChange=${(e) => change(e.target.value)}>${options.map(
        ([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}
        </select></label>`;
}

function Toggle({on, press, children}) {
    return html`<button type="button" aria-pressed=${on ? 'true' : 'false'}
        onClick=${press}>${children}</button>`;
}

function Find({text, setText, search, here, go, session}) {
    const {buffer, earlier, state} = session;
    const whole = !earlier && buffer.first === 0 && state !== 'held';
    return html`<label class="log-search">Search in the log
        <input type="text" value=${text} autocomplete="off" spellcheck=${false}
            onInput=${(e) => setText(e.target.value)} onKeyDown=${(e) => {
                if (e.key !== 'Enter') return;
                e.preventDefault();
                go(e.shiftKey ? -1 : 1);
            }} /></label>
        ${text && html`<button type="button" aria-label="Previous line with it"
            onClick=${() => go(-1)}>↑</button><button type="button" aria-label="Next line with it"
            onClick=${() => go(1)}>↓</button>
        <span class="log-found" role="status">${search &&
            foundText(search, here, buffer.end - buffer.first, whole)}</span>`}`;
}

// What is not there, and how to get it.
function Notes({session, from, setFrom, files, isJob, command}) {
    const {buffer} = session;
    const more = session.earlier || buffer.first > 0;
    return html`${session.error && html`<${Problem} error=${session.error} />`}
        ${session.state === 'broken' && html`<p class="log-note" role="status">The stream broke
            off; it goes on by itself.</p>`}
        ${session.state === 'held' && html`<p class="log-note" role="status">${buffer.full
            ? `The page holds ${sizeText(buffer.maxBytes)} at most, the index of lines counted in,
                and has stopped here: it has ${count(buffer.end - buffer.first)} lines,
                ${sizeText(buffer.text)} of output.`
            : `The page has read ${sizeText(buffer.taken)}, and has stopped here.`}
            <button type="button" onClick=${() => session.readOn()}>${buffer.full
            ? 'Read on, drop the first lines' : 'Read on'}</button></p>`}
        ${more && html`<div class="log-note"><span>There is more before the first line.</span>
            ${isJob && from === 'tail' && html`<button type="button"
                onClick=${() => setFrom('more')}>Show more</button>`}
            <button type="button" onClick=${() => setFrom('start')}>From the beginning</button>
            <a href=${files} download>Download all</a>
            ${command && html`<${Command} words=${command} />`}</div>`}`;
}

export function Log({where, ended = false, attempts = 1, names = null, command = null, attempt = '',
                     began = null}) {
    const isJob = where.includes('/jobs/');
    const [stream, setStream] = useState('');
    const [only, setOnly] = useState(attempt);
    const [from, setFrom] = useState('tail');
    const [following, setFollowing] = useState(true);
    const [wrap, setWrap] = useState(false);
    const [times, setTimes] = useState(false);
    const [text, setText] = useState('');
    const [here, setHere] = useState(-1);
    const tail = !isJob || from === 'start' ? '' : from === 'more' ? TAIL_MORE : TAIL;
    const query = {stream, attempt: only, tail};
    const [session, version] = useSession(where, query, following, ended);
    const search = useSearch(session.buffer, text, version);
    const lines = useRef();
    useEffect(() => setHere(-1), [session, text]);
    useEffect(() => {
        if (began && session.firsts.size) began(new Map(session.firsts));
    }, [session.firsts.size]);

    const go = (direction) => {
        if (!search) return;
        const place = search.from(here >= 0 ? here : lines.current.top() - direction, direction);
        if (place < 0) return;
        setFollowing(false);
        setHere(place);
        lines.current.show(place);
    };
    const begin = (how) => {
        setFrom(how);
        setFollowing(how !== 'start');
    };
    const follow = () => {
        if (!following && session.state === 'held') {
            if (isJob && from !== 'tail')
                setFrom('tail');
            else
                session.readOn();
        }
        setFollowing(!following);
    };
    const files = `${where}/logs${queryText({stream, attempt: only})}`;
    const numbers = [['', 'all'], ...Array.from({length: Math.min(attempts, 100)}, (_, i) =>
        [String(attempts - i), String(attempts - i)])];
    if (!numbers.some(([key]) => key === only)) numbers.push([only, only]);
    return html`<div class=${`log ${wrap ? 'log-wrap' : ''}`}><div class="log-tools">
        <${Choice} label="Output" value=${stream} options=${STREAMS} change=${setStream} />
        ${isJob && attempts > 1 && html`<${Choice} label="Attempt" value=${only}
            options=${numbers} change=${setOnly} />`}
        <${Find} text=${text} setText=${setText} search=${search} here=${here} go=${go}
            session=${session} />
        <${Toggle} on=${following} press=${follow}>Follow<//>
        <${Toggle} on=${wrap} press=${() => setWrap(!wrap)}>Wrap<//>
        <${Toggle} on=${times} press=${() => setTimes(!times)}>Times<//>
        <a class="button" href=${files} download>Download</a></div>
        <${Notes} session=${session} from=${from} setFrom=${begin} files=${files} isJob=${isJob}
            command=${command} />
        <${Lines} handle=${lines} session=${session} version=${version} wrap=${wrap}
            following=${following} setFollowing=${setFollowing} here=${here}
            needle=${search ? search.needle : ''} times=${times} ended=${ended}
            names=${isJob ? null : names || session.names} /></div>`;
}
