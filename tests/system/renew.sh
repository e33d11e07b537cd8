#!/bin/sh
# Certificates that live for seconds: renewed over the live session, under a job that goes on; the
# next connection uses the new one.
. "$(dirname "$0")/lib.sh"
printf 'listen: 127.0.0.1:0\ncertificateLife: 12s\n' >coordinator.yaml
coordinator_up
agent_up a --slots 2
cp a/agent.pem first.pem
cp a/agent.key first.key
cadre run -- sh -c 'echo begun; until [ -e '"$here"'/go ]; do sleep 0.1; done; echo ended' \
    >out 2>err &
run=$!
until_true 20 test -s out
renewals() { [ "$(grep -c 'certificate: renewed' a.log)" -ge "$1" ]; }
holds "a certificate is renewed, and renewed again" until_true 60 renewals 3
holds "over the session that it began with" test "$(grep -c 'session: connected' a.log)" -eq 1
holds "without haste" test "$(grep -c 'certificate: asking' a.log)" -le 6
holds "the certificate is another one" sh -c '! cmp -s first.pem a/agent.pem'
holds "for the same key" cmp -s first.key a/agent.key
holds "and the agent is the same" \
    sh -c '[ "$(cadre agent list -o json | grep -o "\"name\"" | wc -l)" -eq 1 ]'

# The first certificate is long over: who connects now shows the new one.
end "$coordinator" KILL
until_true 20 file_has a.log 'lost the coordinator'
coordinator_up
holds "the agent connects again with the new certificate" until_true 30 agent_is a ONLINE
touch go
wait "$run"
is "and the job that began before has its result" 0 $?
is "with all its output" "begun ended" "$(tr '\n' ' ' <out | sed 's/ $//')"
end "$agent"
agent_up a --slots 2
cadre run -- echo hello >out 2>err
is "an agent that starts with it works, too" "0 hello" "$? $(cat out)"
end "$agent"

# Away for longer than it lives: it cannot get in any more, and says what to do.
cp first.pem a/agent.pem
cadre-agent run --config a.yaml --state a >expired.log 2>&1 &
agent=$!
pids="$pids $agent"
holds "an expired certificate is refused by its name" until_true 30 file_has expired.log \
    'certificate-expired'
holds "and the agent keeps trying slowly" kill -0 "$agent"
end "$agent"
is "and can be stopped" 0 "$end_code"
join_token=$(cadre token create join 2>/dev/null)
cadre-agent join "$join_token" --config a.yaml --state a --name a --replace >join.log 2>&1
is "it joins again under its name" 0 $?
agent_up a --slots 2
cadre run -- echo again >out 2>err
is "and works again" "0 again" "$? $(cat out)"
end "$agent"
end "$coordinator"
is "SIGTERM ends the coordinator with 0" 0 "$end_code"
done_testing
