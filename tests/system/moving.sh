#!/bin/sh
# A coordinator moves to another address, as the guide tells: agents learn of the new one while the
# old one works.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 2
old=127.0.0.1:$port new=127.0.0.2:$port
grep -q "127.0.0.2" a.yaml && not_ok "the agent cannot know the new address yet"
id=$(cadre run --detach -- \
    sh -c 'echo begun; until [ -e '"$here"'/go ]; do sleep 0.1; done; echo ended' 2>err)
until_true 60 job_is "$id" RUNNING

# 1. the new address is told beside the old one
end "$coordinator"
printf 'listen: 127.0.0.1:0\nadvertise: ["%s", "%s"]\n' "$old" "$new" >coordinator.yaml
coordinator_up
holds "an agent learns the new address" until_true 60 file_has a.log "also found at $new"
has "and keeps it" a/addresses.json "$new"
holds "but not its own once more" sh -c '! grep -q "127.0.0.1" a/addresses.json'
cp a.yaml before.yaml

# 2. the state folder moves
end "$coordinator"
cp -a server moved
mv server gone
printf 'listen: "%s"\nadvertise: ["%s"]\n' "$new" "$new" >moved.yaml
cadre-coordinator run --config moved.yaml --state moved >moved.out 2>moved.log &
pids="$pids $!"
until_true 60 file_has moved.out '^listening on '
CADRE_URL=$new CADRE_TOKEN_FILE=$here/moved/admin.token
holds "the agent comes to the new address" until_true 60 file_has a.log "connected to $new"
touch go
holds "the job that ran all the while succeeds" until_true 60 job_is "$id" SUCCESS
is "with all its output" "begun ended" "$(cadre job logs "$id" | tr '\n' ' ' | sed 's/ $//')"

# 3. and an agent that starts anew finds it, with the configuration that it had
end "$agent"
cmp -s a.yaml before.yaml && ok "agent.yaml is as it was" || not_ok "agent.yaml was changed"
agent_up a --slots 2
cadre run -- echo hello >out 2>err
is "an agent that starts after the move works" "0 hello" "$? $(cat out)"

# 4. people who have both addresses in a list
export CADRE_URL="$old,$new"
cadre run --wait 0 -- echo hello >out 2>err
is "the command line finds the one that works" "0 hello" "$? $(cat out)"
is "without a word" "" "$(grep -v '^cadre: job ' err)"
cadre --url "127.0.0.3:$port,$old" --wait 0 status >out 2>err
is "when none works it says so" 1 "$?"
has "and which it tried last" err "not reachable.*$old"
printf 'listen: 127.0.0.4:0\n' >other.yaml
cadre-coordinator init --config other.yaml --state other >other.log 2>&1 || not_ok "another one"
cadre-coordinator run --config other.yaml --state other >other.out 2>>other.log &
pids="$pids $!"
holds "another coordinator runs" until_true 60 file_has other.out '^listening on '
stranger=$(sed -n 's/^listening on //p' other.out)
cadre --url "$stranger,$new" --wait 0 run -- echo hello >out 2>err
is "the next one is tried then" "0 hello" "$? $(cat out)"
cadre --url "$stranger" --wait 30s status >out 2>err
is "who is there alone ends the command" 1 "$?"
has "with the reason" err 'pinned'
cadre --url "$old," status >out 2>err
is "an empty address is refused" 2 "$?"
has "with the list" err "url: '$old,'"
done_testing
