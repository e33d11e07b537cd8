#!/bin/sh
# With -o json every command speaks JSON: standard output holds one document, or one object a line
# where it streams; standard error holds {"error": ...} or {"note": ...}, one object a line. And
# every option of `join` ends in the configuration that the agent runs with.
leaks=yes
. "$(dirname "$0")/lib.sh"
coordinator_up

# ---- what `join` is told is what the agent runs with ----
token=$(cadre token create join 2>/dev/null)
cadre-agent join "$token" --config a.yaml --state a --name a --slots 3 --label zone=b \
    --label rack=7 --log-level debug >join.out 2>&1
is "join takes the options of the agent" 0 $?
has "and writes them" a.yaml '^slots: 3$' '"zone": "b"' '"rack": "7"' '^logLevel: "debug"$'
agent_up a
cadre -o json agent show a >out
has "the agent runs with them" out '"slots":3' '"zone":"b"' '"rack":"7"'
cadre -o json token create join --uses 0 >out 2>err
is "a join token without a limit is made" 0 $?
has "and has none" out '"uses":null'
cadre-agent capabilities --config a.yaml --state a --slots 2 >out 2>err
is "an option without an effect is refused" 2 $?
has "with its command" err "\-\-slots is not an option of 'cadre-agent capabilities'"

# ---- a list of addresses that stands in agent.yaml ----
# rejoins NAME COORDINATOR: with that line in its file, a machine joins
rejoins() {
    printf '# mine\ncoordinator: %s\nslots: 2\n' "$2" >"$1.yaml"
    cp "$1.yaml" before
    token=$(cadre token create join 2>/dev/null)
    cadre-agent join "$token" --config "$1.yaml" --state "$1" --name "$1" >join.out 2>&1
    is "a machine joins with coordinator: $2" 0 $?
}
# stays NAME: the lines that stood there are there still
stays() { is "what stood there stays" "$(cat before)" "$(head -n "$(wc -l <before)" "$1.yaml")"; }
at=127.0.0.1:$port
rejoins list1 "[\"127.0.0.9:1\", \"$at\"]"
stays list1
is "without a word" 0 "$(grep -c 'left as it is' join.out)"
rejoins list2 "
  - 127.0.0.9:1  # the second one
  - 127.0.0.9:2"
stays list2
has "when it has no address of the token join says so" join.out "list2.yaml is left as it is" "$at"
rejoins list3 '["127.0.0.9:1"]'
stays list3
has "also of a list of one" join.out "left as it is"
token=$(cadre token create join 2>/dev/null)
cadre-agent join "$token" --config list3.yaml --state list3 --name list3 --replace >join.out 2>&1
is "joined anew" 0 $?
has "... and leaves the coordinator of before" list3.yaml "^coordinator: .*$at"
is "... whose address is gone" 0 "$(grep -c '127.0.0.9' list3.yaml)"
rejoins text1 '127.0.0.9:1'
has "one address is replaced" text1.yaml "^coordinator: .*$at" '^# mine$' '^slots: 2$'
is "and gone" 0 "$(grep -c '127.0.0.9' text1.yaml)"
rejoins text2 '[]'
has "so is an empty list" text2.yaml "^coordinator: .*$at"

# ---- all commands ----
cat >check.py <<'END_PY'
# check.py: a line of `runs` is NUMBER CODE FORM COMMAND. Is out.NUMBER JSON of this form (one: a
# document; lines: one object a line; fails: nothing), is every line of err.NUMBER an object, and
# is there an error exactly where the exit code tells of one?
import json

def read(name):
    with open(name, encoding="utf-8") as f:
        return f.read()

def objects(name):
    values = [json.loads(line) for line in read(name).splitlines()]
    assert all(isinstance(v, dict) for v in values), f"{name}: a line is not an object"
    return values

