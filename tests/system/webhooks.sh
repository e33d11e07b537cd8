#!/bin/sh
# Webhooks as others call them: curl over TLS, with the CA of the coordinator; the key in none of
# the logs; kill -9 after an answer, the same call again; a limit of its own; a flow that is started
# by the end of the first.
# rings: system
. "$(dirname "$0")/lib.sh"
if ! command -v curl >/dev/null; then
    echo "skip - webhooks are called with curl: it is not installed"
    exit 0
fi
printf 'listen: 127.0.0.1:0\nlimits: {webhooks: 3}\n' >coordinator.yaml
coordinator_up --log-level debug
agent_up plain

cat >hook.yaml <<'END'
id: hook
namespace: company.team
tasks:
  - id: tell
    command: [echo, "{{ trigger.body.name }}", "{{ trigger.headers['X-Event'][0] }}"]
triggers:
  - {id: call, type: io.kestra.plugin.core.trigger.Webhook, key: kestra-s-own-key}
END
cat >own.yaml <<'END'
id: own
namespace: company.team
tasks:
  - {id: tell, type: io.kestra.plugin.core.log.Log, message: "{{ trigger.parameters.n[0] }}"}
triggers:
  - {id: call, webhook: {}}
END
cat >next.yaml <<'END'
id: next
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "after {{ trigger.executionId }} {{ trigger.state }}"
triggers:
  - {id: after, flow: {id: hook, states: [SUCCESS]}}
END
cadre flow apply hook.yaml own.yaml next.yaml >/dev/null || not_ok "flows with webhooks are applied"

# call PATH [OPTION...]: the answer is in answer, its status in status
call() {
    call_path=$1
    shift
    status=$(curl --silent --show-error --cacert server/ca.pem --max-time 60 -o answer \
        -w '%{http_code}' -X POST "$@" "https://127.0.0.1:$port/api/v1/$call_path" 2>curl.err) ||
        not_ok "curl: $(cat curl.err)"
}
id_of() { sed -n 's/.*"id":"\([^"]*\)".*/\1/p' answer; }
ended() { cadre execution show "$1" 2>/dev/null | grep -q '^state  *SUCCESS$'; }

call executions/webhook/company.team/hook/kestra-s-own-key -H 'Idempotency-Key: first' \
    -H 'X-Event: push' -H 'Content-Type: application/json' -d '{"name":"Ann"}'
is "a call at Kestra's path is answered 200" 200 "$status"
first=$(id_of)

# ---- kill -9 right after the answer ----
end "$coordinator" KILL
coordinator_up --log-level debug
until_true 60 agent_is plain ONLINE || not_ok "the agent came back"
call webhooks/company.team/hook/kestra-s-own-key -H 'Idempotency-Key: first' -d '{"name":"Bob"}'
is "the same call after kill -9 is the same execution" "200 $first" "$status $(id_of)"
holds "the execution that was answered ends" until_true 60 ended "$first"
cadre execution logs "$first" >first.log 2>&1
has "body and headers reach the task" first.log '^Ann push$'

# ---- after it, once ----
next_ended() { cadre execution list --flow company.team/next --state SUCCESS -o json |
    grep -q '"id":"'; }
holds "the end of the flow started the next one" until_true 60 next_ended
cadre execution list --flow company.team/next -o json >next.json
is "it was started once" 1 "$(grep -o '"id":"' next.json | wc -l)"
next=$(grep -o '"id":"[^"]*"' next.json | head -n 1 | cut -d '"' -f 4)
cadre execution logs "$next" >next.log 2>&1
has "and knows after what" next.log "^after $first SUCCESS\$"

# ---- a key of our own ----
key=$(cadre trigger key company.team/own/call 2>key.err)
is "a key has 32 letters" 32 "$(printf %s "$key" | wc -c)"
call "webhooks/company.team/own?n=7" -H "Authorization: Bearer $key"
is "the key in the header opens it" 200 "$status"
cadre execution logs "$(id_of)" >own.log 2>&1
has "parameters reach the task" own.log '^7$'
second=$(cadre trigger key company.team/own/call 2>>key.err)
call "webhooks/company.team/own/$key"
is "a new key ends the one before" 404 "$status"
mv answer unknown
call "webhooks/company.team/none/$key"
holds "an unknown flow is answered as an unknown key" cmp -s answer unknown
cadre trigger disable company.team/own/call >/dev/null
call "webhooks/company.team/own/$second?n=8"
is "who has the key is told that it is disabled" 409 "$status"
cadre trigger enable company.team/own/call >/dev/null

# ---- the limit ----
limited() {
    call "webhooks/company.team/own/$second?n=8"
    [ "$status" = 429 ]
}
holds "more calls than the limit are refused" until_true 60 limited

# ---- nowhere ----
end "$coordinator"
is "no log has a key" "" \
    "$(grep -rlE "kestra-s-own-key|$key|$second" ./*.log coordinator.out key.err)"
has "who made a key is in the log" coordinator.log 'audit: .*trigger key company.team/own/call'
is "no file of the coordinator has a key of its own" "" "$(grep -rlaE "$key|$second" server)"
done_testing
