#!/bin/sh
# Three coordinators are upgraded one after the other to a version with other tables, while jobs run
# and are submitted. Once the owner comes last, and once it comes first and a standby is forgotten.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"
. "$(dirname "$0")/lib_pg.sh"
. "$(dirname "$0")/lib_owners.sh"
echo "# seed $seed"
pg_wanted || exit 0
newer=$CADRE_BUILD/tests/support/newer
module=$CADRE_BIN/cadre-coordinator-postgresql.so
[ -e "$module" ] || module=$CADRE_BIN/../lib/cadre/cadre-coordinator-postgresql.so
mkdir newer newest
for version in newer newest; do
    cp "$newer" "$version/cadre-coordinator"
    cp "$module" "$version/"
done
# The newest one has two steps more than what is released, the newer one has one.
cat >newest.sh <<END
#!/bin/sh
exec env CADRE_TEST_STEPS=2 "$here/newest/cadre-coordinator" "\$@"
END
chmod +x newest.sh

pg_up primary
coordinator_lines=$quick_to_miss
coordinators_up 3 primary
agent_of_all a --slots 8
base=$(pg_sql primary "SELECT schema FROM cadre.owner")
has_schema() { pg_says primary "SELECT schema FROM cadre.owner" $((base + $1)); }
# refused N NAME: it does not start while an owner of the former version runs, and says so
refused() {
    : >"c$1.log"
    ! member_try "$1" || not_ok "$2: it starts beside an owner of the former version"
    is "$2: a new one does not start while an old one owns" 1 "$end_code"
    has "$2: and says what to do" "c$1.log" \
        'tables of an older Cadre' 'stop the coordinators of the former version first'
}
# served_at NAME N...: these, and no others, serve; the first one owns
served_at() {
    served_name=$1 served_want=" $2:owner"
    shift 2
    for m in "$@"; do served_want="$served_want $m"; done
    served_is() {
        served=
        for m in $members; do
            ! owns "$m" || served=" $m:owner$served"
            ! is_standby "$m" || served="$served $m"
        done
        [ "$served" = "$served_want" ]
    }
    until_true 20 served_is || :
    is "$served_name: who serves" "$served_want" "$served"
}
# at_work NAME: the job that ran goes on, the agent is served, and a new one is done
at_work() {
    owner_of
    until_true 30 agents_served || not_ok "$1: the agent is served"
    holds "$1: the job that ran goes on" counts_on long
    work_id=$(cadre run --detach --name "work" -- true)
    holds "$1: a new one is done" until_true 20 job_is "$work_id" SUCCESS
}

long=$(once long "$(counting long)" --lease 5m)
until_true 20 has_run long || not_ok "a job runs"
load_gap=1
load_begin load 45
owner_of
first=$owner

# ---- the owner comes last ----
for m in $members; do eval "program_$m=$here/newer/cadre-coordinator"; done
served_at "three old ones" "$first" $standbys
for m in $standbys; do
    member_end "$m"
    is "the standby $m ends in order" 0 "$end_code"
    refused "$m" "the standby $m"
done
served_at "two of three are new" "$first"
at_work "two of three are new"
holds "nothing is upgraded yet" has_schema 0
began=$(now_ms)
member_end "$first"
is "the old owner ends in order" 0 "$end_code"
for m in $standbys; do member_begin "$m"; done
taken_over "the first upgrade" "$began" "$first" 15000
holds "the tables are upgraded" has_schema 1
has "the one that did it says so" "c$standby.log" "have version $base and are upgraded to"
served_at "the old owner is gone" "$owner" $(echo " $standbys " | sed "s/ $owner / /")
member_begin "$first"
at_work "the first upgrade"
served_at "three new ones" "$owner" $standbys
echo "# the first upgrade: all serve after $(($(now_ms) - began)) ms"

# ---- the owner comes first, and a standby is forgotten ----
for m in $members; do eval "program_$m=$here/newest.sh"; done
first=$owner began=$(now_ms)
kill -TERM "$(member_pid "$first")"
taken_over "the owner stops first" "$began" "$first" 5000
member_end "$first"
second=$owner
for m in $members; do [ "$m" = "$first" ] || [ "$m" = "$second" ] || forgotten=$m; done
refused "$first" "the former owner"
served_at "one of three is new" "$second" "$forgotten"
# Else it might take over before the new one does, as it may.
wire "db$forgotten" hole
member_end "$second"
is "the second old owner ends in order" 0 "$end_code"
holds "a new one starts" member_try "$first"
holds "and owns the queue" until_true 20 owns "$first"
holds "the tables are upgraded again" has_schema 2
: >"c$forgotten.log"
wire "db$forgotten" pass

unfit() { [ "$(ask "$forgotten" /readyz)" = 503 ] && file_has answer 'serves nothing'; }
holds "who was forgotten serves nothing" until_true 20 unfit
has "and says what to do" answer 'written by a newer Cadre' 'install that one' 'upgraded'
CADRE_WAIT=0
for command in "job list" "job logs $long" "job show $long" "agent list" "status" "run -- true"; do
    # shellcheck disable=SC2086
    via "$forgotten" cadre $command >out 2>err
    code=$?
    holds "there, '${command%% "$long"}' fails" test "$code" -ne 0
    has "there, '${command%% "$long"}' says why" err 'serves nothing: .*newer Cadre'
done
CADRE_WAIT=30s
is "it is alive" 200 "$(ask "$forgotten" /healthz)"
(
    CADRE_URL=$(member_at "$forgotten"),$(member_at "$first")
    cadre run -- echo through >out 2>err
)
is "who knows another one goes there" through "$(cat out)"
member_begin "$second"
served_at "one is old, and forgotten" "$first" "$second"
at_work "one is old, and forgotten"

began=$(now_ms)
member_end "$first" KILL
taken_over "kill -9 beside a forgotten one" "$began" "$first" 10000
is "which is not the forgotten one" "$second" "$owner"
holds "that one still serves nothing" unfit
is "its log says so once" 1 "$(grep -c 'serves nothing any more' "c$forgotten.log")"
holds "and it never took over" sh -c "! grep -q 'takes over' c$forgotten.log"
member_begin "$first"

member_end "$forgotten"
is "it ends in order" 0 "$end_code"
eval "program_$forgotten=$here/newer/cadre-coordinator"
: >"c$forgotten.log"
member_try "$forgotten" && not_ok "it does not start again" || ok "it does not start again"
has "and says why" "c$forgotten.log" 'written by a newer Cadre'
eval "program_$forgotten=$here/newest.sh"
member_begin "$forgotten"
served_at "three newest ones" "$second" $(echo "$members " | sed "s/ $second / /")
at_work "three newest ones"
load_end load
touch long.go
holds "the job that ran through all of it ends" until_true 30 job_is "$long" FAILED
never_twice long
is "and it ran once" 1 "$(runs_of long)"
for m in $members; do
    member_end "$m"
    is "coordinator $m ends with 0" 0 "$end_code"
done
owners_done
