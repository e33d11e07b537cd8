// Preact with htm: templates without a compiler, and without eval. Texts become text nodes, with
// what is hidden in them made visible.
import {h} from 'preact';
import htm from 'htm';

import {visible} from './visible.js';

const safe = (child) => typeof child === 'string' ? visible(child)
    : Array.isArray(child) ? child.map(safe) : child;

export const html = htm.bind((type, props, ...children) => h(type, props, ...children.map(safe)));
