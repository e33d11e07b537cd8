// The log of a job: followed and left, searched, one stream of it, and downloaded byte for byte.
import fs from 'node:fs';
import path from 'node:path';

import {holds, House, is, main, ok, settled, signIn, until, window} from './harness.mjs';

// All bytes, with those that are no text, and no end of the last line.
const BYTES = Buffer.concat([Buffer.from(Array.from({length: 256}, (_, i) => i)),
                             Buffer.from('\r\n\x1b[31mred\x1b[0m ä€😀\r<b>&amp;</b>\n\n  end')]);
const button = (page, name) => page.getByRole('button', {name, exact: true});
const box = (page) => page.getByRole('region', {name: 'Lines of the output'});
const line = (page, text) => box(page).getByText(text, {exact: true});
const find = (page) => page.getByLabel('Search in the log');
const found = (page, text) => page.getByRole('status').getByText(text, {exact: true}).waitFor();

// Whether the line is within what is seen of the log, and not only near to it.
async function sees(page, text) {
    const handle = await box(page).elementHandle();
    const one = line(page, text);
    return await one.count() === 1 && await one.evaluate((e, outer) => {
        const [a, b] = [e.getBoundingClientRect(), outer.getBoundingClientRect()];
        return a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
    }, handle);
}

async function open(page, id) {
    await page.goto(`/#/jobs/${id}`);
    await page.getByRole('heading', {level: 1}).waitFor();
    await settled(page);
}

// A job that writes 300 lines, and 300 more each time that a file is made.
async function followed(house, page) {
    const part = (n) => `for i in $(seq 1 300); do echo part ${n} line $i; done; `;
    const wait = (n) => `while [ ! -e '${path.resolve(`go${n}`)}' ]; do sleep 0.1; done; `;
    const id = await house.cadre('run', '--detach', '--name', 'parts', '--', 'sh', '-c',
        `${part(1)}${wait(1)}${part(2)}echo of stderr >&2; ${wait(2)}${part(3)}`);
    const more = (n) => fs.writeFileSync(`go${n}`, '');
    await open(page, id);
    await until(() => sees(page, 'part 1 line 300'), 'the end of the log is seen');
    is('a log that goes on is followed', 'true', await button(page, 'Follow')
        .getAttribute('aria-pressed'));

    // Left by scrolling, as with a wheel: it stands still while more comes.
    await box(page).hover();
    await page.mouse.wheel(0, -3000);
    await until(async () => await button(page, 'Follow').getAttribute('aria-pressed') === 'false',
                'who scrolls up follows no more');
    await until(() => sees(page, 'part 1 line 140'), 'the lines before are seen');
    const top = await box(page).evaluate((e) => e.scrollTop);
    more(1);
    await find(page).fill('part 2 line 300');
    await found(page, '1 lines');
    is('what comes moves nothing then', top, await box(page).evaluate((e) => e.scrollTop));
    await find(page).fill('');
    await button(page, 'Follow').click();
    await until(async () => await sees(page, 'of stderr') || await sees(page, 'part 2 line 300'),
                'followed again, the end is seen');
    more(2);
    await until(() => sees(page, 'part 3 line 300'), 'and what comes then');
    ok('who follows again sees the end, and what comes');
    return id;
}

async function searched(page) {
    await find(page).fill('LINE 17');
    await found(page, '33 lines'); // 17, 170 to 179, of three parts
    for (const [key, place, text] of [['Enter', '1 of 33', 'part 1 line 17'],
                                      ['Enter', '2 of 33', 'part 1 line 170'],
                                      ['Shift+Enter', '1 of 33', 'part 1 line 17'],
                                      ['Shift+Enter', '33 of 33', 'part 3 line 179'],
                                      ['Enter', '1 of 33', 'part 1 line 17']]) {
        await page.keyboard.press(key);
        await found(page, place);
        await until(() => sees(page, text), `${place} is seen`);
    }
    ok('a search goes forth and back, and around');
    is('what was found is marked', 'line 17', (await line(page, 'part 1 line 17')
        .locator('mark').innerText()));
    await find(page).fill('line 301');
    await found(page, 'not found');
    ok('what is not there is told');
    await find(page).fill('');
}

async function streams(page) {
    await page.getByRole('combobox', {name: /^Output/}).selectOption('stderr');
    await line(page, 'of stderr').waitFor();
    is('one stream can be seen alone', 0, await box(page).getByText(/^part/).count());
    await page.getByRole('combobox', {name: /^Output/}).selectOption('');
    await line(page, 'part 1 line 1').waitFor();
}

async function downloaded(house, page) {
    fs.writeFileSync('bytes', BYTES);
    const id = await house.cadre('run', '--name', 'bytes', '--detach', '--', 'cat',
                                 path.resolve('bytes'));
    await open(page, id);
    await line(page, '  end').waitFor();
    await page.locator('.job-state').getByText('SUCCESS', {exact: true}).waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'),
        page.getByRole('link', {name: 'Download', exact: true}).click()]);
    const file = fs.readFileSync(await download.path());
    holds('a download is the output byte for byte', file.equals(BYTES),
          `${file.length} of ${BYTES.length} bytes: ${JSON.stringify(file.toString('latin1'))}`);
}

// A log of more rows than an element may be high.
async function high(house, page) {
    const id = await house.cadre('run', '--detach', '--', 'seq', '-f', 'row %.0f', '300000');
    await until(async () => /^state +SUCCESS/m.test(await house.cadre('job', 'show', id)),
                'the job ends');
    await open(page, id);
    await until(() => sees(page, 'row 300000'), 'the end is seen');
    await find(page).fill('row 149999');
    await found(page, 'not found in the 20,000 lines that are here');
    ok('a search says where it looked');
    await button(page, 'From the beginning').click();
    await find(page).fill('row 300000'); // all of it was read then
    await found(page, '1 lines');
    await find(page).fill('row 149999');
    await found(page, '1 lines');
    await find(page).press('Enter');
    await until(() => sees(page, 'row 149999'), 'the middle is seen');
    await box(page).hover();
    await page.mouse.wheel(0, 1000);
    await until(async () => await sees(page, 'row 150050') && !await sees(page, 'row 149999'),
                'what is behind the middle is seen');
    await box(page).focus();
    for (const [key, n] of [['Home', 1], ['End', 300000]]) {
        await page.keyboard.press(key);
        await until(() => sees(page, `row ${n}`), `${key} shows row ${n}`);
    }
    const height = await box(page).evaluate((e) => e.scrollHeight);
    holds('each row of a very long log is reached, and no element is too high',
          height > 4e6 && height < 6e6 - 1000, height);
}

await main(async (step) => {
    const house = await House.start();
    const page = await window(house, {acceptDownloads: true});
    step.page(page);
    await signIn(page, house.token);
    await followed(house, page);
    await searched(page);
    await streams(page);
    await downloaded(house, page);
    await high(house, page);
});
