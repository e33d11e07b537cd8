// What an administrator does: groups, agents, tokens.
import {accessible, charted, holds, House, is, main, ok, show, signIn, until, window}
    from './harness.mjs';

const confirm = async (page, name) => {
    await page.getByRole('button', {name}).first().click();
    await page.getByRole('dialog').getByRole('button', {name}).last().click();
};

// What the view says of the state of its one thing.
const says = (page, state, options) => page.getByRole('region', {name: 'About'})
    .getByText(state, {exact: true}).waitFor(options);

// Whether a chart has a line of this colour of the page.
const drawn = (chart, colour) => chart.evaluate((canvas, name) => {
    const pen = document.createElement('canvas').getContext('2d');
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    pen.fillRect(0, 0, 1, 1);
    const wanted = pen.getImageData(0, 0, 1, 1).data;
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] === 255 && [0, 1, 2].every((k) => Math.abs(data[i + k] - wanted[k]) < 8))
            found++;
    return found;
}, colour);

// The view of a group is shown, and its numbers over time.
async function chart(page) {
    await charted(page);
    await page.reload();
    const over = page.getByRole('region', {name: 'Over time'});
    const picture = over.getByRole('img', {name: /running jobs of group gpu.* jobs: 11 at most/});
    await picture.waitFor();
    for (const [what, colour] of [['online agents', '--good'], ['running jobs', '--busy']]) {
        const found = await drawn(picture, colour);
        holds(`the chart has a line of ${what}`, found > 50, `it has ${found} such points`);
    }
    holds('and one of waiting jobs', await drawn(over.getByRole('img', {name: /waiting jobs/}),
                                                 '--warn') > 50);
    await over.getByText('The numbers as a table').click();
    const newest = over.getByRole('row').nth(1);
    await newest.waitFor();
    is('the same numbers are in a table', '4 2 11 0',
       (await newest.getByRole('cell').allInnerTexts()).slice(1).join(' '));
    for (const [name, span, step] of [['Last day', 'day', '2 h'], ['Last hour', 'hour', '5 min']]) {
        await over.getByRole('link', {name}).click();
        await over.getByText(`Noted every ${step}`).waitFor();
        is(`${name} is shown, and stands in the address`, `#/groups/gpu?span=${span} true`,
           `${new URL(page.url()).hash} ${await over.getByRole('link', {name})
               .getAttribute('aria-current')}`);
    }
    await page.unroute('**/api/v1/groups/*/history*');
}

// Lines that make a machine an agent of the group.
async function added(page, house) {
    const box = page.getByRole('region', {name: 'Add agents'});
    await box.getByLabel('Its name').fill('for-two');
    await box.getByLabel('Machines').fill('2');
    await box.getByRole('button', {name: 'Make a join token'}).click();
    await box.getByText('The token is shown only now').waitFor();
    const lines = {};
    for (const [key, name] of [['deb', 'Debian, Ubuntu'], ['msi', 'Windows'], ['shell', 'By hand']])
        lines[key] = await box.locator('div').filter({has: page.getByRole('heading', {name})})
            .last().locator('code').innerText();
    const token = /CADRE_TOKEN=(cadre-join-\S+) /.exec(lines.deb)?.[1];
    holds('a line installs the package for Debian with the token of the group', token &&
        lines.deb.includes('apt-get install') && lines.deb.includes('gpu'), lines.deb);
    holds('one the package for Windows', /^msiexec /.test(lines.msi) && lines.msi.includes(token) &&
        lines.msi.includes('gpu'), lines.msi);
    holds('and one is for a shell', lines.shell.includes('cadre-agent join') &&
        lines.shell.includes(token), lines.shell);
    const made = JSON.parse(await house.cadre('token', 'list', '-o', 'json'))
        .find((t) => t.name === 'for-two');
    is('its token is of this group and this many machines', 'join gpu 2',
       `${made.type} ${made.group} ${made.usesLeft}`);
}

// A group from its beginning to its end.
async function group(page, house) {
    const dialog = page.getByRole('dialog');
    const of = async (key) => JSON.parse(await house.cadre('group', 'show', key, '-o', 'json'));
    await show(page, '#/groups');
    await page.getByRole('button', {name: 'New group'}).click();
    await dialog.getByLabel(/^Key/).fill('made');
    await dialog.getByLabel('Description').fill('of <b>this</b> test');
    await dialog.getByLabel(/^Agents must offer/).fill('os=linux');
    await dialog.getByText("create made --description 'of <b>this</b> test' --require os=linux")
        .waitFor();
    await accessible(page, 'the dialog of a new group');
    await dialog.getByRole('button', {name: 'Make it'}).click();
    await page.getByRole('heading', {level: 1, name: 'Group made'}).waitFor();
    const made = await of('made');
    is('a group is made', 'of <b>this</b> test linux', `${made.description} ${made.requires.os}`);
    await page.getByRole('button', {name: 'Change'}).click();
    await dialog.getByLabel(/^Jobs that may wait/).fill('many');
    await dialog.getByRole('button', {name: 'Change it'}).click();
    await dialog.getByRole('alert').getByText("'many' is no number").waitFor();
    await dialog.getByLabel(/^Jobs that may wait/).fill('7');
    await dialog.getByRole('button', {name: 'Change it'}).click();
    await dialog.waitFor({state: 'detached'});
    is('and changed, but not to nonsense', 7, (await of('made')).maxQueued);
    await page.getByRole('button', {name: 'Delete'}).click();
    await dialog.getByRole('button', {name: 'Delete it'}).click();
    await page.getByRole('heading', {level: 1, name: 'Groups'}).waitFor();
    await until(async () => !(await house.cadre('group', 'list')).includes('made'),
                'the group is deleted');
    ok('and deleted');
}

