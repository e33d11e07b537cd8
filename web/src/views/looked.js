// The first page of a list as a part of another view. One request looks at so many rows, and what
// it gives may not be all, even where it gives nothing: then a link leads to the list itself.
import {html} from '../lib/html.js';

// limit: what was asked for; what: 'jobs'; href: of the list; children: the table of the rows.
export function Looked({page, rows, limit, what, href, children}) {
    const cut = page.nextCursor && rows.length < limit;
    return html`${(rows.length > 0 || !cut) && children}
        ${cut && html`<p class="hint">${rows.length ? 'These' : 'No such'} ${what} were found so
            far. <a href=${href}>Look further</a></p>`}`;
}
