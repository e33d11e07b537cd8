#!/bin/sh
# How the processes of a job end: their time after a soft stop, and what is told of those that
# others ended, and what cannot be ended.
. "$(dirname "$0")/lib.sh"
coordinator_up
join_agent a
printf 'drainTimeout: 1s\n' >>a.yaml
agent_up a --slots 8
logs_have() { cadre job logs "$1" 2>/dev/null | grep -qx "$2"; }

# ---- the time after a soft stop ----
# Saves its work for longer than strays have after a normal end (2 s).
cat >saver <<'X'
trap 'for i in 1 2 3 4 5 6; do echo saving $i; sleep 0.5; done; echo saved; exit 0' TERM
echo ready
while :; do sleep 0.1; done
X
echo "sh $here/saver" >shell
echo "sh $here/saver & wait" >background
echo "setsid sh $here/saver & wait" >session
for script in shell background session; do
    for shell in sh bash; do
        cadre run --detach --shell $shell --script $script >"$script.$shell"
    done
done
for job in shell.sh shell.bash background.sh background.bash session.sh session.bash; do
    until_true 20 logs_have "$(cat $job)" ready || not_ok "$job runs"
    cadre job cancel "$(cat $job)" >/dev/null
done
for job in shell.sh shell.bash background.sh background.bash session.sh session.bash; do
    until_true 20 job_is "$(cat $job)" KILLED
    is "$job: a cancelled job may save its work" saved \
        "$(cadre job logs "$(cat $job)" | tail -n 1)"
done
cadre run --timeout 1s --script shell >out 2>err
is "so may one whose time is over" "124 saved" "$? $(tail -n 1 out)"

id=$(cadre run --detach --script shell)
until_true 20 logs_have "$id" ready
cadre job cancel "$id" >/dev/null
until_true 20 logs_have "$id" "saving 1"
cadre job cancel "$id" >/dev/null
until_true 20 job_is "$id" KILLED
is "a second cancel changes nothing" saved "$(cadre job logs "$id" | tail -n 1)"

id=$(cadre run --detach --script shell)
until_true 20 logs_have "$id" ready
end "$agent"
is "an agent that is stopped ends with 0" 0 "$end_code"
agent_up a --slots 8
until_true 20 job_is "$id" FAILED
is "a job whose agent is stopped may save its work" "drain saved" \
    "$(job_field "$id" reason) $(cadre job logs "$id" | tail -n 1)"

# A job that is gone at once is not waited for.
id=$(cadre run --detach -- sh -c 'echo ready; sleep 300 & sleep 300')
until_true 20 logs_have "$id" ready
cadre job cancel "$id" >/dev/null
until_true 8 job_is "$id" KILLED
is "a tree that is empty ends before its grace" KILLED "$(job_field "$id" state)"

# What ignores the signal has all of the grace and not more.
cat >deaf <<'X'
trap '' TERM
echo $$ >deaf.pid
echo ready
while :; do sleep 0.1; done
X
cat >flow.yaml <<X
id: deaf
namespace: n
tasks:
  - id: t
    killGrace: 4s
    timeout: 1s
    command: [sh, -c, "cd $here && sh deaf"]
X
cadre flow apply flow.yaml >/dev/null
began=$(date +%s)
cadre flow run n/deaf >flow.out 2>&1
is "a deaf child of a flow fails it" 1 $?
took=$(($(date +%s) - began))
holds "a deaf child lives until the grace is over ($took s)" test $took -ge 5 -a $took -lt 15
holds "and is gone then" gone "$(cat deaf.pid)"

# ---- what was ended behind a job ----
left="that the job left running w(as|ere) ended"
cadre run --workdir "$here" -- \
    sh -c 'nohup sleep 400 >/dev/null 2>&1 & echo $! >stray.pid; echo done' >out 2>err
is "a job that leaves a process running succeeds" "0 done" "$? $(head -n 1 out)"
stray=$(cat stray.pid)
has "and its log names the process" err "$left: sleep \\($stray\\)$"
id=$(cadre job list --limit 1 -o json | sed -n 's/.*{"id":"\([^"]*\)".*/\1/p')
cadre job show "$id" >show
has "so does its message" show "^message .*$left: sleep \\($stray\\)$"
holds "and the agent's log" file_has a.log "state=SUCCESS exit=0: .*$left: sleep \\($stray\\)"
holds "it is gone" gone "$stray"
printf 'exec > >(while read -r l; do sleep 1; echo "out $l"; done)
for i in 1 2 3 4 5; do echo $i; done\n' >late.sh
cadre run --script late.sh --shell bash >out 2>err
is "a job whose output is cut short succeeds" 0 $?
has "and its log says what may be missing" err \
    "$left: .*bash \\(.*some of the output may be missing"
