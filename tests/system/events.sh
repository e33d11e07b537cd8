#!/bin/sh
# GET /api/v1/events: whoever shows what there is hears that it changed, over TLS, until the token
# ends, and again after the coordinator was killed.
. "$(dirname "$0")/lib.sh"

coordinator_up
admin=$(cat server/admin.token)
hear() { # FILE TOKEN QUERY: sets $heard
    curl -sSN --cacert server/ca.pem -H "Authorization: Bearer $2" \
        "https://$CADRE_URL/api/v1/events$3" >"$1" 2>"$1.err" &
    heard=$!
    pids="$pids $heard"
}
told() { grep -q -- "$2" "$1"; }

hear all "$admin" ''
all=$heard
hear agents "$admin" '?topic=agents'
agents=$heard
until_true 20 told all '^event: open' || not_ok "the stream opens"
until_true 20 told agents '"topics":\["agents"\]' || not_ok "so does the other"

agent_up a --slots 2
holds "an agent that comes is told" until_true 20 told agents '^event: agents'
id=$(cadre run --detach -- true)
until_true 20 job_is "$id" SUCCESS || not_ok "the job runs"
told_id() { told "$1" "\"event\":\"$2\",\"ids\":\\[.*\"$3\""; }
holds "a job is told by its id" until_true 20 told_id all jobs "$id"
cadre group create gpu >out
holds "a group is told" until_true 20 told all '^event: groups'
cat >f.yaml <<'END'
id: f
namespace: a
tasks: [{id: t, command: [true]}]
triggers: [{id: at, cron: '@yearly'}]
END
cadre flow apply f.yaml >out
holds "so is a flow" until_true 20 told all '^event: flows'
holds "and its trigger" until_true 20 told all '^event: triggers'
execution=$(cadre flow run a/f --detach)
holds "and its execution, by the id" until_true 20 told_id all executions "$execution"
is "who asked for agents hears of agents alone" 0 "$(grep '^event: ' agents |
    grep -cv -e 'event: open' -e 'event: agents' -e 'event: ping')"

cadre token create api --role read --name viewer >viewer 2>err
viewer=$(grep -o 'cadre[_-][^ ]*' viewer | tail -n 1)
hear seen "$viewer" '?topic=jobs'
seen=$heard
until_true 20 told seen '^event: open' || not_ok "a reader's stream opens"
cadre token revoke "$(cadre token list | awk '/ viewer/ { print $1 }')" >out
holds "a revoked token ends its stream" until_true 20 gone "$seen"
wait "$seen"
code=$?
[ $code -ne 0 ] && ok "as one that broke off" || not_ok "it broke off: $code"
hear seen "$viewer" ''
wait "$heard"
has "and there is no other one" seen 'token-revoked'

end "$coordinator" KILL
holds "a killed coordinator ends them all" until_true 20 gone "$all"
coordinator_up
hear all "$admin" '?topic=jobs'
until_true 20 told all '^event: open' || not_ok "and the next one serves"
id=$(cadre run --detach -- true)
holds "the next one tells, too" until_true 20 told all "\"$id\""

end "$agent"
end "$coordinator"
holds "a stop ends the stream" until_true 20 gone "$heard"
done_testing
