#!/bin/sh
# Compares our reading of zone files with Python's. Sourced by tests/system/zones.sh and
# tests/long/zones.sh, behind lib.sh.

zoneinfo=/usr/share/zoneinfo

have_zones() {
    [ -f "$zoneinfo/Europe/Berlin" ] && python3 -c 'import zoneinfo' 2>/dev/null
}

# compare_zones NAME STEP_SECONDS FILE...
compare_zones() {
    compared=$1 step=$2
    shift 2
    "$CADRE_BUILD/tests/support/zone_spans" "$@" >spans 2>refused
    is "$compared: every file is read" 0 $?
    holds "$compared: each offset is Python's" \
        python3 "$CADRE_ROOT/tests/support/zone_compare.py" "$step" <spans
}
