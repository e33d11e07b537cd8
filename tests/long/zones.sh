#!/bin/sh
# All zones of this machine, from 1970 to 2099, against Python's zoneinfo: both ends of each stretch
# with one offset, and a moment a day in between.
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/../support/zone_compare.sh"
need_zones "all zones against Python's"
files=$(find "$zoneinfo/" \( -path "$zoneinfo/right" -o -path "$zoneinfo/posix" \) -prune -o \
    -type f -exec sh -c 'for f; do
        [ "$(head -c 4 "$f" | tr -d "\000")" != TZif ] || echo "$f"
    done' sh {} +)
# shellcheck disable=SC2086
compare_zones "all zones of $zoneinfo" 86400 $files
done_testing
