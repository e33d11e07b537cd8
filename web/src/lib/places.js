// A browser has six connections to a host for all of its tabs. Streams of logs take so many of
// them at most, or nothing else could be asked.
const PLACES = 3;

function tryPlace(name) {
    return new Promise((given) => {
        navigator.locks.request(name, {ifAvailable: true}, (lock) => lock
            ? new Promise((free) => given(free)) : given(null)).catch(() => given(null));
    });
}

// Gives the function that frees the place; null: other tabs have all.
export async function takePlace() {
    if (typeof navigator === 'undefined' || !navigator.locks) return () => {};
    for (let i = 0; i < PLACES; i++) {
        const free = await tryPlace(`cadre-log-${i}`);
        if (free) return free;
    }
    return null;
}
