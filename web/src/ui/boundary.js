// An error of drawing ends what is inside of this, and nothing else.
import {Component} from 'preact';

import {html} from '../lib/html.js';

export const loadAnew = () => location.reload();

export class Boundary extends Component {
    constructor() {
        super();
        this.state = {error: null};
    }

    static getDerivedStateFromError(error) {
        return {error};
    }

    componentDidCatch(error) {
        console.error(error);
    }

    render({children}, {error}) {
        if (!error) return children;
        return html`<div><h1 tabindex="-1">This cannot be shown</h1>
            <div class="problem" role="alert"><p>${String(error.message || error)}</p>
            ${error.hint && html`<p class="hint">${error.hint}</p>`}
            <button type="button" onClick=${loadAnew}>Load the page anew</button></div></div>`;
    }
}
