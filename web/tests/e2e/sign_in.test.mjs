// Who may see the page and what of it: sign-in, roles, the end of a session.
import {accessible, holds, House, is, main, signIn, until, window} from './harness.mjs';

await main(async (step) => {
    const house = await House.start();
    const page = await window(house);
    step.page(page);
    await page.goto('/');
    await page.getByLabel('API token').waitFor();
    await accessible(page, 'sign-in');
    await page.getByLabel('API token').fill('cadre-api-wrong');
    await page.getByRole('button', {name: 'Sign in'}).click();
    holds('a wrong token is refused with a reason', await page.getByRole('alert').innerText());

    await page.goto('/#/agents');
    await page.getByLabel('API token').fill(house.token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', {name: 'Agents'}).waitFor();
    is('after the sign-in the view of the address is shown', '#/agents',
       new URL(page.url()).hash);
    const cookies = await page.context().cookies();
    is('one cookie is set', 1, cookies.length);
    holds('the cookie is bound to the host, and no script reads it',
          cookies[0].name.startsWith('__Host-') && cookies[0].httpOnly && cookies[0].secure &&
              cookies[0].sameSite === 'Strict');
    is('no script sees the cookie', '', await page.evaluate(() => document.cookie));
    await page.reload();
    await page.getByRole('heading', {name: 'Agents'}).waitFor();
    await page.getByRole('link', {name: 'Jobs', exact: true}).click();
    await page.getByRole('heading', {name: 'Jobs'}).waitFor();
    await page.goBack();
    await page.getByRole('heading', {name: 'Agents'}).waitFor();
    is('the back button shows the view before', 'Agents · Cadre', await page.title());

    await page.getByRole('button', {name: 'Sign out'}).click();
    await page.getByLabel('API token').waitFor();
    is('nothing is left of the cookie', 0, (await page.context().cookies()).length);

    const reader = await house.tokenOf('read', '--name', 'reader');
    await signIn(page, reader.token);
    is('a reader is not shown the tokens', 0,
       await page.getByRole('link', {name: 'Tokens', exact: true}).count());
    await house.cadre('token', 'revoke', reader.id);
    await page.getByLabel('API token').waitFor();
    holds('the session ends with its token', await until(() => page.getByText(
        'The session has ended').isVisible(), 'the page says why'));
});
