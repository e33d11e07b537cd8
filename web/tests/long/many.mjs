// many.mjs GROUPS JOBS AGENTS: each view of a house with GROUPS groups of JOBS jobs each and with
// AGENTS agents is shown, and how long that took is told. The times are no test.
import {execFileSync} from 'node:child_process';

import {holds, House, main, ok, settled, window} from '../e2e/harness.mjs';

const VIEWS = ['#/', '#/groups', '#/groups/g0', '#/agents', '#/jobs', '#/jobs?state=CREATED',
               '#/jobs?group=g0', '#/jobs?state=FAILED', '#/jobs?reason=lost',
               '#/jobs?name=nothing', '#/jobs?namespace=nothing', '#/jobs?label=team%3Dnone',
               '#/executions', '#/flows', '#/triggers', '#/notices', '#/tokens'];
const size = process.argv.slice(2, 5);

await main(async (step) => {
    const house = await House.start({fill: () => execFileSync(process.env.CADRE_FILL_HOUSE,
        [process.cwd(), ...size])});
    const page = await window(house);
    step.page(page);
    const job = await house.cadre('run', '--name', 'among-many', '--detach', '--', 'true');
    console.log(`# ${size[0]} groups of ${size[1]} jobs, ${size[2]} agents`);
    let began = Date.now();
    const told = (what) => {
        console.log(`${what}: ${Date.now() - began} ms`);
        began = Date.now();
    };
    await page.goto('/#/');
    await page.getByLabel('API token').fill(house.token);
    told('the page for the first time, until a token can be typed');
    await page.getByRole('button', {name: 'Sign in'}).click();
    await page.getByRole('button', {name: 'Sign out'}).waitFor();
    await settled(page);
    told('the first view, from the click on Sign in');
    VIEWS.push(`#/jobs/${job}`, '#/agents/one');
    for (const view of VIEWS) {
        began = Date.now();
        await page.evaluate((to) => {
            location.hash = to;
        }, view);
        await settled(page);
        told(view);
        const wrong = await page.getByRole('alert').count() +
            await page.getByText('There is no view of this address').count();
        holds(`${view} is shown`, !wrong, await page.locator('main').innerText());
    }
    await page.evaluate(() => {
        location.hash = '#/jobs?name=among-many';
    });
    await page.getByRole('link', {name: 'among-many'}).waitFor();
    ok('one job is found among a million');
});
