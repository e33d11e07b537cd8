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

# Windows has no files of time zones.
zoned() { # zoned ZONE: applies a schedule in it
    cat >zoned.yaml <<END
id: zoned
namespace: company
tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: hi}]
triggers: [{id: nightly, cron: "0 3 * * *", timezone: "$1"}]
END
    cadre flow apply zoned.yaml >out 2>err
}
zoned Europe/Berlin
is "a time zone is not known by its name" 1 $?
has "the way out is told" err \
    "zoned.yaml:4: trigger nightly: timezone: time zone 'Europe/Berlin' is not known: only UTC" \
    "UTC and offsets such as \+02:00 are, because this system has no zone files; name a folder" \
    "name a folder of them with 'zoneinfo' in coordinator.yaml"
zoned +02:00
is "an offset is" 0 $?
cadre trigger next company/zoned/nightly --count 1 >out
has "and it fires by that" out '^20[-0-9]*T03:00:00\+02:00 +20[-0-9]*T01:00:00.000Z '
done_testing
