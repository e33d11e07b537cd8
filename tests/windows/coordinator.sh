#!/bin/sh
# The coordinator builds for Windows, too: one under Wine serves an agent and a command line on
# Linux.
. "$(dirname "$0")/lib.sh"
wine_up
printf 'listen: 127.0.0.1:0\n' >c.yaml
win "$CADRE_WINDOWS_BIN/cadre-coordinator.exe" init --config c.yaml --state s >init.log 2>&1
is "init makes a coordinator" 0 $?
wine "$CADRE_WINDOWS_BIN/cadre-coordinator.exe" run --config c.yaml --state s >c.out 2>c.log \
    </dev/null &
pids="$pids $!"
holds "it listens" until_true 60 grep -q '^listening on ' c.out
port=$(tr -d '\r' <c.out | sed -n 's/^listening on .*:\([0-9]*\)$/\1/p')
CADRE_URL=127.0.0.1:$port CADRE_TOKEN_FILE=$here/s/admin.token
export CADRE_URL CADRE_TOKEN_FILE
agent_up a
cadre run --queue-timeout 60s -- sh -c 'echo served; exit 3' >out 2>err
is "a job runs through it" "3 served" "$? $(cat out)"
win "$CADRE_WINDOWS_BIN/cadre.exe" status >out 2>err
is "and cadre.exe asks it" 0 $?
end "$agent"
done_testing
