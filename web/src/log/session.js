// Reads the output of a job or an execution into a buffer: goes on by the cursor after a break,
// stops while the tab is hidden, and stops at a full buffer while somebody reads older lines. Of an
// execution, whose output is read from its beginning, it stops after much of it in any case.
import {request} from '../lib/api.js';
import {bytes as sizeText, hasEnded} from '../lib/format.js';
import {takePlace} from '../lib/places.js';
import {Silence, backoff} from '../lib/timing.js';
import {LogBuffer} from './buffer.js';
import {bytesOf, lines} from './decode.js';

const TURN_MS = 25; // then the page gets its turn
const READ_ON = 16 * 1024 * 1024; // bytes
const READ_MAX = 32 * 1024 * 1024; // bytes of an execution, before the reader is asked
const POLL_MS = 2000; // while other tabs have all places of streams

export class LogSession {
    // where: 'api/v1/jobs/ID'; query: of follow; changed() is called when there is something new.
    // over, to be set: the job or execution is known to have ended.
    constructor({where, query = {}, changed, limits, most = READ_MAX}) {
        Object.assign(this, {where, query, changed, buffer: new LogBuffer(limits), cursor: null,
                             state: 'idle', error: null, following: true, earlier: false,
                             names: new Map(), firsts: new Map(), next: new Map(),
                             attempts: new Map(),
                             ended: false, tries: 0, allowed: 0, abort: null, timer: 0,
                             over: false, most: where.includes('/jobs/') ? Infinity : most});
        this.silence = new Silence(() => this.silent());
    }

    start() {
        if (this.abort || this.state === 'ended' || this.state === 'failed') return;
        clearTimeout(this.timer);
        this.abort = new AbortController();
        this.read(this.abort).catch((error) => this.broke(error));
    }

    stop() {
        clearTimeout(this.timer);
        this.silence.stop();
        if (this.abort) this.abort.abort();
        this.abort = null;
        if (this.state === 'reading') this.state = 'idle';
    }

    // The stream stands, and says nothing: it is given up, and another begun.
    silent() {
        if (!this.abort) return;
        this.stop();
        this.again();
    }

    // Reads more although the buffer is full: the oldest lines go.
    readOn() {
        this.allowed = this.buffer.taken + READ_ON;
        this.state = 'idle';
        this.start();
    }

    get held() {
        const {taken, full} = this.buffer;
        return taken >= this.allowed && ((full && !this.following) || taken >= this.most);
    }

    async read(abort) {
        this.state = 'reading';
        this.silence.heard();
        const free = await takePlace();
        try {
            if (!abort.signal.aborted) await this.stream(abort, free ? 'follow' : 'logs');
        } finally {
            if (free) free();
            if (!this.abort) this.silence.stop();
        }
    }

    // how: 'follow', or 'logs', which ends with what there is now.
    async stream(abort, how) {
        const {over, cursor} = this;
        const response = await request('GET', `${this.where}/${how}`, {
            signal: abort.signal,
            query: {...this.query, format: 'json', cursor}});
        let turn = performance.now();
        for await (const batch of lines(response.body)) {
            this.silence.heard();
            for (const text of batch) {
                if (abort.signal.aborted) return;
                if (this.held) {
                    this.stop();
                    this.state = 'held';
                    this.changed();
                    return;
                }
                this.take(JSON.parse(text));
                if (performance.now() - turn > TURN_MS) {
                    this.changed();
                    await new Promise((done) => setTimeout(done));
                    turn = performance.now();
                }
            }
            if (abort.signal.aborted) return;
            this.changed();
        }
        if (abort.signal.aborted) return;
        this.abort = null;
        // The output so far does not tell the state: it is whole when there was no more of it after
        // the end.
        if (this.ended || (how === 'logs' && over && this.cursor === cursor)) {
            this.buffer.flush();
            this.state = 'ended';
            this.changed();
        } else if (how === 'logs') {
            this.timer = setTimeout(() => this.start(), POLL_MS);
        } else {
            this.again();
        }
    }

    broke(error) {
        if (error.name === 'AbortError') return;
        this.silence.stop();
        this.abort = null;
        if (error.status >= 400 && error.status < 500 && error.status !== 408 &&
            error.status !== 429) {
            this.error = error;
            this.state = 'failed';
            this.changed();
            return;
        }
        this.again();
    }

    again() {
        this.state = 'broken';
        this.changed();
        this.timer = setTimeout(() => this.start(), backoff(this.tries++));
    }

    take(message) {
        this.tries = 0;
        const bytes = bytesOf(message);
        if (bytes) this.output(message, bytes);
        else if (message.event === 'state') this.told(message);
        else if (message.event === 'execution') this.ended = hasEnded(message.state);
    }

    // The state of a job; of an execution these are its task runs.
    told(job) {
        this.names.set(job.id, job.task || job.what || job.id);
        if (this.where.includes('/jobs/')) this.ended = hasEnded(job.state);
        else if (hasEnded(job.state)) this.buffer.flush(job.id);
    }

    output({cursor, job, attempt, stream, offset, at}, bytes) {
        const {buffer} = this;
        const key = `${job} ${attempt} ${stream}`;
        const next = this.next.get(key);
        const before = this.attempts.get(job);
        if (next === undefined && (offset > 0 || (before === undefined && attempt > 1)))
            this.earlier = true;
        if (before !== undefined && attempt !== before) {
            buffer.flush(job);
            buffer.mark(this.where.includes('/jobs/') ? `attempt ${attempt}`
                : `${this.names.get(job) || job}: attempt ${attempt}`);
        }
        this.attempts.set(job, attempt);
        if (offset === 0 && stream !== 'system' && !this.firsts.has(attempt))
            this.firsts.set(attempt, at);
        if (next !== undefined && offset > next)
            buffer.mark(`${sizeText(offset - next)} of ${stream} were left out: ` +
                        'the job wrote more than is kept');
        this.next.set(key, offset + bytes.length);
        buffer.add({job, attempt, stream}, bytes, at ? Date.parse(at) : 0);
        if (cursor !== undefined && cursor !== null) this.cursor = cursor;
    }
}
