#!/bin/sh
# Parts of a job's output: attempts, the end, times, JSON.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 4

id=$(cadre run --detach --retry 1 -- \
    sh -c 'echo "try $CADRE_ATTEMPT"; printf "\\377\\0\\n" >&2; exit 1')
until_true 30 job_is "$id" FAILED || not_ok "the job fails"
stamp='^20[0-9-]+T[0-9:.]+Z '

cadre job logs "$id" >out 2>err
is "standard output is the job's" "try 1
try 2" "$(cat out)"
is "attempts are told apart on standard error" "cadre: attempt 1 on a
cadre: attempt 2 on a" "$(grep -a '^cadre: ' err)"
is "where the job's standard error is, byte for byte" 6 "$(grep -av '^cadre: ' err | wc -c)"
cadre job logs --attempt 2 --stream stdout "$id" >out 2>err
is "one attempt" "try 2" "$(cat out)"
is "has no mark" "" "$(cat err)"
cadre job logs --attempt 3 "$id" >out 2>err
is "an attempt that is none is an error" 1 $?
has "which tells how many there are" err 'no attempt 3: it has 2'
cadre job logs --timestamps --stream stdout "$id" >out 2>/dev/null
is "each line has its time" 2 "$(grep -cE "${stamp}try [12]\$" out)"
cadre -o json job logs "$id" >out 2>err
is "JSON has an object a line" 4 "$(grep -cE '^\{.*"attempt":[12],.*"at":"20[^"]*".*\}$' out)"
has "bytes that are not text are base64" out '"stream":"stderr".*"base64":"/wAK"'
is "and nothing is on standard error" "" "$(cat err)"

many=$(cadre run --detach -- seq 100000)
until_true 30 job_is "$many" SUCCESS
is "the last lines" "99999
100000" "$(cadre job logs --tail 2 "$many")"
is "more than there are" 100000 "$(cadre job logs --tail 1000000 "$many" | wc -l)"
is "since a while ago" 100000 "$(cadre job logs --since 1h "$many" | wc -l)"
is "since a time to come" 0 "$(cadre job logs --since 2999-01-01T00:00:00Z "$many" | wc -l)"
is "both" 100000 "$(cadre job logs --since 10m --tail 1 "$many")"
for wrong in '--since soon' '--since -1h' '--tail 0' '--tail x' '--attempt 0'; do
    cadre job logs $wrong "$many" >out 2>&1
    is "$wrong is a wrong command line" 2 $?
done

# ---- one rule for all that print output ----
# A job whose last bytes are no whole lines, with a remark of Cadre's about it.
cat >mixed.sh <<'END'
printf 'to stdout'
printf 'to stderr' >&2
printf '\n::{"outputs":5}::\nstill stdout'
END
cat >mixed.yaml <<END
id: mixed
namespace: company
tasks:
  - {id: one, shell: sh, script: "$(sed 's/["\]/\\&/g' mixed.sh | awk '{ printf "%s\\n", $0 }')"}
END
printf 'to stdout\n::{"outputs":5}::\nstill stdout' >wanted.out
remark='^cadre: outputs were dropped: "outputs" of a line is not an object$'
# keeps_apart NAME STREAM: of what is in out and err, STREAM or all of it
keeps_apart() {
    case $2 in
    all | stdout) holds "$1: stdout is the job's, byte for byte" cmp -s out wanted.out ;;
    *) is "$1: nothing is on stdout" 0 "$(wc -c <out)" ;;
    esac
    case $2 in
    all | stderr) has "$1: stderr has the job's" err '^to stderr' ;;
    *) is "$1: stderr has nothing of the job's" 0 "$(grep -c 'to stderr' err)" ;;
    esac
    case $2 in
    all | system) has "$1: remarks have lines of their own" err "$remark" ;;
    *) is "$1: there is no remark of the log" 0 "$(grep -c 'outputs" of' err)" ;;
    esac
}
cadre run --script mixed.sh >out 2>err
keeps_apart run all
id=$(cadre run --detach --script mixed.sh)
until_true 30 job_is "$id" SUCCESS || not_ok "the job ends"
cadre flow apply mixed.yaml >out 2>&1 || not_ok "the flow is applied: $(cat out)"
cadre flow run company/mixed >out 2>err
keeps_apart "flow run" all
execution=$(cadre flow run --detach company/mixed)
ended() { cadre execution show "$1" | grep -q '^state *SUCCESS'; }
until_true 30 ended "$execution" || not_ok "the execution ends"
for stream in all stdout stderr system; do
    chosen=
    [ $stream = all ] || chosen="--stream $stream"
    # shellcheck disable=SC2086 # an option and its value, or nothing
    {
        cadre job logs $chosen "$id" >out 2>err
        keeps_apart "job logs $chosen" $stream
        cadre job logs --follow $chosen "$id" >out 2>err
        # the message of the end is no remark of the log
        sed -i '/^cadre: job /d' err
        keeps_apart "job logs --follow $chosen" $stream
        cadre execution logs $chosen "$execution" >out 2>err
        keeps_apart "execution logs $chosen" $stream
    }
