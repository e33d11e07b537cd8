// The stream of events: of the tab that holds it, and of one that is told.
import assert from 'node:assert/strict';
import {test} from 'node:test';

const SILENT_MS = 40000;

// What a browser has. locks: 'none', or 'taken' by another tab for ever.
function browser(t, locks) {
    t.mock.timers.enable({apis: ['setTimeout']});
    t.mock.method(Math, 'random', () => 1);
    const asked = [];
    t.mock.method(globalThis, 'fetch', async (where) => {
        asked.push(where);
        return new Response('{}');
    });
    const sources = [];
    const channels = [];
    const define = (name, value) => Object.defineProperty(globalThis, name,
        {value, configurable: true, writable: true});
    define('document', Object.assign(new EventTarget(), {hidden: false}));
    define('navigator', locks === 'none' ? {} : {locks: {request: () => new Promise(() => {})}});
    define('BroadcastChannel', class {
        constructor() {
            channels.push(this);
        }
        postMessage() {}
    });
    define('EventSource', class extends EventTarget {
        constructor() {
            super();
            this.open = true;
            sources.push(this);
        }
        close() {
            this.open = false;
        }
        say(event) {
            this.dispatchEvent(Object.assign(new Event(event), {data: JSON.stringify({event})}));
        }
    });
    return {asked, sources, channels};
}

// Notes what listeners are told, and whether the stream stands.
function hear(live) {
    const heard = [];
    live.listen(['jobs'], ({event}) => heard.push(event));
    live.watchConnection((up) => heard.push(up));
    return heard;
}

test('a stream that says nothing is broken, and begun anew', async (t) => {
    const {asked, sources} = browser(t, 'none');
    const live = await import('../../src/lib/live.js?leader');
    const heard = hear(live);
    sources[0].say('open');
    sources[0].say('jobs');
    sources[0].say('groups');
    t.mock.timers.tick(SILENT_MS - 1);
    sources[0].say('ping');
    t.mock.timers.tick(SILENT_MS - 1);
    assert.deepEqual(heard, [true, 'open', 'jobs']);
    t.mock.timers.tick(1);
    assert.deepEqual(heard.splice(0), [true, 'open', 'jobs', false]);
    assert.equal(sources[0].open, false);
    assert.deepEqual(asked, ['api/v1/whoami']);
    t.mock.timers.tick(500);
    assert.equal(sources.length, 2);
    sources[1].say('open');
    assert.deepEqual(heard.splice(0), [true, 'open']);
    // A connection that is never answered.
    sources[1].onerror();
    t.mock.timers.tick(500);
    t.mock.timers.tick(SILENT_MS);
    assert.equal(sources[2].open, false);
    t.mock.timers.tick(1000);
    live.stopLive();
    t.mock.timers.tick(SILENT_MS * 10);
    assert.equal(sources.length, 4);
    assert.deepEqual(heard, [false, true]);
});

test('a tab that is told nothing by the one with the stream says so', async (t) => {
    const {asked, sources, channels} = browser(t, 'taken');
    const live = await import('../../src/lib/live.js?follower');
    const heard = hear(live);
    const tell = (data) => channels[0].onmessage({data});
    tell({connected: true, message: {event: 'open'}});
    t.mock.timers.tick(SILENT_MS - 1);
    tell({connected: true, message: {event: 'ping'}});
    tell({ask: true});
    t.mock.timers.tick(SILENT_MS - 1);
    assert.deepEqual(heard.splice(0), [true, 'open']);
    t.mock.timers.tick(1);
    assert.deepEqual(heard.splice(0), [false]);
    tell({connected: true, message: {event: 'ping'}});
    assert.deepEqual(heard.splice(0), [true, 'open']); // what was not passed on
    tell({connected: false});
    assert.deepEqual(asked, ['api/v1/whoami']);
    tell({connected: true, message: {event: 'open'}});
    assert.deepEqual(heard, [false, true, 'open']);
    assert.equal(sources.length, 0);
    live.stopLive();
});
