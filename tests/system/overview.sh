#!/bin/sh
# What a page shows first, by the API: how long jobs waited, what failed and why, what comes next;
# each number with the list behind it. Then the same after a restart.
. "$(dirname "$0")/lib.sh"

printf 'listen: 127.0.0.1:0\n' >coordinator.yaml
coordinator_up
agent_up a --slots 2
token=$(cadre token create api --role read -o json | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
get() { # PATH [CURL OPTION...]: prints the status; the body is in got
    get_path=$1
    shift
    curl -sS --cacert server/ca.pem -o got -w '%{http_code}' \
        -H "Authorization: Bearer $token" "$@" "https://$CADRE_URL$get_path"
}
count() { grep -oE "\"$1\":" got | wc -l | tr -d ' '; } # members of that name in got
# The jobs that the first cause of `got` counts, and those that its query lists.
counted() { sed -n 's/.*"causes":\[{[^]]*"count":\([0-9]*\).*/\1/p' got | head -n 1; }
query() {
    sed 's/.*"causes":\[{//; s/.*"query":{//; s/}.*//; s/"//g; s/^\([a-zA-Z]*\):/\1=/
        s/,\([a-zA-Z]*\):/\&\1=/g; s/:/%3A/g' got
}

is "nothing waited yet" 200 "$(get /api/v1/waits)"
has "and no group is told" got '"since":"[^"]+","groups":\[\]'
is "nothing failed yet" 200 "$(get /api/v1/failures)"
has "as far as there are jobs" got '"looked":0,"complete":true,"causeCount":0,"causes":\[\]'
is "no schedule comes" 200 "$(get '/api/v1/triggers?order=next')"
has "an empty list" got '"triggers":\[\],"nextCursor":null'

cadre group create gpu >/dev/null
cadre run -- true || not_ok "a job runs"
for n in 1 2 3; do
    cadre run --name broken -- sh -c 'exit 3' 2>/dev/null && not_ok "job $n fails"
done
cadre run -- sh -c 'kill -9 $$' 2>/dev/null && not_ok "a killed job fails"
cadre run --group gpu --fallback FAIL -- true 2>/dev/null && not_ok "nobody runs it"
stopped=$(cadre run --detach -- sleep 600)
holds "a job runs" until_true 30 job_is "$stopped" RUNNING
cadre job cancel "$stopped" >/dev/null
holds "and is cancelled" until_true 30 job_is "$stopped" KILLED

is "waits are told" 200 "$(get /api/v1/waits)"
has "of the group that had jobs" got \
    '"groups":\[\{"group":"default","shared":false,"hour":\{"jobs":6,"p50":"[0-9.]+m?s","p95":"'
is "and of no other" 1 "$(count group)"
is "or of one group" 200 "$(get '/api/v1/waits?group=gpu')"
has "that had none" got '"groups":\[\]'
is "a group that there is not is refused" 422 "$(get '/api/v1/waits?group=gpus')"

is "failures are told" 200 "$(get /api/v1/failures)"
has "by cause, without what was cancelled" got '"causeCount":3,' \
    '"reason":"exit-code","exitCode":3,"kind":"job",.*"name":"broken","group":null,.*"count":3,' \
    '"exitCode":137,.*"name":null,.*"message":"ended by signal 9' \
    '"state":"FAILED","reason":"no-agent","exitCode":null,"kind":null,.*"group":"gpu",'
is "the most frequent alone" 200 "$(get '/api/v1/failures?limit=1')"
has "with how many there are" got '"causeCount":3,'
counted=$(counted)
is "is the first" 3 "$counted"
is "its query is one" 200 "$(get "/api/v1/jobs?$(query)")"
is "its query lists just these" "$counted" "$(count what)"
is "all of that exit code" 3 "$(grep -oE '"exitCode":3,' got | wc -l | tr -d ' ')"
cadre failures >out 2>err
has "the command has the causes, the most frequent first" out '^JOBS +STATE +CAUSE +OF +LAST' \
    '^3 +FAILED +exit code 3 +broken +[0-9T:.-]+Z +[0-9a-z]{13} ' \
    '^1 +FAILED +exit code 137 +jobs without a name .*ended by signal 9' \
    '^1 +FAILED +no-agent +group gpu '
is "three of them" 4 "$(grep -c . out)"
is "below another namespace there are none" 1 "$(cadre failures --namespace z | grep -c .)"
cadre failures --since noon >out 2>err
is "no time is refused by the command, too" 2 $?
cadre waits >out 2>err
has "it has the waits" out '^GROUP +HOUR +P50 +P95 +P99 +DAY ' '^default +6 +[0-9.]+m?s .* 6 '
has "and since when" err 'counted since the coordinator started, [0-9T:.-]+Z'
cadre waits --group gpus >out 2>err
is "of a group that there is not" 1 $?
has "it says so" err "no worker group 'gpus'"
is "a time that is none is refused" 422 "$(get '/api/v1/failures?since=noon')"

is "a group has its history" 200 "$(get /api/v1/groups/default/history)"
has "from the start" got '"step":"1m","shared":false,"points":\[\{"at":"[^"]+","agents":[01],'
is "also of a day" 200 "$(get '/api/v1/groups/default/history?span=day')"
has "in larger steps" got '"step":"5m",'
is "a group that there is not has none" 404 "$(get /api/v1/groups/gpus/history)"

cat >flow.yaml <<'F'
id: tick
namespace: a
labels: {owner: ops}
tasks:
  - {id: t, command: ["true"]}
triggers:
  - {id: year, cron: "0 0 1 1 *", timezone: UTC}
  - {id: hour, cron: "0 * * * *", timezone: UTC}
  - {id: never, cron: "0 * * * *", disabled: true}
F
cadre flow apply flow.yaml >/dev/null
is "schedules come" 200 "$(get '/api/v1/triggers?order=next')"
is "in the order of their moments" "hour year" \
    "$(grep -oE '"flow":"tick","id":"[a-z]+"' got | sed 's/.*"id":"//; s/"//' | tr '\n' ' ' |
        sed 's/ $//')"
