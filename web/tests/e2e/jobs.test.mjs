// A job's whole life by the page: started, followed, cancelled, retried, found again; then many.
import fs from 'node:fs';
import path from 'node:path';

import {accessible, holds, House, is, main, ok, show, signIn, until, window} from './harness.mjs';

const heading = (page, name) => page.getByRole('heading', {level: 1, name}).waitFor();
const state = (page) => page.locator('.job-state .state').first().innerText();
const press = (page, name) => page.getByRole('button', {name, exact: true}).click();
const inDialog = (page, name) => page.getByRole('dialog').getByRole('button', {name}).click();
// What a dialog tells when many had their turn.
const sum = (page, name, n) => page.getByRole('dialog').locator('.facts > *')
    .filter({hasText: new RegExp(`^${name}\\s*${n}$`)});

async function start(page, name, script) {
    await show(page, '#/jobs/new');
    await page.getByLabel('Script', {exact: true}).last().fill(script);
    await page.getByLabel('Name', {exact: true}).fill(name);
    await press(page, 'Start');
    await heading(page, name);
    return new URL(page.url()).hash.split('/').pop();
}

// Each number of the first view, but for the slots, is that of the rows in the list behind it.
async function figures(page) {
    await show(page, '#/');
    const all = page.locator('main .figure');
    await until(async () => !(await all.allInnerTexts()).some((text) => text.includes('…')),
                'all numbers are there');
    const found = [];
    for (const one of await all.all())
        found.push([await one.locator('span').innerText(), await one.locator('strong').innerText(),
                    await one.getAttribute('href')]);
    is('the first view has its numbers', 'agents online, offline, unwell, draining, slots free, ' +
        'jobs waiting, running, failed in a day', found.map(([label]) => label).join(', '));
    for (const [label, value, href] of found.filter(([name]) => name !== 'slots free')) {
        await show(page, href);
        const rows = page.locator('main tbody tr');
        await until(async () => String(await rows.count()) === value,
                    `the list behind "${label}" has ${value} rows`);
    }
    return Object.fromEntries(found);
}

