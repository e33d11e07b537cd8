// A coordinator that dies and comes back while a page is open.
import {holds, House, is, main, ok, show, signIn, until, window} from './harness.mjs';

await main(async (step) => {
    const house = await House.start();
    const page = await window(house);
    step.page(page);
    await house.cadre('run', '--name', 'before', '--', 'true');
    await signIn(page, house.token, '#/jobs');
    await page.getByText('before').first().waitFor();
    await house.kill();
    await page.getByText('No connection to the coordinator').waitFor();
    ok('the page says that the connection is lost');
    is('and still shows what it knew', true, await page.getByText('before').first().isVisible());
    const died = Date.now();
    await house.up();
    await until(async () => !await page.getByText('No connection to the coordinator').isVisible(),
                'the page finds the coordinator again');
    await house.cadre('run', '--name', 'after', '--', 'true');
    await page.getByText('after').first().waitFor();
    ok('and shows what happens now, without a new sign-in');
    await show(page, '#/');
    ok('a view can be changed');
    const waits = page.getByRole('region', {name: 'How long jobs waited'});
    const since = async (place) => Date.parse(await place.locator('time').first()
        .getAttribute('datetime'));
    holds('waits are counted since the restart, and the page says so',
          await since(waits.getByText('counted since the coordinator started')) >= died);
    is('so that of two jobs one is counted', '1', await waits.getByRole('row', {name: /^default/})
        .getByRole('cell').nth(4).innerText());
    await show(page, '#/groups/default');
    holds('its group says the same', await since(page.getByRole('term')
        .filter({hasText: /^Waits are counted since$/}).locator('..')) >= died);
});
