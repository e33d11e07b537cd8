#!/bin/sh
# migrate-store: a queue goes from the files of a state folder to PostgreSQL and back, killed in the
# middle each time, and all that there is to be seen of it is the same at each end.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"
. "$(dirname "$0")/lib_pg.sh"
echo "# seed $seed"
pg_wanted || exit 0
pg_up primary
uri=$(pg_uri "127.0.0.1:$pg_port_primary")

# ---- what there is ----
coordinator_up
agent_up a --slots 8
cadre namespace set team.web --group windows --fallback WAIT >/dev/null
cadre group create spare --description 'nobody is in it' >/dev/null
cadre token create api --role read --name reader >reader.token 2>/dev/null
cadre token create join --uses 3 --name machines >/dev/null 2>&1
cat >flow.yaml <<'END'
id: steps
namespace: team.data
inputs: [{id: who, type: STRING, defaults: "Jürgen"}]
tasks:
  - {id: one, type: Shell, commands: ["echo one {{ inputs.who }}"]}
  - {id: two, type: Shell, commands: ["echo two; exit 0"]}
triggers:
  - {id: nightly, type: Schedule, cron: "0 3 * * *"}
END
cadre flow apply flow.yaml >flow.out 2>&1 || cat flow.out
for n in 1 2 3; do cadre flow run team.data/steps --label "n=$n" >/dev/null 2>&1; done
n=1
while [ $n -le 200 ]; do
    code=$((n % 5 == 0 ? 3 : 0))
    cadre run --detach --name "j$n" -- sh -c "seq 1 $((n * 3)); echo ä >&2; exit $code" >>ids ||
        not_ok "job $n is submitted"
    n=$((n + 1))
