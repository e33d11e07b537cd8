#!/bin/sh
# The owner of several coordinators is stopped right before the COMMIT of a batch reaches the
# database, with the transaction open there, and right behind it, before it has the answer. When it
# goes on, past its time, nothing that was acknowledged is lost, and nothing runs twice.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"
. "$(dirname "$0")/lib_pg.sh"
. "$(dirname "$0")/lib_owners.sh"
echo "# seed $seed"
pg_wanted || exit 0
pg_up primary
coordinator_lines=$quick_to_miss
coordinators_up 3 primary
agent_of_all a --slots 8
agent_of_all b --slots 8
long=$(once long "$(counting long)" --lease 5m)
until_true 20 has_run long || not_ok "a job runs"
load_gap=1
load_begin load 30

is_held() { [ "$(grep -c '^held' "db$owner.said")" -gt "$held" ]; }
jobs_named() { pg_sql primary "SELECT count(*) FROM cadre.jobs WHERE name = '$1'"; }
is_there() { [ "$(jobs_named "$1")" -eq "$2" ]; }
# A batch that waits for its COMMIT holds the row's lock, and its server process waits for the rest.
# No timeout of the server ends that, as nothing is idle for it in the middle of a pipeline.
open_there() {
    pg_sql primary "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.relation = 'cadre.owner'::regclass AND l.mode = 'RowExclusiveLock'
        AND a.wait_event = 'ClientRead'"
}
# stopped_at WAY: the owner stops `before` the COMMIT of the batch with a job of its own, or
# `behind` it; somebody else takes over; it goes on.
stopped_at() {
    way=$1 name=$1-commit
    owner_of
    until_true 40 all_serve || not_ok "$way: all coordinators serve"
    stopped=$owner
    held=$(grep -c '^held' "db$owner.said")
    wire "db$owner" "$way" "$name"
    # Only the first client's may be sent again: it has a key.
    (via "$owner" once "$name" : --unique "$name") >"$name.id" 2>"$name.err" &
    asks=$!
    holds "$way: the COMMIT, or its answer, is held back" until_true 20 is_held
    kill -STOP "$(member_pid "$stopped")"
    began=$(now_ms)
    if [ "$way" = before ]; then
        is "$way: the transaction is open" 1 "$(open_there)"
        is "$way: the job is not there" 0 "$(jobs_named "$name")"
    else
        is "$way: the job is there" 1 "$(jobs_named "$name")"
        is "$way: no transaction is open" 0 "$(open_there)"
    fi
    holds "$way: the submit waits" kill -0 "$asks"
    taken_over "$way the COMMIT" "$began" "$stopped" 12000
    is "$way: the job is there then, or is not" "$2" "$(jobs_named "$name")"
    # The bytes arrive now, as if it had sent them, or got them, only when it went on.
    wire "db$stopped" pass
    kill -CONT "$(member_pid "$stopped")"
    holds "$way: who goes on is a standby" until_true 20 is_standby "$stopped"
    has "$way: and its log says that it lost the queue" "c$stopped.log" \
        'does not own the queue any more: its agents and clients are sent away'
    until_true 30 gone "$asks" || not_ok "$way: the submit ends: $(tail -n 3 "$name.err")"
    wait "$asks"
    is "$way: the submit is acknowledged" 0 $?
    holds "$way: and the job is done" until_true 30 job_is "$(cat "$name.id")" SUCCESS
    is "$way: it is there once" 1 "$(jobs_named "$name")"
    is "$way: and ran once" 1 "$(runs_of "$name")"
    is "$way: at its first attempt" 1 "$(run_of "$name" 1 | cut -d' ' -f1)"
    holds "$way: another one owns still" test "$(ask "$stopped" '/readyz?owner')" = 503
    holds "$way: the job that ran goes on" counts_on long
}
stopped_at before 0
stopped_at behind 1

load_end load
touch long.go
holds "the job that ran through all of it ends" until_true 30 job_is "$long" FAILED
never_twice long before-commit behind-commit
is "and it ran once" 1 "$(runs_of long)"
for m in $members; do
    member_end "$m"
    is "coordinator $m ends with 0" 0 "$end_code"
done
owners_done
