#!/bin/sh
# The README's first command: from nothing to a job's output, and again on top of what is there.
# alone: it builds, and starts daemons that stay
. "$(dirname "$0")/lib.sh"
CADRE_QUICKSTART_DIR=$here/quick
export CADRE_QUICKSTART_DIR
script=$CADRE_ROOT/installer/quickstart.sh

sh "$script" >first 2>&1
is "the quick start runs through" 0 $?
has "and shows a job's output, its exit code and how to go on" first '^hello from ' \
    '^exit code: 7' 'cadre run --'
[ "$failures" -eq 0 ] || tail -n 20 first
one=$(cat quick/coordinator.pid) two=$(cat quick/agent.pid)
pids="$pids $one $two"
sh "$script" >second 2>&1
is "and again" 0 $?
is "with the same coordinator" "$one" "$(cat quick/coordinator.pid)"
is "and the same agent" "$two" "$(cat quick/agent.pid)"
sh "$script" stop >third 2>&1
is "and stops what it started" 0 $?
holds "the coordinator" gone "$one"
holds "and the agent" gone "$two"
sh "$script" >fourth 2>&1
is "and starts them again with what they knew" 0 $?
has "under the same name" fourth 'ONLINE'
sh "$script" stop >fifth 2>&1
done_testing
