#!/bin/sh
# The coordinator is stopped (SIGSTOP) for longer than the leases of some jobs, and goes on. What
# agents said meanwhile waits unread in its sockets and in their journals: it must not be taken for
# silence.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"
printf 'listen: 127.0.0.1:0\nlease: 3s\nheartbeat: 1s\n' >coordinator.yaml
coordinator_up
agent_up a --slots 8
now() { date +%s; }

long=$(once long "$(counting long)" --lease 5m)
lost=$(once_hasty lost 'exec sleep 300')
again=$(once_hasty again '[ $CADRE_ATTEMPT = 2 ] || exec sleep 300' "$retry_once")
quick=$(once_hasty quick 'while [ ! -e quick.go ]; do sleep 0.1; done; echo quick' "$retry_once")
timed=$(once_hasty timed 'while [ ! -e quick.go ]; do sleep 0.1; done; echo timed' \
    '"timeout": "2m", "lease": "5m"')
for job in long lost again quick timed; do until_true 20 has_run $job || not_ok "$job runs"; done

kill -STOP "$coordinator"
stopped=$(now)
touch quick.go
until_true 20 ended_at a "$quick" || not_ok "a job ends while the coordinator is stopped"
holds "jobs whose lease is over end at their agent while the coordinator is stopped" until_true 20 \
    ended_at a "$lost"
until_true 20 ended_at a "$again" || not_ok "the other one, too"
cadre run --name waiting -- sh -c 'echo waited' >out 2>err &
waiting=$!
# By its clock every one of these leases (3 s, 1 s of grace, 5 s of slack) is over then.
past() { [ $(($(now) - stopped)) -ge 12 ]; }
until_true 40 past
holds "a job with a longer lease runs on" counts_on long
kill -CONT "$coordinator"

holds "a result that came about meanwhile is accepted" until_true 30 job_is "$quick" SUCCESS
is "with its output" quick "$(cadre job logs "$quick")"
is "and the job ran once" 1 "$(runs_of quick)"
holds "so is that of a job with a timeout" until_true 30 job_is "$timed" SUCCESS
holds "a job that its agent had to end is lost" until_true 30 job_is "$lost" FAILED
is "for that reason" lost "$(job_field "$lost" reason)"
has "the coordinator says that it stood still" coordinator.log \
    "stood still for [0-9]+.* every lease begins afresh"
holds "one with retry runs again" until_true 30 job_is "$again" SUCCESS
wait "$waiting"
is "a submit meanwhile waited" "0 waited" "$? $(cat out)"
holds "the agent is back" until_true 30 agent_is a ONLINE
holds "a job with a longer lease is as it was" job_is "$long" RUNNING
touch long.go
until_true 20 job_is "$long" FAILED
cadre job logs "$long" >long.out
holds "with all of its output" whole long long.out
never_twice long lost again quick timed
is "and nothing ran more often than it may" "1 1 2 1 1" \
    "$(runs_of long) $(runs_of lost) $(runs_of again) $(runs_of quick) $(runs_of timed)"
end "$agent"
end "$coordinator"
done_testing
