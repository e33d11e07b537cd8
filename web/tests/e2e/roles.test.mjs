// What tokens of the roles read and submit, and of a namespace, see of the page; and what the API
// says when they ask for the rest without it.
import fs from 'node:fs';

import {holds, House, is, main, ok, settled, show, signIn, until, window} from './harness.mjs';

const flow = (namespace) => `id: nightly
namespace: ${namespace}
tasks:
  - {id: tell, type: io.kestra.plugin.core.log.Log, message: "of ${namespace}"}
triggers:
  - {id: night, cron: "0 2 * * *"}
`;
// Of shop alone: triggers of each kind, an execution and a job that wait for an agent.
const KINDS = `id: kinds
namespace: shop
tasks:
  - {id: wait, workerGroup: {key: empty}, command: ["true"]}
triggers:
  - {id: hook, webhook: {}}
  - {id: poll, interval: PT1H, workerGroup: {key: empty}, command: ["true"]}
  - {id: off, cron: "0 2 * * *"}
`;
const button = (page, name) => page.getByRole('main').getByRole('button', {name})
    .or(page.getByRole('main').getByRole('link', {name})).count();

// A request of the page, without its buttons: "STATUS CODE-OF-THE-ERROR".
function ask(page, method, where, body) {
    return page.evaluate(async ([how, path, json]) => {
        const answer = await fetch(`api/v1/${path}`, {method: how, body: json,
            headers: how === 'GET' ? {} : {'X-Cadre-Page': '1', 'Content-Type':
                'application/json'}});
        const text = await answer.text();
        const {error} = answer.ok || !text ? {} : JSON.parse(text);
        return `${answer.status}${error ? ` ${error.code}` : ''}`;
    }, [method, where, body && JSON.stringify(body)]);
}
async function refused(page, what, code, requests) {
    const wrong = [];
    for (const [method, where, body] of requests) {
        const answer = await ask(page, method, where, body);
        if (answer !== code) wrong.push(`${method} ${where}: ${answer}`);
    }
    holds(`${what}: the API refuses ${requests.length} requests (${code})`, !wrong.length,
          wrong.join('; '));
}

// [view, buttons that are for administrators]
const ADMINS = [['#/groups', [/^New group/]],
                ['#/groups/default', [/^Pause/, /^Change/, /^Make a join token/]],
                ['#/agents/one', [/^Drain/, /^Remove/]]];
// [view, buttons and links that start or end something]
const SUBMITS = [['#/jobs', [/^Cancel these/, /^Retry these/, /^New job/]],
                 ['#/jobs/WAITS', [/^Cancel$/]], ['#/jobs/ENDED', [/^Retry$/]],
                 ['#/flows', [/^New flow/, /^Start shop.nightly/]],
                 ['#/flows/shop/nightly', [/^Start/, /^Edit/, /^Delete/]],
                 ['#/executions/RUNS', [/^Cancel/, /^Start again/, /^Start with other inputs/]],
                 ['#/triggers/shop/nightly/night', [/^Disable/, /^Backfill/]],
                 ['#/triggers/shop/kinds/off', [/^Enable/]],
                 ['#/triggers/shop/kinds/hook', [/^New key/]],
                 ['#/triggers/shop/kinds/poll', [/^Run now/]]];
// Views that are forms.
const FORMS = ['#/jobs/new', '#/jobs/new?from=ENDED', '#/flows/new', '#/flows/shop/nightly/edit',
               '#/flows/shop/nightly/start', '#/flows/shop/kinds/start?like=RUNS'];
const ids = {}; // what stands for an id in these addresses
const addressed = (view) => view.replace(/[A-Z]{4,}/, (word) => ids[word]);
async function buttons(page, views) {
    let sum = 0;
    for (const [view, names] of views) {
        await show(page, addressed(view));
        for (const name of names) sum += await button(page, name) ? 1 : 0;
    }
    return sum;
}
// How many of FORMS show something to fill in.
async function forms(page) {
    let sum = 0;
    for (const view of FORMS) {
        await show(page, addressed(view));
        const fields = await page.locator('main').locator('input, textarea, select').count();
        if (!fields) await page.getByText(/^Your token may /).waitFor();
        sum += fields ? 1 : 0;
    }
    return sum;
}
const all = (views) => views.reduce((sum, [, names]) => sum + names.length, 0);
const adminLinks = async (page) => await page.getByRole('navigation')
    .getByRole('link', {name: /^(Tokens|Messages)$/}).count();

