#!/bin/sh
# An agent at a coordinator that does not own the queue (PROTOCOL.md section 4.12): it comes to the
# owner at once and without a warning, keeps the way, and looks for an owner as long as there is
# none. So does a machine that joins.
. "$(dirname "$0")/lib.sh"

# standby_up NAME: another coordinator of the same CA; its port is in standby_port
standby_up() {
    cp -R server "$1.state"
    mkfifo "$1.in"
    "$CADRE_BUILD/tests/support/standby" "$1.state" <"$1.in" >"$1.out" 2>"$1.err" &
    standby=$!
    pids="$pids $standby"
    exec 7>"$1.in" # its end is the standby's
    until_true 10 file_has "$1.out" '^port '
    standby_port=$(sed -n 's/^port //p' "$1.out")
}
# tell WORD [LIST]: to the standby
tell() {
    told=$(grep -c "^now $1" first.out)
    echo "$*" >&7
    until_true 10 told_again "$1"
}
told_again() { [ "$(grep -c "^now $1" first.out)" -gt "$told" ]; }
came() { grep -c '^came' first.out; }
came_to() { [ "$(came)" -ge "$1" ]; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

coordinator_up
join_agent a
standby_up first
printf 'coordinator: "127.0.0.1:%s"\nname: a\n' "$standby_port" >a.yaml
cp a.yaml before.yaml

# ---- no owner ----

began=$(now_ms)
agent_begin a
holds "an agent looks for an owner while there is none" until_true 30 came_to 9
tries=$(came) took=$(($(now_ms) - began))
holds "no more often than every 250 ms" [ $(((tries - 1) * 250)) -le "$took" ]
has "it says so" a.log 'no coordinator owns the queue at the moment'
is "once" 1 "$(grep -c 'no coordinator owns' a.log)"

# ---- an owner ----

# An address that is nobody's stands before the owner's.
tell owner "[\"127.0.0.1:1\",\"127.0.0.1:$port\"]"
holds "it comes to the owner that it is told of" until_true 10 agent_is a ONLINE
has "and says where that is" a.log "another coordinator owns the queue; it is found at .*:$port"
is "without a warning" "" "$(grep -E ' (warn|error) ' a.log)"
is "its configuration is as before" "" "$(diff before.yaml a.yaml)"
has "its state folder has the address" a/addresses.json "\"good\":\"127.0.0.1:$port\""
holds "it runs jobs" cadre run -- true

# ---- again ----

tries=$(came)
end "$agent"
agent_begin a
holds "after a restart" until_true 10 agent_is a ONLINE
is "it begins with the last good address" "$tries" "$(came)"
is "without a warning" "" "$(grep -E ' (warn|error) ' a.log)"
end "$agent"
rm a/addresses.json
began=$(now_ms)
agent_begin a
holds "without what it learnt" until_true 10 agent_is a ONLINE
took=$(($(now_ms) - began))
is "it asks once more" $((tries + 1)) "$(came)"
echo "# from its start to being welcomed: $took ms"

# ---- a machine that joins ----

join_token=$(cadre token create join 2>token.err)
# Its token leads to the standby alone.
end "$coordinator"
CADRE_ADVERTISE=127.0.0.1:$standby_port
export CADRE_ADVERTISE
coordinator_up
unset CADRE_ADVERTISE
tries=$(came)
agent_up b
has "a machine joins by way of a standby" join.log "127.0.0.1:$port"
has "its configuration has what the token says" b.yaml "coordinator: .*127.0.0.1:$standby_port"
holds "it asked there as it joined, and when it came" [ "$(came)" -ge $((tries + 2)) ]
is "without a warning" "" "$(grep -E ' (warn|error) ' b.log)"
exec 7>&-
done_testing
