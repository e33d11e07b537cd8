// Every view, in light, dark and on a narrow screen, with names, outputs and messages that mean
// harm: nothing of them is more than text. axe judges each.
import fs from 'node:fs';
import path from 'node:path';

import {accessible, charted, holds, House, is, main, settled, show, signIn, until, window}
    from './harness.mjs';

const HTML = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
const MARKS = 'a\u202Egnp.exe\u2066';
const FLOW = `id: hostile
namespace: shop
description: ${JSON.stringify(`${HTML} ${MARKS}`)}
labels:
  note: ${JSON.stringify(HTML)}
inputs:
  - id: what
    type: STRING
    defaults: ${JSON.stringify(HTML)}
tasks:
  - id: say
    type: io.kestra.plugin.scripts.shell.Commands
    commands:
      - 'echo ''::{"outputs":{"o":"<b>${'x'.repeat(300)}"}}::''; exit 1'
triggers:
  - id: often
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "*/5 * * * *"
`;

// A channel whose program has such a name, and cannot deliver.
const PAGER = '<img src=x onerror="window.hacked=1">';
const SETTINGS = `channels:
  pager: {kind: command, command: [${JSON.stringify(path.resolve(PAGER))}]}
notify:
  failures: {event: execution-failed, channels: [pager]}
`;

await main(async (step) => {
    fs.writeFileSync(PAGER, `#!/bin/sh\ncat >/dev/null\necho '${HTML} ${MARKS}' >&2\nexit 1\n`,
                     {mode: 0o755});
    const house = await House.start({groups: ['default', 'gpu'], settings: SETTINGS});
    fs.writeFileSync('flow.yaml', FLOW);
    await house.cadre('flow', 'apply', 'flow.yaml');
    const job = await house.cadre('run', '--detach', '--name', HTML, '--', 'sh', '-c',
        `printf '${HTML}\\n\\033]0;title\\007\\033[31;1mred\\033[0m \\342\\200\\256right\\n'; ` +
        'printf \'%0.sx\' $(seq 1 3000); exit 9');
    await house.cadre('agent', 'drain', 'of-gpu', '--reason', HTML);
    const execution = JSON.parse(await house.cadre('flow', 'run', 'shop/hostile', '--detach', '-o',
        'json').catch(() => '{}')).id;
    await until(async () => /FAILED/.test(await house.cadre('job', 'show', job)), 'the job ends');
    await until(async () => (await house.cadre('notify', 'list')).includes('<script>'),
                'the message to the channel fails');
    const views = ['#/', '#/groups', '#/groups/gpu', '#/agents', '#/agents/of-gpu', '#/jobs',
                   `#/jobs/${job}`, '#/jobs/new', `#/jobs/new?from=${job}`, '#/flows',
                   '#/flows/new', '#/flows/shop/hostile', '#/flows/shop/hostile/edit',
                   '#/flows/shop/hostile/start',
                   '#/flows/shop/hostile/revisions', '#/executions',
                   ...(execution ? [`#/executions/${execution}`] : []), '#/triggers',
                   '#/triggers/shop/hostile/often', '#/tokens', '#/notices', '#/nothing/of/this'];
    holds('the flow was started', execution);

    const narrow = {viewport: {width: 360, height: 740}};
    const some = ['#/', '#/groups/gpu', `#/jobs/${job}`, '#/jobs', '#/flows/shop/hostile/edit'];
    for (const [name, options, shown] of [
        ['light', {}, views], ['dark', {colorScheme: 'dark'}, views], ['narrow', narrow, views],
        ['narrow and dark', {...narrow, colorScheme: 'dark'}, some]]) {
        const page = await window(house, options);
        step.page(page);
        page.on('dialog', (d) => {
            holds(`no window opens: ${d.message()}`, false);
            d.dismiss();
        });
        await charted(page);
        await signIn(page, house.token);
        for (const view of shown) {
            await show(page, view);
            await settled(page);
            await accessible(page, `${name} ${view.replace(/[0-9a-z]{13}/, 'ID')}`);
        }
        is(`${name}: no foreign script ran`, undefined, await page.evaluate(() => window.hacked));
        is(`${name}: no foreign picture was made`, 0, await page.locator('img').count());
        await page.context().close();
    }
});
