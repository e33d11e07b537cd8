// graphile-worker and pg-boss under the load of bench_peers: this process is the producers, a child
// of it the workers. See peer_node.c.
//
//   node peer_node.mjs KIND URI CONTROL
//
// CONTROL is a FIFO. What comes from it, a line each:
//   open PRODUCERS WINDOW WORKERS PREFETCH BYTES AHEAD WIDE
//   rest      the producers send no more
//   close     and the workers take no more
// What goes to standard output: `ready` and the versions, then `BEGUN ENDED` whenever these have
// grown: jobs whose sending began, and jobs taken off for good, since the start. `opened` and
// `closed` answer `open` and `close`; `error WHY` is the last line. WIDE is 1 or 0: arrays of
// WINDOW jobs, and what the package has for batches.
import { fork } from 'node:child_process';
import { constants, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const [, script, kind, uri, control, role] = process.argv;
const QUEUE = 'bench';
const TELL_MS = 5; // how often a count is told
const EMPTY_MS = 2; // a worker of pg-boss that found nothing looks again
// Connections of graphile-worker's workers: 8 to 64 were as fast, whatever may run at once.
const POOL = 16;

// ---- the packages ----

const graphile = {
  async producer(load) {
    const { makeWorkerUtils, Logger } = await import('graphile-worker');
    const utils = await makeWorkerUtils({ connectionString: uri, maxPoolSize: load.producers,
      logger: new Logger(() => () => {}) });
    await utils.migrate();
    return {
      put: (payload) => utils.addJob(QUEUE, payload),
      putAll: (payloads) =>
        utils.addJobs(payloads.map((payload) => ({ identifier: QUEUE, payload }))),
      close: () => utils.release(),
    };
  },
  async worker(load, ended) {
    const { run, Logger } = await import('graphile-worker');
    const concurrency = load.workers * load.prefetch;
    const batches = { localQueue: { size: concurrency }, completeJobBatchDelay: 0,
      failJobBatchDelay: 0 };
    const runner = await run({
      connectionString: uri,
      concurrency,
      maxPoolSize: POOL,
      noHandleSignals: true,
      logger: new Logger(() => () => {}),
      taskList: { [QUEUE]: async () => {} },
      preset: load.wide ? { worker: batches } : {},
    });
    runner.events.on('job:complete', () => ended(1));
    return { close: () => runner.stop() };
  },
};

const boss = {
  async begin(max) {
    const { default: PgBoss } = await import('pg-boss');
    const b = new PgBoss({ connectionString: uri, max, supervise: false, schedule: false });
    b.on('error', fail);
    await b.start();
    await b.createQueue(QUEUE);
    return b;
  },
  async producer(load) {
    const b = await this.begin(load.producers);
    return {
      put: (payload) => b.send(QUEUE, payload),
      putAll: (payloads) => b.insert(payloads.map((data) => ({ name: QUEUE, data }))),
      close: () => b.stop({ graceful: false }),
    };
  },
  async worker(load, ended) {
    const b = await this.begin(load.workers);
    let open = true;
    const one = async () => {
      while (open) {
        const jobs = await b.fetch(QUEUE, { batchSize: load.prefetch });
        if (!jobs.length) {
          await sleep(EMPTY_MS);
          continue;
        }
        await b.complete(QUEUE, jobs.map((job) => job.id));
        ended(jobs.length);
      }
    };
    const all = Array.from({ length: load.workers }, () => one().catch(fail));
    return {
      close: async () => {
        open = false;
        await Promise.all(all);
        await b.stop({ graceful: false });
      },
    };
  },
};

const kinds = { 'graphile-worker': graphile, 'pg-boss': boss };

function fail(e) {
  process.stdout.write(`error ${String(e?.message ?? e).split('\n')[0]}\n`, () => process.exit(1));
}
process.on('unhandledRejection', fail);
process.on('uncaughtException', fail);

// ---- the workers ----

function workers() {
  let count = 0;
  let open;
  setInterval(() => {
    if (count) process.send({ ended: count });
    count = 0;
  }, TELL_MS);
  process.on('disconnect', () => process.exit(0));
  process.on('message', async (m) => {
    if (m.open) open = await kinds[kind].worker(m.open, (n) => (count += n));
    else await open.close();
    if (m.close && count) process.send({ ended: count });
    if (m.close) count = 0;
    process.send(m.open ? { opened: true } : { closed: true });
  });
}

// ---- the producers ----

function producers() {
  const child = fork(script, [kind, uri, control, 'workers']);
  let begun = 0, ended = 0, told = '', load, producer, resting = true, answer;
  let wake = [];
  const tell = () => {
    const now = `${begun} ${ended}\n`;
    if (now !== told) process.stdout.write((told = now));
  };
  const child_answers = () => new Promise((resolve) => (answer = resolve));
  child.on('exit', () => fail('the process of the workers ended'));
  child.on('message', (m) => {
    if (!m.ended) return answer();
    ended += m.ended;
    for (const go of wake.splice(0)) go();
  });
  setInterval(tell, TELL_MS);

  // One producer: a job, or an array, at a time.
  async function one(payload, count) {
    const array = Array(count).fill(payload);
    while (!resting) {
      if (begun + count > ended + load.ahead) {
        await new Promise((resolve) => wake.push(resolve));
        continue;
      }
      begun += count;
      await (load.wide ? producer.putAll(array) : producer.put(payload));
    }
  }
  let busy = [];
  async function open(words) {
    const [producers, window, workers, prefetch, bytes, ahead, wide] = words.map(Number);
    load = { producers, window, workers, prefetch, bytes, ahead, wide };
    producer = await kinds[kind].producer(load);
    const opened = child_answers();
    child.send({ open: load });
    await opened;
    resting = false;
    const payload = { text: 'x'.repeat(Math.max(1, bytes - '{"text":""}'.length)) };
    busy = Array.from({ length: producers }, () => one(payload, wide ? window : 1).catch(fail));
    process.stdout.write('opened\n');
  }
  async function close() {
    resting = true;
    for (const go of wake.splice(0)) go();
    await Promise.all(busy);
    const closed = child_answers();
    child.send({ close: true });
    await closed;
    await producer.close();
    tell();
    process.stdout.write('closed\n');
  }
  const commands = new Socket({ fd: openSync(control, constants.O_RDWR | constants.O_NONBLOCK) });
  createInterface({ input: commands }).on('line', (line) => {
    const [verb, ...words] = line.split(' ');
    if (verb === 'open') open(words).catch(fail);
    if (verb === 'rest') resting = true;
    if (verb === 'close') close().catch(fail);
  });
  const about = readFileSync(`${dirname(script)}/node_modules/${kind}/package.json`, 'utf8');
  process.stdout.write(`ready ${kind} ${JSON.parse(about).version} on Node ${process.version}\n`);
}

if (role === 'workers') workers();
else producers();
