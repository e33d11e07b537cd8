// The pages of a list behind the first one. From the first click on the list stands still: no row
// goes, and none comes twice, while it is read.
import {useEffect, useRef, useState} from 'preact/hooks';

import {html} from '../lib/html.js';
import {Problem} from './basics.js';

const NONE = {pages: [], busy: false, error: null};

// key: what the list is of; another one begins it anew. next(page, signal) promises the page after
// it. {still, pages(first), busy, error, ask(first), forget}.
export function useMore(key, next) {
    const [state, setState] = useState(NONE);
    const under = useRef(null); // the request that is under way
    const stop = () => {
        if (under.current) under.current.abort();
        under.current = null;
    };
    const forget = () => {
        stop();
        setState(NONE);
    };
    useEffect(() => {
        forget();
        return stop;
    }, [key]);
    const pages = (first) => state.pages.length ? state.pages : [first];
    const ask = async (first) => {
        if (under.current) return;
        const {signal} = (under.current = new AbortController());
        const before = pages(first);
        setState({pages: before, busy: true, error: null});
        const done = await next(before[before.length - 1], signal).then(
            (page) => ({pages: [...before, page], error: null}),
            (error) => ({pages: before, error}));
        if (signal.aborted) return;
        under.current = null;
        setState({...done, busy: false});
    };
    return {still: state.pages.length > 0, pages, busy: state.busy, error: state.error, ask,
            forget};
}

// What stands below the rows. first: the first page; further: there are more; anew(): loads the
// first page anew, where it does not come by itself. The button stays where it is while it works,
// and keeps the focus.
export function More({more, first, further, anew, title = 'Show more'}) {
    const again = () => {
        more.forget();
        if (anew) anew();
    };
    return html`<${Problem} error=${more.error} />
        ${further && html`<button type="button" class="more" aria-disabled=${more.busy}
            aria-busy=${more.busy} onClick=${() => more.ask(first)}>${title}</button>`}
        ${more.still && html` <button type="button" class="more" onClick=${again}>Load
            anew</button>`}`;
}
