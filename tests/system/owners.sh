#!/bin/sh
# Several coordinators over one PostgreSQL: one owns the queue, the others read, pass on what they
# are asked, and take over. Faults of coordinators and of their way to the database; those of the
# database are in owners_database.sh.
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
owner_of

# ---- what a user sees of it ----
is "one owns the queue" 1 "$(for m in $members; do owns "$m" && echo "$m"; done | wc -l)"
is "at another one readyz?owner is 503" 503 "$(ask "$standby" '/readyz?owner')"
is "readyz is not" 200 "$(ask "$standby" /readyz)"
id=$(via "$standby" cadre run --detach --name first -- sh -c 'echo through; exit 7')
holds "a job is submitted at a coordinator that does not own" test -n "$id"
holds "and runs" until_true 20 via "$standby2" job_is "$id" FAILED
is "another one has its code" 7 "$(via "$standby2" job_field "$id" exitCode)"
is "and its output" through "$(via "$standby2" cadre job logs "$id")"
via "$standby2" cadre job list >out
has "and lists it" out "^$id "
for m in $members; do
    via "$m" cadre run -- sh -c 'echo out; echo err >&2; exit 3' >out 2>err
    is "a job through coordinator $m is followed to its end" "3 out err" "$? $(cat out err | xargs)"
    via "$m" cadre status >status 2>&1
    is "status is answered by coordinator $m" 0 $?