done
cadre run --stream stdout --script mixed.sh >out 2>err
sed -i '/^cadre: job /d' err
keeps_apart "run --stream stdout" stdout
cadre run --script mixed.sh >both 2>&1
has "remarks stand on lines of their own on one file, too" both "$remark"
cadre job logs --stream stdin "$id" >out 2>&1
is "another stream is a wrong command line" 2 $?

# ---- following ----
cat >steps.sh <<'END'
echo one
echo two
echo err >&2
while [ ! -e GO ]; do sleep 0.05; done
echo three
exit 4
END
sed -i "s|GO|$here/go|" steps.sh
id=$(cadre run --detach --script steps.sh)
two_lines() { [ "$(cadre job logs --stream stdout "$id" | wc -l)" = 2 ]; }
until_true 30 two_lines
cadre job logs --follow --tail 1 --stream stdout --timestamps "$id" >out 2>err &
pid=$!
pids="$pids $pid"
until_true 10 file_has out ' two$' || not_ok "what is there comes at once"
: >go
wait "$pid"
is "'logs --follow' exits with the job's code" 4 $?
is "it begins with the last lines and goes on to the end" "two three" \
    "$(sed -E "s/$stamp//" out | tr '\n' ' ' | sed 's/ $//')"
cadre job logs --follow --stream stderr "$id" >out 2>err
is "one stream alone can be followed" "0 1" "$(wc -l <out) $(grep -c '^err$' err)"
cadre -o json job logs --follow "$id" >out 2>err
has "JSON can be followed" out '^\{"cursor":.*"stream":"stdout".*"text":".*three' \
    '"stream":"stderr".*"text":"err'
is "and has nothing else" 0 "$(grep -cv '^{"cursor":.*}$' out)"

cadre run --retry 1 -- sh -c 'echo "$CADRE_ATTEMPT"; exit 1' >out 2>err
is "'run' prints both attempts" "1 2" "$(tr '\n' ' ' <out | sed 's/ $//')"
has "and tells where the second runs" err '^cadre: attempt 2 on a$'
is "but not of the first" 0 "$(grep -c 'attempt 1 on' err)"

# ---- executions ----
cat >flow.yaml <<'END'
id: two
namespace: t
tasks:
  - {id: a, command: ["sh", "-c", "echo a; echo aa"]}
  - id: b
    command: ["sh", "-c", "echo b$CADRE_ATTEMPT; [ $CADRE_ATTEMPT = 2 ]"]
    retry: {type: constant, interval: 100ms, maxAttempts: 2}
END
cadre flow apply flow.yaml >/dev/null
id=$(cadre flow run --detach t/two)
execution_is() { cadre execution show "$1" 2>/dev/null | grep -Eq "^state +$2\$"; }
until_true 30 execution_is "$id" SUCCESS
is "all tasks in order" "a aa b1 b2" \
    "$(cadre execution logs "$id" 2>/dev/null | tr '\n' ' ' | sed 's/ $//')"
cadre execution logs --timestamps "$id" >out 2>/dev/null
is "with times" 4 "$(grep -cE "$stamp" out)"
is "one task's last line" "b2" "$(cadre execution logs --task b --tail 1 "$id" 2>/dev/null)"
is "one task's first attempt" "b1" "$(cadre execution logs --task b --attempt 1 "$id")"
cadre execution logs --tail 1 "$id" >out 2>&1
is "the end belongs to a task" 2 $?
has "which is told" out 'go with --task'
cadre execution logs --follow --timestamps "$id" >out 2>/dev/null
is "an execution's output can be followed with times" 4 "$(grep -cE "$stamp" out)"

done_testing
