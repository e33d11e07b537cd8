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
# ---- executions: their jobs, and the executions that their end starts ----
cat >first.yaml <<'END'
id: first
namespace: t
inputs: [{id: own, type: STRING, defaults: ""}]
tasks:
  - {id: a, type: io.kestra.plugin.scripts.shell.Commands, commands: ['echo trace=$TRACEPARENT']}
triggers:
  - {id: hook, type: io.kestra.plugin.core.trigger.Webhook, key: a-key-that-nobody-guesses}
END
cat >second.yaml <<'END'
id: second
namespace: t
tasks:
  - {id: a, type: io.kestra.plugin.scripts.shell.Commands, commands: ['echo trace=$TRACEPARENT']}
triggers:
  - id: behind
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: t, flowId: first}
END
cadre flow apply first.yaml second.yaml >out 2>&1 || not_ok "flows are taken: $(cat out)"
start() { # TRACEPARENT PATH: the execution's id
    curl -sS --cacert server/ca.pem -H "Authorization: Bearer $admin" -H "traceparent: $1" \
        -H 'Prefer: return=minimal' -d '{}' "https://$CADRE_URL/api/v1/$2" | ids
}
shown() { cadre execution show "$1" | sed -n "s/^$2  *//p"; }
ended() { [ "$(shown "$1" state)" = SUCCESS ]; }
second() { # of the flow, the newest
    cadre execution list --flow t/second | awk 'NR == 2 { print $1 }'
}
knows() { # NAME ID TRACE
    until_true 20 ended "$2" || not_ok "$1: the execution ends"
    is "$1: its job knows the trace" "trace=$3" "$(cadre execution logs "$2" 2>/dev/null)"
    is "$1: so does whoever looks at it" "$3" "$(shown "$2" traceparent)"
}
id=$(start $trace flows/t/first/executions)
knows "a start" "$id" $trace
has "a start: the coordinator's log" coordinator.log \
    "execution $id: submitted with traceparent=$trace"
came() { [ -n "$(second)" ]; }
until_true 20 came || not_ok "the end of the first starts the second"
knows "what its end starts" "$(second)" $trace
end "$coordinator" KILL
coordinator_up
knows "a start, after a kill" "$id" $trace
id=$(start $other webhooks/t/first/a-key-that-nobody-guesses)
knows "a webhook" "$id" $other
has "a webhook: the coordinator's log" coordinator.log \
    "execution $id: submitted with traceparent=$other"
id=$(start nonsense flows/t/first/executions)
knows "a start with what is not valid" "$id" ""
end "$agent"
end "$coordinator"
done_testing
