// The keyboard alone: from the sign-in to a job that is submitted, read, cancelled and found again.
// Tab, Shift+Tab, Enter, Escape and letters; what has the focus is seen at each step.
import {holds, House, is, main, ok, settled, until, window} from './harness.mjs';

const MOST = 60; // steps to anything
const unseen = new Set();

// How what has the focus is seen: '' when it is, else what is wrong. Called in the page.
function sight() {
    const e = document.activeElement;
    if (!e || e === document.body) return ''; // beyond the last element; the browser's own
    const box = e.getBoundingClientRect();
    const style = getComputedStyle(e);
    const name = `${e.tagName} ${(e.getAttribute('aria-label') || e.innerText || e.name || '')
        .slice(0, 40)}`;
    if (box.width < 1 || box.height < 1) return `${name}: has no size`;
    if (box.bottom <= 0 || box.right <= 0 || box.top >= innerHeight || box.left >= innerWidth)
        return `${name}: outside of the window`;
    const x = (Math.max(box.left, 0) + Math.min(box.right, innerWidth)) / 2;
    const y = (Math.max(box.top, 0) + Math.min(box.bottom, innerHeight)) / 2;
    const there = document.elementFromPoint(x, y);
    if (!there || !(e.contains(there) || there.contains(e))) return `${name}: covered`;
    return style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 1
        ? `${name}: without an outline` : '';
}

const focused = (locator) => locator.evaluate((e) => e === document.activeElement);

// Presses Tab until the locator has the focus.
async function tabTo(page, locator, key = 'Tab') {
    await locator.waitFor();
    for (let i = 0; i < MOST; i++) {
        await page.keyboard.press(key);
        const wrong = await page.evaluate(sight);
        if (wrong) unseen.add(wrong);
        if (await focused(locator)) return;
    }
    throw new Error(`${locator} has no focus after ${MOST} times ${key}`);
}
async function press(page, locator) {
    await tabTo(page, locator);
    await page.keyboard.press('Enter');
}
const link = (page, name) => page.getByRole('link', {name, exact: true});
const button = (page, name) => page.getByRole('button', {name, exact: true});
const heading = (page, name) => page.getByRole('heading', {level: 1, name, exact: true});

async function write(page, locator, text) {
    await tabTo(page, locator);
    await page.keyboard.type(text);
}

await main(async (step) => {
    const house = await House.start();
    const page = await window(house);
    step.page(page);
    await page.goto('/');
    await write(page, page.getByLabel('API token'), house.token);
    await page.keyboard.press('Enter');
    await heading(page, 'Now').waitFor();
    ok('signed in');

    await settled(page);
    await press(page, link(page, 'Jobs')); // past the end of the page, and its beginning
    await heading(page, 'Jobs').waitFor();
    await until(() => focused(heading(page, 'Jobs')), 'the title of the new view has the focus');
    await press(page, link(page, 'New job'));
    await heading(page, 'New job').waitFor();
    await write(page, page.getByRole('textbox', {name: 'Script', exact: true}),
                'echo by hand; sleep 1000');
    await write(page, page.getByLabel('Name', {exact: true}), 'typed');
    await press(page, button(page, 'Start'));
    await heading(page, 'typed').waitFor();
    const id = new URL(page.url()).hash.split('/').pop();
    is('a job is submitted', 'echo by hand; sleep 1000', JSON.parse(await house.cadre('job', 'show',
        id, '-o', 'json')).spec.script);

    const log = page.getByRole('region', {name: 'Lines of the output'});
    await log.getByText('by hand').waitFor();
    await tabTo(page, log);
    ok('its log is reached');
    await tabTo(page, button(page, 'Cancel'), 'Shift+Tab');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    is('a dialog takes the focus', true, await dialog.evaluate((e) =>
        e.contains(document.activeElement)));
    await page.keyboard.press('Escape');
    await dialog.waitFor({state: 'detached'});
    await until(() => focused(button(page, 'Cancel')), 'Escape gives the focus back');
    is('and cancels nothing', 'RUNNING', JSON.parse(await house.cadre('job', 'show', id, '-o',
        'json')).state);
    await page.keyboard.press('Enter');
    await press(page, button(page, 'Cancel the job'));
    await page.locator('.job-state').getByText('KILLED', {exact: true}).waitFor();
    ok('the job is cancelled');
    await until(() => page.evaluate(() => document.activeElement !== document.body),
                'the focus stays in the page when the button goes');

    await tabTo(page, link(page, 'Jobs'), 'Shift+Tab');
    await page.keyboard.press('Enter');
    await heading(page, 'Jobs').waitFor();
    await press(page, page.getByRole('link', {name: 'typed', exact: true}));
    await heading(page, 'typed').waitFor();
    ok('and found again in the list');
    await tabTo(page, button(page, 'Sign out'), 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByLabel('API token').waitFor();
    ok('signed out');
    holds('what has the focus is always seen', !unseen.size, [...unseen].join('; '));
});
