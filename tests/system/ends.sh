#!/bin/sh
# How the processes of a job end: their time after a soft stop, and what is told of those that
# others ended.
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
end "$coordinator"
done_testing