await main(async (step) => {
    const house = await House.start({groups: ['default', 'gpu']});
    const page = await window(house);
    step.page(page);
    await signIn(page, house.token, '#/groups');
    await page.getByRole('link', {name: 'gpu', exact: true}).first().click();
    await page.getByRole('heading', {level: 1, name: 'Group gpu'}).waitFor();

    await confirm(page, /^Pause/);
    await says(page, 'PAUSED');
    const held = await house.cadre('run', '--detach', '--group', 'gpu', '--name', 'held', '--',
                                   'true');
    await page.getByRole('row', {name: /^CREATED held/}).waitFor();
    await page.getByText(/^Paused by/).waitFor();
    await house.cadre('run', '--name', 'of-another-group', '--', 'true');
    is('a group is paused: its job waits while another one runs', 'CREATED', JSON.parse(
        await house.cadre('job', 'show', held, '-o', 'json')).state);
    await confirm(page, /^Resume/);
    await page.getByRole('row', {name: /^SUCCESS held/}).waitFor();
    await says(page, 'OPEN');
    ok('it is resumed, and the job runs');
    await chart(page);
    await added(page, house);
    await group(page, house);

    await show(page, '#/agents/of-gpu');
    await page.getByRole('button', {name: /^Drain/}).click();
    await page.getByRole('dialog').getByLabel(/^Reason/).fill('a new disk <b>');
    await page.getByRole('dialog').getByRole('button', {name: /^Drain/}).click();
    await says(page, 'DRAINING');
    await page.getByText(/^a new disk <b> \(by /).waitFor();
    ok('an agent is drained with a reason');
    await confirm(page, /^Resume/);
    await says(page, 'ONLINE');
    ok('and resumed');
    house.agents['of-gpu'].kill('SIGKILL');
    await says(page, 'OFFLINE', {timeout: 120000});
    ok('an agent that dies is shown as offline');
    await page.getByRole('row', {name: /drained.*a new disk <b>/}).waitFor();
    await page.getByRole('row', {name: /disconnected/}).waitFor();
    ok('and its history tells so');
    const id = (await page.getByRole('term').filter({hasText: /^Id$/}).locator('..')
        .getByRole('definition').textContent()).trim();
    await page.getByRole('button', {name: /^Remove/}).click();
    await page.getByRole('dialog').getByLabel(/^Reason/).fill('it was <i>sold');
    await page.getByRole('dialog').getByText("--reason 'it was <i>sold'").waitFor();
    await accessible(page, 'the dialog that removes an agent');
    await page.getByRole('dialog').getByRole('button', {name: /^Remove/}).click();
    await until(async () => !(await house.cadre('agent', 'list')).includes('of-gpu'),
                'the agent is removed');
    await page.getByRole('heading', {level: 1, name: 'Agents'}).waitFor();
    await until(async () => !await page.getByRole('link', {name: 'of-gpu'}).count(),
                'the list has it no more');
    ok('and removed, with a reason');
    await show(page, `#/agents/${id}`);
    await says(page, 'REMOVED');
    if (await page.getByRole('region', {name: 'About'}).getByText('connected', {exact: true})
        .count())
        throw new Error('a removed agent is not connected');
    await page.getByRole('row', {name: /removed.*it was <i>sold/}).waitFor();
    if (await page.getByRole('button', {name: /^Drain/}).count())
        throw new Error('a removed agent cannot be drained');
    ok('a removed agent is shown with its history');

    await show(page, '#/tokens');
    await page.getByRole('button', {name: /^New API token/}).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name, for people').fill('board');
    await dialog.getByLabel(/^Role/).selectOption('read');
    await accessible(page, 'the dialog of a new token');
    await dialog.getByRole('button', {name: 'Create'}).click();
    await dialog.getByText('shown now and never again').waitFor();
    const secret = await dialog.locator('.secret code').first().innerText();
    holds('a token is made, and its secret is shown once', /^cadre-api-/.test(secret));
    await dialog.getByRole('button', {name: 'Close'}).click();
    is('and not again', 0, await page.getByText(secret).count());
    const reader = await window(house);
    await signIn(reader, secret);
    await page.getByRole('button', {name: 'Revoke token board'}).click();
    await dialog.getByRole('button', {name: 'Revoke', exact: true}).click();
    await reader.getByLabel('API token').waitFor();
    ok('who is signed in with a token that is revoked is out');
});
