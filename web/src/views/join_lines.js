// Lines to paste on a machine that is to become an agent, with a join token that was just made.
import {html} from '../lib/html.js';
import {Paste} from '../ui/basics.js';

const WAYS = [['deb', 'Debian, Ubuntu', 'The package lies in the present folder.'],
              ['msi', 'Windows', 'As an administrator, in the folder of the package.'],
              ['shell', 'By hand', 'Where the program is installed already.']];

export const JoinLines = ({token: {commands}}) => WAYS.filter(([key]) => commands && commands[key])
    .map(([key, title, hint]) => html`<div key=${key}><h3>${title}</h3>
        <p class="hint">${hint}</p><${Paste} text=${commands[key]} /></div>`);