const changes = (job) => [['POST', 'jobs', {command: ['true']}], ['POST', `jobs/${job}/cancel`],
    ['POST', `jobs/${job}/retry`], ['POST', 'jobs/cancel?all=true'],
    ['POST', 'flows/shop/nightly/executions', {}], ['DELETE', 'flows/shop/nightly'],
    ['POST', 'triggers/shop/nightly/night/disable'],
    ['POST', 'triggers/shop/nightly/night/backfills', {start: '2024-01-01', end: '2024-01-02'}]];
const deeds = (agent, token) => [['POST', 'groups/default/pause'],
    ['PATCH', 'groups/default', {description: 'mine'}], ['POST', 'groups', {key: 'mine'}],
    ['DELETE', 'groups/empty'], ['POST', `agents/${agent}/drain`], ['DELETE', `agents/${agent}`],
    ['GET', 'tokens'], ['POST', 'tokens', {type: 'api', role: 'admin'}],
    ['DELETE', `tokens/${token}`], ['GET', 'notices'], ['POST', 'channels/ops/test'],
    ['PUT', 'namespaces/shop', {defaultGroup: 'empty'}]];

async function isOf(step, house, role, ...more) {
    const token = await house.tokenOf(role, ...more);
    const page = await window(house);
    step.page(page);
    await signIn(page, token.token);
    await settled(page);
    return {page, token};
}

// admin: who sees it all.
async function ofNamespace(step, house, jobs, admin) {
    const {page} = await isOf(step, house, 'submit', '--namespace', 'shop');
    const sees = async (view, mine, theirs) => {
        await show(admin, view);
        for (const name of theirs) await admin.getByText(name).first().waitFor();
        await show(page, view);
        for (const name of mine) await page.getByRole('link', {name}).first().waitFor();
        const seen = [];
        for (const name of theirs) if (await page.getByText(name).count()) seen.push(name);
        is(`a token of a namespace sees in ${view} only what is its own`, '', seen.join(' '));
    };
    await sees('#/jobs', ['job-of-shop', 'job-below-shop'], ['job-of-bank', 'job-of-nobody']);
    await sees('#/jobs?group=empty', ['job-of-shop'], ['job-of-bank', 'job-of-nobody']);
    await sees('#/groups/empty', ['job-of-shop'], ['job-of-bank', 'job-of-nobody']);
    await sees('#/flows', ['shop/nightly'], ['bank']);
    await sees('#/triggers', ['shop/nightly'], ['bank']);
    await sees('#/executions', ['shop/nightly'], ['bank']);
    for (const view of [`#/jobs/${jobs.bank}`, '#/flows/bank/nightly',
                        '#/triggers/bank/nightly/night', '#/jobs?namespace=bank']) {
        await page.evaluate((to) => {
            location.hash = to;
        }, view);
        await page.getByRole('alert').first().waitFor();
        is(`${view.replace(jobs.bank, 'ID')}: it says why nothing is shown`, 0,
           await page.getByText('job-of-bank').or(page.getByText('of bank')).count());
    }
    return page;
}

