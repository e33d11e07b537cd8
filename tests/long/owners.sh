#!/bin/sh
# Three coordinators over a PostgreSQL with a synchronous standby, 100 jobs a round, and faults that
# the seed chooses: coordinators, agents and the database die, freeze, are cut off and fail over.
# Each round's history is judged. CADRE_ROUNDS is how many rounds there are (20).
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/../system/lib_faults.sh"
. "$(dirname "$0")/../system/lib_pg.sh"
. "$(dirname "$0")/../system/lib_owners.sh"
echo "# seed $seed"
pg_wanted || exit 0
rounds=${CADRE_ROUNDS:-20}
primary=db0 copies=0
pg_up $primary
coordinator_lines=$quick_to_miss
coordinators_up 3 $primary
spare_up() { # a synchronous standby, of whoever is the primary
    copies=$((copies + 1))
    spare=db$copies
    pg_sync "$primary" "$spare"
}
spare_up
for a in a b; do agent_of_all $a --slots 4; eval "agent_pid_$a=$agent"; done

# ---- faults: each ends with everything as it was ----
back() { until_true 60 all_serve || not_ok "round $round, $fault: all coordinators serve again"; }
fault_kill() {
    member_end "$owner" KILL
    until_true 40 find_owner "$owner"
    member_begin "$victim"
}
fault_stop() {
    member_end "$owner"
    until_true 40 find_owner "$owner"
    member_begin "$victim"
}
fault_standby() {
    victim=$standby
    member_end "$victim" KILL
    member_begin "$victim"
}
fault_freeze() {
    kill -STOP "$(member_pid "$victim")"
    until_true 40 find_owner "$victim" || not_ok "round $round: another one than the frozen owner"
    kill -CONT "$(member_pid "$victim")"
}
fault_cut() {
    wire "db$victim" hole
    until_true 40 find_owner "$victim" || not_ok "round $round: another one than who is cut off"
    wire "db$victim" pass
}
fault_reset() {
    wire "db$victim" close
    wire "db$victim" pass
}
fault_swallow() {
    wire "db$victim" swallow "$load_prefix"
    more=$(($(acknowledged_count) + 2))
    until_true 15 has_acknowledged "$more"
}
fault_agent() {
    eval "kill -KILL \$agent_pid_a; wait \$agent_pid_a" 2>/dev/null
    agent_begin a --slots 4
    agent_pid_a=$agent
}
fault_database() {
    pg_kill9 "$primary"
    pg_begin "$primary"
}
fault_slow() {
    wire "db$victim" delay 100
    more=$(($(acknowledged_count) + 2))
    until_true 15 has_acknowledged "$more"
    wire "db$victim" pass
}
fault_failover() {
    until_true 30 pg_says "$primary" "SELECT sync_state FROM pg_stat_replication" sync ||
        not_ok "round $round: the standby is synchronous"
    pg_promote "$primary" "$spare"
    primary=$spare
    to_database "$primary"
    spare_up
}
faults="kill stop standby freeze cut reset swallow agent database slow failover"

round=1 load_gap=0.3
while [ "$round" -le "$rounds" ]; do
    rm -f history lock.*
    load_begin "load${round}x" 100
    before=$failures story=
    for nth in 1 2 3; do
        owner_of || break
        victim=$owner
        random 11
        # shellcheck disable=SC2086
        fault=$(echo $faults | cut -d' ' -f$((random_value + 1)))
        random 60
        mark=$((random_value / 2 + (nth - 1) * 30))
        until_true 60 has_started "$mark"
        began=$(now_ms)
        fault_$fault
        until_true 60 find_owner && until_true 60 agents_served ||
            not_ok "round $round, $fault: every agent is served again"
        story="$story $fault($(($(now_ms) - began)) ms)"
        back
    done
    echo "# round $round:$story"
    load_end "round $round"
    [ "$failures" -eq "$before" ] || break
    round=$((round + 1))
done
owners_done
