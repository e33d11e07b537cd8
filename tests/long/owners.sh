#!/bin/sh
# Three coordinators over a PostgreSQL with a synchronous standby, 500 jobs a round, and faults that
# the seed chooses: coordinators, agents and the database die, freeze, are cut off and fail over.
# The history of each round is judged. CADRE_ROUNDS is how many there are (20), CADRE_JOBS how many
# jobs each has (at most 900). A round prints its seed: with it as CADRE_SEED the first round has
# the same faults.
. "$(dirname "$0")/../system/lib.sh"
. "$(dirname "$0")/../system/lib_faults.sh"
. "$(dirname "$0")/../system/lib_pg.sh"
. "$(dirname "$0")/../system/lib_owners.sh"
echo "# seed $seed"
pg_wanted || exit 0
rounds=${CADRE_ROUNDS:-20} jobs=${CADRE_JOBS:-500} faults_each=5
share=$((jobs * 9 / 10 / faults_each)) # of the jobs, for each fault
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

round=1 round_seed=$seed load_gap=0.3 all_began=$(now_ms)
while [ "$round" -le "$rounds" ]; do
    rm -f history lock.*
    random_state=$round_seed round_began=$(now_ms)
    load_begin "load${round}x" "$jobs"
    before=$failures story= nth=0
    while [ $nth -lt $faults_each ]; do
        owner_of || break
        victim=$owner
        random 11
        # shellcheck disable=SC2086
        fault=$(echo $faults | cut -d' ' -f$((random_value + 1)))
        random "$share"
        mark=$((random_value + nth * share)) nth=$((nth + 1))
        until_true 120 has_started "$mark"
        began=$(now_ms)
        fault_$fault
        until_true 60 find_owner && until_true 60 agents_served ||
            not_ok "round $round, $fault: every agent is served again"
        story="$story $fault($(($(now_ms) - began)) ms)"
        back
    done
    echo "# round $round, seed $round_seed:$story"
    load_end "round $round"
    echo "# round $round: $((($(now_ms) - round_began) / 1000)) s"
    [ "$failures" -eq "$before" ] || break
    round=$((round + 1))
    random 1
    round_seed=$random_state
done
echo "# $((round - 1)) rounds in $((($(now_ms) - all_began) / 1000)) s"
owners_done
