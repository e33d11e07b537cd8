#!/bin/sh
# Finding jobs: what ran, names, kinds, and the line that submits a job again.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 4

# ---- what ran, by which name ----
cadre run --name nightly -- true
plain=$(cadre run --detach -- printf '%s\n' 'two words')
cadre job list >out
has "a job is told by its name, else by what it runs" out 'job +nightly$' \
    'job +printf %s.n two words$'
is "a time finds what is newer" 2 "$(cadre job list --since 1h | grep -cE "nightly|printf")"
is "or older" 0 "$(cadre job list --until 1h | grep -cE "nightly|printf")"
is "the beginning of an id finds the job" 1 "$(cadre job list --id "$plain" | grep -c "^$plain")"
cadre job list --since yesterday >out 2>err
is "another word is no time" 2 $?
is "a name finds its jobs" 1 "$(cadre job list --name nightly | grep -c nightly)"
has "job show takes a name" "$(cadre job show nightly >show && echo show)" '^state +SUCCESS$'
cadre job logs nightly >out 2>err
is "and so do logs" 0 $?
cadre job why nightly >out
has "and why" out 'is SUCCESS$'
cadre job cancel nightly >out 2>err
has "and cancel" err 'has ended already'
cadre run --name nightly -- false
cadre job show nightly >out 2>err
is "a name of several jobs is refused" 1 $?
has "with the jobs to choose from" err "several jobs are named 'nightly'" ' SUCCESS, ' ' FAILED, '
cadre job logs --follow nightly >out 2>err
is "with the code of Cadre where the job's own is awaited" 125 $?
cadre job show nobody >out 2>err
has "an unknown name is told" err "no job named 'nobody'"
cadre run --name "$plain" -- false
is "an id wins over a name" "$plain" "$(cadre job show "$plain" | sed -n 's/^id  *//p')"
has "and of that job" "$(cadre job show "$plain" >show && echo show)" '^state +SUCCESS$'

