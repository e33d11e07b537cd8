#!/bin/sh
# What the command line makes of answers that are short, late or several.
. "${CADRE_ROOT:?}/tests/system/lib.sh"

coordinator_up
agent_up a

# An answer without a body is an answer: these must not wait for more.
cadre group create short >/dev/null
timeout 20 cadre group delete short >out 2>&1
is "deleting a group ends at once" "0 group short deleted" "$? $(cat out)"
cadre namespace set company --default-group >/dev/null
timeout 20 cadre namespace unset company >out 2>&1
is "unsetting a namespace ends at once" 0 $?
cadre -o json token create api --role read >token.json 2>token.err
token_id=$(sed 's/.*"id":"\([^"]*\)".*/\1/' token.json)
timeout 20 cadre token revoke "$token_id" >out 2>&1
is "revoking a token ends at once" "0 token $token_id revoked" "$? $(cat out)"

# Nobody locks everybody out by accident, and who did it is told.
cadre -o json token list >tokens.json
admin_id=$(tr '{' '\n' <tokens.json | sed -n '/"role":"admin"/s/.*"id":"\([^"]*\)".*/\1/p')
cadre token revoke "$admin_id" >out 2>err
is "the last administrator is not revoked" 1 $?
has "that is told" err "'first administrator' is the last administrator's token"
has "and the way out" err 'cadre-coordinator token create'
job=$(cadre run --detach --name named -- true)
cadre job show "$job" >out
has "a job names who made it" out '^createdBy +first administrator$'
has "and so does the log" coordinator.log "audit: submit $job by 'first administrator'"

# The reason of a drain is there for whoever asks.
cadre agent drain a --reason 'disk & kernel' >/dev/null
cadre agent show a >out
has "the reason of a drain is shown" out '^drainReason +disk & kernel$'
cadre agent resume a >/dev/null

# Each failed attempt is told once, and why.
cadre run --retry 1 -- false >out 2>err
is "a job that fails twice keeps its code" 1 $?
is "a failed attempt is told once" 1 "$(grep -c 'attempt 1 failed (exit-code)' err)"

# A coordinator that refuses a job for now is not away.
cadre group create full --max-queued 1 >/dev/null
cadre run --group full --detach -- true >out
cadre run --group full --detach -- true >out 2>err &
late=$!
pids="$pids $late"
until_true 20 file_has err 'cannot take the request now .*group full holds 1'
is "a full queue is told as such" 0 $?
holds "and not as an outage" sh -c '! grep -q "not reachable" err'
cadre group update full --max-queued 0 >/dev/null
wait "$late"
is "the submit goes through when there is room" 0 $?

done_testing
