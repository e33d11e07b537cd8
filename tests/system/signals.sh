#!/bin/sh
# The end of a command that follows its job: by signals, in whatever state, and by the loss of its
# output.
# alone: its signals come within a second or two
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"
coordinator_up
agent_up a --slots 8

newest() { cadre -o json job list --limit 1 | sed 's/.*"id":"\([^"]*\)".*/\1/'; }
is_running() { job_is "$(newest)" RUNNING; }
job_ends() { until_true 60 job_is "$1" "$2"; }

# started COMMAND...: in the background, with its job running; pid, id
before=none
started() {
    before=$(newest)
    "$@" >out 2>err &
    pid=$!
    pids="$pids $pid"
    until_true 60 another_runs || not_ok "no job runs for: $*"
    id=$(newest)
}
another_runs() { [ "$(newest)" != "$before" ] && is_running; }

# ---- signals while the job runs ----
for signal in INT TERM HUP; do
    started cadre run -- sleep 600
    end "$pid" $signal
    is "SIG$signal cancels the job, and the exit code is 137" 137 "$end_code"
    holds "the job is over" job_is "$id" KILLED
    has "and named on standard error" err "cancelling job $id"
done

started nohup cadre run -- sh -c 'while [ ! -e '"$here"'/go ]; do sleep 0.05; done'
kill -HUP "$pid"
until_true 2 gone "$pid"
holds "a SIGHUP that was ignored at the start stays ignored" job_is "$id" RUNNING
: >go
wait "$pid"
is "and the command ends with its job" 0 $?

for signal in INT:130 TERM:143 HUP:129; do
    started cadre run --keep -- sleep 600
    end "$pid" ${signal%:*}
    is "SIG${signal%:*} ends a command with --keep" "${signal#*:}" "$end_code"
    has "which names its job" err "job $id goes on; follow it with 'cadre job logs --follow $id'"
    holds "the job goes on" job_is "$id" RUNNING
    cadre job cancel "$id" >/dev/null
done

started cadre run -- sh -c 'trap "" TERM; while :; do sleep 1; done'
kill -TERM "$pid"
until_true 10 job_is "$id" KILLING
end "$pid" TERM
is "a second signal ends the command at once" 143 "$end_code"
holds "the job is being cancelled" job_is "$id" KILLING
before=$(newest)
# on a loaded machine a second may be over before the job is submitted
for limit in 1 5 30; do
    timeout $limit cadre run -- sleep 600 2>err
    code=$?
    [ "$(newest)" = "$before" ] || break
done
is "'timeout' ends a command" 124 $code
holds "and its job" job_ends "$(newest)" KILLED

# ---- flows ----
printf 'id: slow\nnamespace: a\ntasks:\n  - {id: t, command: ["sleep", "600"]}\n' >slow.yaml
cadre flow apply slow.yaml >/dev/null
started cadre flow run a/slow
end "$pid" TERM
is "SIGTERM cancels an execution" 137 "$end_code"
holds "its task is over" job_is "$id" KILLED
started cadre flow run --keep a/slow
end "$pid" HUP
is "SIGHUP ends 'flow run --keep'" 129 "$end_code"
has "which names its execution" err "execution .* goes on"
holds "the task goes on" job_is "$id" RUNNING
cadre job cancel "$id" >/dev/null

# ---- a slow reader ----
mkfifo slow
exec 9<>slow
before=$(newest)
cadre run -- sh -c 'yes | head -c 1000000; sleep 600' >slow 2>err &
pid=$!
pids="$pids $pid"
until_true 30 another_runs
id=$(newest)
kill -TERM "$pid"
holds "a reader that does not read does not keep the cancel waiting" job_ends "$id" KILLED
end "$pid" TERM
is "nor the second signal" 143 "$end_code"
exec 9<&-

# ---- the coordinator is away ----
started cadre run -- sleep 600
end "$coordinator" KILL
until_true 30 file_has err 'not reachable'
kill -TERM "$pid"
until_true 10 file_has err "cancelling job $id"
coordinator_up
wait "$pid"
is "a cancel that could not be sent is sent when the coordinator is back" 137 $?
holds "the job is cancelled" job_ends "$id" KILLED

started cadre run -- sleep 600
kill -STOP "$coordinator"
kill -TERM "$pid"
until_true 10 file_has err "cancelling job $id"
end "$pid" TERM
is "a second signal ends the command while the coordinator does not answer" 143 "$end_code"
has "which says that the cancel was not answered" err "did not answer the cancel of job $id"
kill -CONT "$coordinator"
cadre job cancel "$id" >/dev/null