await main(async (step) => {
    const house = await House.start({settings:
        'channels:\n  ops: {kind: command, command: [/bin/true]}\n'});
    await house.cadre('group', 'create', 'empty');
    for (const namespace of ['shop', 'bank'])
        fs.writeFileSync(`${namespace}.yaml`, flow(namespace));
    await house.cadre('flow', 'apply', 'shop.yaml', 'bank.yaml');
    for (const namespace of ['shop', 'bank'])
        await house.cadre('flow', 'run', `${namespace}/nightly`, '--detach');
    fs.writeFileSync('kinds.yaml', KINDS);
    await house.cadre('flow', 'apply', 'kinds.yaml');
    await house.cadre('trigger', 'disable', 'shop/kinds/off');
    ids.RUNS = JSON.parse(await house.cadre('flow', 'run', 'shop/kinds', '--detach', '-o',
        'json')).id;
    ids.ENDED = await house.cadre('run', '--detach', '--', 'false');
    const jobs = {};
    for (const [name, key, ...more] of [['job-of-shop', 'shop', '--namespace', 'shop'],
                                        ['job-below-shop', 'below', '--namespace', 'shop.eu'],
                                        ['job-of-bank', 'bank', '--namespace', 'bank'],
                                        ['job-of-nobody', 'nobody']])
        jobs[key] = await house.cadre('run', '--detach', '--group', 'empty', '--name', name,
                                      ...more, '--', 'true');
    ids.WAITS = jobs.shop;
    await until(async () => /FAILED/.test(await house.cadre('job', 'show', ids.ENDED)),
                'a job fails');
    const agent = JSON.parse(await house.cadre('agent', 'show', 'one', '-o', 'json')).id;

    const admin = await window(house);
    step.page(admin);
    await signIn(admin, house.token);
    is('an administrator sees all buttons', all(ADMINS) + all(SUBMITS),
       await buttons(admin, [...ADMINS, ...SUBMITS]));
    is('and the links', 2, await adminLinks(admin));
    is('and all forms', FORMS.length, await forms(admin));

    // ---- submit ----
    const {page, token} = await isOf(step, house, 'submit');
    is('who may submit sees no button of an administrator', 0, await buttons(page, ADMINS));
    is('but those of its own', all(SUBMITS), await buttons(page, SUBMITS));
    is('no link of an administrator', 0, await adminLinks(page));
    for (const view of ['#/tokens', '#/notices']) {
        await show(page, view);
        await page.getByText('There is no view of this address.').waitFor();
    }
    ok('and finds none of their views by their addresses');
    await refused(page, 'submit', '403 role', deeds(agent, token.id));
    is('what it may is taken', '201', await ask(page, 'POST', 'jobs', {command: ['true'],
                                                                      group: 'empty'}));

    // ---- read ----
    const reader = await isOf(step, house, 'read');
    is('who may read sees no button that changes something', 0,
       await buttons(reader.page, [...ADMINS, ...SUBMITS]));
    is('no form, by its address, but a word of why', 0, await forms(reader.page));
    await refused(reader.page, 'read', '403 role',
                  [...changes(jobs.shop), ...deeds(agent, token.id)]);

    // ---- a namespace ----
    const shop = await ofNamespace(step, house, jobs, admin);
    await refused(shop, 'of a namespace', '403 namespace', [
        ['GET', `jobs/${jobs.bank}`], ['GET', `jobs/${jobs.bank}/logs`],
        ['POST', `jobs/${jobs.bank}/cancel`], ['POST', `jobs/${jobs.nobody}/cancel`],
        ['GET', 'jobs?namespace=bank'], ['GET', 'flows/bank/nightly'],
        ['POST', 'flows/bank/nightly/executions', {}],
        ['POST', 'triggers/bank/nightly/night/disable'],
        ['POST', 'jobs', {command: ['true'], namespace: 'bank'}]]);
    is('its own job it may cancel', '202', await ask(shop, 'POST', `jobs/${jobs.below}/cancel`));

    // ---- nothing of all that was done ----
    const state = async (id) => JSON.parse(await house.cadre('job', 'show', id, '-o',
        'json')).state;
    is('no job was cancelled but that one', 'CREATED CREATED CREATED CANCELLED',
       (await Promise.all([jobs.shop, jobs.bank, jobs.nobody, jobs.below].map(state))).join(' '));
    const group = JSON.parse(await house.cadre('group', 'show', 'default', '-o', 'json'));
    is('the group is as it was', 'false', `${group.paused}${group.description || ''}`);
    holds('the agent is there', /ONLINE/.test(await house.cadre('agent', 'show', 'one')));
    is('the trigger is enabled', false, JSON.parse(await house.cadre('trigger', 'show',
        'shop/nightly/night', '-o', 'json')).disabled);
});