await main(async (step) => {
    const today = new Date().toISOString().slice(0, 10); // the browser is in UTC
    const house = await House.start();
    const page = await window(house);
    step.page(page);
    await signIn(page, house.token);

    // ---- started and followed ----
    const id = await start(page, 'followed', 'echo first; sleep 1000');
    await until(async () => (await state(page)) === 'RUNNING', 'the job runs');
    await page.locator('.log').getByText('first').waitFor();
    ok('a job that is started is shown, with its output while it runs');
    await press(page, 'Cancel');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    is('Escape closes the question', 0, await page.getByRole('dialog').count());
    is('and cancels nothing', 'RUNNING', await state(page));
    await press(page, 'Cancel');
    await inDialog(page, 'Cancel the job');
    await until(async () => (await state(page)) === 'KILLED', 'the job is killed');
    ok('a job is cancelled');
    is('as the CLI sees it', 'KILLED', JSON.parse(await house.cadre('job', 'show', id, '-o',
        'json')).state);

    // ---- retried ----
    await press(page, 'Retry');
    await inDialog(page, 'Retry');
    await until(() => new URL(page.url()).hash !== `#/jobs/${id}`, 'the new job is shown');
    const again = new URL(page.url()).hash.split('/').pop();
    is('the new job names the one that it repeats', id, JSON.parse(await house.cadre('job', 'show',
        again, '-o', 'json')).retryOf);
    await house.cadre('job', 'cancel', again);
    await until(async () => (await state(page)) === 'KILLED', 'what another did is shown');
    ok('what another user does is shown without a reload');

    const failing = await start(page, 'mended', `test -e '${path.resolve('mended')}' || exit 7`);
    await until(async () => (await state(page)) === 'FAILED', 'the job fails');
    fs.writeFileSync('mended', '');
    await press(page, 'Retry');
    await inDialog(page, 'Retry');
    await until(async () => (await state(page)) === 'SUCCESS', 'the new job succeeds');
    const after = new URL(page.url()).hash.split('/').pop();
    is('a failed job is run again, and the new one succeeds', `${failing} SUCCESS FAILED`,
       [JSON.parse(await house.cadre('job', 'show', after, '-o', 'json')),
        JSON.parse(await house.cadre('job', 'show', failing, '-o', 'json'))]
           .map((job) => `${job.retryOf || ''} ${job.state}`).join('').trim());
    await show(page, '#/jobs?name=mended');
    await page.getByRole('row', {name: /^SUCCESS mended/}).waitFor();
    is('the one that failed is kept', 1, await page.getByRole('row', {name: /^FAILED mended/})
        .count());

    // ---- changed and run ----
    const words = ['sh', '-c', 'echo one\necho two', 'x', ''];
    const first = (await house.cadre('run', '--detach', '--name', 'changed', '--require',
                                     'os=linux', '--', ...words)).trim();
    await show(page, `#/jobs/new?from=${first}`);
    await page.getByText('requires os=linux').waitFor();
    await press(page, 'Start');
    await heading(page, 'changed');
    const changed = JSON.parse(await house.cadre('job', 'show', new URL(page.url()).hash.split('/')
        .pop(), '-o', 'json'));
    is('a job that is run again by the form is the same', JSON.stringify([words, {os: 'linux'}]),
       JSON.stringify([changed.spec.command, changed.requires]));

    // ---- output ----
    await start(page, 'colours',
                'printf "\\033[1;32mgreen\\033[0m <b>bold</b>\\n"; seq 1 20000; exit 3');
    await until(async () => (await state(page)) === 'FAILED', 'the job fails');
    await page.getByText('exit code 3').first().waitFor();
    await page.locator('.log').getByText('20000', {exact: true}).waitFor();
    holds('of a long log few lines are elements', await page.locator('.log *').count() < 2000);
    await page.getByLabel('Search in the log').fill('12345');
    await page.locator('.log-found').getByText('1 lines').waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.log').getByText('12345').first().waitFor();
    ok('a line is found by a search');
    await page.reload(); // of a job that is over the last 20,000 lines are read
    await page.locator('.log').getByText('20000', {exact: true}).waitFor();
    await page.getByRole('button', {name: 'From the beginning'}).click();
    await page.locator('.log').getByText('<b>bold</b>').waitFor();
    is('output is text, whatever it holds', 0, await page.locator('.log b').count());
    const colour = await page.locator('.log').getByText('green').first().evaluate((e) =>
        getComputedStyle(e).color);
    const usual = await page.locator('.log').getByText('<b>bold</b>').evaluate((e) =>
        getComputedStyle(e).color);
    holds('escape sequences become colours', colour !== usual, `both are ${colour}`);

    // ---- found again ----
    await show(page, '#/jobs?state=FAILED');
    await page.getByRole('link', {name: 'colours'}).waitFor();
    is('a link with filters shows what they say', 0,
       await page.getByRole('link', {name: 'followed'}).count());
    await page.getByLabel('Name', {exact: true}).fill('followed');
    await page.getByLabel('Name', {exact: true}).press('Enter');
    await page.getByText('No job is as the filters say.').waitFor();
    is('filters stand in the address', '#/jobs?state=FAILED&name=followed',
       new URL(page.url()).hash);
    await show(page, '#/jobs?group=nowhere');
    holds('a filter that names nothing is told', /nowhere/.test(await page.getByRole('alert')
        .innerText()));

    // ---- of a day ----
    const now = new Date().toISOString().slice(0, 10);
    const failed = page.getByRole('row', {name: /^FAILED (mended|colours)/});
    for (const [filters, wanted] of [
        ['until=2020-01-01', 0], [`since=${today}&until=${now}`, 2],
        [`since=${today}+00:00&until=2999-12-31`, 2], ['since=2999-01-01', 0]]) {
        await show(page, `#/jobs?state=FAILED&${filters}`);
        await until(async () => await failed.count() === wanted,
                    `${wanted} jobs are shown with ${filters}`);
        is(`${filters}: nothing is refused`, 0, await page.getByRole('alert').count());
    }
    await page.getByText('cadre job list --state FAILED --since 2999-01-01T00:00:00.000Z')
        .waitFor();
    ok('a day is a filter, and the command has it as a time');
    await show(page, '#/jobs?until=2020-02-31');
    holds('a day that no calendar has is refused', /2020-02-31/.test(await page.getByRole('alert')
        .innerText()));

    // ---- many ----
    await house.cadre('group', 'create', 'empty');
    for (let i = 0; i < 5; i++)
        await house.cadre('run', '--detach', '--group', 'empty', '--name', `many-${i}`, '--',
                          'true');
    await show(page, '#/jobs?group=empty');
    await page.getByRole('link', {name: 'many-0'}).waitFor();
    await page.getByRole('button', {name: /^Cancel these/}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Cancel 5 jobs'}).waitFor();
    await accessible(page, 'the dialog that cancels many');
    await inDialog(page, 'Cancel 5 jobs');
    await sum(page, 'Cancelled', 5).waitFor();
    ok('several are cancelled, with their count before');
    await inDialog(page, 'Close');
    await until(async () => await page.getByRole('row', {name: /^CANCELLED many-\d/})
        .count() === 5, 'the list shows it');
    await show(page, '#/jobs?group=empty&state=CANCELLED');
    await page.getByRole('button', {name: /^Retry these/}).click();
    await inDialog(page, 'Retry 5 jobs');
    await sum(page, 'Run again', 5).waitFor();
    await inDialog(page, 'Close');
    await show(page, '#/jobs?group=empty&state=CREATED');
    await until(async () => await page.getByRole('row', {name: /^CREATED many-\d/})
        .count() === 5, 'the new jobs wait');
    ok('several are run again, with their count before');

    await house.cadre('run', '--detach', '--name', 'goes-on', '--', 'sleep', '1000');
    await show(page, '#/jobs?name=goes-on');
    await page.getByRole('row', {name: /^RUNNING goes-on/}).waitFor();
    const numbers = await figures(page);
    is('each number of the first view is that of the rows in the list behind it', '1 5 1 2',
       ['agents online', 'jobs waiting', 'running', 'failed in a day'].map((label) =>
           numbers[label]).join(' '));

    // ---- who may not ----
    const reader = await house.tokenOf('read');
    const other = await window(house);
    await signIn(other, reader.token, `#/jobs/${id}`);
    await heading(other, 'followed');
    is('a reader is shown no button that changes something', 0, await other.getByRole('button',
        {name: /^(Cancel|Retry)/}).count());
    await show(other, '#/jobs');
    is('nor in the list', 0, await other.getByRole('button', {name: /these/}).count());
});
