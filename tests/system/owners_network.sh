#!/bin/sh
# Three coordinators, each in a network namespace of its own, on a switch with agents, users and
# PostgreSQL: the owner's cable is pulled out, and the coordinators are cut off from each other.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"
. "$(dirname "$0")/lib_pg.sh"
. "$(dirname "$0")/lib_owners.sh"
if [ "${1:-}" != inside ]; then
    unshare -n true 2>unshare.err || {
        echo "skip - several coordinators in network namespaces: $(head -n 1 unshare.err)"
        exit 0
    }
    trap - EXIT TERM INT
    exec unshare -n sh "$0" inside
fi
echo "# seed $seed"
ip link set lo up && ip link add switch type bridge 2>bridge.err &&
    ip addr add 10.98.0.9/24 dev switch && ip link set switch up || {
    echo "skip - several coordinators in network namespaces: no bridge here"
    exit 0
}
for n in 1 2 3; do
    unshare -n sleep 1000000 &
    eval "house_$n=$!"
    pids="$pids $!"
    apart() { [ "$(readlink "/proc/$!/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
    until_true 10 apart || exit 1
    ip link add cable$n type veth peer name far netns $! && ip link set cable$n master switch up &&
        nsenter -t $! -n sh -c "ip link set lo up && ip addr add 10.98.0.$n/24 dev far &&
            ip link set far up" || {
        echo "skip - several coordinators in network namespaces: no veth here"
        exit 0
    }
done
member_host() { echo "10.98.0.$1"; }
member_enter() { eval "echo nsenter -t \$house_$1 -n"; }
member_store() { eval "store=\$(pg_uri 10.98.0.9:\$pg_port_$2)"; }

pg_wanted || exit 0
echo 'host all all 10.98.0.0/24 trust' >>"$pg_home/template/pg_hba.conf"
pg_up primary "listen_addresses = '127.0.0.1,10.98.0.9'"
coordinator_lines=$quick_to_miss
coordinators_up 3 primary
agent_of_all a --slots 8
agent_of_all b --slots 8
long=$(once long "$(counting long)" --lease 5m)
until_true 20 has_run long || not_ok "a job runs"
load_gap=3
load_begin load 30

# ---- the owner's cable ----
owner_of
until_true 20 has_acknowledged 5
cut=$owner
began=$(now_ms)
ip link set "cable$cut" down
taken_over "a cable pulled out" "$began" "$cut" 10000
holds "a cable pulled out: the job that ran goes on" counts_on long
ip link set "cable$cut" up
holds "a cable pulled out: who is back is a standby" until_true 30 is_standby "$cut"

# ---- in halves: coordinators do not hear each other, and all hear the database ----
# Packets to an Ethernet address that nobody has vanish.
deaf_to() {
    $(member_enter "$1") ip neigh replace "10.98.0.$2" lladdr 02:00:00:00:00:99 dev far \
        nud permanent
}
hears() { $(member_enter "$1") ip neigh del "10.98.0.$2" dev far; }
owner_of
halved=$owner
for m in $standbys; do deaf_to "$halved" "$m" && deaf_to "$m" "$halved"; done
via "$standby" cadre job show "$long" >out 2>&1
is "in halves: a standby reads" 0 $?
via "$standby" cadre --wait 2s run --detach -- true >out 2>err
is "in halves: it passes nothing on" 125 $?
has "in halves: and says so" err 'owner|owns'
id=$(CADRE_URL=$(member_at "$standby"),$(member_at "$owner") cadre run --detach -- true 2>err)
holds "in halves: who knows the owner's address gets through" until_true 30 job_is "$id" SUCCESS
holds "in halves: the owner goes on" owns "$halved"
for m in $standbys; do hears "$halved" "$m" && hears "$m" "$halved"; done
id=$(via "$standby" cadre run --detach -- true)
holds "together again: a standby passes on" until_true 30 job_is "$id" SUCCESS

load_end load
touch long.go
holds "the job that ran through all of it ends" until_true 30 job_is "$long" FAILED
never_twice long
is "and ran once" 1 "$(runs_of long)"
for m in $members; do member_end "$m"; done
owners_done
