#!/bin/sh
# Searches the model of ownership and leases (ownership.pml) wholly, then once more for each
# sabotage, which has to break the promise that is named beside it. `pan` exits with 0 whatever it
# finds, so its report is read.
set -u
model=$(cd "$(dirname "$0")" && pwd)/ownership.pml
here=$(mktemp -d "${TMPDIR:-/tmp}/cadre-model-XXXXXX") || exit 1
trap 'rm -rf "$here"' EXIT
trap 'exit 1' HUP INT TERM
cd "$here" || exit 1
for program in spin gcc; do
    command -v $program >/dev/null 2>&1 || {
        echo "skip - the model of ownership: $program is not here (apt-get install spin gcc)"
        exit 0
    }
done

cases=0
failures=0
ok() { cases=$((cases + 1)) && echo "ok - $*"; }
not_ok() {
    cases=$((cases + 1)) failures=$((failures + 1))
    echo "not ok - $*"
    [ ! -f out ] || tail -n 40 out
}

# search LEVEL SWITCH...: leaves pan's report in `out`; false when there is none.
search() {
    level=$1
    shift
    rm -f pan* out ./*.trail
    spin "$@" -a "$model" >out 2>&1 &&
        gcc -w "$level" -DSAFETY -DCOLLAPSE -DMEMLIM=2000 -o pan pan.c >>out 2>&1 &&
        ./pan -m100000 >>out 2>&1 && grep -q '^State-vector .* errors: [0-9]*$' out
}

# holds NAME SWITCH...: all of it was searched, and nothing was found.
holds() {
    name=$1
    shift
    if ! search -O1 "$@"; then
        not_ok "$name: no report"
    elif ! grep -q ' errors: 0$' out ||
        grep -qE 'max search depth|out of memory|Search not' out; then
        not_ok "$name"
    else
        ok "$name ($(awk '/states, stored/ { print $1 }' out) states," \
            "$(awk '/elapsed time/ { print $4 }' out) s)"
    fi
}

# reaches WORDS: the last search got to the place of the model that has these words.
reaches() {
    if grep -qxF "reached: $1" out; then
        ok "the search gets to: $1"
    else
        not_ok "the search does not get to: $1"
    fi
}

# fails NAME PROMISE SWITCH...: a sabotage is found, by the promise that it breaks.
fails() {
    name=$1 promise=$2
    shift 2
    # The compiler's time counts, too.
    level=-O0
    case " $* " in
    *" -DAGENTS "* | *" -DHORIZON=5 "*) level=-O1 ;;
    esac
    if search $level "$@" && grep '^pan:1: ' out | grep -qF "$promise"; then
        ok "found: $name ($(awk '/elapsed time/ { print $4 }' out) s)"
    else
        not_ok "not found: $name"
    fi
}

former="(my_reign[i]==reign)" stale="(servers[s].reign==reign)"
twice="(held[(1-a)]==0)"
commands="-DCOMMANDS -DFAULTS=1"
leases="-DAGENTS -DFAULTS=0 -DWRONG=0 -DEXPIRY=1 -DRENEWS=false -DHORIZON=4"

# shellcheck disable=SC2086
{
    holds "two coordinators, commands, an answer that is lost" $commands -DHORIZON=5
    for place in "a commit of a stale owner is refused" "an orphan is ended" \
        "a transaction of a stopped client is ended" "answered from the database" \
        "told that it is not done" "an effect is dropped" "a successor loads"; do
        reaches "$place"
    done
    holds "three coordinators" -DCOORDS=3 -DFAULTS=0 -DHORIZON=5
    holds "two coordinators, two agents, one job" $leases
    reaches "a second attempt is given"

    fails "a commit without the owner's row" "$stale" -DCOMMANDS -DFAULTS=0 -DBREAK_NO_ROW
    fails "a check by reading only" "$stale" -DCOMMANDS -DFAULTS=0 -DBREAK_READ_ONLY
    fails "an effect after the expiry" "$former" -DCOMMANDS -DFAULTS=0 -DBREAK_LATE_EFFECT
    fails "a heartbeat acknowledged after the expiry" "$former" -DFAULTS=0 -DBREAK_LATE_BEAT
    fails "the same, seen at the job" "$twice" $leases -DBREAK_LATE_BEAT -DBREAK_SENDS
    fails "the epoch not raised after a lost answer" "(servers[s].what!=told_no)" \
        $commands -DHORIZON=4 -DBREAK_NO_RAISE
    fails "the batch number read after the raise was committed" "(done==1)" \
        $commands -DHORIZON=5 -DBREAK_READ_LATER
    fails "a transaction that the database does not end" "invalid end state" \
        $commands -DHORIZON=4 -DBREAK_NO_TIMEOUT
    fails "a take-over that does not raise the epoch" "$stale" -DFAULTS=0 -DBREAK_TWO_OWNERS
    fails "a take-over before expiry and drift" "$former" -DFAULTS=0 -DBREAK_EARLY_TAKEOVER
    fails "a take-over that looks for the epoch alone" "$former" -DFAULTS=0 -DBREAK_TAKE_BLIND
    fails "a lease that does not begin afresh at a take-over" "$twice" $leases -DBREAK_OLD_LEASE
    fails "a job taken from an older session" "$twice" $leases -DBREAK_ANY_SESSION
}
echo "1..$cases"
[ "$failures" -eq 0 ]
