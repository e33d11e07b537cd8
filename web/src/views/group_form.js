// Making and changing a group.
import {useState} from 'preact/hooks';

import {api, path} from '../lib/api.js';
import {groupChanges, groupForm, groupOptions} from '../lib/fleet.js';
import {html} from '../lib/html.js';
import {go, link} from '../lib/router.js';
import {useNotify} from '../ui/context.js';
import {Confirm} from '../ui/dialog.js';

// The changes that the fields say, or null while they cannot be read.
function changesOf(group, form) {
    try {
        return groupChanges(group, form);
    } catch {
        return null;
    }
}

function Fields({form, set, isNew}) {
    const change = (key) => (e) => set({...form, [key]: e.target.value});
    const text = (key, label, hint, more = {}) => html`<label>${label}<input type="text"
        name=${key} value=${form[key]} onInput=${change(key)} autocomplete="off"
        spellcheck=${false} ...${more} />${hint && html`<span
        class="hint">${hint}</span>`}</label>`;
    return html`<div class="form">
        ${isNew && text('key', 'Key', 'Letters, digits, - and _; at most 63.',
                        {required: true, maxlength: 63, pattern: '[A-Za-z0-9][A-Za-z0-9_\\-]*'})}
        ${text('description', 'Description', '')}
        ${form.requires === null ? html`<p class="hint">What it requires can be changed by the API
            alone.</p>` : html`<label>Agents must offer<textarea name="requires" rows="3"
            spellcheck=${false} onInput=${change('requires')} value=${form.requires} /><span
            class="hint">One a line: os=linux, memory>=16GiB. Several lines of one capability: any
            of these values.</span></label>`}
        ${text('allowedNamespaces', 'Namespaces that may use it',
               'With their children, several with spaces between; none: all.')}
        ${text('tags', 'Further tags', 'Beside its key, several with spaces between.')}
        ${text('maxQueued', 'Jobs that may wait', 'Further ones are refused; empty: no limit.',
               {inputmode: 'numeric'})}</div>`;
}

export function GroupDialog({group, close, changed}) {
    const isNew = !group;
    const [before] = useState(group || {}); // as it was when the dialog opened
    const [form, set] = useState(() => ({...groupForm(before), ...(isNew ? {requires: ''} : {})}));
    const notify = useNotify();
    const body = changesOf(before, form);
    const options = body && groupOptions(body);
    const key = isNew ? form.key.trim() : group.key;
    const run = async () => {
        const changes = groupChanges(before, form);
        if (isNew) {
            await api.post(path('groups'), {}, {key, ...changes});
            notify(`Group ${key} is made.`);
            go(link('groups', key));
            return;
        }
        if (!Object.keys(changes).length) throw new Error('Nothing is changed.');
        await api.patch(path('groups', key), changes);
        notify(`Group ${key} is changed.`);
        changed();
    };
    return html`<${Confirm} title=${isNew ? 'New group' : `Change group ${key}`} close=${close}
        confirm=${isNew ? 'Make it' : 'Change it'} run=${run}
        words=${key && options && (isNew || options.length)
            ? ['group', isNew ? 'create' : 'update', key, ...options] : null}
        none=${body && !options ? 'The command line has no option for what it requires.' : null}>
        <${Fields} form=${form} set=${set} isNew=${isNew} /><//>`;
}
