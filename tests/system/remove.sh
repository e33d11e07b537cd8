#!/bin/sh
# Removing an agent: refused while it runs jobs, unless it is by force.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 4

# shellcheck disable=SC2016
cadre run -- sh -c 'echo $$; exec sleep 300' >out 2>err &
run=$!
until_true 20 test -s out
cadre job list --state RUNNING -o json >list
job=$(sed -n 's/.*"id": *"\([0-9a-z]*\)".*/\1/p' list | head -n 1)
cadre agent remove a >removed 2>why
is "an agent that runs a job is not removed" 1 $?
has "and the job is named" why "the agent 'a' runs 1 job: $job"
has "with the way out" why 'drain' '--force'
holds "it is there as before" agent_is a ONLINE
holds "and so is its job" job_is "$job" RUNNING

cadre agent remove a --force --reason "$(printf 'a\nb')" >removed 2>why
is "a reason of two lines is refused" 1 $?
has "and it is said why" why 'reason: has a character that is not visible'
holds "and the agent is there" agent_is a ONLINE
cadre agent remove a --force --reason 'its disk failed' >removed 2>why
is "by force it is removed" 0 $?
has "and prints so" removed '^a removed$'
cadre agent show a >shown 2>why
has "a removed agent is shown, with the reason and who did it" shown '^state +REMOVED' \
    '^removedAt +20' '^removedBy +first administrator' '^removedReason +its disk failed'
cadre agent history a >shown 2>why
has "so is its history" shown '^LAST +EVENT +TIMES +BY +MESSAGE$' \
    '^20[^ ]+Z +removed +1 +first administrator +its disk failed$' \
    '^20[^ ]+Z +connected +1 +- +version ' '^20[^ ]+Z +enrolled +1 +- +with the join token '
is "newest first" "removed connected enrolled" \
    "$(awk 'NR > 1 { print $2 }' shown | tr '\n' ' ' | sed 's/ $//')"
has "the log has it, too" coordinator.log \
    "audit: agent remove a, reason: its disk failed by 'first administrator'"
wait "$run"
is "its job has failed" 125 $?
is "since it is lost" "FAILED lost" "$(job_field "$job" state) $(job_field "$job" reason)"
holds "and was ended" gone "$(head -n 1 out)"
holds "the agent is refused" until_true 30 file_has a.log 'refused code=revoked'

# An agent that is away: nobody knows whether its job runs, before the lease is over.
agent_up b --slots 1
end "$agent" KILL # the guard ends the job; the coordinator cannot know
until_true 30 agent_is b OFFLINE
cadre agent remove b >removed 2>why
is "an agent that is away and holds nothing is removed" "0" "$?"
cadre agent history b --limit 2 >shown 2>why
is "its history tells that its connection ended before" "removed disconnected" \
    "$(awk 'NR > 1 { print $2 }' shown | tr '\n' ' ' | sed 's/ $//')"
cadre agent history nobody >shown 2>why
is "of an agent that there was not there is no history" 1 $?
has "and it is said so" why "there is no agent 'nobody'"
agent_up c --slots 1
cadre run --lease 4s -- sleep 300 >out2 2>err2 &
run=$!
running() { [ "$(cadre job list --state RUNNING -o json | grep -c '"id"')" -eq 1 ]; }
until_true 20 running
end "$agent" KILL
until_true 30 agent_is c OFFLINE
cadre agent remove c >removed 2>why
is "one that holds a job is not" 1 $?
has "since the job may run" why "the agent 'c' is offline and may still run 1 job"
wait "$run"
is "until its lease is over" 125 $?
cadre agent remove c >removed 2>why
is "then it is removed" 0 $?
end "$coordinator"
done_testing
