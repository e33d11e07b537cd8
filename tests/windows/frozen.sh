#!/bin/sh
# A Windows agent that is stopped past a lease, killed, or loses its guard. What of a job is alive
# is seen twice: by this machine, for which a Windows process under Wine is one of its own, and by
# the next attempt, with wmic.
. "$(dirname "$0")/lib.sh"
printf 'listen: 127.0.0.1:0\nlease: 60s\nheartbeat: 1s\n' >coordinator.yaml
coordinator_up
wine_up
windows_group
agent_exe_up w1 --slots 4
agent_w1=$agent
agent_exe_up w2 --slots 4
agent_w2=$agent

# A program with a name of its own, which stays: ping, twice, below the shell that is the job.
dawdle=dawdle-$seed.exe
cp "$drive_c/windows/system32/ping.exe" "$dawdle"
folder=$(windows_path "$here")
printf '%s\r\n' '@echo off' "cd /d \"$folder\"" "wmic process get name >tasks.%CADRE_ATTEMPT%" \
    '>>history echo attempt %CADRE_ATTEMPT%' 'if not "%CADRE_ATTEMPT%"=="1" exit /b 0' \
    "start /b $dawdle -n 1000 127.0.0.1" ':again' "$dawdle -n 1000 127.0.0.1" 'goto again' >job.cmd
dawdlers() { grep -lsa "dawdle-$seed[.]exe" /proc/[0-9]*/cmdline | wc -l; }
dawdling() { [ "$(dawdlers)" -eq "$1" ]; }
# submit OPTION...: frozen and other are the names of the agent that has the job and of the other
submit() {
    rm -f history tasks.*
    id=$(cadre run --detach --group windows --lease 4s "$@" -- cmd /c "$folder\\job.cmd")
    until_true 60 dawdling 2 || not_ok "the job's processes run: $(cadre job show "$id")"
    frozen=$(job_field "$id" agentName)
    other=w1 frozen_pid=$agent_w2
    [ "$frozen" = w2 ] || { other=w2 frozen_pid=$agent_w1; }
}
# In two bytes a character.
seen_by() { tr -d '\0\r' <"tasks.$1" | grep -c "^$2"; }
watches() { grep -c 'guard: process [0-9]* watches' "$1.log"; }
guard_of() { sed -n 's/.* guard: process \([0-9]*\) watches.*/\1/p' "$1.log" | tail -n 1; }
ended() { ! win wmic process get processid | tr -d '\0 ' | grep -qx "$1"; }

# ---- stopped past the lease ----
submit --retry 1
kill -STOP "$frozen_pid"
holds "what a stopped agent runs is ended while it is stopped" until_true 30 dawdling 0
is "and so before the next attempt" "attempt 1" "$(tr -d '\r' <history)"
holds "which then succeeds" until_true 90 job_is "$id" SUCCESS
is "on the other agent" "$other" "$(job_field "$id" agentName)"
is "and sees nothing of the one before" 0 "$(seen_by 2 dawdle)"
holds "but would have" test "$(seen_by 2 cmd)" -ge 1
kill -CONT "$frozen_pid"
holds "the agent knows that it lost the job" until_true 60 file_has "$frozen.log" \
    "job $id: attempt 1 ended state=FAILED"
holds "and is online again" until_true 60 agent_is "$frozen" ONLINE
cadre agent drain "$other" >/dev/null
is "takes new jobs" "0 new" "$(timeout 90 cadre run --group windows -- cmd /c echo new >out 2>err
    echo $? "$(tr -d '\r' <out)")"
is "and the job's result is the second attempt's" SUCCESS "$(job_field "$id" state)"
is "nor has it gone on" "attempt 1
attempt 2" "$(tr -d '\r' <history)"
cadre agent resume "$other" >/dev/null

# ---- the guard is killed ----
submit
before=$(watches "$frozen")
guard=$(guard_of "$frozen")
win taskkill /f /pid "$guard" >taskkill.out 2>&1
more() { [ "$(watches "$frozen")" -gt "$before" ]; }
holds "a guard that is killed is replaced" until_true 60 more
has "which is logged" "$frozen.log" 'guard: its process [0-9]+ has ended; no job is started'
is "jobs run on" 2 "$(dawdlers)"
kill -STOP "$frozen_pid"
holds "and the new guard knows them" until_true 30 dawdling 0
kill -CONT "$frozen_pid"
holds "the job is lost" until_true 60 job_is "$id" FAILED

# ---- the agent is killed ----
submit
guard=$(guard_of "$frozen")
holds "its guard runs" eval "! ended $guard"
kill -KILL "$frozen_pid"
holds "what a killed agent ran is ended" until_true 30 dawdling 0
holds "and its guard ends" until_true 30 ended "$guard"
wine_finish
trap - EXIT
done_testing
