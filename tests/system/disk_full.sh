#!/bin/sh
# The disk under the coordinator, then the one under an agent, fills up and gets room again.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_faults.sh"

# A small disk of our own, in a mount namespace that goes with the processes in it.
if [ "${1:-}" != inside ]; then
    if unshare -m sh -c 'mkdir -p server && mount -t tmpfs -o size=1m tmpfs server' \
        2>unshare.err; then
        exec unshare -m sh "$0" inside
    fi
    echo "skip - full disks: none can be mounted here ($(head -n 1 unshare.err))"
    exit 0
fi
small_disk() { # FOLDER SIZE
    mkdir -p "$1" && mount -t tmpfs -o "size=$2,mode=700" tmpfs "$1" || exit 1
}
fill() { # FOLDER: to the last byte
    dd if=/dev/zero of="$1/ballast" bs=64k 2>/dev/null
    dd if=/dev/zero of="$1/ballast.rest" bs=512 2>/dev/null
}
make_room() { rm -f "$1/ballast" "$1/ballast.rest"; }
post() { # JSON: prints the status and the body
    curl -sS --cacert "$here/server/ca.pem" -H "Authorization: Bearer $admin" \
        -w '\n%{http_code}\n' \
        -d "$1" "https://$CADRE_URL/api/v1/jobs"
}

# ---- under the coordinator ----
small_disk server 24m
coordinator_up
admin=$(cat server/admin.token)
agent_up a --slots 4
running=$(once running 'while [ ! -e running.go ]; do sleep 0.1; done; echo survived; exit 3')
until_true 20 has_run running || not_ok "a job runs"
kept=$(once kept 'echo kept' --require label.some=where)
fill server
# The log has room for some commits that nobody needs to fear for.
n=0 refused=
while [ $n -lt 400 ] && [ -z "$refused" ]; do
    n=$((n + 1))
    post "{\"command\": [\"true\"], \"env\": {\"X\": \"$(head -c 60000 /dev/zero |
        tr '\0' x)\"}, \"requires\": {\"label.some\": \"where\"}, \"name\": \"fill$n\"}" >answer
    case $(tail -n 1 answer) in
    20?) ;;
    *) refused=$(tail -n 1 answer) ;;
    esac
done
echo "# refused at submit $n"
is "a submit to a full disk is refused" 503 "$refused"
has "in words that say why" answer '"code":"disk-full"' 'no space is left on its disk'
ready() { # prints the status of /readyz, and its answer to the file
    curl -sS --cacert "$here/server/ca.pem" -o ready -w '%{http_code}' "https://$CADRE_URL/readyz"
}
is "the coordinator is not ready" 503 "$(ready)"
has "and says why" ready '"code":"disk-full"' 'nothing can be saved'
is "but alive" 200 "$(curl -sS --cacert server/ca.pem -o /dev/null -w '%{http_code}' \
    "https://$CADRE_URL/healthz")"
has "so does the log" coordinator.log 'rolled back.*no space is left'
cadre run --detach --env X="$(head -c 60000 /dev/zero | tr '\0' x)" -- true >id 2>err &
run=$!
holds "the CLI says so, too" until_true 20 file_has err \
    'cannot take the request now \(.*no space is left on its disk.*trying for 30 s'
holds "what was acknowledged can be read" job_is "$kept" CREATED
touch running.go
holds "a job ends at its agent meanwhile" until_true 20 ended_at a "$running"
make_room server
wait "$run"
is "with room again a submit goes through by itself" 0 $?
is "and the coordinator is ready" 200 "$(ready)"
holds "the agent comes back by itself" until_true 60 agent_is a ONLINE
holds "the result arrives" until_true 30 job_is "$running" FAILED
is "as it was" "3 survived" "$(job_field "$running" exitCode) $(cadre job logs "$running")"
holds "the job that was submitted runs" until_true 30 job_is "$(cat id)" SUCCESS
is "every acknowledged submit is there" $((n + 2)) "$(cadre job list --limit 1000 -o json |
    grep -o '"createdAt"' | wc -l | tr -d ' ')"
fill server
kill -KILL "$coordinator"
wait "$coordinator" 2>/dev/null
make_room server
coordinator_up
holds "a coordinator that was killed on a full disk starts, and knows its jobs" job_is "$kept" \
    CREATED
never_twice running kept
end "$agent"
end "$coordinator"

