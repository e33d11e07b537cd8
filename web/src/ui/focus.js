// Whoever works with the keyboard keeps a place, also when what has the focus goes.
import {useEffect} from 'preact/hooks';

export function focusTitle() {
    const title = document.querySelector('main h1');
    if (title) title.focus({preventScroll: true});
}

// Gives the focus back to what had it before, or to the title when that has gone.
export function focusBack(before) {
    if (before && before.isConnected && before !== document.body) before.focus();
    else focusTitle();
}

// A button that goes after it was pressed leaves the focus to the title; one that could not be
// pressed for a while gets it back. Not after a click somewhere else.
export function useFocusKept(main) {
    useEffect(() => {
        let last = null;
        const seen = (e) => (last = e.target);
        const forget = () => (last = null);
        const watch = new MutationObserver(() => {
            if (!last || document.activeElement !== document.body) return;
            if (!last.isConnected) {
                last = null;
                focusTitle();
            } else if (!last.matches(':disabled')) {
                last.focus({preventScroll: true});
            }
        });
        document.addEventListener('focusin', seen);
        document.addEventListener('pointerdown', forget, true);
        watch.observe(main.current, {childList: true, subtree: true, attributes: true,
                                     attributeFilter: ['disabled']});
        return () => {
            document.removeEventListener('focusin', seen);
            document.removeEventListener('pointerdown', forget, true);
            watch.disconnect();
        };
    }, []);
}