def check(number, code, form):
    out, said = f"out.{number}", objects(f"err.{number}")
    errors = [v["error"] for v in said if "error" in v]
    assert all(set(v) in ({"error"}, {"note"}) for v in said), "another key on standard error"
    if form == "fails":
        assert code != 0 and len(errors) == 1, f"exit {code} with {len(errors)} errors"
        assert read(out) == "", "a failure has printed something"
        assert errors[0]["code"] and errors[0]["message"], "no code or no message"
        assert "field" in errors[0], "no field"
        return
    assert code == 0 and not errors, f"exit {code} with {len(errors)} errors"
    if form == "one":
        json.loads(read(out))
    else:
        assert objects(out), "nothing was printed"

for line in read("runs").splitlines():
    number, code, form, command = line.split(" ", 3)
    try:
        check(number, int(code), form)
        print(f"ok - {form}: {command}")
    except (AssertionError, ValueError, KeyError) as e:
        print(f"not ok - {form}: {command}: {e}: {read('out.' + number)[:200]!r} "
              f"{read('err.' + number)[:200]!r}")
END_PY

# json FORM COMMAND...: runs it; check.py looks at what was printed, when all are done
: >runs
run=0
json() {
    form=$1
    shift
    run=$((run + 1))
    cadre -o json "$@" >out.$run 2>err.$run </dev/null
    printf '%s ' "$run" $? "$form" cadre "$@" >>runs
    echo >>runs
    cp out.$run out
    cp err.$run err
}

cat >flow.yaml <<'END'
id: two
namespace: company.team
tasks:
  - id: say
    command: ["echo", "hello"]
triggers:
  - id: never
    interval: PT1H
    command: ["false"]
  - {id: yearly, cron: "@yearly"}
  - {id: call, webhook: {}}
END
printf 'id: bad\nnamespace: company.team\ntasks:\n  - id: x\n' >bad.yaml

json one version
json one status
json one failures
json one failures --namespace company.team --since 1h
json one waits
json one waits --group default
json fails failures --namespace ''
json fails failures x
json fails waits --group nosuch
json one login "$(cat server/admin.token)"
json fails login nonsense
json lines run -- sh -c 'echo out; echo err >&2; printf "\377\000"'
has "the job's output is in lines" out '"stream":"stdout"' '"stream":"stderr"' '"base64"'
has "and the job is the last" out '"state":"SUCCESS"'
json lines job run -- true
json one run --detach -- true
id=$(sed -n 's/^{"id":"\([^"]*\)".*/\1/p' out)
json fails run --group nosuch -- true
has "an error names what the coordinator says" err '"code":"unknown-group"' '"field":"group"'
json fails run
json fails run --timeout soon -- true
has "an error names the option" err '"field":"--timeout"'
has "and is one of the command line" err '"code":"usage"'
for wrong in 'run' 'run --group' 'run --script nowhere echo' 'job list --limit none' nosuch \
    'job nosuch' '--wait soon status' '--url a:99999 status' 'help nosuch' 'job show' \
    'group create x --require os'; do
    json fails $wrong
    has "'$wrong' is a wrong command line" err '"code":"usage"'
