#!/bin/sh
# Jobs on a Windows agent, sent from Linux.
. "$(dirname "$0")/lib.sh"
coordinator_up
wine_up
windows_group
agent_exe_up w1 --slots 4

# ---- who may join ----
is "the agent runs Windows" windows "$(cadre agent show w1 -o json |
    sed -n 's/.*"os": *"\([a-z]*\)".*/\1/p')"
join_agent linux1
cadre-agent run --config linux1.yaml --state linux1 --worker-group windows >linux1.log 2>&1 &
pids="$pids $!"
holds "a Linux agent is refused in a group for Windows" until_true 30 file_has linux1.log \
    'os.*windows'
holds "and is not online" agent_is linux1 OFFLINE

# ---- output and exit codes ----
wcmd() { cadre run --queue-timeout 60s --group windows "$@" 2>err | tr -d '\r'; }
code() { cadre run --queue-timeout 60s --group windows "$@" >out 2>err; echo $?; }
is "a command's output arrives" "hello" "$(wcmd -- cmd /c echo hello)"
is "its exit code is the job's" 7 "$(code -- cmd /c exit 7)"
is "a command that is not there ends with 127" 127 "$(code -- no-such-program)"
has "and is said to be not found" err 'not found: no-such-program'
is "a code of 32 bits that ends in zero is no success" 1 "$(code -- cmd /c exit 256)"
cadre run --detach --group windows -- cmd /c exit -1073741819 >id 2>err
holds "a crash is a failure" until_true 60 job_is "$(cat id)" FAILED
is "its code is kept in all its bits" 3221225477 \
    "$(cadre job show "$(cat id)" -o json | sed -n 's/.*"exitCode": *\([0-9]*\).*/\1/p' |
        head -n 1)"
cadre job show "$(cat id)" >show
has "and shown as Windows names it" show '0xC0000005'
cadre run --queue-timeout 60s --group windows -- cmd /c \
    'echo one& echo two 1>&2& echo three' >out 2>err
is "both streams arrive, apart" "one three two" "$(tr -d '\r\n' <out |
    sed 's/ *three/ three/') $(grep -o two err)"

# A line is there while the job still runs.
wine_gate="$here/gate"
printf 'echo first\r\n:wait\r\nif not exist "%s" goto wait\r\necho last\r\n' \
    "$(windows_path "$wine_gate")" >gate.cmd
cadre run --group windows --shell cmd --script gate.cmd >out 2>err &
run=$!
holds "output is streamed while the job runs" until_true 60 grep -q first out
holds "before its end" test -z "$(grep last out)"
touch "$wine_gate"
wait "$run"
is "and the rest follows" "0 last" "$? $(tail -n 1 out | tr -d '\r')"

# ---- arguments ----
# Each argument arrives as it was given, through cmd /c's own reading, too.
printf 'echo [%%1] [%%2] [%%~3]\n' >args.cmd
cadre run --queue-timeout 60s --group windows --workdir "$(windows_path "$here")" -- \
    ./args.cmd 'a b' 'c&d' '' >out 2>err
has "a batch file gets its arguments whole" out '^\["a b"\] \["c&d"\] \[\]'

# ---- scripts ----
printf 'cd\nver\nexit 3\n' >script.cmd
is "a script ends with its own code" 3 "$(code --shell cmd --script script.cmd)"
has "and runs in a folder of its own" out 'work.*-1'
printf 'echo one\ncmd /c exit 5\necho two\nver\ncmd /c exit 0\n' >script.cmd
is "cmd runs every line" 0 "$(code --shell cmd --script script.cmd)"
has "to the last" out '^two'
printf 'echo one\ncmd /c exit 5\n' >script.cmd
is "and its last line's code counts" 5 "$(code --shell cmd --script script.cmd)"
printf 'echo %%~nx0\nif 1==1 (\nset x=in)\necho [%%x%%]\nexit /b 4\necho not reached' >script.cmd
is "a cmd script may end itself" 4 "$(code --shell cmd --script script.cmd)"
is "echo is off, and the script is a file of its own" "cadre-script.cmd [in]" \
    "$(tr -d '\r' <out | tr '\n' ' ' | sed 's/ $//')"
printf 'echo [%%~1][%%2][%%3]\nexit /b 5\n' >script.cmd
# None with %: of the text that stands for %* Wine expands these once more, Windows does not.
is "a cmd script has arguments" 5 \
    "$(code --shell cmd --script script.cmd -- 'a b' 'x & co' '^q|>q')"
is "which arrive as they are" '[a b]["x & co"]["^q|>q"]' "$(tr -d '\r' <out)"
code --shell cmd --script script.cmd -- "$(printf 'a\nb')" >code.out
is "but for a line break, which is refused" 126 "$(cat code.out)"
has "and named" err 'argument 1: a batch file cannot be given a line break'
printf 'echo x>grün.txt\n' >script.cmd
is "a cmd script may have characters of the code page" 0 \
    "$(code --workdir "$(windows_path "$here")" --shell cmd --script script.cmd)"
