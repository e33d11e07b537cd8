// Pictures of every view, in light and in dark, with a house that has something to show.
// Called by screenshots.sh.
import fs from 'node:fs';
import path from 'node:path';

import {House, charted, main, settled, show, signIn, until, window} from './e2e/harness.mjs';

const out = process.argv[2];
const FLOW = `id: nightly-report
namespace: shop.orders
description: Collects the orders of a day and makes the report of it
labels:
  team: data
inputs:
  - id: day
    type: DATE
    defaults: "2026-11-01"
  - id: mode
    type: SELECT
    values: [full, delta]
    defaults: delta
tasks:
  - id: extract
    type: io.kestra.plugin.scripts.shell.Commands
    commands:
      - echo "orders of {{ inputs.day }}"
      - sleep 1
  - id: transform
    type: io.kestra.plugin.scripts.shell.Commands
    workerGroup: {key: gpu}
    commands: ["sleep 2; echo 1204 rows"]
  - id: publish
    type: io.kestra.plugin.scripts.shell.Commands
    commands: ["sleep 1; echo published"]
triggers:
  - id: nightly
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 2 * * *"
    timezone: Europe/Berlin
  - id: hourly
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "15 * * * *"
`;
const LOG = `for i in $(seq 1 60); do
  printf '\\033[2m12:%02d:07\\033[0m \\033[36mbuild\\033[0m compiling module %d\\n' $i $i
done
printf '\\033[33mwarning:\\033[0m 2 tests were skipped\\n\\033[1;32mok\\033[0m 418 tests in 12 s\\n'
sleep 100`;

async function fill(house) {
    fs.writeFileSync('report.yaml', FLOW);
    await house.cadre('flow', 'apply', 'report.yaml');
    fs.writeFileSync('report.yaml', FLOW.replace('1204 rows', '1205 rows'));
    await house.cadre('flow', 'apply', 'report.yaml');
    await house.cadre('group', 'create', 'windows');
    for (let i = 0; i < 12; i++)
        await house.cadre('run', '--detach', '--name', `backup-db${i % 3}`, '--', 'sh', '-c',
                          `sleep 0.${i}; exit ${i % 4 === 3 ? 2 : 0}`);
    for (let i = 0; i < 3; i++)
        await house.cadre('run', '--detach', '--group', 'windows', '--name', 'sign-installer', '--',
                          'signtool', 'sign', 'setup.msi');
    const execution = JSON.parse(await house.cadre('flow', 'run', 'shop.orders/nightly-report',
        '--detach', '-o', 'json')).id;
    await until(async () => /SUCCESS/.test(await house.cadre('execution', 'show', execution)),
                'the execution ends');
    const job = await house.cadre('run', '--detach', '--group', 'gpu', '--name', 'build-server',
                                  '--', 'sh', '-c', LOG);
    await until(async () => /RUNNING/.test(await house.cadre('job', 'show', job)), 'the job runs');
    return {execution, job};
}

await main(async (step) => {
    const house = await House.start({groups: ['default', 'gpu']});
    const {execution, job} = await fill(house);
    const flow = '#/flows/shop.orders/nightly-report';
    const views = {now: '#/', groups: '#/groups', group: '#/groups/gpu', agents: '#/agents',
                   agent: '#/agents/of-gpu', jobs: '#/jobs', job: `#/jobs/${job}`,
                   'job-new': '#/jobs/new', flows: '#/flows', flow, 'flow-edit': `${flow}/edit`,
                   'flow-start': `${flow}/start`, 'flow-revisions': `${flow}/revisions`,
                   executions: '#/executions', execution: `#/executions/${execution}`,
                   triggers: '#/triggers', trigger: '#/triggers/shop.orders/nightly-report/nightly',
                   tokens: '#/tokens', notices: '#/notices'};
    for (const colorScheme of ['light', 'dark']) {
        const page = await window(house, {colorScheme, viewport: {width: 1200, height: 760}});
        step.page(page);
        await page.goto('/');
        await page.getByLabel('API token').waitFor();
        await page.screenshot({path: path.join(out, `sign-in-${colorScheme}.png`)});
        await charted(page);
        await signIn(page, house.token);
        for (const [name, view] of Object.entries(views)) {
            await show(page, view);
            await settled(page);
            if (name === 'job') await page.locator('.log').getByText('tests in 12 s').waitFor();
            await page.waitForLoadState('networkidle', {timeout: 1500}).catch(() => {});
            await page.screenshot({path: path.join(out, `${name}-${colorScheme}.png`)});
        }
    }
});