cadre run -- sh -c 'sleep 0.2 & wait; seq 1000 | sort | tail -n 1' >out 2>err
is "a job that waits for its children is told nothing" "999" "$(cat out)"

# ---- want of memory ----
limit=/sys/fs/cgroup/memory/cadre-test-$$
if mkdir $limit 2>/dev/null; then
    echo 32M >$limit/memory.limit_in_bytes
    echo 0 >$limit/memory.swappiness 2>/dev/null
    hungry="echo \$\$ >$limit/cgroup.procs"
    cadre run -- sh -c "$hungry; exec tail -n 1 </dev/zero" >out 2>err
    id=$(cadre job list --limit 1 -o json | sed -n 's/.*{"id":"\([^"]*\)".*/\1/p')
    is "a job that the memory killer ended says so" \
        "ended by signal 9 (perhaps for want of memory)" "$(job_field "$id" message)"
    cadre run -- sh -c "$hungry; tail -n 1 </dev/zero; exit 137" >out 2>err
    has "and one whose child was ended" err \
        'a process of the job was perhaps killed for want of memory'
    cadre run -- sh -c 'kill -9 $$' >out 2>err
    id=$(cadre job list --limit 1 -o json | sed -n 's/.*{"id":"\([^"]*\)".*/\1/p')
    is "one that ended itself does not" "ended by signal 9" "$(job_field "$id" message)"
    rmdir $limit
fi
end "$agent"

# ---- what cannot be ended ----
# An agent that is not root, without a cgroup of its own, and a program that becomes root.
can_do_it() {
    [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && command -v flock >/dev/null &&
        mkdir shared && chmod 755 . && chmod 777 shared && cp "$(command -v setpriv)" shared/suid &&
        chmod 4755 shared/suid && cp "$(command -v cadre-agent)" shared/agent &&
        [ "$(setpriv --reuid 65534 --clear-groups shared/suid --reuid 0 id -u 2>&1)" = 0 ]
}
alive_is() { cadre agent show u1 -o json | grep -q "\"$1\""; }
u1_up() {
    setpriv --reuid 65534 --regid 65534 --clear-groups shared/agent run --config u1.yaml \
        --state u1 >>a.log 2>&1 &
    agent=$!
    pids="$pids $agent"
    until_true 30 agent_is u1 ONLINE || not_ok "u1 is online"
}
if can_do_it; then
    cadre group create g >/dev/null
    join_agent u1 --worker-group g
    printf 'slots: 2\n' >>u1.yaml
    chown -R 65534 u1 u1.yaml
    u1_up
    cat >two.sh <<'X'
exec 9>./lock
flock -n 9 || { echo SOMEBODY ELSE RUNS; exit 77; }
./suid --reuid 0 --clear-groups sh -c 'echo $$ >sleeper; echo up; exec sleep 322'
X
    cat >two.yaml <<X
id: two
namespace: n
tasks:
  - id: t
    workerGroup: {key: g}
    killGrace: 1s
    timeout: 2s
    retry: {type: constant, interval: 1s, maxAttempts: 2}
    command: [sh, -c, "cd $here/shared && . $here/two.sh"]
X
    cadre flow apply two.yaml >/dev/null
    cadre flow run n/two >flow.out 2>&1 &
    flow=$!
    waits() {
        id=$(cadre job list --state RETRYING -o json | sed -n 's/.*{"id":"\([^"]*\)".*/\1/p') &&
            [ -n "$id" ]
    }
    holds "the attempt ends, though a process of it lives on" until_true 20 waits
    sleeper=$(cat shared/sleeper)
    has "the agent's log names it" a.log \
        "could not be ended and is alive: sleep \\($sleeper, root\\)"
    cadre job show "$id" >show
    holds "nothing says that it was ended" sh -c "! grep -q 'was ended' show a.log.u1 2>/dev/null"
    cadre job why "$id" >why
    has "why names it" why "sleep \\($sleeper, root\\) of attempt 1 is still alive on u1"
    kill -KILL "$agent"
    wait "$agent" 2>/dev/null
    u1_up
    holds "another life of the agent goes on watching" job_is "$id" RETRYING
    kill -KILL "$sleeper"
    holds "when it is gone the next attempt begins" until_true 30 job_is "$id" RUNNING
    has "alone" shared/sleeper '^[0-9]+$'
    until_true 20 job_is "$id" FAILED
    wait "$flow"
    holds "and never beside another" sh -c '! grep -q "SOMEBODY ELSE" flow.out'
    kill -KILL "$(cat shared/sleeper)"
    end "$agent"
fi
end "$coordinator"
done_testing
