#!/bin/sh
# An agent that is stopped past a lease, killed, or loses its guard: nothing of a job runs on beside
# its next attempt.
. "$(dirname "$0")/lib.sh"
if ! command -v flock >/dev/null 2>&1; then
    echo "skip - attempts never overlap: no flock here"
    exit 0
fi
printf 'listen: 127.0.0.1:0\nlease: 60s\nheartbeat: 1s\n' >coordinator.yaml
coordinator_up
agent_up a --slots 4
agent_a=$agent
agent_up b --slots 4
agent_b=$agent

guard_of() { sed -n 's/.* guard: process \([0-9]*\) watches$/\1/p' "$1.log" | tail -n 1; }
# Every process of an attempt holds the lock: main process, child, grandchild, a daemon in a session
# of its own and one that also hides where it comes from.
cat >job.sh <<'END'
cd "$1" || exit 1
exec 9>>lock
flock -n 9 || {
    echo "attempt $CADRE_ATTEMPT: something of the one before runs" >>overlaps
    exit 9
}
echo "attempt $CADRE_ATTEMPT" >>history
[ "$CADRE_ATTEMPT" = 1 ] || { echo "second attempt"; exit 0; }
echo $$ >>pids.new
sh -c 'echo $$ >>pids.new; sh -c "echo \$\$ >>pids.new; while :; do sleep 0.1; done"; :' &
setsid sh -c 'echo $$ >>pids.new; while :; do sleep 0.1; done' &
setsid sh -c 'setsid env -i PATH="$PATH" sh -c "echo \$\$ >hidden; while :; do sleep 0.1; done" \
    >/dev/null 2>&1 & :' &
while [ "$(wc -l <pids.new)" -lt 4 ] || [ ! -s hidden ]; do sleep 0.05; done
mv pids.new pids
while :; do echo tick; sleep 0.1; done
END
marked_gone() {
    for pid in $(cat pids); do gone "$pid" || return 1; done
}
all_gone() { marked_gone && gone "$(cat hidden)"; }
# starts the job; frozen and other are the names of the agent that has it and of the other one
submit() { # OPTION...
    rm -f pids pids.new hidden history lock overlaps
    id=$(cadre run --detach --lease 3s "$@" -- sh "$here/job.sh" "$here")
    until_true 30 test -s pids || not_ok "the job's five processes run"
    frozen=$(job_field "$id" agentName)
    other=a frozen_pid=$agent_b
    [ "$frozen" = b ] || { other=b frozen_pid=$agent_a; }
}
ticks() { cadre job logs "$id" | grep -c tick; }

# ---- stopped past the lease ----
submit --retry 1
kill -STOP "$frozen_pid"
holds "what a stopped agent runs is ended while it is stopped" until_true 15 all_gone
is "and so before the next attempt" "attempt 1" "$(cat history)"
holds "which then succeeds" until_true 60 job_is "$id" SUCCESS
is "on the other agent" "$other" "$(job_field "$id" agentName)"
is "alone" "" "$(cat overlaps 2>/dev/null)"
before=$(ticks)
kill -CONT "$frozen_pid"
holds "the agent is there again" until_true 60 file_has "$frozen.log" \
    "job $id: attempt 1 ended state=FAILED"
has "and says why" "$frozen.log" "job $id: attempt 1 is lost: this agent was held up"
holds "and online" until_true 30 agent_is "$frozen" ONLINE
cadre agent drain "$other" >/dev/null
is "takes new jobs" "0 new" "$(timeout 60 cadre run -- echo new >out 2>err; echo $? "$(cat out)")"
is "reports nothing of the attempt it lost" "$before SUCCESS" "$(ticks) $(job_field "$id" state)"
is "and has not gone on with it" "attempt 1
attempt 2" "$(cat history)"
cadre agent resume "$other" >/dev/null

submit
kill -STOP "$frozen_pid"
holds "without a retry the job fails" until_true 60 job_is "$id" FAILED
is "as lost" lost "$(job_field "$id" reason)"
holds "and is gone" all_gone
kill -CONT "$frozen_pid"
holds "and its agent comes back" until_true 60 agent_is "$frozen" ONLINE

# ---- stopped for less than a lease ----
id=$(cadre run --detach --lease 60s -- \
    sh -c "echo \$\$ >$here/short; until [ -e $here/go ]; do sleep 0.05; done; exit 4")
until_true 30 test -s short
holder=$agent_a
[ "$(job_field "$id" agentName)" = a ] || holder=$agent_b
kill -STOP "$holder"
touch go
holds "a job ends while its agent is stopped" until_true 20 gone "$(cat short)"
kill -CONT "$holder"
holds "and within the lease its result counts" until_true 30 job_is "$id" FAILED
is "with its code" 4 "$(job_field "$id" exitCode)"

# ---- what the guard is ----
guard=$(guard_of a)
holds "the guard has a session of its own" test "$(ps -o sess= -p "$guard" | tr -d ' ')" = "$guard"
holds "no more to fear from a lack of memory than its agent" \
    test "$(cat "/proc/$guard/oom_score_adj")" -le "$(cat "/proc/$agent_a/oom_score_adj")"
is "and neither socket nor file of its agent" "" \
    "$(ls -l "/proc/$guard/fd" | sed -n 's/.* -> //p' | grep -E 'socket:|agent\.key|journal|lock$')"
is "nor its environment" "" "$(tr '\0' '\n' <"/proc/$guard/environ" | grep -v '^JOURNAL_STREAM=')"
kill -TERM "$guard"
kill -INT "$guard"
kill -HUP "$guard"
is "by hand it does not start" 1 "$(cadre-agent guard </dev/null >guard.out 2>guard.err; echo $?)"
has "and says why" guard.err 'not by hand'
holds "signals do not end it" test "$(guard_of a)" = "$guard" -a -d "/proc/$guard"

# ---- the guard is killed ----
submit
guard=$(guard_of "$frozen")
kill -KILL "$guard"
another() { [ "$(guard_of "$frozen")" != "$guard" ]; }
holds "a guard that is killed is replaced" until_true 30 another
has "which is logged" "$frozen.log" 'guard: its process [0-9]+ has ended; no job is started'
holds "jobs run on" test -d "/proc/$(cat pids | head -n 1)"
cadre agent drain "$other" >/dev/null
is "and new ones start" 0 "$(timeout 60 cadre run -- true >out 2>err; echo $?)"
cadre agent resume "$other" >/dev/null
kill -STOP "$frozen_pid"
holds "and the new guard knows the old jobs" until_true 15 all_gone
kill -CONT "$frozen_pid"
holds "the job is lost" until_true 30 job_is "$id" FAILED

# ---- the agent is killed ----
submit
guard=$(guard_of "$frozen")
kill -KILL "$frozen_pid"
holds "what a killed agent ran is ended at once, without another start" until_true 15 marked_gone
# without a mark it can only be told from strangers while its agent lives, or by its cgroup
kill -KILL "$(cat hidden)" 2>/dev/null
holds "and its guard ends" until_true 15 gone "$guard"
[ "$frozen" = b ] || { agent_up a --slots 4 && agent_a=$agent; }
[ "$frozen" = a ] || { agent_up b --slots 4 && agent_b=$agent; }

# ---- the agent is stopped in good order ----
guard=$(guard_of a)
end "$agent_a"
is "an agent that is told to stop" 0 "$end_code"
holds "takes its guard along" gone "$guard"
end "$agent_b"
end "$coordinator"
done_testing
