#!/bin/sh
# Cancelling and retrying by filters: counted first, asked for, and done to each job once, also when
# the coordinator is killed in the middle.
. "$(dirname "$0")/lib.sh"
echo "# seed $seed"
coordinator_up
agent_up a --slots 4
cadre group create idle >out # no agent ever serves it

# api METHOD PATH [CURL OPTION...]
api() {
    method=$1 path=$2
    shift 2
    curl -s --retry 20 --retry-all-errors --retry-delay 1 --cacert server/ca.pem -X "$method" \
        -H "Authorization: Bearer $(cat server/admin.token)" "$@" "https://$CADRE_URL$path"
}
# queue COUNT: so many jobs that wait
queue() {
    awk -v n="$1" 'BEGIN {
        printf "["
        for (i = 1; i <= n; i++)
            printf "%s{\"command\":[\"true\"],\"group\":\"idle\",\"namespace\":\"team.a\"}",
                (i > 1 ? "," : "")
        print "]"
    }' >jobs.json
    api POST /api/v1/jobs --data-binary @jobs.json >queued.json
}
number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "${2:-out}"; }
# matching OPTION...: how many jobs there are of the filter
matching() { cadre job cancel --dry-run "$@" | sed 's/ .*//'; }
ended() { cadre job retry --dry-run "$@" | sed 's/ .*//'; }

# ---- the command line ----
queue 300
is "a dry run counts" "300 jobs match" "$(cadre job cancel --group idle --state CREATED --dry-run)"
is "and does nothing" 300 "$(matching --group idle)"
cadre job cancel --group idle >out 2>err </dev/null
is "without a terminal and --yes nothing is done" 2 $?
has "and that is said" err 'cannot be asked first' '\-\-yes'
for verb in cancel retry; do
    for none in '' --yes '--kind task --yes'; do
        # shellcheck disable=SC2086 # words
        cadre job $verb $none >out 2>err
        is "$verb $none: no filter is refused" 2 $?
        case $verb$none in
            'retry--kind '*) ;; # it has no such option
            *) has "with the way out" err 'by ID or NAME, by filters such as --state, or all' ;;
        esac
    done
done
cadre job cancel --group '' --yes >out 2>err
is "an empty filter is refused" 2 $?
has "by its name" err '\-\-group is empty'
cadre job cancel --all --group idle --yes >out 2>err
is "all with a filter is refused" 2 $?
cadre job cancel --group idle 0000000000001 --yes >out 2>err
is "ids with filters are refused" 2 $?
has "with what does not fit" err "'0000000000001', or options that choose jobs"
cadre job cancel --kind task 0000000000001 --yes >out 2>err
is "and with the kind alone" 2 $?
for option in --dry-run '--unique k' --all; do
    # shellcheck disable=SC2086 # words
    cadre job retry 0000000000001 $option >out 2>err
    is "an id with $option is refused" 2 $?
    has "by its name" err \
        "${option%% *} is about the jobs that filters choose, not about '0000000000001'"
done
cadre job cancel 0000000000001 --yes >out 2>err
is "an id may be agreed to" 1 $?
has "and is looked for" err 'there is no job 0000000000001'
cadre job retry 0000000000001 --yes >out 2>err
has "for retry, too" err 'there is no job 0000000000001'
cadre job cancel --dry-run --yes --all >out 2>err
is "a dry run is not agreed to" 2 $?
cadre job cancel --state FAILED --yes >out 2>err
is "what has ended is not cancelled" 1 $?
has "and the state is named" err 'what is FAILED has ended'
cadre job retry --state CREATED --yes >out 2>err
is "what has not ended is not run again" 1 $?
cadre job cancel --group nobody --yes >out 2>err
is "an unknown group is refused" 1 $?
is "nothing was cancelled by any of these" 300 "$(matching --group idle)"

