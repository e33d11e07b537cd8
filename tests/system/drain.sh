#!/bin/sh
# How an agent stops, goes on with changed settings, and keeps leases shorter than its heartbeat.
. "$(dirname "$0")/lib.sh"
printf 'listen: 127.0.0.1:0\nlease: 90s\nheartbeat: 30s\n' >coordinator.yaml
coordinator_up
join_agent a
printf 'drainTimeout: 1s\n' >>a.yaml
agent_up a --slots 4
running() { [ "$(cadre job list --state RUNNING -o json | grep -o '"id"' | wc -l)" -eq "$1" ]; }
now() { date +%s; }

# ---- leases ----
# A third of the lease goes by without a word: the agent has to speak up before it starts the job,
# not to end it at once.
begun=$(now)
idle() { [ "$(now)" -ge $((begun + 4)) ]; }
until_true 30 idle
cadre run --lease 3s -- sh -c 'sleep 4; echo done' >out 2>err
is "a job whose lease is shorter than the heartbeat runs" "0 done" "$? $(cat out)"

# An agent that hangs for longer than its lease has its job ended by the guard; told to forget it,
# it is quiet again.
rm out # else it is looked at before it is emptied
cadre run --lease 2s -- sh -c 'echo $$; exec sleep 300' >out 2>err &
run=$!
until_true 20 test -s out
kill -STOP "$agent"
wait "$run"
is "a job whose agent hangs is lost when its lease is over" 125 $?
has "and is said to be" err 'lost'
holds "its process is gone before" gone "$(head -n 1 out)"
kill -CONT "$agent"
holds "the agent takes note" until_true 20 file_has a.log \
    'is lost: this agent was held up for longer than the lease'
holds "the agent is back" until_true 30 agent_is a ONLINE
ticks() { awk '{ print $14 + $15 }' "/proc/$agent/stat"; }
begun=$(now)
spent=$(ticks)
until_true 30 idle
spent=$(($(ticks) - spent))
holds "and does not spin ($spent ticks in 4 s)" test "$spent" -lt 100

# ---- stopping ----
cadre run -- sh -c 'trap "" TERM; echo $$ >'"$here"'/stubborn; while :; do sleep 0.2; done' \
    >out 2>err &
run=$!
until_true 20 test -s stubborn
begun=$(now)
end "$agent"
is "an agent that is stopped ends with 0" 0 "$end_code"
took=$(($(now) - begun))
holds "after drain time and grace ($took s)" test $took -ge 10 -a $took -lt 25
wait "$run"
is "and its job failed" 125 $?
has "because of the stop" err 'drain'
holds "and is gone" gone "$(cat stubborn)"

sed -i 's/^drainTimeout:.*/drainTimeout: 1h/' a.yaml
agent_up a --slots 4
cadre run -- sh -c 'echo begun; until [ -e '"$here"'/go ]; do sleep 0.1; done; exit 3' >out 2>err &
run=$!
until_true 20 running 1
kill -TERM "$agent"
until_true 20 agent_is a DRAINING
cadre run --detach -- true >id 2>err2
touch go
wait "$run"
is "what runs when an agent is stopped may finish" 3 $?
holds "and then the agent is gone" until_true 20 gone "$agent"
holds "a job that came meanwhile waits for the next agent" job_is "$(cat id)" CREATED
agent_up a --slots 4
holds "and runs there" until_true 20 job_is "$(cat id)" SUCCESS
cadre agent history a -o json >history
has "the history tells that the agent was stopped, not that it was lost" history \
    '"event": ?"disconnected"' '"message": ?"the agent ended it: '

rm -f stubborn
cadre run -- sh -c 'trap "" TERM; echo $$ >'"$here"'/stubborn; while :; do sleep 0.2; done' \
    >out 2>err &
run=$!
until_true 20 test -s stubborn
kill -TERM "$agent"
until_true 20 agent_is a DRAINING
begun=$(now)
end "$agent"
is "a second SIGTERM ends it" 0 "$end_code"
holds "without waiting for the grace" test $(($(now) - begun)) -lt 8
wait "$run"
is "and its job failed at once" 125 $?
holds "and is gone with it" gone "$(cat stubborn)"

# ---- settings ----
agent_up a --slots 4
echo 'slotz: 3' >>a.yaml
kill -HUP "$agent"
holds "SIGHUP with a bad file is refused by line" until_true 20 file_has a.log \
    'not read again: a.yaml:[0-9]+: .*slotz.*slots'
cadre run -- true
is "and the agent goes on as before" 0 $?
sed -i '/slotz/d' a.yaml
echo 'labels: {zone: dmz}' >>a.yaml
echo 'env: {FROM: config}' >>a.yaml
# Several at once: they meet the gathering that the first began.
kill -HUP "$agent"
kill -HUP "$agent"
kill -HUP "$agent"
# shellcheck disable=SC2016
cadre run --queue-timeout 30s --require label.zone=dmz -- sh -c 'echo $FROM' >out 2>err
is "SIGHUP takes new labels and environment" "0 config" "$? $(cat out)"
holds "and has nothing to say of a restart" sh -c '! grep -q "before the agent is restarted" a.log'
echo 'group: elsewhere' >>a.yaml
kill -HUP "$agent"
holds "SIGHUP with another group says that a restart is needed" until_true 20 file_has a.log \
    'warn .*changed in a.yaml, but not in force before the agent is restarted: group$'
sed -i '/^group/d' a.yaml

# ---- one agent a folder ----
cadre-agent run --config a.yaml --state a >second 2>&1
is "a second agent on the same folder is refused" 1 $?
has "and says who has it" second 'another agent' "$agent"
cadre-agent join "$(cadre token create join 2>/dev/null)" --config a.yaml --state a \
    --replace >second 2>&1
is "so is joining anew under it" 1 $?
has "and says what to do" second 'stop the agent'
end "$agent"
is "SIGTERM ends the idle agent with 0" 0 "$end_code"
sed -i '/^coordinator/d' a.yaml
cadre-agent run --config a.yaml --state a >second 2>&1
is "an agent without a coordinator does not start" 2 $?
has "and says what is missing" second "'coordinator' is missing"
end "$coordinator"
done_testing
