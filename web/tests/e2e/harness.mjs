// What the tests of the page in a browser share: a real coordinator with real agents, and Chromium.
// Each test runs in an empty folder of its own; tests/run.sh says where programs are (CADRE_BIN)
// and packages (CADRE_PAGE_MODULES). What is found is told in lines "ok - NAME", "not ok - NAME".
import {execFile, spawn} from 'node:child_process';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';

const modules = createRequire(path.join(process.env.CADRE_PAGE_MODULES, '/'));
const {chromium} = modules('playwright-core');
const axeText = fs.readFileSync(modules.resolve('axe-core/axe.min.js'), 'utf8');
const bin = process.env.CADRE_BIN;
const here = process.cwd();
const logs = process.env.CADRE_PAGE_LOGS || here;
export const PATIENCE = 30000; // ms until what should happen has not happened

let failures = 0;
export const ok = (name) => console.log(`ok - ${name}`);
export function notOk(name, why) {
    failures++;
    console.log(`not ok - ${name}: ${String(why).replace(/\s+/g, ' ').slice(0, 800)}`);
}
export function is(name, wanted, got) {
    if (wanted === got) ok(name);
    else notOk(name, `wanted '${wanted}', got '${got}'`);
}
export function holds(name, condition, why = 'it does not hold') {
    if (condition) ok(name);
    else notOk(name, why);
}

// Polls until fn() gives a true value, and gives it; the only place where a test lets time pass.
export async function until(fn, what, ms = PATIENCE) {
    const end = Date.now() + ms;
    let last;
    while (Date.now() < end) {
        try {
            const value = await fn();
            if (value) return value;
        } catch (e) {
            last = e;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${what} did not happen within ${ms} ms${last ? `: ${last.message}` : ''}`);
}

// ---- programs ----

const children = new Set();
function begin(name, args, log) {
    const out = fs.openSync(log, 'a');
    const child = spawn(path.join(bin, name), args, {stdio: ['ignore', out, out]});
    fs.closeSync(out);
    children.add(child);
    child.gone = new Promise((resolve) => child.on('exit', () => {
        children.delete(child);
        resolve();
    }));
    return child;
}

function run(name, args, env = {}) {
    return new Promise((resolve) => {
        execFile(path.join(bin, name), args, {env: {...process.env, ...env},
                                              maxBuffer: 64 << 20},
                 (error, out, err) => resolve({code: error ? error.code : 0, out, err}));
    });
}

// A coordinator, and agents by group ('default': of the default group).
export class House {
    // settings: lines of coordinator.yaml besides `listen`. fill() may put rows into server/ before
    // the coordinator opens it.
    static async start({groups = ['default'], settings = '', fill = null} = {}) {
        const house = new House();
        house.agents = {};
        fs.writeFileSync('coordinator.yaml', `listen: 127.0.0.1:0\n${settings}`);
        const made = await run('cadre-coordinator',
                               ['init', '--config', 'coordinator.yaml', '--state', 'server']);
        if (made.code) throw new Error(`init: ${made.err}`);
        if (fill) await fill();
        await house.up();
        for (const group of groups) {
            if (group !== 'default') await house.cadre('group', 'create', group);
            await house.agent(group === 'default' ? 'one' : `of-${group}`, group);
        }
        return house;
    }

    async up() {
        fs.writeFileSync('coordinator.out', '');
        const listen = this.port ? ['--listen', `127.0.0.1:${this.port}`] : [];
        this.coordinator = begin('cadre-coordinator', ['run', '--config', 'coordinator.yaml',
                                                       '--state', 'server', ...listen],
                                 'coordinator.out');
        const line = await until(() => /^listening on .*:(\d+)$/m
            .exec(fs.readFileSync('coordinator.out', 'utf8')), 'the coordinator listens');
        this.port = Number(line[1]);
        this.base = `https://127.0.0.1:${this.port}`;
        this.env = {CADRE_URL: `127.0.0.1:${this.port}`, CADRE_WAIT: '30s',
                    CADRE_TOKEN_FILE: path.join(here, 'server/admin.token')};
        this.token = fs.readFileSync('server/admin.token', 'utf8').trim();
    }

    async kill() {
        this.coordinator.kill('SIGKILL');
        await this.coordinator.gone;
    }

    // The CLI as the administrator; throws when it fails.
    async cadre(...args) {
        const done = await run('cadre', args, this.env);
        if (done.code) throw new Error(`cadre ${args.join(' ')}: ${done.err}`);
        return done.out.trim();
    }
    async tokenOf(role, ...more) {
        const text = await this.cadre('token', 'create', 'api', '--role', role, '-o', 'json',
                                      ...more);
        return JSON.parse(text);
    }

    async agent(name, group, ...options) {
        const token = await this.cadre('token', 'create', 'join');
        const config = `${name}.yaml`;
        const joined = await run('cadre-agent',
                                 ['join', token, '--config', config, '--state', name, '--name',
                                  name], this.env);
        if (joined.code) throw new Error(`join: ${joined.err}`);
        if (group !== 'default') fs.appendFileSync(config, `group: ${group}\n`);
        this.agents[name] = begin('cadre-agent', ['run', '--config', config, '--state', name,
                                                  ...options], `${name}.log`);
        await until(async () => (await this.cadre('agent', 'show', name))
            .match(/^state +ONLINE$/m), `agent ${name} is online`);
    }
}

// ---- the browser ----

let browser;
// What the page did that it must not do: errors of scripts, and what the policy blocked.
const wrongs = [];

// A window of its own, with the cookies of nobody. options: of playwright's newContext.
export async function window(house, options = {}) {
    browser ||= await chromium.launch({executablePath: process.env.CADRE_CHROMIUM ||
                                           '/usr/bin/chromium'});
    const context = await browser.newContext({ignoreHTTPSErrors: true, baseURL: house.base,
                                              locale: 'en-GB', timezoneId: 'UTC',
                                              reducedMotion: 'reduce', ...options});
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    page.on('pageerror', (e) => wrongs.push(`script: ${e.message}`));
    page.on('console', (m) => {
        if (m.type() === 'error' && !/^Failed to load resource/.test(m.text()))
            wrongs.push(`console: ${m.text()}`);
    });
    await page.addInitScript(() => {
        window.violations = [];
        document.addEventListener('securitypolicyviolation', (e) => {
            window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`);
            console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`);
        });
    });
    return page;
}

