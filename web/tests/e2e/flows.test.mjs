// A flow by the page: written with an error, then right; started, watched, changed, its trigger.
import fs from 'node:fs';

import {holds, House, is, main, ok, show, signIn, until, window} from './harness.mjs';

const FLOW = `id: report
namespace: shop
labels:
  team: data
inputs:
  - id: day
    type: DATE
    defaults: "2026-11-01"
  - id: copies
    type: INT
    defaults: 2
  - id: mode
    type: SELECT
    values: [full, delta]
    defaults: delta
tasks:
  - id: extract
    type: io.kestra.plugin.scripts.shell.Commands
    commands: ["echo copies {{ inputs.copies }} mode {{ inputs.mode }}; sleep 0.2"]
  - id: load
    type: io.kestra.plugin.scripts.shell.Commands
    commands: ["echo loaded; sleep 0.2"]
triggers:
  - id: nightly
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 2 * * *"
`;
const LONG = `id: long
namespace: shop
inputs:
  - {id: day, type: DATE}
tasks:
  - {id: wait, command: [sleep, "1000"]}
`;
const area = (page) => page.getByLabel('Text of the flow, in YAML');
const button = (page, name) => page.getByRole('button', {name, exact: true});

// One that does not end by itself: cancelled, and started again with the same inputs.
async function again(page, house) {
    fs.writeFileSync('long.yaml', LONG);
    await house.cadre('flow', 'apply', 'long.yaml');
    const {id} = JSON.parse(await house.cadre('flow', 'run', 'shop/long', '--detach', '--input',
        'day=2026-11-02', '-o', 'json'));
    const state = page.getByRole('term').filter({hasText: /^State$/}).locator('..')
        .getByRole('definition');
    await show(page, `#/executions/${id}`);
    await state.getByText('RUNNING', {exact: true}).waitFor();
    await button(page, 'Cancel…').click();
    await page.getByRole('dialog').getByText(`cadre execution cancel ${id}`).waitFor();
    await button(page, 'Cancel the execution').click();
    await state.getByText('KILLED', {exact: true}).waitFor();
    is('an execution is cancelled', 'KILLED', JSON.parse(await house.cadre('execution', 'show', id,
        '-o', 'json')).state);
    is('which is offered no more', 0, await button(page, 'Cancel…').count());
    await button(page, 'Start again…').click();
    await page.getByRole('dialog').getByText('cadre flow run shop/long --input day=2026-11-02')
        .waitFor();
    await page.getByRole('dialog').getByRole('button', {name: 'Start'}).click();
    await until(() => new URL(page.url()).hash !== `#/executions/${id}`, 'the new one is shown');
    await state.getByText('RUNNING', {exact: true}).waitFor();
    const next = JSON.parse(await house.cadre('execution', 'show', new URL(page.url()).hash
        .split('/').pop(), '-o', 'json'));
    is('and started again with its inputs', 'long 2026-11-02', `${next.flow} ${next.inputs.day}`);
    await house.cadre('execution', 'cancel', next.id);
}

await main(async (step) => {
    const house = await House.start();
    const page = await window(house);
    step.page(page);
    await signIn(page, house.token, '#/flows/new');

    await area(page).fill(FLOW.replace('type: INT', 'type: INTEGERS'));
    await button(page, 'Line 10').waitFor();
    ok('an error is told with its line');
    await button(page, 'Line 10').click();
    is('and shown there', '    type: INTEGERS', await area(page).evaluate((e) =>
        e.value.slice(e.selectionStart, e.selectionEnd)));
    is('and nothing is applied', '[]', await house.cadre('flow', 'list', '-o', 'json'));
    await area(page).fill(FLOW);
    await page.getByText('Nothing is wrong. To be created').waitFor();
    await button(page, 'Apply…').click();
    await page.getByRole('dialog').getByRole('button', {name: 'Apply'}).click();
    await page.getByRole('heading', {level: 1, name: 'shop / report'}).waitFor();
    ok('the mended flow is applied, and shown');

    // ---- a second revision ----
    await show(page, '#/flows/shop/report/edit');
    await area(page).fill(FLOW.replace('echo loaded', 'echo loaded twice'));
    await page.getByText('Nothing is wrong. To be changed').waitFor();
    await button(page, 'Apply…').click();
    await page.getByRole('dialog').getByText('echo loaded twice').waitFor();
    ok('what changes is shown before it is applied');
    await page.getByRole('dialog').getByRole('button', {name: 'Apply'}).click();
    await page.getByRole('heading', {level: 1, name: 'shop / report'}).waitFor();
    await show(page, '#/flows/shop/report/revisions');
    await page.getByText('echo loaded twice').first().waitFor();
    ok('revisions are shown with their difference');

    // ---- started ----
    await show(page, '#/flows/shop/report/start');
    await page.getByLabel(/^copies/).fill('many');
    await button(page, 'Start').click();
    await page.getByText('Not started').or(page.getByRole('alert').first()).first().waitFor();
    holds('a wrong input is refused at its field', await page.getByLabel(/^copies/)
        .getAttribute('aria-invalid') === 'true');
    await page.getByLabel(/^copies/).fill('7');
    await page.getByLabel(/^mode/).selectOption('full');
    await button(page, 'Start').click();
    await page.getByRole('heading', {level: 1, name: /^Execution/}).waitFor();
    await page.getByText('copies 7 mode full').first().waitFor();
    ok('the output of its tasks is shown');
    const tasks = page.getByRole('region', {name: 'Tasks'}).getByRole('row');
    const bars = [];
    for (const task of ['extract', 'load']) {
        const row = tasks.filter({has: page.getByRole('link', {name: task, exact: true})});
        await row.getByText('SUCCESS', {exact: true}).waitFor();
        bars.push(await row.getByTitle(/^ran /).boundingBox());
    }
    holds('each task has a bar of when it ran, one after the other',
          bars[0].width > 0 && bars[1].width > 0 && bars[1].x >= bars[0].x + bars[0].width - 3 &&
              bars[1].y > bars[0].y, JSON.stringify(bars));
    const id = new URL(page.url()).hash.split('/').pop();
    await show(page, '#/executions?namespace=shop&flow=report');
    await page.getByRole('link', {name: id}).waitFor();
    ok('the execution is in the list');

    await again(page, house);

    // ---- its trigger ----
    await show(page, '#/triggers/shop/report/nightly');
    await page.getByText('0 2 * * *').first().waitFor();
    await page.getByRole('button', {name: /^Disable/}).click();
    await page.getByText('Disabled by').first().waitFor();
    is('the trigger is disabled', true, JSON.parse(await house.cadre('trigger', 'show',
        'shop/report/nightly', '-o', 'json')).disabled);
    await page.getByRole('button', {name: /^Enable/}).click();
    await until(async () => !JSON.parse(await house.cadre('trigger', 'show', 'shop/report/nightly',
        '-o', 'json')).disabled, 'the trigger is enabled again');

    // ---- deleted ----
    await show(page, '#/flows/shop/report');
    await page.getByRole('button', {name: /^Delete/}).click();
    await page.getByRole('dialog').getByRole('button', {name: /^Delete/}).click();
    await until(async () => !(await house.cadre('flow', 'list')).includes('report'),
                'the flow is deleted');
    ok('a flow is deleted');
});