# before a submit
count() { cadre -o json job list --limit 500 | grep -o '"id":' | wc -l; }
jobs=$(count)
kill -STOP "$coordinator"
cadre run -- sleep 600 >out 2>err &
pid=$!
pids="$pids $pid"
# The kernel takes the connection; the command waits in its handshake and has sent nothing.
until_true 10 grep -q : "/proc/$pid/net/tcp"
until_true 10 sh -c "[ -e /proc/$pid ] && grep -q '^SigCgt:.*[1-9a-f]' /proc/$pid/status"
until_true 10 sh -c "ls -l /proc/$pid/fd | grep -q socket"
end "$pid" TERM
is "a signal before the submit was sent ends the command" 137 "$end_code"
has "which says so" err 'interrupted before the job was submitted'
kill -CONT "$coordinator"
is "and there is no job" "$jobs" "$(count)"

end "$coordinator" KILL
cadre run -- sleep 600 >out 2>err &
pid=$!
pids="$pids $pid"
until_true 10 file_has err 'not reachable'
end "$pid" TERM
is "a signal while the coordinator is away ends the command" 137 "$end_code"
has "which says that nothing was submitted" err 'interrupted before the job was submitted'
coordinator_up

# between a submit and its answer: the wire is slow enough that the job is seen before its answer
proxy_up wire "$port"
for fault in hole close; do
    wire wire delay 2000
    before=$(newest)
    CADRE_URL=127.0.0.1:$proxy_port cadre run -- sleep 600 >out 2>err &
    pid=$!
    pids="$pids $pid"
    until_true 60 another_runs
    wire wire $fault
    kill -TERM "$pid"
    until_true 10 file_has err 'its id is waited for in order to cancel it' ||
        not_ok "a signal between a submit and its answer ($fault) is told: $(cat err)"
    wire wire pass
    wait "$pid"
    is "a signal between a submit and its answer ($fault) cancels the job" 137 $?
    holds "the job is over" job_is "$(newest)" KILLED
    is "and there is one job more" "$((jobs + 1))" "$(count)"
    jobs=$((jobs + 1))
done

# ---- output that is lost ----
before=$(newest)
timeout 60 cadre run -- sh -c 'echo a; sleep 600' 2>err | head -n 1 >out
id=$(newest)
is "the output before is there" a "$(cat out)"
has "a silent job notices that its reader left" err \
    "standard output: its reader has closed it; the job $id is cancelled"
holds "the job is cancelled" job_ends "$id" KILLED
(
    timeout 60 cadre run -- sh -c 'while :; do echo y; done' 2>err
    echo $? >code
) | head -n 1 >out
is "a loud job without reader ends with 125" 125 "$(cat code)"
holds "and is cancelled" job_ends "$(newest)" KILLED
timeout 60 cadre run --keep -- sh -c 'echo a; sleep 600' 2>err | head -n 1 >out
id=$(newest)
has "with --keep it goes on" err "its reader has closed it; the job $id goes on"
holds "truly" job_is "$id" RUNNING
cadre job cancel "$id" >/dev/null
timeout 60 cadre flow run a/slow -o json 2>err | true
has "an execution is cancelled when its reader leaves" err 'the execution [^ ]+ is cancelled'

timeout 60 cadre run -- sh -c 'echo a; sleep 600' >/dev/full 2>err
is "a full disk ends the command with 125" 125 $?
id=$(newest)
has "names the reason and the job" err \
    "^cadre: standard output: no space left on device; the job $id goes on"
is "in one sentence" 1 "$(grep -c standard err)"
holds "and the job goes on" job_is "$id" RUNNING
timeout 60 cadre job logs --follow "$id" >/dev/full 2>err
is "'job logs --follow' ends with 125 on a full disk" 125 $?
timeout 60 cadre job logs "$id" >/dev/full 2>err
is "'job logs' as well" 125 $?
has "with the reason" err 'standard output: no space left on device'
(
    timeout 60 cadre job logs --follow "$id" 2>err
    echo $? >code
) | head -n 1 >out
is "'job logs --follow' ends when its reader leaves" 125 "$(cat code)"
holds "and the job goes on" job_is "$id" RUNNING
cadre job cancel "$id" >/dev/null
timeout 60 cadre run --detach -- true >/dev/full 2>err
is "'run --detach' whose id is lost ends with 125" 125 $?
has "and names the job" err "the job $(newest) goes on"
timeout 60 cadre run -- sh -c 'echo a; echo b >&2; exit 3' >out 2>/dev/full
is "standard error that is lost changes nothing" 3 $?
timeout 60 cadre run -o json -- sh -c 'exit 3' >/dev/full 2>err
is "lost JSON of a job that ended is 125" 125 $?
has "and names the job" err "the job $(newest) has ended"
before=$(newest)
cadre run -- true >&- 2>err
is "a closed standard output submits nothing" 125 $?
is "there is no new job" "$before" "$(newest)"

done_testing
