// Asks before something is done that cannot be undone, or that needs more words.
import {useEffect, useRef, useState} from 'preact/hooks';

import {html} from '../lib/html.js';
import {Command, Problem} from './basics.js';
import {useNotify} from './context.js';
import {focusBack} from './focus.js';

// A modal dialog; Escape and the button Close end it. held: Escape does not, since a request is
// under way whose answer would be lost, or a secret is shown that cannot be had again.
export function Dialog({title, close, held = false, children}) {
    const box = useRef();
    useEffect(() => {
        const before = document.activeElement;
        box.current.showModal();
        // When the dialog has gone: as long as it is there, nothing else can have the focus.
        return () => queueMicrotask(() => focusBack(before));
    }, []);
    useEffect(() => {
        if (!held) return undefined;
        const stay = (e) => e.key === 'Escape' && e.preventDefault();
        document.addEventListener('keydown', stay, true);
        return () => document.removeEventListener('keydown', stay, true);
    }, [held]);
    // A browser may close it all the same, when it is asked twice.
    const closed = () => held ? box.current && box.current.showModal() : close();
    return html`<dialog ref=${box} aria-labelledby="dialog-title" onClose=${closed}
        onCancel=${(e) => held && e.target === box.current && e.preventDefault()}>
        <h2 id="dialog-title">${title}</h2>${children}</dialog>`;
}

// Buttons that ask before they act. items: [{id, title, kind, show, dialog(close)}].
export function Deeds({items}) {
    const [open, setOpen] = useState('');
    const close = () => setOpen('');
    const one = items.find((i) => i.id === open);
    return html`${items.filter((i) => i.show !== false).map((i) => html`<button type="button"
        key=${i.id} class=${i.kind || ''} onClick=${() => setOpen(i.id)}>${i.title}</button>`)}
        ${one && one.dialog(close)}`;
}

// Does `run` when it is confirmed, and tells `done`, a text or a function that makes it of what run
// gave; shows what went wrong and stays. words, none: of the CLI command that does the same.
// children: fields of the form.
export function Confirm({title, confirm, danger, run, done, close, words, none, children}) {
    const notify = useNotify();
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
    const send = async (e) => {
        e.preventDefault();
        setBusy(true);
        setError(null);
        try {
            const given = await run();
            if (done) notify(typeof done === 'function' ? done(given) : done);
            close();
        } catch (problem) {
            setError(problem);
            setBusy(false);
        }
    };
    return html`<${Dialog} title=${title} close=${close} held=${busy}><form onSubmit=${send}>
        ${children}
        <${Problem} error=${error} />
        <${Command} words=${words} none=${none} />
        <div class="actions"><button type="button" disabled=${busy}
            onClick=${close}>Close</button>
        <button type="submit" class=${danger ? 'danger' : 'main'} disabled=${busy}>${
            confirm}</button></div></form><//>`;
}