# ---- under the agent ----
umount server
rm coordinator.yaml
port=
coordinator_up
small_disk b 40m
join_agent b
printf 'diskReserve: 8MiB\n' >>b.yaml
agent_up b --slots 12
# So many lines once NAME.go is there; NAME.count when they are written.
loud() { # NAME LINES
    once "$1" "while [ ! -e $1.go ]; do sleep 0.1; done
    awk 'BEGIN { for (i = 1; i <= $2; i++) print \"line \" i }' && echo $2 >$1.count" --lease 5m
}
loud=$(loud loud 60000)
quiet=$(once quiet 'while [ ! -e quiet.go ]; do sleep 0.1; done; exit 3')
for job in loud quiet; do until_true 20 has_run $job || not_ok "$job runs"; done
fill b
early=$(once early 'exit 0')
holds "an agent whose disk is full takes no jobs" until_true 30 agent_is b DRAINING
cadre agent show b >shown
has "and says why" shown \
    'drainReason +[0-9.]+ ?[A-Za-z]* are left on the disk of .*b, and diskReserve is 8MiB'
has "in its log, too" b.log 'warn .*are left on the disk of .*takes no jobs and holds output back'
is "a job that was on its way goes back to the queue" "CREATED 0" \
    "$(job_field "$early" state) $(runs_of early)"
cadre job why "$early" >why
has "and tells what it waits for" why 'draining'
touch quiet.go
holds "what runs ends, and its result arrives" until_true 20 job_is "$quiet" FAILED
is "as it was" 3 "$(job_field "$quiet" exitCode)"
touch loud.go
holds "output arrives as the coordinator takes it" until_true 60 job_is "$loud" SUCCESS
cadre job logs "$loud" >loud.out
holds "all of it" whole loud loud.out
held=$(loud held 400000) # 5 MB: more than is read at one go
holds "nothing is started on a full disk" job_is "$held" CREATED
make_room b
holds "with room again the agent takes jobs by itself" until_true 30 agent_is b ONLINE
has "and says so" b.log 'the disk has enough free space again'
holds "the job that waited runs" until_true 20 job_is "$early" SUCCESS
# Nobody there to take it: it waits in the pipe, and the job with it.
until_true 20 has_run held || not_ok "a loud job runs"
kill -STOP "$coordinator"
fill b
knows_again() { [ "$(grep -c 'warn .*are left on the disk of' b.log)" -ge 2 ]; }
until_true 20 knows_again || not_ok "the agent notices"
agent_read() { sed -n 's/^rchar: //p' "/proc/$agent/io"; }
read_before=$(agent_read)
touch held.go
stands() { was=$(agent_read) && sleep 0.5 && [ $(($(agent_read) - was)) -lt 4096 ]; }
begun() { [ $(($(agent_read) - read_before)) -gt 100000 ]; }
until_true 20 begun || not_ok "it writes"
holds "output that nobody takes waits while the disk is full" until_true 30 stands
holds "and so does its job" test ! -e held.count
holds "the agent stays up" kill -0 "$agent"
kill -CONT "$coordinator"
holds "and arrives" until_true 90 job_is "$held" SUCCESS
cadre job logs "$held" >held.out
holds "all of it" whole held held.out
# Many at once, with the coordinator away and not one byte left: the journal lives on what it has.
make_room b
until_true 30 agent_is b ONLINE || not_ok "the agent takes jobs again"
many=
i=0
while [ $i -lt 10 ]; do
    i=$((i + 1))
    many="$many $(loud "many$i" 100000)"
done
for i in 1 2 3 4 5 6 7 8 9 10; do until_true 20 has_run "many$i" || not_ok "many$i runs"; done
kill -STOP "$coordinator"
fill b
knows_a_third() { [ "$(grep -c 'warn .*are left on the disk of' b.log)" -ge 3 ]; }
until_true 20 knows_a_third || not_ok "the agent notices again"
touch many1.go many2.go many3.go many4.go many5.go many6.go many7.go many8.go many9.go many10.go
holds "output of ten loud jobs that nobody takes waits" until_true 30 stands
holds "the agent lives on the room that it set aside" kill -0 "$agent"
kill -CONT "$coordinator"
for id in $many; do until_true 90 job_is "$id" SUCCESS || not_ok "$id ends"; done
i=0
for id in $many; do
    i=$((i + 1))
    cadre job logs "$id" >many.out
    whole "many$i" many.out || not_ok "the output of many$i is whole"
done
holds "all ten come through, and the agent is the same" kill -0 "$agent"
never_twice loud quiet early held
done_testing