done
json fails run --script nowhere
has "a file that is not there is none" err '"code":"not-found"' '"field":"--script"'
json one job list
json fails job list --limit none
json one job show "$id"
json fails job show 0000000000000
json lines job logs "$(cadre run --detach -- echo x)" --follow
json fails job logs 0000000000000
json one job why "$id"
json fails job why 0000000000000
json one job cancel "$(cadre run --detach -- sleep 300)"
json fails job cancel 0000000000000
json one job retry "$id"
has "of a retry the new id is told" out '^\{"id":"[^"]*","duplicate":false\}$'
json fails job retry 0000000000000
json one job cancel --group default --dry-run
json one job cancel --group default --yes
has "of many cancelled the numbers are told" out '^\{"matched":[0-9]*,"cancelled":[0-9]*,"killing"'
json fails job cancel --group default
json fails job cancel --group nosuch --yes
json fails job cancel --all --state FAILED
json one job retry --state SUCCESS --dry-run
has "and of a dry run how many there are" out '^\{"matched":[1-9][0-9]*\}$'
json one job retry --id "$id" --state SUCCESS --yes
has "of many retried each is told" out '"refused":0,"jobs":\[\{"retryOf":"[^"]*","id":"'
json fails job retry --state CREATED --yes
json one flow apply flow.yaml
json fails flow apply bad.yaml
has "all that is wrong is in the error" err '"problems":\[\{"file":"bad.yaml"'
json fails flow apply nosuch.yaml
json one flow validate flow.yaml
json fails flow validate bad.yaml
json one flow diff flow.yaml
json fails flow diff nosuch.yaml
json one flow export --dir exported
json fails flow export --dir exported company.team/nosuch
json fails flow export --dir exported nosuch
has "a namespace without flows is named" err 'no flow in the namespace nosuch'
json one flow list
json one flow show company.team/two
json one flow show --source company.team/two
json fails flow show company.team/nosuch
json lines flow run company.team/two
json one flow run --detach company.team/two
execution=$(sed -n 's/^{"id":"\([^"]*\)".*/\1/p' out)
json fails flow run company.team/nosuch
json one execution list
json fails execution list --flow nosuch
json one execution show "$execution"
json fails execution show 0000000000000
json lines execution logs --follow "$execution"
json fails execution logs 0000000000000
json fails execution cancel 0000000000000
json one trigger list
json one trigger show company.team/two/never
json one trigger next company.team/two/yearly
json one trigger backfill company.team/two/yearly --start 2020-01-01 --end 2021-12-31 --dry-run
json one trigger backfill company.team/two/yearly --start 2020-01-01 --end 2021-12-31
json one trigger backfills company.team/two/yearly
json one trigger disable company.team/two/never
json one trigger enable company.team/two/never
json one trigger run company.team/two/never
json one trigger key company.team/two/call
json fails trigger show company.team/two/nosuch
json fails trigger next company.team/two/never
json fails trigger backfill company.team/two/yearly --start yesterday --end 2021-12-31
json fails trigger backfills company.team/two/never
json fails trigger disable nosuch
json fails trigger enable company.team/two/nosuch
json fails trigger run company.team/two/nosuch
json fails trigger key company.team/two/never
json one group create gpu
json fails group create gpu
json one group list
json one group show gpu
json fails group show nosuch
json one group update gpu --max-queued 7
json fails group update nosuch --max-queued 7
json one group pause gpu
json one group resume gpu
json one namespace set company.team --group gpu --notify-nobody
json fails namespace set company.team --group nosuch
json fails namespace set company.team --notify nosuch
json one namespace list
json one namespace show company.team
json fails namespace show ..
json one namespace unset company.team
json fails namespace unset ..
json one group delete gpu
json fails group delete gpu
json fails group pause gpu
json fails group resume gpu
json one agent list
json one agent show a
json fails agent show nosuch
json one agent history a
json fails agent history nosuch
json one agent drain a
json one agent resume a
json fails agent drain nosuch
json fails agent resume nosuch
json fails agent remove nosuch
json one token create join
json one token create api --role read --name reader
token_id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' out)
json fails token create api --role king
has "an error of a choice names the option" err '"field":"--role"'
json one token list
json one coordinator list
json one notify list
json one notify channels
json one token revoke "$token_id"
json fails token revoke 0000000000000
json one flow delete company.team/two
json fails flow delete company.team/two
json fails flow delete nosuch
json one help
json one help job
json one job
json one run --help
json fails help nosuch
json fails job list --group ''
json fails job list --state ''
json fails execution list --flow ''
json fails run --detach --stream stdout -- true
json fails flow run --detach --stream stdout company.team/two
json fails notify test nowhere
json fails status x
json fails version x
json fails ps
json fails
python3 check.py >checked
cat checked
is "every command has spoken JSON" 0 "$(grep -c '^not ok' checked)"
is "and every run was looked at" "$run" "$(grep -c . checked)"
cadre help --man | sed -n 's/^\.SS cadre \([a-z ]*[a-z]\).*/\1/p' >commands
while read -r command; do
    grep -q " cadre $command " runs || not_ok "the walk has tried 'cadre $command'"
done <commands
holds "the walk has all commands" test "$(wc -l <commands)" -ge 44
done_testing