# ---- again ----
until_true 30 job_is "$plain" SUCCESS || not_ok "the job succeeds"
cadre job show "$plain" >show
has "job show tells the line" show "^cadre run -- printf '%s.n' 'two words'\$"
odd=$(printf 'it'\''s "$HOME" `x`\n\033[1m\t\\ \342\200\256end')
first=$(printf '#!/bin/sh\nprintf "[%%s]" "$@" "$ODD"' | cadre run --detach --name odd \
    --env "ODD=$odd" --script - -- '' "$odd" -x)
cadre job show --command odd >line
cadre -o json job show --command odd >out 2>&1
is "it is no JSON" 2 $?
is "nothing in it is obeyed by a terminal" 0 "$(LC_ALL=C grep -c "$(printf '\033')" line)"
sh ./line >again 2>&1
until_true 30 job_is "$first" SUCCESS || not_ok "the first succeeds"
is "the line does the same again" "$(cadre job logs "$first")" "$(cat again)"
second=$(cadre -o json job list --name odd --limit 1 | sed 's/.*"id":"\([^"]*\)".*/\1/')
spec_of() { cadre -o json job show "$1" | sed 's/.*"spec"://'; }
is "and is a job of its own" 2 "$(cadre job list --name odd | grep -c odd)"
is "of the same spec" "$(spec_of "$first")" "$(spec_of "$second")"
printf 'a b' | cadre run --name in --stdin - -- cat >out
cadre job show --command in >line
is "input comes back" "a b" "$(sh ./line)"

# ---- secrets ----
cadre run --env DB_PASSWORD=x --env EMPTY_TOKEN= -- true 2>err
has "a name of a secret is warned of" err 'warning: the job keeps DB_PASSWORD, '
is "once" 1 "$(grep -c warning err)"
cadre run --env PATH=/bin -- true 2>err
is "others are not" "" "$(cat err)"

# ---- evaluations ----
mkdir flows
cat >flows/f.yaml <<'F'
id: f
namespace: a
tasks: [{id: t, command: [echo, "{{ trigger.k }}"]}]
triggers:
  - {id: no, interval: 1h, command: ["false"]}
  - {id: yes, interval: 1h, script: "echo '::{\"outputs\":{\"k\":\"v\"}}::'"}
  - {id: bad, interval: 1h, command: [sh, -c, exit 2]}
F
cadre flow apply flows >out
three() { [ "$(cadre job list --kind evaluation | grep -cE ' (NO|FIRED|FAILED) ')" -eq 3 ]; }
holds "three evaluations end" until_true 30 three
cadre job list --kind evaluation >out
has "as fired, no, and failed" out ' NO .*evaluation +f/no$' ' FIRED .*evaluation +f/yes$' \
    ' FAILED .*evaluation +f/bad$'
cadre job list --state FAILED >out
is "they are hidden else" 0 "$(grep -c evaluation out)"
is "no is no failure" 1 "$(cadre job list --state FAILED --kind all | grep -c evaluation)"
has "the agent warns of the one that went wrong" a.log ' warn .* ended state=FAILED exit=2'
is "and of no other" 1 "$(grep -c ' warn .* ended state=' a.log)"
has "and so does the coordinator" coordinator.log 'trigger bad of a.*exit code 2'
is "once" 1 "$(grep -c 'trigger .* of a' coordinator.log)"

# ---- by the cause of the end, and by what it is of ----
cat >flows/g.yaml <<'F'
id: g
namespace: a
labels: {team: data, day: mon}
tasks:
  - {id: one, command: [sh, -c, exit 5], allowFailure: true}
  - {id: two, command: ["true"]}
F
cadre flow apply flows >out
cadre flow run a/g >out 2>&1
cadre run -- sh -c 'exit 5'
# finds NUMBER OPTION...: so many jobs are listed
finds() {
    number=$1
    shift
    is "job list $*" "$number" "$(cadre job list --kind all "$@" | grep -cE '^[0-9a-z]{13} ')"
}
finds 2 --exit-code 5
finds 1 --exit-code 5 --flow a/g
finds 1 --exit-code 5 --flow a.g --reason exit-code
finds 0 --exit-code 5 --reason timeout,none
finds 1 --exit-code 2 --task bad
finds 0 --exit-code 5 --task two
finds 2 --flow a/g
finds 2 --label team=data --label day=mon
finds 0 --label team=data --label day=tue
finds 1 --exit-code 5 --unnamed --kind job
finds 0 --name odd --exit-code 5
finds 2 --exit-code 5 --ended-since 1h
finds 0 --exit-code 5 --ended-until 1h
finds 0 --exit-code 5 --ended-since 2100-01-01T00:00:00Z
is "they choose what is run again, too" "1 job matches" \
    "$(cadre job retry --dry-run --exit-code 5 --unnamed)"
is "of a flow nothing is run again alone" "0 jobs match" "$(cadre job retry --dry-run --flow a/g)"
is "and nothing is cancelled that is not so" "0 jobs match" \
    "$(cadre job cancel --dry-run --flow a/g --task one --label team=data --reason none)"
# refuses CODE PART OPTION...
refuses() {
    code=$1 part=$2
    shift 2
    cadre job list "$@" >out 2>err
    is "job list $* is refused" "$code" $?
    has "with the cause" err "$part"
}
refuses 2 "exit-code: 'x' is not a whole number" --exit-code x
refuses 1 "exitCode: '99999999999' is not a whole number from" --exit-code 99999999999
refuses 1 "reason: .*'lots'" --reason lots
refuses 2 "ended-since.*'noon'" --ended-since noon
cadre group create last >/dev/null
late=$(cadre run --detach --group last -- true)
is "the busy groups come first" last "$(cadre group list --order busy | awk 'NR == 2 { print $1 }')"
cadre job cancel "$late" >/dev/null
cadre group list --order queued >out 2>err
is "an order that there is not is refused" 2 $?
has "with those that there are" err "order.*busy"
refuses 2 'not of the form NAMESPACE/FLOW' --flow g
refuses 2 'leave --namespace out' --flow a/g --namespace a
refuses 2 'reason is empty' --reason ''
refuses 2 'label' --label team
refuses 1 'not without one' --unnamed --name odd

# ---- what waits ----
cadre group create g >out
join_agent b --worker-group g
agent_up b
cadre group update g --require os=windows >out
refused() { cadre agent list | grep -qE '^b +OFFLINE .* refused [0-9]+m?s ago: requires-not-met'; }
holds "an agent that is refused says so in the list" until_true 60 refused
# states OPTION...: the agents that are listed
states() { cadre agent list "$@" | sed 1d | awk '{ print $1 "=" $2 }' | tr '\n' ' '; }
is "agents are listed by their state" "b=OFFLINE " "$(states --state OFFLINE)"
is "or several" "a=ONLINE b=OFFLINE " "$(states --state UNWELL,OFFLINE,ONLINE)"
is "of a group" "b=OFFLINE " "$(states --state ONLINE,OFFLINE --group g)"
cadre agent drain a >out
is "one that drains is so alone" "a=DRAINING " "$(states --state DRAINING)"
is "and not online" "" "$(states --state ONLINE)"
cadre agent resume a >out
for wrong in online ONLINE,away ,ONLINE; do
    cadre -o json agent list --state "$wrong" >out 2>err
    is "the state $wrong is refused" 1 $?
    has "with those that there are" err '"code":"invalid"' '"field":"state"' \
        'is not a state; there are ONLINE, OFFLINE, DRAINING, UNWELL'
done
cadre agent show b >show
has "and why where it is shown" show '^refused at 20.*Z, requires-not-met: .*requires os = windows'
has "in JSON, too" "$(cadre -o json agent show b >show && echo show)" \
    '"lastRefusal":\{"reason":"requires-not-met","message":".*","at":"20'
id=$(cadre run --detach --group g -- true)
cadre job why "$id" >out
has "job why names it" out '^no-agent-online: .* b was refused at 20'
cat >flows/f.yaml <<'F'
id: f
namespace: a
workerGroup: {key: g}
tasks: [{id: t, command: ["true"]}]
triggers: [{id: w, interval: 1h, command: ["true"]}]
F
cadre flow apply flows >out
cadre trigger show a/f/w >show
has "a trigger says what its evaluation waits for" show '^state +EVALUATING' \
    '^waiting +group g has no agent online: b was refused'
is "and promises no time" 0 "$(grep -c nextAt show)"
cadre group update g --require os=linux >out
holds "the agent is let in again" until_true 60 agent_is b ONLINE
is "and no refusal is told" 0 "$(cadre agent show b | grep -c refused)"
holds "the job runs" until_true 60 job_is "$id" SUCCESS
done_testing
