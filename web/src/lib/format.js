// Times, durations, sizes, and words of states, for people.

export function duration(ms) {
    if (ms === null || ms === undefined || Number.isNaN(ms)) return '';
    if (ms < 0) ms = 0;
    if (ms < 1000) return `${Math.round(ms)} ms`;
    const s = ms / 1000;
    if (s < 10) return `${s.toFixed(1)} s`;
    if (s < 60) return `${Math.round(s)} s`;
    const m = Math.floor(s / 60);
    if (m < 60) return `${m} min ${Math.floor(s % 60)} s`;
    const h = Math.floor(m / 60);
    if (h < 48) return `${h} h ${m % 60} min`;
    return `${Math.floor(h / 24)} d ${h % 24} h`;
}

// "3 s ago", "in 5 min".
export function relative(at, now) {
    if (!at) return '';
    const ms = now - Date.parse(at);
    if (Math.abs(ms) < 1000) return 'now';
    const words = duration(Math.abs(ms)).replace(/^(\d+) min \d+ s$/, '$1 min')
        .replace(/^(\d+)\.\d s$/, '$1 s').replace(/^(\d+) h \d+ min$/, '$1 h')
        .replace(/^(\d+) d \d+ h$/, '$1 d');
    return ms > 0 ? `${words} ago` : `in ${words}`;
}

// The moment on the clock of the reader; the API's own text stands in the tooltip.
export function clock(at) {
    if (!at) return '';
    const t = new Date(at);
    const two = (n) => String(n).padStart(2, '0');
    return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ` +
        `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

export function between(from, to) {
    return from && to ? Date.parse(to) - Date.parse(from) : null;
}

export function bytes(n) {
    if (n === null || n === undefined) return '';
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let i = 0;
    while (n >= 1024 && i < units.length - 1) {
        n /= 1024;
        i++;
    }
    return `${i && n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

// Of what is written in base64; undefined when there is none.
export function base64Size(text) {
    return text === null || text === undefined ? undefined : atob(text).length;
}

export function count(n) {
    return n === null || n === undefined ? '' : n.toLocaleString('en');
}

export function plural(n, one, many = `${one}s`) {
    return `${count(n)} ${n === 1 ? one : many}`;
}

// 'good', 'bad', 'busy', 'wait', 'off': the colour of a state.
export function tone(state) {
    switch (state) {
    case 'SUCCESS': case 'ONLINE': case 'FIRED': case 'fired': return 'good';
    case 'FAILED': case 'UNWELL': case 'error': return 'bad';
    case 'RUNNING': case 'SUBMITTED': case 'KILLING': return 'busy';
    case 'WARNING': case 'DRAINING': case 'RETRYING': return 'warn';
    case 'CREATED': case 'QUEUED': case 'PAUSED': return 'wait';
    default: return 'off';
    }
}

export const OVER = ['SUCCESS', 'WARNING', 'FAILED', 'CANCELLED', 'KILLED', 'FIRED', 'NO'];
export function hasEnded(state) {
    return OVER.includes(state) || state === 'SKIPPED'; // of a task run
}
