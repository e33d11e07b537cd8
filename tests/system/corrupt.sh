#!/bin/sh
# Damaged files: the coordinator does not start on them, names the file and the way out; the way out
# is walked, with the commands of docs/guide.md. An agent with a damaged journal goes on with a new
# one and admits what it does not know.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"
coordinator_up
agent_up a --slots 4

# ---- backup, while it runs ----
cadre run --name first -- sh -c 'echo first; exit 3' >out 2>err
first=$(cadre job list --limit 1 -o json | sed -n 's/^\[{"id":"\([^"]*\)".*/\1/p')
cadre group create gpu --require 'gpu.count>=1' >/dev/null
waiting=$(cadre run --detach --group gpu -- true)
mkdir backup
n=0
while [ $n -lt 60 ]; do # so that there is a middle of the file to damage
    cadre run --detach --group gpu --env X="$(head -c 20000 /dev/zero | tr '\0' x)" -- true >>ids &
    n=$((n + 1))
    [ $((n % 10)) -ne 0 ] || wait $!
done
has_ids() { [ "$(wc -l <ids)" -eq 60 ]; }
until_true 60 has_ids || not_ok "60 jobs wait"
running=$(once running 'while [ ! -e running.go ]; do sleep 0.1; done; exit 5')
until_true 20 has_run running || not_ok "a job runs"
cadre-coordinator backup backup/cadre.db --config coordinator.yaml --state server >backup.log 2>&1
is "a backup is made while the coordinator runs" 0 $?
holds "of two files" test -s backup/cadre.db -a -s backup/cadre.db.output
later=$(cadre run --detach --group gpu -- true)
touch running.go
until_true 20 job_is "$running" FAILED || not_ok "the job ends"
end "$agent"
end "$coordinator"
cp -a server pristine

# ---- damage ----
size_of() { wc -c <"$1" | tr -d ' '; }
restore_pristine() {
    rm -rf server
    cp -a pristine server
}
refused() { # NAME FILE: starting fails and says all that is needed
    : >coordinator.out
    timeout 60 cadre-coordinator run --config coordinator.yaml --state server >coordinator.out \
        2>refused.log
    is "$1: the coordinator does not start" 1 $?
    has "$1: it names the file and the way out" refused.log "$2 is damaged" 'backup' 'cadre.db' \
        'output.db'
    holds "$1: and does not say that it listens" sh -c '! grep -q "^listening" coordinator.out'
}
half=$(($(size_of server/cadre.db) / 2))
restore_pristine
tr '\000-\377' '\377\000-\376' <server/cadre.db >flipped.db
dd if=flipped.db of=server/cadre.db bs=4096 skip=$((half / 4096)) seek=$((half / 4096)) count=2 \
    conv=notrunc 2>/dev/null
refused "bytes flipped in the middle" cadre.db
restore_pristine
dd if=/dev/zero of=server/cadre.db bs=100 count=1 conv=notrunc 2>/dev/null
refused "a header of zeros" cadre.db
restore_pristine
truncate -s $((half / 4096 * 4096 + 1000)) server/cadre.db
refused "a file cut in the middle" cadre.db
restore_pristine
head -c 20000 /dev/urandom >server/cadre.db
refused "another file in its place" cadre.db
restore_pristine
head -c 20000 /dev/urandom >server/output.db
refused "another file in the output's place" output.db
restore_pristine
mv server/cadre.db swap && mv server/output.db server/cadre.db && mv swap server/output.db
timeout 60 cadre-coordinator run --config coordinator.yaml --state server >coordinator.out \
    2>refused.log
is "the two files exchanged: the coordinator does not start" 1 $?
has "and names the file" refused.log 'cadre.db'

# ---- restore, as docs/guide.md says ----
rm -f server/cadre.db server/output.db server/cadre.db-wal server/cadre.db-shm \
    server/output.db-wal server/output.db-shm
cp backup/cadre.db server/cadre.db
cp backup/cadre.db.output server/output.db
coordinator_up
ok "restored, it starts"
is "what was before the backup is there" "FAILED 3" \
    "$(job_field "$first" state) $(job_field "$first" exitCode)"
is "with its output" first "$(cadre job logs "$first")"
is "and what waited waits" CREATED "$(job_field "$waiting" state)"
cadre job show "$later" >out 2>err
is "what came after it is forgotten" 1 $?
has "and that is said" err 'there is no job'
agent_up a --slots 4
cadre run -- true
is "the agent knows it again and runs jobs" 0 $?
holds "a job that ran at the time of the backup ends" until_true 60 job_is "$running" FAILED
is "and did not run again" 1 "$(runs_of running)"

# ---- the agent's journal ----
lost=$(once lost 'exec sleep 300')
until_true 20 has_run lost || not_ok "a job runs"
kill -KILL "$agent"
wait "$agent" 2>/dev/null
head -c 5000 /dev/urandom >a/journal.db
rm -f a/journal.db-wal a/journal.db-shm
agent_up a --slots 4
has "an agent with a damaged journal says so" a.log \
    'the journal was damaged; it was moved to journal.db.damaged'
holds "keeps the damaged one" test -s a/journal.db.damaged
holds "and goes on; what ran is interrupted" until_true 30 job_is "$lost" FAILED
is "for that reason" interrupted "$(job_field "$lost" reason)"
cadre run -- true
is "it runs jobs" 0 $?
end "$agent"
end "$coordinator"

# ---- the index of jobs: no job is wrong, and the way out is walked ----
if command -v sqlite3 >/dev/null; then
    sqlite3 server/cadre.db "INSERT INTO job_blocks VALUES (9223372036854775800, x'', x'')"
    cadre-coordinator check --state server >out 2>err
    is "a check finds a block too many in the index of jobs" 1 $?
    has "and says what it does, and the way out" err 'block 7z+r .* has no job: no list is wrong' \
        'the index of jobs is wrong, no job is: .*DELETE FROM job_blocks'
    holds "it speaks of no backup" sh -c '! grep -Eq "restore|faults" err'
    cadre-coordinator backup index.db --state server >out 2>err
    is "a backup is made all the same" 0 $?
    holds "of two files" test -s index.db -a -s index.db.output
    has "and names the index" err 'the index of jobs is wrong, no job is: '
    sqlite3 server/cadre.db 'DELETE FROM job_blocks'
    coordinator_up
    end "$coordinator"
    cadre-coordinator check --state server >out 2>err
    is "emptied, the next start makes the index anew" 0 $?
else
    echo "skip - a wrong index of jobs: there is no sqlite3"
fi
done_testing
