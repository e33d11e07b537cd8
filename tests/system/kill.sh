#!/bin/sh
# kill -9 of the agent, of the coordinator, and of both at once, at moments that the seed chooses,
# while jobs run that can tell if they are alive twice. What crash.sh does to the coordinator alone
# is not repeated here.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"
echo "# seed $seed"
coordinator_up
agent_up a --slots 8
now() { date +%s; }
agent_dies() {
    kill -KILL "$agent"
    wait "$agent" 2>/dev/null
}
coordinator_dies() {
    kill -KILL "$coordinator"
    wait "$coordinator" 2>/dev/null
}

# ---- the agent ----
# A tree of processes, some in sessions of their own, some that ignore SIGTERM: each holds the lock.
tree='(setsid sh -c "trap \"\" TERM; echo \$\$ >>tree.pids; exec sleep 300" &)
    (trap "" TERM; echo $$ >>tree.pids; while :; do sleep 1; done) &
    echo $$ >>tree.pids; exec sleep 300'
plain=$(once plain "$tree")
again=$(once again "[ \$CADRE_ATTEMPT = 2 ] && exit 7
$tree" --retry 1)
holds "trees of processes run" until_true 20 sh -c '[ "$(wc -l <tree.pids)" -ge 6 ]'
began=$(now)
agent_dies
agent_up a --slots 8
holds "a job is reported as soon as its killed agent is back" until_true 30 job_is "$plain" FAILED
is "as interrupted" interrupted "$(job_field "$plain" reason)"
holds "one with retry runs again" until_true 30 job_is "$again" FAILED
is "to its own end" 7 "$(job_field "$again" exitCode)"
holds "without waiting for the lease (5 min)" test $(($(now) - began)) -lt 120
all_gone() { for tree_pid in $(cat tree.pids); do gone "$tree_pid" || return 1; done; }
holds "no process of the old attempts is left" all_gone
never_twice plain again
is "each ran as often as it may" "1 2" "$(runs_of plain) $(runs_of again)"

# ---- both at once ----
both=$(once both "exec sleep 300")
waits=$(once waits 'echo ran' --require label.none=yes)
ended=$(once ended 'while [ ! -e ended.go ]; do sleep 0.05; done; echo told; exit 4')
until_true 20 has_run both && until_true 20 has_run ended || not_ok "jobs run"
kill -STOP "$coordinator" # so that the result is in the journal alone
touch ended.go
until_true 20 ended_at a "$ended" || not_ok "a job ends"
kill -KILL "$agent" "$coordinator"
wait "$agent" "$coordinator" 2>/dev/null
coordinator_up
agent_up a --slots 8
holds "both killed: a result that only the journal knew arrives" until_true 30 job_is "$ended" \
    FAILED
is "as it was" "4 told" "$(job_field "$ended" exitCode) $(cadre job logs "$ended")"
holds "a job that ran is interrupted" until_true 30 job_is "$both" FAILED
is "for that reason" interrupted "$(job_field "$both" reason)"
holds "and gone" until_true 10 gone "$(pid_of both)"
is "one that waited waits" CREATED "$(job_field "$waits" state)"
is "and nothing ran more often than it may" "1 1 0" \
    "$(runs_of both) $(runs_of ended) $(runs_of waits)"

# ---- again and again ----
total=45
submit_some() { # FIRST
    n=$1
    while [ $n -le $total ]; do
        # Every third may be tried again, until it succeeds; the others run once or not at all.
        retry=0
        [ $((n % 3)) -ne 0 ] || retry=20
        once "storm$n" "sleep 0.$((n % 9)); echo end $n; exit $((n % 3))" --retry $retry \
            >"storm$n.id" 2>>storm.err
        n=$((n + 3))
    done
}
submitters=
for first in 1 2 3; do
    submit_some $first &
    submitters="$submitters $!"
done
storm_runs() { cat storm*.runs 2>/dev/null | wc -l; }
more() { [ "$(storm_runs)" -ge "$mark" ]; }
kills=0
while [ $kills -lt 6 ]; do
    random 4
    mark=$(($(storm_runs) + 1 + random_value))
    [ "$mark" -lt $total ] && until_true 60 more || break
    random 3
    [ "$random_value" -eq 0 ] || kill -KILL "$agent"
    [ "$random_value" -eq 1 ] || kill -KILL "$coordinator"
    [ "$random_value" -eq 1 ] || {
        wait "$coordinator" 2>/dev/null
        coordinator_up
    }
    [ "$random_value" -eq 0 ] || {
        wait "$agent" 2>/dev/null
        agent_up a --slots 8
    }
    kills=$((kills + 1))
done
for p in $submitters; do wait "$p"; done
echo "# $total jobs, $kills kills, $(storm_runs) attempts"
holds "something was killed while jobs ran" test $kills -ge 3
# One line a job: its number, state, reason and exit code.
state_and_reason='"state":"\([A-Z]*\)","reason":"*\([a-z-]*\)"*'
table() {
    cadre job list --limit 1000 -o json | sed 's/{"id":/\n&/g' |
        sed -n 's/.*"name":"storm\([0-9]*\)".*/\1 &/p' |
        sed "s/^\([0-9]*\) .*$state_and_reason,.*\"exitCode\":\([0-9a-z]*\),.*/\1 \2 \3 \4/" >table
}
all_ended() { table && [ "$(grep -cE '^[0-9]+ (SUCCESS|FAILED) ' table)" -eq $total ]; }
holds "every job ends" until_true 90 all_ended
is "and is known once" $total "$(cut -d' ' -f1 table | sort -un | wc -l | tr -d ' ')"
is "jobs that may be tried again succeed, whatever was killed" $((total / 3)) \
    "$(awk '$1 % 3 == 0 && $2 == "SUCCESS"' table | wc -l | tr -d ' ')"
is "the others have their own code, or were interrupted" "" \
    "$(awk '$1 % 3 != 0 && !($3 == "exit-code" && $4 == $1 % 3) && $3 != "interrupted"' table)"
wrong=0 more=0 n=1
while [ $n -le $total ]; do
    [ $((n % 3)) -eq 0 ] || [ "$(runs_of "storm$n")" -le 1 ] || more=$((more + 1))
    cut -d' ' -f1 "storm$n.runs" 2>/dev/null | sort | uniq -d | grep -q . && more=$((more + 1))
    [ $((n % 9)) -ne 0 ] || cadre job logs "$(cat "storm$n.id")" | grep -qx "end $n" ||
        wrong=$((wrong + 1))
    n=$((n + 1))
done
is "no attempt began twice, and no job without retry ran again" 0 $more
is "output is there" 0 $wrong
is "and never were two attempts of one job alive" "" "$(cat storm*.twice 2>/dev/null)"
end "$agent"
end "$coordinator"
done_testing