holds "and means them" test -s grün.txt
printf 'print(1)\n' >script.py
cadre run --queue-timeout 1s --group windows --shell python3 --script script.py >out 2>err
is "a job that names a shell which no agent has is not started" 125 $?
printf 'some input\n' >input
is "standard input arrives" "some input" \
    "$(wcmd --stdin input -- cmd /c 'set /p x=& call echo %x%' | tr -d '"')"

# ---- environment ----
is "a job has its own variables" "[val ue]" "$(wcmd --env 'MINE=val ue' -- cmd /c 'echo [%MINE%]')"
wcmd -- cmd /c set >env.txt
has "and the account's and the machine's" env.txt '^SystemRoot=' '^USERPROFILE=' \
    '^CADRE_GROUP=windows'
holds "but none of the agent's" test -z "$(grep -E '^(CADRE_TOKEN|CADRE_URL|WINEPREFIX)' env.txt)"

environment='HKLM\System\CurrentControlSet\Control\Session Manager\Environment'
win reg add "$environment" /v NEW_HERE /d 'since now' /f >reg.out 2>&1
is "what was set for the machine a moment ago is there" "[since now]" \
    "$(wcmd -- cmd /c 'echo [%NEW_HERE%]')"
win reg delete "$environment" /v NEW_HERE /f >reg.out 2>&1

# ---- characters ----
is "text of the OEM code page becomes UTF-8" "grün" \
    "$(printf 'type oem.txt\n' >type.cmd; printf 'gr\201n\r\n' >oem.txt
    cadre run --group windows --workdir "$(windows_path "$here")" -- cmd /c type oem.txt 2>err |
        tr -d '\r')"
is "so does UTF-16" "grün" "$(wcmd -- cmd /u /c echo grün)"

# ---- what a job leaves ----
cat >litter.cmd <<'END'
set d=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
md %d% %d%\%d% %d%\%d%\%d%
echo x>%d%\%d%\%d%\file.txt
attrib +r %d%\%d%\%d%\file.txt
echo x>locked.txt
attrib +r locked.txt
END
is "a job may leave deep folders and read-only files" 0 "$(code --shell cmd --script litter.cmd)"
work_empty() { [ -z "$(ls w1/work 2>/dev/null)" ]; }
holds "its folder is removed all the same" until_true 20 work_empty

# ---- the end of a tree ----
# A count that nobody else has is how the tree is known again: its last process begins with ping,
# the others name ping and the count as arguments.
count=$((100000 + $$))
pings() { [ "$(pgrep -fc "ping.* -n $count ")" -eq "$1" ]; }
printf 'cmd /c "echo up& cmd /c ping -n %d 127.0.0.1"\n' "$count" >tree.cmd
cadre run --group windows --shell cmd --script tree.cmd >out 2>err &
run=$!
last_runs() { pgrep -f "^[^ ]*ping[^ ]* +-n $count " >/dev/null; }
holds "a tree of processes runs" until_true 60 last_runs
cadre job cancel "$(cadre job list --state RUNNING -o json |
    sed -n 's/.*"id": *"\([0-9a-z]*\)".*/\1/p' | head -n 1)" >cancel.out 2>&1
wait "$run"
is "a cancelled job ends with 137" 137 $?
holds "and nothing of its tree is left" until_true 20 pings 0

cadre run --group windows --timeout 3s -- ping -n $count 127.0.0.1 >out 2>err
is "a job that takes too long ends with 124" 124 $?
holds "and is gone" until_true 20 pings 0

# ---- the CLI for Windows ----
exe() { win "$CADRE_WINDOWS_BIN/cadre.exe" "$@"; }
APPDATA=$(windows_path "$here/appdata")
mkdir -p appdata
unset CADRE_URL CADRE_TOKEN_FILE
api=$(CADRE_URL=127.0.0.1:$port CADRE_TOKEN_FILE=$here/server/admin.token cadre token create api \
    --role submit 2>/dev/null)
exe login "$api" >login.out 2>&1
is "cadre.exe logs in" 0 $?
exe run --group windows -- cmd /c 'echo from windows& exit 9' >out 2>err
is "cadre.exe runs a job and ends with its code" 9 $?
has "and shows its output" out '^from windows'
exe status >out 2>err
is "cadre.exe tells the status" 0 $?
has "of agents and queue" out 'agents'
CADRE_URL=127.0.0.1:$port CADRE_TOKEN_FILE=$here/server/admin.token
export CADRE_URL CADRE_TOKEN_FILE

# ---- stopping ----
end "$agent" KILL
done_testing