# ---- cancel ----
keep=$(cadre run --detach --group idle --name keep -- true)
cadre job cancel --group idle --until "$(job_field "$keep" createdAt)" --yes >out
has "the jobs of the filter are cancelled" out '^300 cancelled before they ran, 0 told to end; '
is "and no other" 1 "$(matching --group idle)"
cadre job cancel --namespace team.a --yes >out
has "those that have ended are not cancelled again" out '^0 cancelled '
cadre -o json job cancel --id "$keep" --yes >out
has "an id may be a filter" out '"matched":1,"cancelled":1,"killing":0,"ended":0,"changed":0}'
long=$(cadre run --detach -- sleep 300)
until_true 30 job_is "$long" RUNNING || not_ok "the job runs"
cadre job cancel --agent a --state RUNNING --yes >out
has "what runs is told to end" out ' 1 told to end'
holds "and ends" until_true 30 job_is "$long" KILLED

# ---- a terminal ----
cat >ask.py <<'END_PY'
# ask.py ANSWER COMMAND...: types the answer on a terminal of the command's own, when it asks and
# the command in ASK_UNTIL, if any, ends well
import os, pty, subprocess, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
if until := os.environ.get("ASK_UNTIL"):
    while not os.read(terminal, 4096).endswith(b"[y/N] "):
        pass
    while subprocess.call(until, shell=True) != 0:
        pass
os.write(terminal, (sys.argv[1] + "\n").encode())
try:
    while data := os.read(terminal, 4096):
        sys.stdout.buffer.write(data)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END_PY
queue 1
python3 ask.py n cadre job cancel --group idle >out
has "one job is asked for as one" out '1 job matches. Cancel it. \[y/N\]'
cadre job cancel --group idle --yes >out
queue 3
for answer in n '' no nay 'y es' yesterday; do
    python3 ask.py "$answer" cadre job cancel --group idle >out
    is "the answer '$answer' is a no" 1 $?
    has "which is told" out '3 jobs match. Cancel them. \[y/N\]' 'nothing was done'
done
python3 ask.py y cadre -o json job cancel --group idle >out
is "JSON does not ask" 2 $?
is "nothing was cancelled" 3 "$(matching --group idle)"
python3 ask.py y cadre job cancel --group idle >out
is "the answer 'y' is a yes" 0 $?
has "and they are cancelled" out '3 cancelled before they ran'
queue 3
ASK_UNTIL='cadre job cancel --group idle --since 9s --dry-run | grep -q "^0 "' \
    python3 ask.py y cadre job cancel --group idle --since 9s >out
has "those that were counted are meant, however long the answer takes" out \
    '3 cancelled before they ran'

# ---- retry ----
for n in 1 2 3 4 5; do cadre run --detach --name fails -- false; done >failing
five_failed() { [ "$(ended --state FAILED)" -eq 5 ]; }
holds "five jobs fail" until_true 30 five_failed
is "nothing newer than a future time fails" 0 "$(ended --state FAILED --since 2100-01-01T00:00:00Z)"
cadre job retry --state FAILED --since 1h --yes >out 2>err
is "what failed is run again" 5 "$(grep -c . out)"
has "with the number" err '5 run again, 0 refused'
is "each names the one it repeats" 5 "$(while read -r id; do job_field "$id" retryOf; done <out |
    sort -u | grep -Fxc -f failing)"
ten_failed() { [ "$(ended --state FAILED)" -eq 10 ]; }
holds "and fails again" until_true 30 ten_failed
cadre job retry --name fails --id "$(head -n 1 out)" --unique k --yes >first 2>err
cadre job retry --name fails --id "$(head -n 1 out)" --unique k --yes >second 2>err
is "with the same key it is the same job" "$(cat first)" "$(cat second)"
cadre group update idle --max-queued 2 >group
cadre -o json job retry --namespace team.a --state CANCELLED --yes >out 2>err
is "when some are refused the command fails" 1 $?
is "those for which there is room are run again" 2 "$(number retried)"
holds "and the others are told" test "$(number refused)" -ge 298
cadre group update idle --max-queued 0 >group
cadre job cancel --group idle --yes >out