is "as the command prints them" "hour year" \
    "$(cadre trigger list --order next | awk 'NR > 1 { print $1 }' | sed 's/.*\///' | tr '\n' ' ' |
        sed 's/ $//')"
cadre trigger list --order last >out 2>err
is "an order that there is not is refused" 2 $?
has "with those that there are" err "order.*next"
cadre flow run a/tick >/dev/null 2>&1 || not_ok "the flow runs"
is "a label is a filter of jobs" 200 "$(get '/api/v1/jobs?label=owner=ops')"
is "jobs are found by a label of their execution" 1 "$(count what)"
is "another one is, too" 200 "$(get '/api/v1/jobs?label=owner=dev')"
is "and finds none" 0 "$(count what)"
is "a label that says nothing is refused" 422 "$(get '/api/v1/jobs?label=')"
has "and says how it is written" got 'KEY=VALUE'

end "$coordinator"
coordinator_up
is "after a restart" 200 "$(get /api/v1/waits)"
has "waits begin anew" got '"groups":\[\]'
is "failures are kept" 200 "$(get /api/v1/failures)"
has "all of them" got '"causeCount":3,'
is "and what comes next" 200 "$(get '/api/v1/triggers?order=next&limit=1')"
has "as before" got '"id":"hour"' '"nextCursor":"[0-9]+/[0-9]+"'
# ---- more groups than one answer has ----
for i in $(seq 501); do
    cat <<END
next
url = "https://$CADRE_URL/api/v1/groups"
cacert = server/ca.pem
header = "Authorization: Bearer $(cat server/admin.token)"
data = "{\"key\": \"many$i\"}"
output = /dev/null
silent
END
done >calls
curl -K calls || not_ok "501 groups are made"
cadre group list --order busy >out 2>err
is "the 500 busiest are listed" 501 "$(grep -c . out)"
has "and that there are more" err 'there are more; without --order all are listed'
cadre group list >out 2>err
is "which are all listed without it" " 504" "$(cat err) $(grep -c . out)"
end "$agent"
end "$coordinator"
done_testing
