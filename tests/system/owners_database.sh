#!/bin/sh
# Several coordinators, and a database that dies, is started again, or fails over to its standby:
# with a synchronous one nothing is lost that was acknowledged, without one the loss is named.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"
. "$(dirname "$0")/lib_pg.sh"
. "$(dirname "$0")/lib_owners.sh"
echo "# seed $seed"
pg_wanted || exit 0
pg_up primary

# ---- a database that may lose commits at any time ----
mkdir careless
for setting in fsync full_page_writes synchronous_commit; do
    pg_sql primary "ALTER SYSTEM SET $setting = off"
    pg_sql primary "SELECT pg_reload_conf()" >/dev/null
    until_true 10 pg_says primary "SHOW $setting" off || not_ok "$setting is off"
    printf 'listen: 127.0.0.1:0\nstore: %s\n' "$(pg_uri "127.0.0.1:$pg_port_primary")" \
        >careless/c.yaml
    { cadre-coordinator init --config careless/c.yaml --state "careless/$setting" &&
        timeout 20 cadre-coordinator run --config careless/c.yaml --state "careless/$setting"; } \
        >out 2>&1
    code=$?
    holds "with $setting off nothing starts" test "$code" -ne 0 -a "$code" -ne 124
    has "and says why" out "$setting"
    pg_sql primary "ALTER SYSTEM RESET $setting"
    pg_sql primary "SELECT pg_reload_conf()" >/dev/null
    until_true 10 pg_says primary "SHOW $setting" on || not_ok "$setting is on"
done

coordinator_lines=$quick_to_miss
coordinators_up 3 primary
cadre status >out 2>&1
has "without a synchronous standby status says what a failover can cost" out \
    'synchronous|standby' 'lose|lost'
owner_of
has "so does the log" "c$owner.log" 'synchronous.*(lose|lost)|(lose|lost).*synchronous'
pg_sync primary spare
agent_of_all a --slots 8
long=$(once long "$(counting long)" --lease 5m)
until_true 20 has_run long || not_ok "a job runs"
load_gap=2
load_begin load 40

# ---- PostgreSQL dies, and is started again ----
until_true 20 has_acknowledged 5
pg_kill9 primary
holds "a job runs on without the database" counts_on long
pg_begin primary
began=$(now_ms)
until_true 40 find_owner && until_true 40 agents_served || not_ok "the queue serves again"
echo "# PostgreSQL was killed: served again $(($(now_ms) - began)) ms after its start"
id=$(cadre run --detach -- true)
holds "PostgreSQL was killed: jobs run again" until_true 30 job_is "$id" SUCCESS

# ---- the synchronous standby is gone ----
until_true 30 pg_says primary "SELECT sync_state FROM pg_stat_replication" sync ||
    not_ok "the standby is back"
pg_freeze spare
cadre run --detach --name waits -- true >waits.id 2>waits.err &
asks=$!
names_it() {
    for m in $members; do
        via "$m" cadre --wait 2s status >status 2>&1
        grep -Eq 'synchronous standby' status && return
    done
    return 1
}
holds "a synchronous standby that is gone is named by status" until_true 20 names_it
owner_of_reads() {
    for m in $members; do via "$m" cadre job show "$long" >shown 2>&1 || return 1; done
}
CADRE_WAIT=2s
holds "reads go on" owner_of_reads
CADRE_WAIT=30s
holds "and the submit waits" kill -0 "$asks"
pg_thaw spare
wait "$asks"
is "until it is back" 0 $?
holds "and is done once" until_true 40 job_is "$(cat waits.id)" SUCCESS
is "in one job" 1 "$(pg_sql primary "SELECT count(*) FROM cadre.jobs WHERE name = 'waits'")"

# ---- failover to the synchronous standby ----
until_true 40 find_owner || not_ok "somebody owns"
began=$(now_ms)
pg_promote primary spare
to_database spare
until_true 40 find_owner && until_true 40 agents_served || not_ok "the queue serves again"
echo "# failover: served again after $(($(now_ms) - began)) ms"
holds "failover: the job that ran goes on" counts_on long
id=$(cadre run --detach -- true)
holds "failover: jobs run again" until_true 30 job_is "$id" SUCCESS
load_end synchronous

# ---- failover to one that is behind ----
proxy_up wal "$pg_port_spare"
pg_async spare late "$proxy_port"
until_true 20 pg_says late "SELECT count(*) FROM cadre.jobs WHERE name = 'waits'" 1 ||
    not_ok "the standby has what there was"
mv history history.synchronous
load_gap=0
load_begin loadb 30
until_true 30 has_acknowledged 8
wire wal hole
until_true 30 has_acknowledged 20
wire wal close
pg_promote spare late
note lost-commits
to_database late
until_true 40 find_owner && until_true 40 agents_served || not_ok "the queue serves again"
lost_is_told() { grep -Eq 'acknowledge|forgot|lost' c[0-9].log; }
holds "a database that went back is told apart" until_true 30 lost_is_told
load_lossy=1
load_end asynchronous
echo "# failover to a standby that is behind: $(grep -c '^missing' history) jobs of" \
    "$(acknowledged_count) are lost"
cadre status >out 2>&1
is "and the queue goes on" 0 $?
touch long.go
holds "the job that ran through all of it ends" until_true 60 job_is "$long" FAILED
never_twice long
is "and ran once" 1 "$(runs_of long)"
for m in $members; do member_end "$m"; done
owners_done
