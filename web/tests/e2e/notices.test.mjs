// Messages by the page: what channels were told, what one of them does not take and why, a test of
// each, and the end of what was wrong.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import {holds, House, is, main, ok, show, signIn, until, window} from './harness.mjs';

const flow = (task) => `id: nightly
namespace: shop
tasks:
  - {id: load, ${task}}
`;
const WRONG = flow('type: io.kestra.plugin.core.execution.Fail');
const RIGHT = flow('type: io.kestra.plugin.core.log.Log, message: done');

// A server that takes every message: {port, told}, told: the bodies.
async function listener() {
    const told = [];
    const server = http.createServer((request, response) => {
        let text = '';
        request.on('data', (part) => (text += part));
        request.on('end', () => {
            told.push(JSON.parse(text));
            response.end();
        });
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    return {port: server.address().port, told};
}

const row = (page, channel) => page.getByRole('table', {name: 'Messages', exact: true})
    .getByRole('row').filter({has: page.getByRole('cell', {name: channel, exact: true})});

// There are no events of messages: the view is loaded anew until the row is so.
async function becomes(page, channel, pattern) {
    await until(async () => {
        await page.getByRole('button', {name: 'Load anew'}).click();
        const text = await row(page, channel).innerText({timeout: 1000});
        return pattern.test(text.replace(/\s+/g, ' '));
    }, `the message to ${channel} is shown as ${pattern}`);
}

async function test(page, channel) {
    await page.getByRole('button', {name: `Test ${channel}`, exact: true}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Send'}).click();
}

await main(async (step) => {
    const {port, told} = await listener();
    fs.writeFileSync('page', '#!/bin/sh\ncat >>got\n'.replace('got', path.resolve('got')),
                     {mode: 0o755});
    fs.writeFileSync('broken', '#!/bin/sh\necho no pager here >&2\nexit 3\n', {mode: 0o755});
    const house = await House.start({groups: [], settings: `channels:
  web: {kind: webhook, url: "http://127.0.0.1:${port}/hooks/s3cret"}
  page: {kind: command, command: [${path.resolve('page')}]}
  broken: {kind: command, command: [${path.resolve('broken')}]}
notify:
  failures: {event: execution-failed, channels: [web, page, broken]}
`});
    const run = async (text) => {
        fs.writeFileSync('flow.yaml', text);
        await house.cadre('flow', 'apply', 'flow.yaml');
        await house.cadre('flow', 'run', 'shop/nightly', '--detach');
    };
    const page = await window(house);
    step.page(page);
    await signIn(page, house.token, '#/notices');
    await page.getByText('Nothing was to be told.').waitFor();
    ok('that nothing was to be told is shown');

    await run(WRONG);
    for (const channel of ['web', 'page'])
        await becomes(page, channel, new RegExp(
            `^OPEN execution-failed shop/nightly ${channel} once, in 1 message .* told `));
    ok('what a web hook and a command took is shown as told');
    is('how often it happened leads to the executions that failed',
       '#/executions?flow=shop%2Fnightly&state=FAILED', await row(page, 'web')
           .getByRole('link', {name: 'once'}).getAttribute('href'));
    is('the web hook has it', 'raised shop/nightly', told.map((m) =>
        `${m.state} ${m.namespace}/${m.flow}`).join());
    holds('the command has it', /"event":"execution-failed"/.test(fs.readFileSync('got', 'utf8')));
    await becomes(page, 'broken',
                  /failed \d+ times?, tried again .*the command exited with 3: no pager here/);
    ok('what a channel does not take is shown as failed, with its reason');
    await show(page, '#/');
    await page.getByRole('region', {name: 'Messages that failed'})
        .getByRole('row', {name: /broken execution-failed .*no pager here/}).waitFor();
    is('the first view tells of this one alone', 2, await page.getByRole('table',
        {name: 'Messages that no channel took'}).getByRole('row').count());

    await show(page, '#/notices');
    const reaches = await page.getByRole('table', {name: 'Channels'}).innerText();
    holds('channels say whom they reach, without secrets',
          reaches.includes(`http://127.0.0.1:${port}`) && !reaches.includes('s3cret'), reaches);
    await test(page, 'web');
    await page.getByText('The test message to web got through').waitFor();
    is('a channel is tested', 'test', told.at(-1).event);
    await test(page, 'broken');
    await page.getByRole('dialog').getByRole('alert').getByText('no pager here').waitFor();
    ok('one that does not work says why');
    await page.getByRole('dialog').getByRole('button', {name: 'Close'}).click();

    await run(RIGHT);
    await becomes(page, 'web', /^DONE execution-failed shop\/nightly web .* told /);
    is('that it is over is told and shown', 'raised,test,over', told.map((m) => m.state).join());
});
