#!/bin/sh
# Two to five coordinators over one database in virtual time, with more seeds than the ring `sim`
# has time for. A seed that breaks a promise is printed.
. "$(dirname "$0")/../system/lib.sh"
first=$(date +%s)
for coordinators in 2 3 4 5; do
    if "$CADRE_BUILD/tests/sim/sim_engine" --seed "$first" --seeds 500 \
        --coordinators $coordinators >out 2>&1; then
        ok "500 seeds with $coordinators coordinators, from $first on"
    else
        not_ok "seeds with $coordinators coordinators, from $first on"
    fi
    cat out
done
done_testing
