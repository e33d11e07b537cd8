#!/bin/sh
# Much output, odd output, and output that outlives its job. Memory stays flat.
. "$(dirname "$0")/lib.sh"
# What AddressSanitizer keeps back of freed memory would hide what the programs hold.
ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=4
export ASAN_OPTIONS
printf 'listen: 127.0.0.1:0\nlimits: {output: 300MiB}\n' >coordinator.yaml
coordinator_up
agent_up a --slots 4

peak() { awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; }
cadre run -- true
before_c=$(peak "$coordinator") before_a=$(peak "$agent")
cadre run -- sh -c 'head -c 200000000 /dev/zero | tr "\000" "x"' >out 2>err
is "a job with 200 MB of output ends" 0 $?
is "and all of it arrives" 200000000 "$(wc -c <out | tr -d ' ')"
holds "unchanged" sh -c '[ "$(tr -d x <out | wc -c)" -eq 0 ]'
rm out
after_c=$(peak "$coordinator") after_a=$(peak "$agent")
echo "# peak memory in MiB: coordinator $before_c -> $after_c, agent $before_a -> $after_a"
holds "the coordinator's memory stays flat" test $((after_c - before_c)) -lt 150
holds "and the agent's" test $((after_a - before_a)) -lt 150

head -c 3000000 /dev/urandom >random.bin
cadre run -- cat "$here/random.bin" >out
holds "3 MB of random bytes arrive unchanged" cmp -s random.bin out
id=$(cadre job list --limit 1 -o json | sed -n 's/^\[{"id":"\([^"]*\)".*/\1/p')
cadre job logs "$id" >out
holds "and can be had again afterwards" cmp -s random.bin out

cadre run -- sh -c 'echo started; setsid sh -c "echo \$\$ >'"$here"'/daemon; sleep 300" &
    sleep 0.3; echo ended' >out 2>err
is "a job whose daemon keeps stdout open ends" 0 $?
is "with what it said itself" "started ended" "$(tr '\n' ' ' <out | sed 's/ $//')"
until_true 5 test -s daemon
holds "and the daemon is gone" until_true 10 gone "$(cat daemon)"

cadre run -- sh -c '(setsid sh -c "trap \"\" TERM; (echo \$\$ >'"$here"'/double; exec sleep 300)" &)
    exit 0' >out 2>err
until_true 5 test -s double
holds "a double-forked process that ignores SIGTERM is gone, too" until_true 10 gone "$(cat double)"

i=0
while [ $i -lt 50 ]; do printf 'line %d\n' $i; i=$((i + 1)); done >wanted
cadre run -- sh -c 'i=0; while [ $i -lt 50 ]; do echo "line $i"; i=$((i + 1)); done' >out
holds "lines come in order" cmp -s wanted out
end "$agent"

# The limit: its own coordinator setting, so a small one here.
end "$coordinator"
printf 'listen: 127.0.0.1:0\nlimits: {output: 1MiB}\n' >coordinator.yaml
coordinator_up
agent_up a --slots 4
cadre run -- sh -c 'echo first; head -c 5000000 /dev/zero | tr "\000" y; echo last
    echo why it failed >&2; exit 3' >out 2>err
is "a job over its output limit goes on to its own end" 3 $?
is "and its output keeps to the limit" 1048576 "$(($(wc -c <out) + $(grep -c 'why it' err) * 14))"
is "it has its beginning" first "$(head -n 1 out)"
is "and its end" last "$(tail -c 5 out)"
has "what it said on stderr behind the limit" err '^why it failed$'
has "and what is missing" err '^cadre: … 3,951,449 bytes left out here \(of stdout; the output' \
    'limit is 1MiB' '^cadre: the job wrote more than the output limit'
id=$(cadre job list --limit 1 -o json | sed -n 's/^\[{"id":"\([^"]*\)".*/\1/p')
cadre job logs --stream stdout "$id" >again
holds "the log has the same" cmp -s out again
# The end of the output waits in the agent's memory: it is lost with the agent.
kill_self='head -c 5000000 /dev/zero | tr "\000" y; echo last; kill -KILL '"$agent"'; sleep 60'
cadre run -- sh -c "$kill_self" >out 2>err &
run=$!
until_true 20 gone "$agent" || not_ok "the agent is killed"
wait "$agent" 2>/dev/null
agent_up a
wait "$run"
is "an agent that is killed leaves the job interrupted" 125 $?
is "with the beginning of its output" 655360 "$(wc -c <out | tr -d ' ')"
end "$agent"
end "$coordinator"
done_testing
