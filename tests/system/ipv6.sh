#!/bin/sh
# One listener for both families of addresses, as the guide tells.
. "$(dirname "$0")/lib.sh"
grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null || {
    echo "skip - a listener on [::]: this machine has no ::1"
    exit 0
}
printf 'listen: "[::]:0"\n' >coordinator.yaml
coordinator_up
for address in "[::1]" 127.0.0.1 localhost; do
    CADRE_URL=$address:$port cadre status >out 2>&1
    is "a coordinator on [::] serves $address" 0 $?
done
join_token=$(cadre token create join 2>/dev/null)
CADRE_COORDINATOR="[::1]:$port" cadre-agent join "$join_token" --config a.yaml --state a \
    --name a >join.log 2>&1
is "a machine joins over IPv6" 0 $?
CADRE_COORDINATOR="[::1]:$port" cadre-agent run --config a.yaml --state a >a.log 2>&1 &
pids="$pids $!"
holds "and comes online" until_true 30 agent_is a ONLINE
has "over IPv6" a.log 'connected to \[?::1'
printf 'listen: "0.0.0.0:0"\n' >four.yaml
cadre-coordinator init --config four.yaml --state four >/dev/null 2>&1
cadre-coordinator run --config four.yaml --state four >four.out 2>four.log &
pids="$pids $!"
until_true 30 file_has four.out '^listening on '
four=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' four.out)
CADRE_TOKEN_FILE=four/admin.token CADRE_URL=127.0.0.1:$four cadre status >out 2>&1
is "one on 0.0.0.0 serves IPv4" 0 $?
# A name of both families is reached by the address that answers.
CADRE_TOKEN_FILE=four/admin.token CADRE_URL=localhost:$four cadre status >out 2>&1
is "also under a name of both families" 0 $?
done_testing
