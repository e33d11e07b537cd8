#!/bin/sh
# The agent as a Windows service: registered, started, drained, killed, wrongly configured, removed.
. "$(dirname "$0")/lib.sh"
coordinator_up
wine_up
windows_group
mkdir -p "$program_files"
cp "$CADRE_WINDOWS_BIN/cadre-agent.exe" "$program_files/"
installed() { win 'C:\Program Files\Cadre\cadre-agent.exe' "$@"; }
count=$((200000 + $$))
pings() { [ "$(pgrep -fc "ping.* -n $count ")" -eq "$1" ]; }
last_runs() { pgrep -f "^[^ ]*ping[^ ]* +-n $count " >/dev/null; } # the last of the tree

# ---- registering ----
installed service >out 2>&1
is "service without a word tells" 0 $?
has "which there are" out '^  install ' '^  uninstall '
installed service install --state agent >out 2>&1
is "a folder that depends on where one stands is refused" 2 $?
has "and an example given" out 'absolute path, like C:'
installed service install --account svc --password-file none >out 2>&1
is "a password file that is not there is named" 1 $?
has "with its name" out 'none'
installed service install >out 2>&1
is "service install registers it" 0 $?
has "and says what to do next" out 'registered' 'join TOKEN'
win reg query 'HKLM\System\CurrentControlSet\Services\cadre-agent' >reg.out 2>&1
has "with a quoted path" reg.out 'ImagePath .*"C:\\Program Files\\Cadre\\cadre-agent.exe" run$'
has "started with the system, described" reg.out 'Start  *REG_DWORD  *0x2' \
    'Description .*Cadre coordinator' \
    'DisplayName .*Cadre Agent'
has "under an account of its own, with time to drain at a shutdown" reg.out \
    'ObjectName .*NT SERVICE.cadre-agent' 'PreshutdownTimeout .*0x50910'
win reg query 'HKLM\System\CurrentControlSet\Services\EventLog\Application\CadreAgent' >reg.out 2>&1
has "its entries in the Event Log have their texts" reg.out 'EventMessageFile .*cadre-agent.exe'
installed service install >out 2>&1
is "doing it again does no harm" 0 $?
has "and changes neither account nor start" out 'keeps its account'
cadre-agent service install >out 2>&1
is "there is none on Linux" 1 $?
has "where systemctl does that" out 'systemctl'

# ---- starting ----
stopped() { service_is STOPPED; }
win sc start cadre-agent >start.out 2>&1
holds "a machine that has not joined does not start" until_true 60 stopped
is "and ends with its own code" "1066 2" "$(service_field WIN32_EXIT_CODE |
    cut -d' ' -f1) $(service_field SERVICE_EXIT_CODE | cut -d' ' -f1)"
has "and says how to join" "$service_log" 'join'
installed join "$(cadre token create join --group windows 2>/dev/null)" --name svc >join.log 2>&1
is "an administrator joins it" 0 $?
win sc start cadre-agent >start.out 2>&1
holds "it starts" until_true 60 service_is RUNNING
holds "and comes online" until_true 60 agent_is svc ONLINE
cadre run --queue-timeout 60s --group windows -- cmd /c 'echo from the service& exit 7' >out 2>err
is "a job runs and ends with its own code" 7 $?
has "with its output" out '^from the service'
cadre run --queue-timeout 60s --group windows -- cmd /c cd >out 2>err
has "in a folder below the service's state" out '^C:\\ProgramData\\Cadre\\agent\\work\\'

# ---- stopping ----
gate=$here/gate
printf 'echo begun\r\n:wait\r\nif not exist "%s" goto wait\r\nexit 5\r\n' \
    "$(windows_path "$gate")" >gate.cmd
cadre run --group windows --shell cmd --script gate.cmd >out 2>err &
run=$!
until_true 60 grep -q begun out
win sc stop cadre-agent >stop.out 2>&1
holds "a stop while a job runs is pending" service_is STOP_PENDING
first=$(service_field CHECKPOINT)
goes_on() { service_is STOP_PENDING && [ "$(service_field CHECKPOINT)" != "$first" ]; }
holds "with a checkpoint that goes up" until_true 30 goes_on
holds "and the coordinator knows" until_true 20 agent_is svc DRAINING
touch "$gate"
wait "$run"
is "the job ends with its own code" 5 $?
holds "then the service is stopped" until_true 60 stopped
is "and reports success" 0 "$(service_field WIN32_EXIT_CODE | cut -d' ' -f1)"

# ---- a sudden end ----
win sc start cadre-agent >start.out 2>&1
holds "it starts again" until_true 60 agent_is svc ONLINE
printf 'cmd /c "echo up& cmd /c ping -n %d 127.0.0.1"\n' "$count" >tree.cmd
cadre run --detach --group windows --shell cmd --script tree.cmd >id 2>err
holds "a tree of processes runs" until_true 60 last_runs
win taskkill /f /im cadre-agent.exe >kill.out 2>&1
holds "the killed agent's job is gone with it" until_true 30 pings 0
# Windows starts it again after a second; Wine knows no recovery, and is slow to see that it ended.
back() {
    win sc start cadre-agent >start.out 2>&1
    until_true 3 agent_is svc ONLINE
}
holds "when the service is back" until_true 90 back
holds "the job is reported" until_true 60 job_is "$(cat id)" FAILED
is "as interrupted" interrupted "$(job_field "$(cat id)" reason)"
work_empty() { [ -z "$(ls "$program_data/agent/work")" ]; }
holds "and its folder is removed" until_true 30 work_empty

# ---- a bad configuration ----
win sc stop cadre-agent >stop.out 2>&1
until_true 60 stopped
cp "$program_data/agent.yaml" good.yaml
lines=$(wc -l <good.yaml)
echo 'slotz: 3' >>"$program_data/agent.yaml"
before=$(grep -c error "$service_log")
win sc start cadre-agent >start.out 2>&1
holds "a bad configuration ends the start" until_true 60 stopped
is "with the code that is said to mean it" "1066 3" "$(service_field WIN32_EXIT_CODE |
    cut -d' ' -f1) $(service_field SERVICE_EXIT_CODE | cut -d' ' -f1)"
has "the log names file, line and key" "$service_log" "agent.yaml:$((lines + 1)): .*slotz.*slots"
is "once" $((before + 1)) "$(grep -c error "$service_log")"
cp good.yaml "$program_data/agent.yaml"
win sc start cadre-agent >start.out 2>&1
holds "mended, it starts" until_true 60 agent_is svc ONLINE

# ---- removing ----
installed service uninstall >out 2>&1
is "service uninstall stops and removes it" 0 $?
there() { win reg query 'HKLM\System\CurrentControlSet\Services\cadre-agent' >reg.out 2>&1; }
there
is "and it is gone" 1 $?
holds "and offline" until_true 30 agent_is svc OFFLINE
holds "what it had stays" test -s "$program_data/agent/identity.json" \
    -a -s "$program_data/agent.yaml"
installed service uninstall >out 2>&1
is "what is not there is removed already" 0 $?
done_testing
