#!/bin/sh
# The network between agent, coordinator and user is cut, for less and for more than the lease: by a
# forwarder that drops, resets and delays, and, where namespaces can be made, by a cable between two
# network namespaces.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"

# What an agent says of a job whose lease is over; on a machine with much to do it may come half a
# second late, and finds that its guard was there before.
lost_by() {
    echo "job $1: attempt 1 is" \
        "(ended: the coordinator was out of reach|lost: this agent was held up)"
}

# ---- a cable (`network.sh cable`, in a network namespace of its own, beside all that follows) ----
# Packets to an Ethernet address that nobody has vanish: neither side hears of it.
cut_cable() {
    ip neigh replace 10.99.0.2 lladdr 02:00:00:00:00:99 dev near nud permanent
    $over_there ip neigh replace 10.99.0.1 lladdr 02:00:00:00:00:99 dev far nud permanent
}
mend_cable() {
    ip neigh del 10.99.0.2 dev near
    $over_there ip neigh del 10.99.0.1 dev far
}
cable() {
    unshare -n sleep 1000000 &
    pids="$pids $!"
    over_there="nsenter -t $! -n"
    apart() { [ "$(readlink "/proc/$!/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
    until_true 10 apart || exit 1
    ip link set lo up && ip link add near type veth peer name far netns $! &&
        ip addr add 10.99.0.1/24 dev near &&
        ip link set near up && $over_there ip addr add 10.99.0.2/24 dev far &&
            $over_there ip link set far up || {
        echo "skip - a cable between network namespaces: no veth or no ip here"
        exit 0
    }
    printf 'listen: 0.0.0.0:0\nlease: 3s\nheartbeat: 1s\nnames: [10.99.0.1]\n' >coordinator.yaml
    coordinator_up
    join_agent a
    CADRE_COORDINATOR=10.99.0.1:$port $over_there cadre-agent run --config a.yaml --state a \
        --slots 4 >>a.log 2>&1 &
    pids="$pids $!"
    until_true 30 agent_is a ONLINE || not_ok "an agent at the other end of a cable comes online"
    short=$(once short "$(counting short)" --lease 1m)
    lost=$(once_hasty lost 'exec sleep 300')
    again=$(once_hasty again '[ $CADRE_ATTEMPT = 2 ] || exec sleep 300' "$retry_once")
    for job in short lost again; do until_true 20 has_run $job || not_ok "$job runs"; done
    cut_cable
    holds "cable: an agent that is cut off ends its jobs when their lease is over" \
        until_true 20 file_has a.log "$(lost_by "$lost")"
    holds "cable: before the coordinator gives them up" job_is "$lost" RUNNING
    agent_up b
    holds "cable: one with retry runs again, elsewhere" until_true 40 job_is "$again" SUCCESS
    is "cable: one without is lost" "FAILED lost" "$(job_field "$lost" state) $(job_field "$lost" \
        reason)"
    holds "cable: one with a longer lease runs on" counts_on short
    touch short.go
    until_true 20 ended_at a "$short" || not_ok "cable: it ends"
    mend_cable
    holds "cable: its result arrives afterwards" until_true 60 job_is "$short" FAILED
    cadre job logs "$short" >short.out
    holds "cable: with all of its output" whole short short.out
    never_twice short lost again
    is "cable: nothing ran more often than it may" "1 1 2" \
        "$(runs_of short) $(runs_of lost) $(runs_of again)"
    exit "$failures"
}
[ "${1:-}" != cable ] || cable
mkdir cable
if unshare -n true 2>unshare.err; then
    (cd cable && exec unshare -n sh "$0" cable) >cable.cases 2>&1 &
    cable=$!
else
    echo "skip - a cable between network namespaces: $(head -n 1 unshare.err)" >cable.cases
    cable=
fi

printf 'listen: 0.0.0.0:0\nlease: 3s\nheartbeat: 1s\nnames: [127.0.0.1]\n' >coordinator.yaml
coordinator_up
proxy_up far "$port"
far_address=127.0.0.1:$proxy_port
proxy_up user "$port"
user_address=127.0.0.1:$proxy_port
join_agent a
agent_up_at() { # NAME ADDRESS [OPTION...]
    at_name=$1
    CADRE_COORDINATOR=$2
    export CADRE_COORDINATOR
    shift 2
    agent_up "$at_name" "$@"
    unset CADRE_COORDINATOR
}
agent_up_at a "$far_address" --slots 8
agent_a=$agent

follow() { # NAME: the user is behind a wire of his own
    follow_name=$1
    shift
    CADRE_URL=$user_address cadre run --lease 1m --name "$follow_name" "$@" -- \
        sh -c ". $here/once.sh
$(counting "$follow_name")" once "$follow_name" >"$follow_name.out" 2>"$follow_name.err" &
    follower=$!
    until_true 20 counts "$follow_name" 2 || not_ok "$follow_name runs"
}

# ---- shorter than the lease ----
follow short
wire far hole
wire user hole
holds "a job runs on while nothing passes" counts_on short
wire user pass
wire far pass
touch short.go
wait "$follower"
is "and its result arrives afterwards" 5 $?
holds "with all of its output" whole short short.out

follow reset
wire far close
wire user close
holds "a job runs on while connections are refused" counts_on reset
touch reset.go
until_true 10 file_has a.log 'lost the coordinator' || not_ok "the agent notices"
until_true 20 ended_at a "$(cadre job list --limit 1 -o json |
    sed -n 's/^\[{"id":"\([^"]*\)".*/\1/p')"
wire far pass
wire user pass
wait "$follower"
is "a result that came about meanwhile arrives" 5 $?
holds "with all of its output, to a user whose connection broke, too" whole reset reset.out
has "who was told" reset.err 'trying for'

follow silent
wire far hole
until_true 30 agent_is a OFFLINE || not_ok "the coordinator gives up a silent connection"
holds "a job runs on while its agent is offline" counts_on silent
until_true 30 file_has a.log 'the coordinator has been silent' || not_ok "so does the agent"
touch silent.go
wire far pass
wait "$follower"
is "a cut that both sides noticed costs nothing" 5 $?
holds "not a line of output" whole silent silent.out
never_twice short reset silent
is "and nothing was started again" "1 1 1" "$(runs_of short) $(runs_of reset) $(runs_of silent)"

until_true 30 agent_is a ONLINE
wire far delay 300
CADRE_URL=$user_address cadre run -- sh -c 'sleep 2; echo slow' >out 2>err
is "a line with 600 ms there and back is no cut" "0 slow" "$? $(cat out)"
wire far pass

# ---- longer than the lease ----
# Four jobs on the agent that is cut off: two that would run on, and two that end well within the
# lease, of which nobody hears in time. One of each may be tried again, elsewhere.
lost=$(once_hasty lost "exec sleep 300")
again=$(once_hasty again '[ $CADRE_ATTEMPT = 2 ] || exec sleep 300' "$retry_once")
late=$(once_hasty late 'while [ ! -e late.go ]; do sleep 0.1; done; echo late')
late_again=$(once_hasty late_again 'while [ ! -e late.go ]; do sleep 0.1; done; echo $CADRE_AGENT' \
    "$retry_once")
for job in lost again late late_again; do until_true 20 has_run $job || not_ok "$job runs"; done
wire far hole
touch late.go
until_true 20 ended_at a "$late" && until_true 20 ended_at a "$late_again" ||
    not_ok "two jobs end during the cut"
holds "an agent that is cut off ends its jobs when their lease is over" \
    until_true 20 file_has a.log "$(lost_by "$lost")"
holds "every process of them" until_true 20 gone "$(pid_of lost)"
holds "before the coordinator gives them up" job_is "$lost" RUNNING
holds "those that may be tried again, too" until_true 20 gone "$(pid_of again)"
agent_up b --slots 8
holds "a job without retry is lost then" until_true 40 job_is "$lost" FAILED
is "and that is its reason" lost "$(job_field "$lost" reason)"
holds "one with retry runs again" until_true 40 job_is "$again" SUCCESS
is "elsewhere" "2 b" "$(run_of again 2 | cut -d' ' -f1,2)"
holds "a job whose result did not arrive in time is lost" until_true 20 job_is "$late" FAILED
holds "or runs again" until_true 20 job_is "$late_again" SUCCESS
holds "the agent that was cut off is offline" agent_is a OFFLINE
wire far pass
holds "it comes back" until_true 60 agent_is a ONLINE
cadre run --require hostname="$(uname -n)" -- true
is "the result of an old attempt is refused" "FAILED lost" \
    "$(job_field "$late" state) $(job_field "$late" reason)"
is "also when the job ran again meanwhile" "SUCCESS b" \
    "$(job_field "$late_again" state) $(cadre job logs "$late_again")"
is "what was lost stays lost" "FAILED lost" "$(job_field "$lost" state) $(job_field "$lost" reason)"
never_twice lost again late late_again
is "nothing ran more often than it may" "1 2 1 2" \
    "$(runs_of lost) $(runs_of again) $(runs_of late) $(runs_of late_again)"
if [ -n "$cable" ]; then
    wait "$cable" || failures=$((failures + 1))
fi
cat cable.cases
end "$agent_a"
is "the agent has nothing left to say" 0 "$end_code"
end "$agent"
end "$coordinator"
done_testing