done
waiting=$(cadre run --detach --group spare --name waits -- true)
all_ended() { [ "$(cadre job list --state CREATED,SUBMITTED,RUNNING -o json | grep -o '"id"' |
    wc -l)" -eq 1 ]; }
holds "200 jobs run" until_true 120 all_ended
end "$agent"
until_true 30 agent_is a OFFLINE || not_ok "the agent goes"

# seen FILE: all that people see, but when a token was used last
seen() {
    for what in 'job list --kind all --limit 1000' 'execution list --limit 100' 'flow list' \
        'trigger list' 'group list' 'agent list' 'namespace list' 'token list' 'notify list' \
        "job show $(sed -n 5p ids)" "job show $waiting" 'agent history a' 'flow export'; do
        echo "# $what"
        # shellcheck disable=SC2086
        cadre $what -o json 2>&1 | sed 's/"lastUsedAt":[^,}]*//g'
    done >"$1"
    for id in $(sed -n '1p;50p;100p;150p;200p' ids); do
        cadre job logs --timestamps "$id" 2>&1
    done >>"$1"
}
seen before
holds "there is much to be seen" test "$(wc -c <before)" -gt 50000

migrate() { # OPTION...: what it says is in out, how it ends in code
    cadre-coordinator migrate-store --config coordinator.yaml --state server "$@" >out 2>&1
    code=$?
}
migrate --to "$uri"
is "nothing is moved while a coordinator runs" 1 "$code"
has "and it says why" out 'stop the coordinator'
end "$coordinator"

# refuses NAME PATTERN OPTION...: a start
refuses() {
    refuses_name=$1 refuses_pattern=$2
    shift 2
    cadre-coordinator run --config coordinator.yaml --state server --listen 127.0.0.1:0 "$@" \
        >out 2>&1 &
    starting=$!
    pids="$pids $starting"
    until_true 20 gone "$starting" || kill "$starting"
    wait "$starting"
    is "$refuses_name" 1 $?
    has "$refuses_name: it says why" out "$refuses_pattern"
}

# killed_in_the_middle MARK TO [OPTION...]: the copy waits for a table that somebody holds, and dies
killed_in_the_middle() {
    pg_sql primary "DO \$\$ DECLARE n bigint := 0; BEGIN
        LOOP
            IF EXISTS (SELECT 1 FROM pg_class WHERE relname = 'moves' AND relkind = 'r') THEN
                EXECUTE 'SELECT count(*) FROM cadre.moves WHERE mark = ''$1'' AND place <> '''''
                    INTO n;
            END IF;
            EXIT WHEN n > 0;
            PERFORM pg_sleep(0.001);
        END LOOP;
        LOCK TABLE cadre.tokens IN ACCESS EXCLUSIVE MODE;
        PERFORM pg_sleep(120);
    END \$\$" >hold.out 2>&1 &
    holder=$!
    shift
    there="SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
    until_true 20 pg_says primary "$there" 1 || not_ok "somebody holds a table"
    cadre-coordinator migrate-store --config coordinator.yaml --state server --to "$@" \
        >out 2>&1 &
    mover=$!
    pids="$pids $holder $mover"
    waits="SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"
    holds "the copy gets to the middle" until_true 30 pg_says primary "$waits" 1
    end "$mover" KILL
    is "and is killed there" 137 "$end_code"
    pg_sql primary "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE query LIKE 'DO %'" >/dev/null
    wait "$holder"
    has "some of it is there" out 'jobs: [0-9]+ rows copied'
    none="SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    until_true 20 pg_says primary "$none" 0 || not_ok "the server has noticed"
}

# ---- there ----
killed_in_the_middle moving-from "$uri"
is "none of the table that was held" 0 "$(pg_sql primary 'SELECT count(*) FROM cadre.tokens')"
refuses "no coordinator begins on half a copy" 'beginning of a copy' --store "$uri"
refuses "nor on the files" "was moved to postgresql://.*server/moved-to"
migrate --to "$uri"
is "it goes on" 0 "$code"
has "with what is not there yet" out 'going on with the copy' 'tokens: [0-9]+ rows copied' \
    'the same at both ends'
is "and not with what is" 0 "$(grep -c '^jobs:' out)"
migrate --to "$uri"
is "a second time there is nothing to do" 1 "$code"
has "which it says" out 'was moved to .* before'

coordinator_up --store "$uri"
holds "the coordinator serves" until_true 20 cadre status
seen there
holds "all is the same in PostgreSQL" cmp before there
cadre-agent run --config a.yaml --state a --slots 8 >>a.log 2>&1 &
agent=$!
pids="$pids $agent"
until_true 30 agent_is a ONLINE || not_ok "the agent comes back"
cadre run --name later -- sh -c 'echo later' >out 2>&1
is "and it goes on there" "0 later" "$? $(cat out)"
is "with a token of before" 0 "$(cadre --token-file reader.token job list >out 2>&1
    echo $?)"
end "$agent"
until_true 30 agent_is a OFFLINE || not_ok "the agent goes"
seen later

cp -a server other
rm -f other/lock other/port
cadre-coordinator migrate-store --config coordinator.yaml --state other --store "$uri" --to sqlite \
    >out 2>&1
is "nothing is moved while a coordinator runs elsewhere" 1 $?
has "and it is named" out "the coordinator 127.0.0.1:$port runs"
end "$coordinator"

# ---- and back ----
killed_in_the_middle moved-to sqlite --store "$uri"
refuses "no coordinator begins on half a copy in files" 'beginning of a copy'
refuses "nor on the database" 'was moved to' --store "$uri"
migrate --to sqlite --store "$uri"
is "it goes on with the files" 0 "$code"
has "and says so" out 'going on with the copy' 'the same at both ends'
refuses "the database is refused" 'DELETE FROM cadre.moves' --store "$uri"
cadre-coordinator check --config coordinator.yaml --state server >out 2>&1
is "the files are sound" 0 $?
coordinator_up
seen back
holds "all is the same in the files" cmp later back
end "$coordinator"
migrate --to "$uri"
is "the database keeps what it had" 1 "$code"
has "which is to be dropped first" out 'DROP SCHEMA cadre CASCADE'
coordinator_up
seen again
holds "and the files are as they were" cmp back again
end "$coordinator"
if [ "$failures" -gt 0 ]; then
    for f in before there later back; do diff before $f | head -5; done
    tail -n 20 coordinator.log
fi
done_testing