export async function signIn(page, token, where = '#/') {
    await page.goto(`/${where}`);
    await page.getByLabel('API token').fill(token);
    await page.getByRole('button', {name: 'Sign in'}).click();
    await page.getByRole('button', {name: 'Sign out'}).waitFor();
}

// Shows a view, and waits until nothing is loading.
export async function show(page, fragment) {
    await page.evaluate((to) => {
        location.hash = to;
    }, fragment);
    await settled(page);
}
export async function settled(page) {
    await page.waitForFunction(() => !document.querySelector('main [aria-busy="true"]') &&
        document.querySelector('main h1'));
}

// From now on the chart of a group has numbers, of which a coordinator that was just started has
// none: over the last hour or day jobs that run from 0 to 11, and that wait from 11 to 0.
export function charted(page) {
    return page.route('**/api/v1/groups/*/history*', (route) => {
        const day = new URL(route.request().url()).searchParams.get('span') === 'day';
        const at = (i) => new Date(Date.now() - (12 - i) * (day ? 7200 : 300) * 1000)
            .toISOString();
        const points = Array.from({length: 12}, (_, i) => ({
            at: at(i), agents: 4, online: 4 - i % 3, running: i, queued: 11 - i}));
        return route.fulfill({json: {since: at(0), step: day ? '2h' : '5m', shared: false,
                                     points}});
    });
}

// What axe finds in what is shown now: ok, or not ok with each finding.
export async function accessible(page, name) {
    await page.evaluate(axeText);
    const found = await page.evaluate(async () => (await window.axe.run()).violations.map((v) =>
        `${v.id} ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(', ')}`));
    holds(`${name}: axe finds nothing`, !found.length, found.join('; '));
    const wide = await page.evaluate(() =>
        document.documentElement.scrollWidth > window.innerWidth);
    holds(`${name}: does not scroll sideways`, !wide);
}

// Runs the test, whose steps are told by ok and is; what it started ends with it.
export async function main(test) {
    let page;
    const step = {page: (p) => (page = p)};
    try {
        await test(step);
    } catch (e) {
        notOk('the test runs to its end', e.stack);
        if (page) {
            await page.screenshot({path: path.join(logs, `${path.basename(process.argv[1],
                '.test.mjs')}.png`)}).catch(() => {});
            console.log(await page.locator('main').innerText({timeout: 1000})
                .catch(() => 'nothing is shown'));
        }
    }
    holds('no script fails, and the policy blocks nothing', !wrongs.length, wrongs.join('; '));
    if (browser) await browser.close();
    for (const child of children) child.kill('SIGKILL');
    await Promise.all([...children].map((c) => c.gone));
    if (failures)
        for (const log of ['coordinator.out'])
            if (fs.existsSync(log)) console.log(fs.readFileSync(log, 'utf8').slice(-3000));
    process.exit(failures ? 1 : 0);
}
