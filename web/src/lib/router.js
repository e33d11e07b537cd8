// The view and its parameters stand in the fragment: #/jobs?state=FAILED. So a link can be sent to
// another person, the back button works, and a proxy may serve the page from any folder.
import {useEffect, useState} from 'preact/hooks';

import {link, parse} from './address.js';

export {link, parse};

export function go(address) {
    location.hash = address;
}

// Changes the parameters of the present view; the back button leads to the ones before.
export function setQuery(query) {
    const {segments} = parse(location.hash);
    const address = link(...segments, query);
    if (address === location.hash) return;
    history.pushState(null, '', address);
    dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute() {
    const [route, setRoute] = useState(() => parse(location.hash));
    useEffect(() => {
        const changed = () => setRoute(parse(location.hash));
        addEventListener('hashchange', changed);
        return () => removeEventListener('hashchange', changed);
    }, []);
    return route;
}
