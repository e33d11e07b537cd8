// Triggers by the page: a backfill with its runs, one that is cancelled, the key of a webhook and a
// call with it. No agent is needed: the tasks are lines that the coordinator writes, or wait.
import fs from 'node:fs';
import https from 'node:https';

import {holds, House, is, main, ok, show, signIn, until, window} from './harness.mjs';

const DAILY = `id: daily
namespace: shop
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "orders of {{ trigger.date }}"
triggers:
  - {id: night, cron: "0 2 * * *"}
`;
const SLOW = `id: slow
namespace: shop
tasks:
  - {id: wait, command: ["true"]}
triggers:
  - {id: night, cron: "0 3 * * *"}
`;
const HOOK = `id: hook
namespace: shop
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "called by {{ trigger.body.who }}"
triggers:
  - {id: call, webhook: {}}
`;
const button = (where, name) => where.getByRole('button', {name, exact: true});

// POST of a JSON body, as another program does it: {status, body}.
function call(address, key, body) {
    return new Promise((resolve, reject) => {
        const request = https.request(address, {method: 'POST',
            ca: fs.readFileSync('server/ca.pem'),
            headers: {Authorization: `Bearer ${key}`, 'Content-Type': 'application/json'}});
        request.on('error', reject);
        request.on('response', (response) => {
            let text = '';
            response.on('data', (part) => (text += part));
            response.on('end', () => resolve({status: response.statusCode,
                                              body: JSON.parse(text)}));
        });
        request.end(JSON.stringify(body));
    });
}

async function fill(dialog, first, last) {
    await dialog.getByLabel('First moment').fill(first);
    await dialog.getByLabel(/^Last moment/).fill(last);
}

async function backfilled(page, house) {
    await show(page, '#/triggers/shop/daily/night');
    await button(page, 'Backfill…').click();
    const dialog = page.getByRole('dialog');
    await fill(dialog, '2024-02-27', '2999-01-01');
    await button(dialog, 'Count first').click();
    await dialog.getByRole('alert').getByText(/future/).waitFor();
    is('a backfill of days that are to come is not offered', 0,
       await dialog.getByRole('button', {name: /^Start/}).count());
    await fill(dialog, '2024-02-27', '2024-03-01');
    await button(dialog, 'Count first').click();
    await button(dialog, 'Start 4 executions').waitFor();
    is('it is counted first, with its moments', '27 28 29 01', (await dialog
        .getByRole('list', {name: 'Planned moments'}).getByRole('listitem').allInnerTexts())
        .map((text) => /^2024-0[23]-(\d\d)T02:00/.exec(text)?.[1]).join(' '));
    is('and nothing is started by that', '[]', await house.cadre('execution', 'list', '-o',
                                                                 'json'));
    await dialog.getByLabel('At a time').fill('2');
    await button(dialog, 'Count first').click();
    await button(dialog, 'Start 4 executions').click();
    await dialog.waitFor({state: 'detached'});
    await page.getByText('The backfill has begun').waitFor();
    await show(page, '#/executions?namespace=shop&flow=daily&trigger=night');
    const rows = page.getByRole('row', {name: /SUCCESS/});
    await until(async () => await rows.count() === 4, 'its four executions are in the list');
    const told = [];
    for (const one of JSON.parse(await house.cadre('execution', 'list', '-o', 'json')))
        told.push(/orders of (\S+)/.exec(await house.cadre('execution', 'logs', one.id))[1]
            .slice(0, 10));
    is('each knows its day', '2024-02-27 2024-02-28 2024-02-29 2024-03-01', told.sort().join(' '));
    await rows.first().getByRole('link').first().click();
    await page.getByRole('heading', {level: 1, name: /^Execution/}).waitFor();
    await page.getByText('Backfill', {exact: true}).waitFor();
    await page.locator('.log').getByText(/^orders of 2024-/).waitFor();
    ok('one of them tells its backfill and its output');
}

async function cancelled(page, house) {
    await show(page, '#/triggers/shop/slow/night');
    await button(page, 'Backfill…').click();
    const dialog = page.getByRole('dialog');
    await fill(dialog, '2024-05-01', '2024-05-31');
    await button(dialog, 'Count first').click();
    await button(dialog, 'Start 31 executions').click();
    const row = page.getByRole('table', {name: 'Backfills under way'}).getByRole('row').nth(1);
    await row.getByText('1 of 1').waitFor();
    ok('a backfill that waits for an agent is shown under way');
    await row.getByRole('button', {name: /^Cancel backfill/}).click();
    await button(dialog, 'Cancel the backfill').click();
    await page.getByRole('region', {name: 'Backfills under way'}).getByText('None.').waitFor();
    is('cancelled, it starts no more', 1, JSON.parse(await house.cadre('execution', 'list',
        '--flow', 'shop/slow', '-o', 'json')).length);
}

async function newKey(page) {
    await button(page, 'New key…').click();
    const dialog = page.getByRole('dialog');
    await button(dialog, 'Make a key').click();
    await dialog.getByText('shown now and never again').waitFor();
    const line = await dialog.getByText(/^curl /).innerText();
    const [, key, address] = /^curl -H 'Authorization: Bearer (\S+)' -d '\{\}' (\S+)$/.exec(line);
    holds('the key of a webhook is shown, and a call with it', /^[\w-]{32}$/.test(key) &&
        await dialog.getByText(key, {exact: true}).isVisible(), line);
    await page.keyboard.press('Escape');
    holds('Escape does not close it before it was read', await dialog.isVisible());
    await button(dialog, 'Close').click();
    await dialog.waitFor({state: 'detached'});
    holds('and it is not shown again', !(await page.content()).includes(key));
    return {key, address};
}

async function called(page) {
    await show(page, '#/triggers/shop/hook/call');
    const {key, address} = await newKey(page);
    await page.reload();
    await button(page, 'New key…').waitFor();
    holds('nor after a reload', !(await page.content()).includes(key));
    is('a call with another key is refused', 404, (await call(address,
        key.replace(/./g, 'A'), {who: 'nobody'})).status);
    const answer = await call(address, key, {who: 'a program'});
    is('a call with it is taken', 200, answer.status);
    await page.getByRole('link', {name: answer.body.id}).first().waitFor();
    ok('the page shows the execution that it started, without a reload');
    await show(page, `#/executions/${answer.body.id}`);
    await page.locator('.log').getByText('called by a program').waitFor();
    ok('which knows what it was called with');
    await show(page, '#/triggers/shop/hook/call');
    const next = await newKey(page);
    is('a new key ends the one before', 404, (await call(address, key, {who: 'old'})).status);
    is('and opens', 200, (await call(address, next.key, {who: 'new'})).status);
}

await main(async (step) => {
    for (const [name, text] of Object.entries({DAILY, SLOW, HOOK}))
        fs.writeFileSync(`${name}.yaml`, text);
    const house = await House.start({groups: []});
    await house.cadre('flow', 'apply', 'DAILY.yaml', 'SLOW.yaml', 'HOOK.yaml');
    const page = await window(house);
    step.page(page);
    await signIn(page, house.token);
    await backfilled(page, house);
    await cancelled(page, house);
    await called(page);
});
