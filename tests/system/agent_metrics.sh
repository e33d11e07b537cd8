#!/bin/sh
# The agent's metrics, in a file for a collector of text files.
. "$(dirname "$0")/lib.sh"

deps=${CADRE_DEPS_DIR:-$CADRE_ROOT/build/deps}
PATH=$PATH:$deps/prometheus/usr/bin
printf 'listen: 127.0.0.1:0\nheartbeat: 1s\n' >coordinator.yaml
coordinator_up
join_agent a
mkdir textfiles
printf 'slots: 3\nmetrics: {file: %s/textfiles/a.prom}\n' "$here" >>a.yaml
umask 022
agent_up a
tells() { file_has textfiles/a.prom "^cadre_agent_$1\$"; }
holds "it tells that it is connected" until_true 20 tells 'connected\{agent="a"\} 1'
holds "and its slots" tells 'slots\{agent="a"\} 3'
holds "and that it takes jobs" tells 'takes_jobs\{agent="a"\} 1'
is "everybody may read it" -rw-r--r-- "$(ls -l textfiles/a.prom | cut -c1-10)"
cadre run --detach --workdir "$here" -- sh -c 'while [ ! -e go ]; do sleep 0.1; done' >held
holds "a job that runs is seen" until_true 20 tells 'jobs\{agent="a"\} 1'
holds "in its slot" tells 'slots_taken\{agent="a"\} 1'
cadre run -- false >/dev/null 2>&1
holds "one that failed, too" until_true 20 tells 'jobs_ended_total\{agent="a",state="FAILED"\} 1'
holds "heartbeats are acknowledged" until_true 40 tells \
    'heartbeat_acknowledged_timestamp_seconds\{agent="a"\} [1-9][0-9]*\.[0-9]*'
holds "the journal has a size" tells 'journal_bytes\{agent="a"\} [1-9][0-9]*'
if command -v promtool >/dev/null 2>&1; then
    promtool check metrics <textfiles/a.prom >found 2>&1
    is "promtool has nothing to say" "0 " "$? $(cat found)"
else
    echo "skip - promtool: it is not here (installer/deps.sh prometheus)"
fi
end "$coordinator"
touch go
holds "without a coordinator it says so" until_true 20 tells 'connected\{agent="a"\} 0'
holds "and what waits for it" until_true 20 tells 'unacknowledged_results\{agent="a"\} 1'
alone() { [ "$(ls textfiles)" = a.prom ]; } # and not the one that is being written
holds "nothing is left beside the file" until_true 20 alone
kill -KILL "$agent"
wait "$agent" 2>/dev/null
holds "after a kill it stays" test -s textfiles/a.prom
coordinator_up
agent_up a
holds "the next life tells anew" until_true 20 tells 'unacknowledged_results\{agent="a"\} 0'
end "$agent"
holds "an end in order removes it" test ! -e textfiles/a.prom

sed 's|textfiles/a.prom|nowhere/a.prom|' a.yaml >lost.yaml
cp lost.yaml a.yaml
agent_up a
holds "a file that cannot be made is told" until_true 20 \
    file_has a.log 'metrics: they cannot be written'
end "$agent"
is "and the end does not say that it could be made" 0 "$(grep -c 'metrics: they can be' a.log)"

printf 'metrics: {file: a.text}\n' >wrong.yaml
cadre-agent check-config --config wrong.yaml >out 2>&1
has "another name is refused, with its place" out 'wrong\.yaml:1: metrics\.file.* \.prom'
printf 'metrics: {listen: 127.0.0.1:9}\n' >wrong.yaml
cadre-agent check-config --config wrong.yaml >out 2>&1
has "so is what there is not" out 'wrong\.yaml:1: .*metrics\.listen'
end "$coordinator"
done_testing
