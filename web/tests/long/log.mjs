// The log of a job that wrote 100 MB: read whole into the page, searched and scrolled. How long
// that took is told; the times are no test.
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';

import {holds, House, is, main, ok, settled, signIn, until, window} from '../e2e/harness.mjs';

const LINES = 1200000;
const TEXT = (n) => `INFO line ${n} of much output, as programs write it when they are asked to`;
const MIDDLE = LINES / 2;
const LONG = 90000; // ms

const box = (page) => page.getByRole('region', {name: 'Lines of the output'});
const line = (page, n) => box(page).getByText(TEXT(n), {exact: true});
const status = (page) => page.locator('.log-found').innerText();
const find = (page, text) => page.getByLabel('Search in the log').fill(text);

async function timed(what, fn) {
    const from = performance.now();
    const result = await fn();
    console.log(`${what}: ${Math.round(performance.now() - from)} ms`);
    return result;
}

// Whether the line is within what is seen of the log.
async function sees(page, n) {
    const handle = await box(page).elementHandle();
    return await line(page, n).count() === 1 && await line(page, n).evaluate((e, outer) => {
        const [a, b] = [e.getBoundingClientRect(), outer.getBoundingClientRect()];
        return a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
    }, handle);
}

// The number of the first line that is seen.
const topLine = (page) => box(page).evaluate((outer) => {
    const {top} = outer.getBoundingClientRect();
    return Number([...outer.querySelectorAll('.log-row')].find((row) =>
        row.getBoundingClientRect().bottom > top + 8).dataset.n);
});

async function memory(page, when) {
    const session = await page.context().browser().newBrowserCDPSession();
    const {processInfo} = await session.send('SystemInfo.getProcessInfo');
    const sizes = processInfo.filter((p) => p.type === 'renderer').map(({id}) => Number(
        /^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${id}/status`, 'utf8'))[1]) >> 10);
    console.log(`memory of the page ${when}: ${Math.max(...sizes)} MiB`);
}

// The longest time for which the page did nothing else, since the last look.
async function blocked(page, what) {
    const longest = await page.evaluate(() => {
        const all = window.longTasks.splice(0);
        return Math.max(0, ...all);
    });
    console.log(`longest task while ${what}: ${Math.round(longest)} ms`);
}

async function searched(page, n, where) {
    await find(page, '');
    await timed(`the line at the ${where} is found`, async () => {
        await find(page, `line ${n} of`);
        await until(async () => await status(page) === '1 lines', `line ${n} is found`, LONG);
    });
    await timed('and seen', async () => {
        await page.keyboard.press('Enter');
        await until(() => sees(page, n), `line ${n} is seen`);
    });
    is(`the line at the ${where} is found and seen`, '1 of 1', await status(page));
    is('its colour is right', 'f2', await line(page, n).locator('span').first()
        .getAttribute('class'));
    is('its number is right', String(n), await box(page).locator('.log-row.here')
        .getAttribute('data-n'));
}

async function scrolled(page) {
    for (const by of [200, -400, 1000]) {
        const from = await topLine(page);
        await box(page).hover();
        await page.mouse.wheel(0, by);
        await until(async () => await topLine(page) === from + by / 20, `a wheel moves by ${by}`);
    }
    ok('a wheel moves by as much as it says');
    for (const share of [0.5, 0.25, 0.9]) {
        await box(page).evaluate((e, part) => {
            e.scrollTop = part * (e.scrollHeight - e.clientHeight);
        }, share);
        await until(async () => Math.abs(await topLine(page) / LINES - share) < 0.05,
                    `the scroll bar at ${share}`);
    }
    ok('the scroll bar moves in proportion');
    await box(page).focus();
    for (const [key, n] of [['Home', 1], ['End', LINES], ['Home', 1]]) {
        await page.keyboard.press(key);
        await until(() => sees(page, n), `${key} shows line ${n}`);
    }
    ok('both ends are reached');
}

await main(async (step) => {
    const house = await House.start({settings: 'limits:\n  output: 256MiB\n'});
    const page = await window(house);
    step.page(page);
    await page.addInitScript(() => {
        window.longTasks = [];
        new PerformanceObserver((list) => list.getEntries().forEach((e) =>
            window.longTasks.push(e.duration))).observe({type: 'longtask'});
    });
    const [before, after] = TEXT('%d').slice(5).split('%d');
    const id = await timed('the job', async () => {
        const job = await house.cadre('run', '--detach', '--', 'awk', `BEGIN { for (i = 1; i <= ${
            LINES}; i++) printf "\\033[32mINFO\\033[0m ${before}%d${after}\\n", i }`);
        await until(async () => /^state +SUCCESS/m.test(await house.cadre('job', 'show', job)),
                    'the job ends', LONG);
        return job;
    });
    await signIn(page, house.token);
    await timed('the last 20,000 lines', async () => {
        await page.goto(`/#/jobs/${id}`);
        await settled(page);
        await until(() => sees(page, LINES), 'the end is seen');
    });
    await find(page, `line ${MIDDLE} of`);
    await until(async () => await status(page) ===
        'not found in the 20,000 lines that are here', 'a search says where it looked');
    ok('a search says where it looked');
    await memory(page, 'then');
    await blocked(page, 'they are read');
    await timed('its bytes alone, without the page', () => page.evaluate(async (job) => {
        const answer = await fetch(`api/v1/jobs/${job}/logs?format=json`);
        const reader = answer.body.getReader();
        while (!(await reader.read()).done);
    }, id));
    await timed('all of it', async () => {
        await page.getByRole('button', {name: 'From the beginning'}).click();
        await find(page, `line ${LINES} of`);
        await until(async () => await status(page) === '1 lines', 'all is read', LONG);
    });
    await memory(page, 'with all of it');
    await blocked(page, 'all is read');
    for (const [n, where] of [[1, 'beginning'], [MIDDLE, 'middle'], [LINES, 'end']])
        await searched(page, n, where);
    await find(page, 'nowhere at all');
    await timed('that something is not there', () =>
        until(async () => await status(page) === 'not found', 'it is not found'));
    await find(page, '');
    await blocked(page, 'it is searched');
    await find(page, `line ${MIDDLE} of`);
    await until(async () => await status(page) === '1 lines', 'the middle is found');
    await page.keyboard.press('Enter');
    await until(() => sees(page, MIDDLE), 'the middle is seen');
    await scrolled(page);
    await blocked(page, 'it is scrolled');
    await timed('lines wrapped', async () => {
        await page.setViewportSize({width: 500, height: 800});
        await page.getByRole('button', {name: 'Wrap', exact: true}).click();
        await box(page).focus();
        for (const [key, n] of [['Home', 1], ['End', LINES]]) {
            await page.keyboard.press(key);
            await until(() => sees(page, n), `${key} shows line ${n}, wrapped`);
        }
    });
    ok('both ends are reached when lines are wrapped');
    await blocked(page, 'lines are wrapped');
    const [size, lines] = execFileSync('sh', ['-c', `"$CADRE_BIN/cadre" job logs ${id} | wc -cl`],
        {env: {...process.env, ...house.env}, encoding: 'utf8'}).trim().split(/\s+/).reverse();
    console.log(`bytes of the log: ${size}`);
    holds('it was 100 MB', Number(size) >= 1e8 && Number(lines) === LINES, `${size}, ${lines}`);
});
