// Many tabs of one browser: it has six connections to a host, and all of the tabs work. A hidden
// tab holds no stream, and asks nothing.
import {House, is, main, ok, settled, signIn, until, window} from './harness.mjs';

const TABS = 8;
// Notes how many streams of events each tab holds.
function counted() {
    const Real = window.EventSource;
    window.streams = 0;
    window.EventSource = class extends Real {
        constructor(...all) {
            super(...all);
            window.streams++;
        }
        close() {
            if (this.readyState !== Real.CLOSED) window.streams--;
            super.close();
        }
    };
}
async function streams(tabs) {
    let sum = 0;
    for (const page of tabs) sum += await page.evaluate(() => window.streams);
    return sum;
}
function hide(page, value) {
    return page.evaluate((hidden) => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }, value);
}

await main(async (step) => {
    const house = await House.start();
    const first = await window(house);
    step.page(first);
    await first.context().addInitScript(counted);
    await signIn(first, house.token, '#/jobs');
    const context = first.context();
    const tabs = [first];
    while (tabs.length < TABS) {
        const page = await context.newPage();
        await page.goto('/#/jobs');
        await page.getByRole('heading', {level: 1, name: 'Jobs'}).waitFor();
        tabs.push(page);
    }
    await house.cadre('run', '--name', 'seen-by-all', '--', 'true');
    for (const page of tabs) await page.getByRole('link', {name: 'seen-by-all'}).waitFor();
    ok(`${TABS} tabs that are open show what happens`);

    // Each follows a log that does not end.
    const job = await house.cadre('run', '--detach', '--name', 'talks', '--', 'sh', '-c',
                                  'i=0; while :; do i=$((i + 1)); echo line $i; sleep 1; done');
    for (const page of tabs) {
        await page.evaluate((id) => {
            location.hash = `#/jobs/${id}`;
        }, job);
        await settled(page);
    }
    await until(async () => (await house.cadre('job', 'logs', job)).includes('line 6'),
                'the job talks');
    for (const page of tabs)
        await page.locator('.log').getByText('line 6', {exact: true}).waitFor();
    ok('and each shows a log that goes on');
    await house.cadre('job', 'cancel', job);
    for (const page of tabs)
        await page.locator('.job-state').getByText('KILLED', {exact: true}).waitFor();
    ok('and its end');

    // The tab that has the stream goes: another one takes it.
    await first.close();
    tabs.shift();
    for (const page of tabs) await page.evaluate(() => {
        location.hash = '#/jobs';
    });
    await house.cadre('run', '--name', 'after-the-first', '--', 'true');
    for (const page of tabs) await page.getByRole('link', {name: 'after-the-first'}).waitFor();
    ok('when the tab that had the stream is closed, another one has it');

    is('one of them holds the stream of all', 1, await streams(tabs));
    const [seen, reader, ...others] = tabs;
    const talker = await house.cadre('run', '--detach', '--name', 'talks-on', '--', 'sh', '-c',
        'i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.5; done');
    await reader.evaluate((id) => {
        location.hash = `#/jobs/${id}`;
    }, talker);
    await reader.locator('.log').getByText('line 1', {exact: true}).waitFor();
    for (const page of tabs) await hide(page, true);
    is('hidden tabs hold no stream', 0, await streams(tabs));
    const asked = [];
    for (const page of [reader, ...others])
        page.on('request', (request) => asked.push(request.url()));
    await hide(seen, false);
    await until(async () => await streams(tabs) === 1, 'a tab that is seen again holds a stream');
    // This one loads what changes at most once a second, and passes on what it hears: when it shows
    // the second job, the others had the time to ask, of both.
    for (const name of ['while-hidden', 'still-hidden']) {
        await house.cadre('run', '--name', name, '--', 'true');
        await seen.getByRole('link', {name}).waitFor();
    }
    ok('a tab that is seen again shows what happens');
    is('the hidden ones ask nothing', '', asked.join(' '));
    await hide(others[0], false);
    await others[0].getByRole('link', {name: 'while-hidden'}).waitFor();
    ok('one that is seen later shows what happened meanwhile');
    await house.cadre('job', 'cancel', talker);
    await hide(reader, false);
    await reader.locator('.job-state').getByText('KILLED', {exact: true}).waitFor();
    const last = (await house.cadre('job', 'logs', talker)).split('\n')
        .filter((line) => /^line/.test(line)).pop();
    await reader.locator('.log').getByText(last, {exact: true}).waitFor();
    ok('and a log goes on where it was');
});
