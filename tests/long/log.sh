#!/bin/sh
# The page with the log of a job that wrote 100 MB: read, searched and scrolled; how long it took is
# told.
. "$(dirname "$0")/../system/lib.sh"
sh "$CADRE_ROOT/installer/deps.sh" page browser >tools.log 2>&1 &&
    CADRE_PAGE_MODULES=$(sh "$CADRE_ROOT/web/modules.sh" "$CADRE_ROOT/web/tests" 2>>tools.log) || {
    echo "skip - node, Chromium or the packages cannot be had here: $(tail -n 1 tools.log)"
    exit 0
}
export CADRE_PAGE_MODULES
node "$CADRE_ROOT/web/tests/long/log.mjs"
