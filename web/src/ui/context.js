import {createContext} from 'preact';
import {useContext} from 'preact/hooks';

import {may} from '../lib/session.js';

// {who, notify(text, tone)}
export const Page = createContext(null);
export const useWho = () => useContext(Page).who;
export const useNotify = () => useContext(Page).notify;
// May who is signed in do what needs this role? What one may not do is not shown.
export const useMay = (role) => may(useWho(), role);
