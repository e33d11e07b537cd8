// Pages of a list. One request looks at 5,000 rows at most, so that a page may be empty while more
// is behind it.
export const LOOKED = 5000;
export const PAGE = 100; // rows of a page, where nothing speaks for more or fewer

// Asks on until there are rows, nothing is behind, or so many requests were made. ask(cursor) gives
// {[name]: rows, nextCursor}. {rows, cursor, requests}; cursor: null at the end.
export async function gather(ask, name, cursor, requests) {
    let page;
    let made = 0;
    do {
        page = await ask(cursor);
        cursor = page.nextCursor || null;
        made++;
    } while (!page[name].length && cursor && made < requests);
    return {rows: page[name], cursor, requests: made};
}

// How many requests found nothing since the last row.
export function inVain(pages) {
    const last = pages.findLastIndex((page) => page.rows.length);
    return pages.slice(last + 1).reduce((sum, page) => sum + page.requests, 0);
}
