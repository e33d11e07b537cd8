#!/bin/sh
# 2,000 connections of strangers, from 200 addresses and then from the address of everybody else,
# while an agent restarts, a person logs in and jobs run. Judged is that all of that succeeds, not
# how fast.
# rings: system
# alone: it opens 2,000 connections, twice
. "$(dirname "$0")/lib.sh"
began=$(date +%s)
coordinator_up
agent_up a --slots 4
HOME=$here/home && mkdir "$HOME" && export HOME

# gather NAME ADDRESSES: 2,000 connections, until disperse
gather() {
    mkfifo "$1.in"
    "$CADRE_BUILD/tests/support/crowd" "$port" 2000 "$2" <"$1.in" >"$1.out" 2>&1 &
    crowd=$!
    pids="$pids $crowd"
    exec 7>"$1.in" # its end would be the crowd's; programs that start now inherit it
    holds "2,000 connections of $1 come" until_true 120 file_has "$1.out" '^gathered'
}
disperse() {
    exec 7>&-
    end "$crowd"
}

all_done() {
    ended=$(cadre job list --limit 200 --state SUCCESS -o json | grep -o '"SUCCESS"' | wc -l)
    [ "$ended" -ge "$1" ]
}

log_in() { cadre login - <"$here/server/admin.token" >login.out 2>&1; }
ask_status() { cadre status >status.out 2>&1; }
submit() { cadre run --detach -- true >"id.$1" 2>"err.$1"; }
make_token() { cadre token create join >token.txt 2>token.err; }
join_as() {
    cadre-agent join "$(cat token.txt)" --config "$1.yaml" --state "$1.d" --name "$1" >join.out 2>&1
}

# the_others_work NAME JOBS: how many jobs there are at the end
the_others_work() {
    end "$agent"
    cadre-agent run --config a.yaml --state a --slots 4 >>a.log 2>&1 &
    agent=$!
    pids="$pids $agent"
    holds "$1: the agent is back after a restart" until_true 120 agent_is a ONLINE
    holds "$1: a person logs in" until_true 120 log_in
    holds "$1: and is told the state" until_true 120 ask_status
    i=0
    while [ $i -lt 20 ]; do
        until_true 120 submit "$1.$i" &
        batch="$batch $!"
        i=$((i + 1))
    done
    # shellcheck disable=SC2086
    wait $batch
    is "$1: jobs are accepted" 20 "$(cat "id.$1".* | grep -Ec '^[0-9a-z]{13}$')"
    holds "$1: and end well" until_true 120 all_done "$2"
    until_true 120 make_token
    holds "$1: a machine joins" until_true 120 join_as "$1"
}
warnings() { grep -c 'the door: ' coordinator.log; }

batch=
gather many 200
the_others_work many 20
disperse
has "the log names an address" coordinator.log 'the door: [0-9]+ connections .* of 127\.1\.'
gather one 1
the_others_work one 40
disperse
few_lines() { [ "$(warnings)" -le $((2 + ($(date +%s) - began) / 60)) ]; }
holds "the log has a line a minute at most" few_lines
end "$agent"
end "$coordinator"
done_testing
