#!/bin/sh
# kill -9 of the coordinator at random moments while jobs are submitted, run and followed; kill -9
# of the agent while results are unacknowledged. Prints its seed; CADRE_SEED=N repeats it.
. "$(dirname "$0")/lib.sh"
echo "# seed $seed"
total=${CADRE_CRASH_JOBS:-500}
coordinator_up
agent_up a --slots 8
agent_a=$agent
agent_up b --slots 8

# Each job leaves a mark outside Cadre, so that a second run of it would show.
mkdir runs
submitters=
submit_some() { # FIRST LAST: one after the other, following each
    n=$1
    while [ "$n" -le "$2" ]; do
        cadre run --name "job$n" -- sh -c "echo begin $n; echo x >>$here/runs/$n
            sleep 0.0$((n % 7)); echo end $n; exit $((n % 5))" \
            >"out.$n" 2>"err.$n"
        echo $? >"code.$n"
        n=$((n + 1))
    done
}
per=$((total / 20))
i=0
while [ $i -lt 20 ]; do
    submit_some $((i * per + 1)) $(((i + 1) * per)) &
    submitters="$submitters $!"
    i=$((i + 1))
done
total=$((per * 20))
finished() { ls code.* 2>/dev/null | wc -l; }
kills=0
next=10
while [ "$(finished)" -lt "$total" ] && [ $kills -lt 8 ]; do
    random 40
    reached() { [ "$(finished)" -ge $((next + random_value)) ] || [ "$(finished)" -ge "$total" ]; }
    until_true 120 reached || break
    kill -KILL "$coordinator"
    wait "$coordinator" 2>/dev/null
    kills=$((kills + 1))
    coordinator_up
    next=$(($(finished) + total / 12))
done
for p in $submitters; do wait "$p"; done
echo "# $total jobs, the coordinator was killed $kills times"
holds "the coordinator was killed while jobs ran" test $kills -ge 3

codes=0 outputs=0 twice=0 n=1
while [ $n -le $total ]; do
    [ "$(cat "code.$n")" = $((n % 5)) ] || codes=$((codes + 1))
    [ "$(cat "out.$n")" = "begin $n
end $n" ] || outputs=$((outputs + 1))
    [ "$(wc -l <"runs/$n")" -eq 1 ] || twice=$((twice + 1))
    n=$((n + 1))
done
is "every follower got its job's exit code" 0 $codes
is "and its whole output, once" 0 $outputs
is "every job ran exactly once" 0 $twice
cadre job list --limit 5000 -o json >jobs.json
is "the coordinator knows each job once" $total "$(grep -o '"name":"job[0-9]*"' jobs.json |
    sort -u | wc -l | tr -d ' ')"
is "and no more" $total "$(grep -o '"createdAt"' jobs.json | wc -l | tr -d ' ')"
is "and all are final" 0 "$(grep -oE '"state":"(CREATED|SUBMITTED|RUNNING|KILLING|RETRYING)"' \
    jobs.json | wc -l | tr -d ' ')"

# ---- the agent, with results that nobody has acknowledged ----
kill -KILL "$agent_a"
wait "$agent_a" 2>/dev/null
ids=
for n in 1 2 3 4; do
    ids="$ids $(cadre run --detach -- \
        sh -c "while [ ! -e $here/go ]; do sleep 0.02; done; echo late $n; exit $n")"
done
for id in $ids; do until_true 20 job_is "$id" RUNNING || not_ok "job $id runs"; done
kill -KILL "$coordinator" # nobody there to acknowledge
wait "$coordinator" 2>/dev/null
touch go
ended() { [ "$(grep -c 'attempt 1 ended' b.log)" -ge "$1" ]; }
before=$(grep -c 'attempt 1 ended' b.log)
until_true 20 test "$(grep -c 'attempt 1 ended' b.log)" -ge 4
four_more() {
    ended "$((before < 4 ? 4 : before))" &&
        [ "$(for id in $ids; do grep "job $id: attempt 1 ended" b.log; done | wc -l)" -eq 4 ]
}
holds "four jobs end while the coordinator is away" until_true 20 four_more
kill -KILL "$agent"
wait "$agent" 2>/dev/null
coordinator_up
agent_up b --slots 8
n=1
for id in $ids; do
    until_true 20 job_is "$id" '(SUCCESS|FAILED)'
    is "the result of job $n arrives after both restarts" "$n" "$(job_field "$id" exitCode)"
    is "and its output" "late $n" "$(cadre job logs "$id")"
    n=$((n + 1))
done

# ---- the agent, with jobs that run ----
id=$(cadre run --detach -- sh -c "echo \$\$ >$here/orphan; exec sleep 300")
until_true 20 test -s orphan
kill -KILL "$agent"
wait "$agent" 2>/dev/null
agent_up b --slots 8
until_true 20 job_is "$id" FAILED
is "a job that ran when its agent was killed is reported interrupted" interrupted \
    "$(job_field "$id" reason)"
holds "and its process is gone" until_true 10 gone "$(cat orphan)"
id=$(cadre run --detach --retry 1 -- \
    sh -c "[ \$CADRE_ATTEMPT = 2 ] && exit 0; echo \$\$ >$here/orphan2; exec sleep 300")
until_true 20 test -s orphan2
kill -KILL "$agent"
wait "$agent" 2>/dev/null
agent_up b --slots 8
holds "and runs again when the task may be tried again" until_true 30 job_is "$id" SUCCESS
end "$agent"
end "$coordinator"
done_testing
