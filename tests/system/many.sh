#!/bin/sh
# 1,000 short jobs submitted at once.
# rings: system
# alone: it takes the whole machine
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 8

peak() { awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; }
count=1000
began=$(date +%s)
i=0
while [ $i -lt $count ]; do
    # 20 submitters at a time: as many as a busy shell has
    batch=
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        cadre run --detach -- sh -c "echo job $i" >"id.$i" 2>"err.$i" &
        batch="$batch $!"
        i=$((i + 1))
        [ $i -lt $count ] || break
    done
    # shellcheck disable=SC2086
    wait $batch
done
submitted=$(cat id.* | grep -Ec '^[0-9a-z]{13}$')
is "1,000 jobs are accepted" $count "$submitted"
is "under 1,000 ids" $count "$(sort -u id.* | wc -l | tr -d ' ')"
all_done() {
    [ "$(cadre job list --limit 2000 --state SUCCESS -o json | grep -o '"state":"SUCCESS"' |
        wc -l)" -eq $count ]
}
holds "and all of them end well" until_true 120 all_done
peaks="coordinator $(peak "$coordinator"), agent $(peak "$agent")"
echo "# $count jobs in $(($(date +%s) - began)) s; peak MiB: $peaks"
wrong=0
for i in 0 17 499 998 999; do
    [ "$(cadre job logs "$(cat id.$i)")" = "job $i" ] || wrong=$((wrong + 1))
done
is "each with its own output" 0 $wrong
end "$agent"
end "$coordinator"
done_testing
