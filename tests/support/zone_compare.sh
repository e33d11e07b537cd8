#!/bin/sh
# Compares our reading of zone files with Python's. Sourced by tests/system/zones.sh and
# tests/long/zones.sh, behind lib.sh.

zoneinfo=/usr/share/zoneinfo

have_zones() {
    [ -f "$zoneinfo/Europe/Berlin" ] && python3 -c 'import zoneinfo' 2>/dev/null
}

# need_zones NAME: without them NAME is left out, but not in CI, where deps.sh has installed them
need_zones() {
    have_zones && return
    if [ "${CI:-}" = true ]; then
        not_ok "$1: zone files or Python's zoneinfo are not here (installer/deps.sh test)"
        exit 1
    fi
    echo "skip - $1: zone files or Python's zoneinfo are not here (installer/deps.sh test)"
    exit 0
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
