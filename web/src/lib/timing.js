// How long to wait: for a stream that says nothing, and before something is asked again.

// The coordinator's streams say something each 15 s. After suspend, or behind a proxy that holds
// back what it gets, nothing breaks: they are only silent.
export const SILENT_MS = 40000;

// For what costs the coordinator more than usual, and what is seldom another: at most so often.
export const CALM_MS = 2000;
export const COSTLY_MS = 10000;
export const SELDOM_MS = 60000;
export const RETRY_MS = 2000; // for backoff

// Calls fn once when nothing was heard for SILENT_MS.
export class Silence {
    constructor(fn) {
        this.fn = fn;
        this.timer = 0;
    }

    heard() {
        clearTimeout(this.timer);
        this.timer = setTimeout(this.fn, SILENT_MS);
    }

    stop() {
        clearTimeout(this.timer);
    }
}

// Before the next try after so many in vain, 0 first: longer each time, and not all at once.
export function backoff(tries, first = 500) {
    return Math.min(30000, first * 2 ** Math.min(tries, 16)) * (0.5 + Math.random() / 2);
}

// After a load that took so long: a coordinator that is slow gets a rest.
export function rest(between, took) {
    return Math.max(between, Math.min(60000, 5 * took));
}
