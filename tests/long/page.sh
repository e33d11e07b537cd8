#!/bin/sh
# The page with ten jobs, and with 1,000,000 jobs and 5,000 agents: each view is shown; how long it
# took is told.
. "$(dirname "$0")/../system/lib.sh"
sh "$CADRE_ROOT/installer/deps.sh" page browser >tools.log 2>&1 &&
    CADRE_PAGE_MODULES=$(sh "$CADRE_ROOT/web/modules.sh" "$CADRE_ROOT/web/tests" 2>>tools.log) || {
    echo "skip - node, Chromium or the packages cannot be had here: $(tail -n 1 tools.log)"
    exit 0
}
CADRE_FILL_HOUSE=$CADRE_BUILD/tests/support/fill_house
export CADRE_PAGE_MODULES CADRE_FILL_HOUSE
for size in "1 10 1" "100 10000 5000"; do
    folder=$(echo "$size" | tr ' ' -)
    mkdir "$folder"
    # shellcheck disable=SC2086
    (cd "$folder" && exec node "$CADRE_ROOT/web/tests/long/many.mjs" $size)
done
