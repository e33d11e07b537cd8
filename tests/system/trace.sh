#!/bin/sh
# A job belongs to the trace of whoever submitted it: the W3C's header traceparent.
. "$(dirname "$0")/lib.sh"

coordinator_up
agent_up a --slots 2
admin=$(cat server/admin.token)
post() { # TRACEPARENT JSON
    curl -sS --cacert server/ca.pem -H "Authorization: Bearer $admin" -H "TraceParent: $1" \
        -H 'Prefer: return=minimal' -d "$2" "https://$CADRE_URL/api/v1/jobs"
}
ids() { grep -o '"id":"[0-9a-z]*"' | sed 's/.*:"//; s/"//'; }
prints='"command": ["sh", "-c", "echo trace=$TRACEPARENT"]'
over() { job_is "$1" SUCCESS; }
trace=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01

id=$(post $trace "{$prints}" | ids)
until_true 20 over "$id" || not_ok "the job runs"
is "the job knows the trace" "trace=$trace" "$(cadre job logs "$id")"
is "so does whoever looks at it" "$trace" "$(job_field "$id" traceparent)"
has "the coordinator's log" coordinator.log "job $id: submitted with traceparent=$trace"
has "and the agent's" a.log "job $id: attempt 1 started .*traceparent=$trace"

other=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00
post $other "[{$prints}, {$prints}]" | ids >array
is "an array of two is taken" 2 "$(wc -l <array | tr -d ' ')"
for id in $(cat array); do
    until_true 20 over "$id" || not_ok "job $id runs"
    is "each job of it knows the trace" "trace=$other" "$(cadre job logs "$id")"
    has "and the log each job" coordinator.log "job $id: submitted with traceparent=$other"
done

id=$(post $trace "{$prints, \"env\": {\"TRACEPARENT\": \"mine\"}}" | ids)
until_true 20 over "$id" || not_ok "the job runs"
is "a job's own variable goes first" trace=mine "$(cadre job logs "$id")"

id=$(curl -sS --cacert server/ca.pem -H "Authorization: Bearer $admin" -H "traceparent: $trace" \
    -H "traceparent: $other" -d "{$prints}" "https://$CADRE_URL/api/v1/jobs" |
    sed 's/^{"id":"\([0-9a-z]*\)".*/\1/')
until_true 20 over "$id" || not_ok "the job runs"
is "of two traces none is taken" "trace=" "$(cadre job logs "$id")"

for wrong in 00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01 nonsense \
    00-00000000000000000000000000000000-00f067aa0ba902b7-01 ff${trace#00}; do
    id=$(post $wrong "{$prints}" | ids)
    until_true 20 over "$id" || not_ok "the job runs"
    is "what is not valid is ignored: $wrong" "trace= -" \
        "$(cadre job logs "$id") $(job_field "$id" traceparent | grep . || echo -)"
done

id=$(post "cc${trace#00}-and-more" "{$prints}" | ids)
until_true 20 over "$id" || not_ok "the job runs"
is "of a later version what is known is taken" "trace=$trace" "$(cadre job logs "$id")"
end "$agent"
end "$coordinator"
done_testing
