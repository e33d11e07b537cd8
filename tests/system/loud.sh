#!/bin/sh
# What one job can do to the others of its agent: many files in its work folder, outputs lines
# without end. Times are told, not tested.
# rings: system
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 16

cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; } # ticks
ms() { date +%s%3N; }

echo_beside() { # echo_beside WHAT: a job comes through
    began=$(ms)
    is "an echo beside $1" hello "$(cadre run -- echo hello 2>echo.err)"
    echo "# an echo beside $1: $(($(ms) - began)) ms"
}

echo_beside "nothing"

# A work folder of 30,000 files, removed behind the job's end.
cadre run -- sh -c 'seq 30000 | xargs touch; mkdir d && cd d && seq 30000 | xargs touch' \
    >files.out 2>&1
is "a job with 60,000 files ends" 0 $?
for _ in 1 2 3; do echo_beside "the removal of 60,000 files"; done
# folders that wait for a job are empty
empty() { [ -z "$(find a/work -mindepth 2 2>>find.err | head -n 1)" ]; }
holds "its folder goes" until_true 60 empty

# shellcheck disable=SC2016
loud='
awk "BEGIN { for (i = 0; i < 4000; i += 500) { printf \"::{\\\"outputs\\\":{\"
    for (k = i; k < i + 500; k++) printf \"%s\\\"k%d\\\":1\", (k > i ? \",\" : \"\"), k
    print \"}}::\" } }"
exec yes "::{\"outputs\":{\"k17\":2}}::"'
jobs=
start_loud() { jobs="$jobs $(cadre run --detach --lease 20s -- sh -c "$loud" 2>loud.err)"; }
in_state() { cadre job list --state "$1" --limit 50 -o json | grep -o "\"state\":\"$1\"" | wc -l; }
all_run() { [ "$(in_state RUNNING)" -eq "$1" ]; }

start_loud
holds "a loud job runs" until_true 20 all_run 1
before=$(cpu "$agent")
for _ in 1 2 3; do echo_beside "one loud job"; done
i=1
while [ $i -lt 10 ]; do
    start_loud
    i=$((i + 1))
done
holds "ten loud jobs run" until_true 30 all_run 10
for _ in 1 2 3 4 5; do echo_beside "ten loud jobs"; done
is "all ten still run" 10 "$(in_state RUNNING | tr -d ' ')"
echo "# the agent took $(($(cpu "$agent") - before)) ticks of the processor"
for id in $jobs; do cadre job cancel "$id" >>cancel.out 2>&1; done
all_killed() { [ "$(in_state KILLED)" -eq 10 ]; }
holds "all are cancelled, and none was lost" until_true 60 all_killed
end "$agent"
end "$coordinator"
done_testing