done
cadre coordinator list >out 2>&1
is "three coordinators are listed" 3 "$(grep -c "127.0.0.1:" out)"
is "one of them as the owner" "$(member_at "$owner")" "$(awk '$3 == "OWNER" { print $2 }' out)"
via "$standby" cadre coordinator list -o json >out
is "each knows who it is" "$(member_at "$standby")" \
    "$(sed 's/{"id"/\n&/g' out | sed -n 's/.*"name":"\([^"]*\)".*"self":true.*/\1/p')"
is "status counts them" "3 alive, 0 gone" "$(cadre status | sed -n 's/^coordinators  *//p')"
# An agent that knows one of them is told of all, at a connection behind the owner's next look.
echo "coordinator: [$(member_at "$owner")]" >b.yaml
told_of_all() {
    agent_up b
    end "$agent"
    for m in $standbys; do file_has b/addresses.json "$(member_at "$m")" || return 1; done
}
holds "an agent is told of all coordinators" until_true 20 told_of_all

via "$standby" cadre run --name follow -- sh -c "echo begun; while [ ! -e '$here/go' ]; do
    sleep 0.1; done; echo over" >follow.out 2>follow.err &
follower=$!
until_true 20 file_has follow.out begun || not_ok "a follow through a standby begins"
touch go
wait "$follower"
is "and sees the end" "0 begun over" "$? $(xargs <follow.out)"

token=$(cadre token create api --role read --name short 2>token.err)
token_id=$(sed -n 's/^id \([0-9a-z]*\),.*/\1/p' token.err)
for m in $members; do
    is "coordinator $m takes a new token" 200 \
        "$(ask "$m" /api/v1/jobs -H "Authorization: Bearer $token")"
done
via "$standby" cadre token revoke "$token_id" >/dev/null
said=
for m in $members; do
    said="$said $(ask "$m" /api/v1/jobs -H "Authorization: Bearer $token")"
done
is "a token that is revoked is revoked everywhere at once" " 401 401 401" "$said"
for m in "$owner" "$standby"; do
    cadre-coordinator backup --config "c$m/coordinator.yaml" \
        --state "c$m/server" backup.db >out 2>&1
    code=$?
    holds "coordinator $m makes no backup" test "$code" -ne 0
    has "and names what does" out pg_dump
done

# ---- faults ----
# What a job does that runs through all of them: once.sh of lib_faults.sh notes if it runs twice.
long=$(once long "$(counting long)" --lease 5m)
until_true 20 has_run long || not_ok "a job runs"
followed_at=$standby
via "$standby" cadre job logs --follow "$long" >long.follow 2>long.err &
follower=$!
load_gap=3
load_begin load 40

owner_of
until_true 20 has_acknowledged 5
began=$(now_ms)
killed=$owner
member_end "$killed" KILL
taken_over "kill -9" "$began" "$killed" 10000
holds "kill -9: the job that ran goes on" counts_on long
listed_gone() { [ "$(cadre coordinator list | awk '$3 == "GONE" { print $2 }')" = "$1" ]; }
holds "kill -9: the list says that it is gone" until_true 20 listed_gone "$(member_at "$killed")"
member_begin "$killed"
holds "kill -9: who comes back is a standby" until_true 20 is_standby "$killed"

owner_of
stopped=$owner
began=$(now_ms)
kill -TERM "$(member_pid "$stopped")"
taken_over "an orderly stop" "$began" "$stopped" 2000
member_end "$stopped"
is "an orderly stop ends with 0" 0 "$end_code"
is "an orderly stop: the list does not have it any more" "" \
    "$(cadre coordinator list | awk -v at="$(member_at "$stopped")" '$2 == at && $3 != "GONE"')"
member_begin "$stopped"

owner_of
frozen=$owner
until_true 20 serves "$stopped"
began=$(now_ms)
kill -STOP "$(member_pid "$frozen")"
taken_over "SIGSTOP" "$began" "$frozen" 10000
holds "SIGSTOP: the job that ran goes on" counts_on long
kill -CONT "$(member_pid "$frozen")"
holds "SIGSTOP: who goes on is a standby" until_true 20 is_standby "$frozen"
id=$(via "$frozen" cadre run --detach -- true)
holds "SIGSTOP: and passes on what it is asked" until_true 20 job_is "$id" SUCCESS

owner_of
cut=$owner
began=$(now_ms)
wire "db$cut" hole
# It is passed on to an owner that does not own any more when its database answers.
via "$standby" cadre job logs --follow "$long" >cut.follow 2>cut.err &
cut_follower=$!
taken_over "a cut" "$began" "$cut" 10000
holds "a cut: who is cut off does not own" test "$(ask "$cut" '/readyz?owner')" != 200
wire "db$cut" pass
holds "a cut: it is a standby when it is back" until_true 20 is_standby "$cut"

swallowed_more() { [ "$(grep -c '^swallowed' "db$owner.said")" -gt "$swallowed" ]; }
# An answer of a COMMIT is lost: once with the connection, once without a word.
for way in close silence; do
    owner_of
    swallowed=$(grep -c '^swallowed' "db$owner.said")
    wire "db$owner" swallow "swallow-$way"
    cadre run --detach --name "swallow-$way" -- true >swallow.id 2>swallow.err &
    asks=$!
    holds "an answer is lost ($way)" until_true 20 swallowed_more
    count="SELECT count(*) FROM cadre.jobs WHERE name = 'swallow-$way'"
    holds "but the commit is not" until_true 20 pg_says primary "$count" 1
    if [ "$way" = close ]; then
        wire "db$owner" close
        wire "db$owner" pass
    fi
    wait "$asks"
    is "the submit is answered all the same ($way)" 0 $?
    is "the job is there once" 1 "$(pg_sql primary "$count")"
    holds "and it is that one" until_true 30 job_is "$(cat swallow.id)" SUCCESS
    until_true 40 all_serve || not_ok "all coordinators serve again"
done

load_end load
until_true 20 job_is "$long" RUNNING || not_ok "the job that ran through all of it still runs"
touch long.go
holds "it ends once it may" until_true 30 job_is "$long" FAILED
until_true 60 gone "$follower" || {
    not_ok "whoever followed it through coordinator $followed_at ends: $(tail -n 3 long.err)"
    kill -TERM "$follower"
}
wait "$follower"
is "whoever followed it sees its end" 5 $?
holds "and all of its output, once" whole long long.follow
until_true 60 gone "$cut_follower" || {
    not_ok "whoever came during the cut ends: $(tail -n 3 cut.err)"
    kill -TERM "$cut_follower"
}
wait "$cut_follower"
is "whoever came during the cut sees its end, too" 5 $?
holds "and all of its output" whole long cut.follow
cadre job logs "$long" >long.out
holds "which is in the database, too" whole long long.out
never_twice long
is "and it ran once" 1 "$(runs_of long)"
for m in $members; do
    member_end "$m"
    is "coordinator $m ends with 0" 0 "$end_code"
done
owners_done
