#!/bin/sh
# What a service does before it starts for the first time, and never again: cadre-coordinator init
# --once.
. "$(dirname "$0")/lib.sh"
printf 'listen: 127.0.0.1:0\n' >coordinator.yaml
once() { cadre-coordinator init --once --config coordinator.yaml --state server >out 2>err; }

once
is "init --once makes a coordinator" 0 $?
has "and says what comes next" out 'initialised in server' 'cadre token create join'
cksum server/ca.key server/admin.token >before
once
is "once more it does nothing" 0 $?
is "and says nothing" "" "$(cat out err)"
is "and leaves the keys alone" "$(cat before)" "$(cksum server/ca.key server/admin.token)"

rm server/admin.token
once
is "a token that somebody removed" 0 $?
holds "is not made anew" test ! -e server/admin.token
cadre-coordinator init --config coordinator.yaml --state server >out 2>err
is "unless one asks for it" 0 $?
holds "and then it is" test -s server/admin.token

mv server/ca.key kept
once
is "a CA that is missing is an error" 1 $?
has "and no new one is made" err 'not the CA'
mv kept server/ca.key
mv server/cadre.db kept
once
is "so is a database" 1 $?
has "and no new one is made" err 'its database is gone'
mv kept server/cadre.db
mv server/output.db kept
once
is "output is for run to tell of" 0 $?
holds "and not made here" test ! -e server/output.db
mv kept server/output.db
cadre-coordinator run --once --config coordinator.yaml --state server >out 2>err
is "run has no such flag" 2 $?
coordinator_up
is "what was made runs" 0 $?
cp -a server twin
cksum twin/server.pem twin/server.key >before
cadre-coordinator run --state twin --listen "127.0.0.1:$port" --name new.example >out 2>err
is "a second one cannot have the port" 1 $?
has "and says so" err 'address already in use'
is "and has not issued its certificate anew" "$(cat before)" \
    "$(cksum twin/server.pem twin/server.key)"
end "$coordinator"
done_testing
