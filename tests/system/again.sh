#!/bin/sh
# Jobs that ended run again, as new jobs; also when the coordinator is killed between.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 4

# ---- one ----
first=$(cadre run --detach --name odd --namespace company.team --priority 7 --timeout 1h \
    --require os=linux --env 'A=b c' -- sh -c 'echo "$A"; exit 3')
until_true 30 job_is "$first" FAILED || not_ok "the first fails"
second=$(cadre job retry "$first")
is "a retry exits with 0" 0 $?
is "and prints an id" 13 "$(printf %s "$second" | wc -c)"
holds "of another job" [ "$first" != "$second" ]
holds "that runs and fails as well" until_true 30 job_is "$second" FAILED
is "with the same output" "b c" "$(cadre job logs "$second")"
cadre job show "$second" >show
has "it names the job that it repeats" show "^retryOf +$first\$"
has "and is like it" show '^name +odd$' '^namespace +company\.team$' '^priority +7$' \
    '^timeout +1h$' '^exitCode +3$' '^requires +.*os'
is "the first one names none" 0 "$(cadre job show "$first" | grep -c retryOf)"
cadre -o json job show "$second" >out
has "in JSON, too" out "\"retryOf\":\"$first\""
third=$(cadre job retry "$second")
is "a retry is retried" "$second" "$(job_field "$third" retryOf)"
has "the log tells who did it" coordinator.log \
    "audit: retry $first as $second by 'first administrator'"

# ---- several ----
plain=$(cadre run --detach -- true)
waits=$(cadre run --detach --require label.no=where -- true)
until_true 30 job_is "$plain" SUCCESS || not_ok "the plain job ends"
cadre job retry "$plain" 06f3k9x2m1c7a "$waits" "$first" >out 2>err
is "when one cannot be retried the exit code tells" 1 $?
is "the others are" 2 "$(grep -cE '^[0-9a-z]{13}$' out)"
has "and it is told why" err 'there is no job 06f3k9x2m1c7a' 'has not ended: it is CREATED'
cadre job retry >out 2>err
is "none at all is refused" 2 $?

# ---- what is not retried ----
cat >f.yaml <<'F'
id: f
namespace: company.team
tasks: [{id: t, command: ["true"]}]
F
cadre flow apply f.yaml >out
cadre flow run company.team/f >out 2>err
task=$(cadre job list --kind task | awk 'NR == 2 { print $1 }')
cadre job retry "$task" >out 2>err
is "a task of a flow is refused" 1 $?
has "with the command that runs the whole again" err 'cadre flow run company\.team/f'
cadre group create gone >out
old=$(cadre run --detach --group gone --queue-timeout 10ms -- true)
until_true 30 job_is "$old" FAILED || not_ok "the job of the group ends"
cadre group delete gone >out
cadre job retry "$old" >out 2>err
has "a group that is gone is told" err "there is no worker group 'gone'"

# ---- kill -9 between ----
api() {
    curl -s --cacert server/ca.pem -H "Authorization: Bearer $(cat server/admin.token)" "$@"
}
base=https://127.0.0.1:$port/api/v1/jobs
api -X POST -H 'Idempotency-Key: again-1' "$base/$waits/retry" >out
has "the API refuses as well" out '"code":"conflict"'
api -X POST -H 'Idempotency-Key: again-1' -H 'Prefer: return=minimal' "$base/$plain/retry" >before
has "a retry with a key is new" before '^\{"id":"[0-9a-z]*","duplicate":false\}'
end "$coordinator" KILL
coordinator_up
api -X POST -H 'Idempotency-Key: again-1' -H 'Prefer: return=minimal' "$base/$plain/retry" >after
made=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' before)
has "after kill -9 the key still finds it" after "^\\{\"id\":\"$made\",\"duplicate\":true\\}"
holds "and it ran, or runs now" until_true 60 job_is "$made" SUCCESS
is "with the name of what it repeats" "$plain" "$(job_field "$made" retryOf)"
is "and once" 2 "$(api "$base?limit=100" | tr '{' '\n' | grep -c "\"retryOf\":\"$plain\"")"
done_testing
