// All views, in the order of the navigation. path: the first word of the address; title: of its
// link, none: it has no link; role: that it needs. show({segments, query}): segments are those
// behind the path, of which there are no more than depth.
import {Agents} from './agents.js';
import {Executions} from './executions.js';
import {Flows} from './flows.js';
import {Groups} from './groups.js';
import {Jobs} from './jobs.js';
import {Notices} from './notices.js';
import {Now} from './now.js';
import {Tokens} from './tokens.js';
import {Triggers} from './triggers.js';

export const views = [
    {path: '', title: 'Now', depth: 0, show: Now},
    {path: 'groups', title: 'Groups', depth: 1, show: Groups},
    {path: 'agents', title: 'Agents', depth: 1, show: Agents},
    {path: 'jobs', title: 'Jobs', depth: 1, show: Jobs},
    {path: 'flows', title: 'Flows', depth: 3, show: Flows},
    {path: 'executions', title: 'Executions', depth: 1, show: Executions},
    {path: 'triggers', title: 'Triggers', depth: 3, show: Triggers},
    {path: 'tokens', title: 'Tokens', depth: 0, role: 'admin', show: Tokens},
    {path: 'notices', title: 'Messages', depth: 0, role: 'admin', show: Notices},
];