# ---- roles ----
token() { cadre token create api "$@" 2>/dev/null; }
token --role read >read.token
token --role submit --namespace team.b >other.token
CADRE_TOKEN_FILE=read.token cadre job cancel --all --dry-run >out 2>err
is "who may only read may not even count" 1 $?
has "for want of the role" err "'submit' is needed"
CADRE_TOKEN_FILE=read.token cadre job retry --all --yes >out 2>err
is "nor run again" 1 $?
queue 10
CADRE_TOKEN_FILE=other.token cadre job cancel --all --yes >out
has "a token of a namespace reaches its jobs alone" out '^0 cancelled '
CADRE_TOKEN_FILE=other.token cadre job cancel --namespace team.a --yes >out 2>err
is "and is refused another" 1 $?
is "nothing was cancelled" 10 "$(matching --group idle)"
cadre job cancel --group idle --yes >out

# ---- the coordinator is killed between two pages, and the answer of a page is lost ----
die() {
    kill -KILL "$coordinator"
    wait "$coordinator" 2>/dev/null
    coordinator_up
}
before=$(ended --namespace team.a --state CANCELLED)
filter='state=CANCELLED&namespace=team.a'
api POST "/api/v1/jobs/retry?$filter&dryRun=true" >out
cursor=$(sed -n 's/.*"startCursor":"\([^"]*\)".*/\1/p' out)
pages=0
while [ -n "$cursor" ] && [ $pages -lt 20 ]; do
    pages=$((pages + 1))
    api POST "/api/v1/jobs/retry?$filter&limit=100&cursor=$cursor" -H 'Idempotency-Key: p' >lost
    [ $pages -eq 2 ] && die
    api POST "/api/v1/jobs/retry?$filter&limit=100&cursor=$cursor" -H 'Idempotency-Key: p' >out
    is "page $pages is repeated as it was" "$(number retried lost)" "$(number retried)"
    cursor=$(sed -n 's/.*"nextCursor":"\([^"]*\)".*/\1/p' out)
done
holds "there were several pages" test $pages -ge 3
is "each job was run again once" "$before" "$(matching --group idle)"
cadre job cancel --group idle --yes >out

# ---- the coordinator is killed under the command ----
for n in 1 2 3 4; do queue 1000; done
first=$(sed -n 's/^\[{"id":"\([^"]*\)".*/\1/p' queued.json)
is "4000 jobs wait" 4000 "$(matching --group idle)"
cancels() { grep -c 'audit: cancel [0-9]* jobs by a filter' coordinator.log; }
lines=$(cancels)
cadre job cancel --group idle --yes >out 2>err &
command=$!
begun() { [ "$(cancels)" -gt "$lines" ]; }
holds "a page is cancelled" until_true 60 begun
die
wait $command
is "the command goes on and ends well" 0 $?
is "and all are cancelled" 0 "$(matching --group idle)"
holds "the last ones, too" job_is "$first" CANCELLED
[ "$(cadre job list --state CANCELLED --group idle --limit 10000 | grep -c CANCELLED)" -ge 4000 ] ||
    not_ok "4000 jobs are cancelled"
before=$(ended --state CANCELLED)
lines=$(grep -c 'audit: retry [0-9]* jobs by a filter' coordinator.log)
cadre job retry --state CANCELLED --yes >out 2>err &
command=$!
begun() { [ "$(grep -c 'audit: retry [0-9]* jobs by a filter' coordinator.log)" -gt "$lines" ]; }
holds "a page is run again" until_true 60 begun
die
wait $command
is "the command goes on" 0 $?
is "and tells of each job" "$before" "$(sort -u out | grep -c .)"
is "which was run again once" "$before" "$(matching --group idle)"
done_testing
