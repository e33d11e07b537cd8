// Keys without a value (undefined, null, '') are left out.
export function queryText(query) {
    const words = new URLSearchParams();
    for (const [key, value] of Object.entries(query || {})) {
        if (value === undefined || value === null || value === '') continue;
        for (const one of Array.isArray(value) ? value : [value]) words.append(key, one);
    }
    const text = words.toString();
    return text ? `?${text}` : '';
}
