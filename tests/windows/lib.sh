#!/bin/sh
# What the Windows tests share: the programs for Linux (coordinator and `cadre`) on this machine,
# and cadre-agent.exe under Wine. Sourced; the environment comes from tests/run.sh:
#   CADRE_BIN            programs for Linux        CADRE_WINDOWS_BIN   programs for Windows
#   WINEPREFIX           what Wine keeps; made by tests/windows/lib_prefix.sh, used by one test at
#                        a time

: "${CADRE_WINDOWS_BIN:?is set by tests/run.sh}" "${WINEPREFIX:?is set by tests/run.sh}"
. "$CADRE_ROOT/tests/system/lib.sh"
# File names are UTF-8 for Wine only where the locale says so.
export WINEPREFIX WINEARCH=win64 WINEDEBUG=-all LC_ALL=C.UTF-8

drive_c=$WINEPREFIX/drive_c
program_files="$drive_c/Program Files/Cadre"
program_data=$drive_c/ProgramData/Cadre
service_log=$program_data/logs/agent.log

# wine_up: nothing of an earlier test is left, and Wine stays up until the test ends. Without a
# program of a user's, Wine ends its services, which Windows does not.
wine_up() {
    wineserver -k 2>/dev/null
    wineserver -w
    rm -rf "$program_files" "$program_data"
    mkfifo hold
    wine cmd /c 'echo up & set /p line=' <hold >hold.out 2>/dev/null &
    wine_holder=$!
    exec 7>hold
    if ! until_true 60 test -s hold.out; then
        echo "Wine does not start here"
        exit 1
    fi
    trap wine_finish EXIT
    if win sc query cadre-agent >/dev/null 2>&1; then
        win sc delete cadre-agent >/dev/null 2>&1
    fi
}

wine_finish() {
    exec 7>&-
    win sc stop cadre-agent >/dev/null 2>&1
    win sc delete cadre-agent >/dev/null 2>&1
    wineserver -k 2>/dev/null
    wineserver -w
    finish
}

# win PROGRAM [ARG...]: under Wine, with Unix line ends; nothing takes longer than two minutes
win() {
    timeout 120 wine "$@" </dev/null 2>win.err >win.out
    win_code=$?
    tr -d '\r' <win.out
    tr -d '\r' <win.err >&2
    return $win_code
}

# windows_path PATH: as Windows names it
windows_path() { echo "Z:$1" | tr / '\\'; }

agent_exe() { win "$CADRE_WINDOWS_BIN/cadre-agent.exe" "$@"; }

# windows_group: the group that only Windows machines may join
windows_group() { cadre group create windows --require os=windows >/dev/null; }

# agent_exe_up NAME [OPTION...]: as a console program, joined the first time to group windows
agent_exe_up() {
    name=$1
    shift
    if [ ! -s "$name/identity.json" ]; then
        join_token=$(cadre token create join --group windows 2>token.err) || {
            cat token.err
            exit 1
        }
        agent_exe join "$join_token" --config "$name.yaml" --state "$name" --name "$name" \
            >join.log 2>&1 || {
            cat join.log
            exit 1
        }
    fi
    wine "$CADRE_WINDOWS_BIN/cadre-agent.exe" run --config "$name.yaml" --state "$name" "$@" \
        >>"$name.log" 2>&1 </dev/null &
    agent=$!
    pids="$pids $agent"
    if ! until_true 60 agent_is "$name" ONLINE; then
        echo "agent $name did not come online:"
        tail -n 20 "$name.log"
        exit 1
    fi
}

# ---- the service ----

service_is() { # service_is STATE
    win sc query cadre-agent >sc.out 2>&1
    grep -Eq "^ *STATE .* $1" sc.out
}
service_field() { # service_field NAME: of the last service_is
    sed -n "s/^ *$1  *: *//p" sc.out
}
