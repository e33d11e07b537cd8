#!/bin/sh
# Errors that need no coordinator: each begins with the program's name, takes at most two lines,
# names what is wrong (the option, the file with its line, the word), and says what to do.
. "$(dirname "$0")/lib.sh"
HOME=$here/home
CADRE_CONFIG=$here/none.yaml # nothing of this machine is touched
CADRE_STATE=$here/none
export HOME CADRE_CONFIG CADRE_STATE
unset CADRE_TOKEN CADRE_TOKEN_FILE CADRE_URL
mkdir home folder
: >none.yaml
: >empty
echo word >word
printf 'a: [\n' >broken.yaml
printf 'coordinator: "a:0"\n' >zero.yaml
printf 'advertise: ["a:0"]\n' >nought.yaml
printf 'slots: 3\nretention: 1x\n' >wrong.yaml

# ---- a table: what is typed, and what has to be said ----

# says PATTERN COMMAND...: it fails, in at most two lines, each beginning with the program's name
says() {
    wanted=$1
    shift
    timeout 60 "$@" >out 2>err </dev/null
    code=$?
    name="says what is wrong: $*"
    if [ "$code" -eq 0 ] || [ "$code" -ge 126 ]; then
        not_ok "$name: exit code $code"
    elif [ -s out ] || [ "$(wc -l <err)" -gt 2 ] || [ ! -s err ] ||
        grep -qvE "^$1( [a-z -]+)?: " err; then
        not_ok "$name: $(head -c 600 err | tr '\n' '|'), and on standard output $(head -c 99 out)"
    else
        has "$name" err "$wanted"
    fi
}

# A line: PATTERN, a blank, "|", a blank, the command line as a shell takes it.
while IFS='|' read -r pattern line; do
    [ -n "$line" ] || continue
    eval "set -- $line"
    says "${pattern% }" "$@"
done <<'END'
'jobs'; did you mean 'cadre job list' | cadre jobs
'job lits'; did you mean 'cadre job list' | cadre job lits
'nonsense'; see 'cadre help' | cadre nonsense
'nonsense'; see 'cadre help' | cadre help nonsense
'--nonsense' \(see 'cadre status --help'\) | cadre status --nonsense
--help takes no value | cadre status --help=1
--detach takes no value; see 'cadre run --help' | cadre run --detach=yes -- true
--timeout needs a value \(D\), but '--' follows | cadre run --timeout -- true
--timeout: '3x': 'x' is not a unit of time .*like 30s | cadre run --timeout 3x -- true
--retry: must be between 0 and 1000, not 1001 | cadre run --retry 1001 -- true
--priority: '1\.5' is not a whole number | cadre run --priority 1.5 -- true
--env: 'X' is not K=V; see | cadre run --env X -- true
--require 'os' is not K=EXPR, for example os=linux | cadre run --require os -- true
--group: 'a/b': a group's key has 1 to 63 letters | cadre run --group a/b -- true
--namespace: 'a/b': a namespace is words of | cadre run --namespace a/b -- true
--unique: '': a key has 1 to 200 bytes | cadre run --unique= -- true
--shell: 'foo' is not one of sh, | cadre run --shell foo --script empty
--shell goes with --script; .*sh -c 'LINE' | cadre run --shell sh -- true
-o: 'xml' is not one of table or json | cadre -o xml status
nothing to run: .*-- COMMAND | cadre run
put '--' in front of the command: .*-- echo | cadre run echo
the program's name is empty: cadre run | cadre run -- ''
--script: cannot open nofile: No such file | cadre run --script nofile
--script: is empty; a path is expected | cadre run --script ''
--stdin: cannot open nofile: No such file | cadre run --stdin nofile -- true
--stdin - cannot both read .* into a file | cadre run --script - --stdin -
takes one job ID or NAME; 'cadre job list' shows | cadre job show
job list takes no argument 'x'; see 'cadre job list --help' | cadre job list x
--limit: must be between 1 and 10000, not 0; see | cadre job list --limit 0
--since: 'y' is neither a time like .* like 10m; see | cadre job logs x --since y
'x' is not of the form NAMESPACE/FLOW; 'cadre flow list' | cadre flow show x
'x' is not of the form NAMESPACE/FLOW/TRIGGER; 'cadre trigger list' | cadre trigger show x
--flow names the namespace already: leave --names | cadre execution list --flow a/b --namespace c
--attempt and --tail go with --task T | cadre execution logs x --attempt 1
flow apply takes files or folders, or - | cadre flow apply
cannot open nofile: No such file | cadre flow apply nofile
folder has no .yaml or .yml file | cadre flow apply folder
--input: 'x' is not K=V; see 'cadre flow run --help' | cadre flow run a/b --input x
--max-queued: '-1' must be a whole number from 0 | cadre group update x --max-queued -1
nothing is to be changed: give --description, | cadre group update x
--require '' clears the setting: give it alone | cadre group update x --require '' --require a=b
give either --group K or --default-group, or --notify C; .* unset | cadre namespace set a
--fallback goes with --group K | cadre namespace set a --notify ops --fallback FAIL
--notify and --notify-nobody exclude | cadre namespace set a --notify ops --notify-nobody
--notify '' clears the setting: give it alone | cadre namespace set a --notify '' --notify ops
--notify: ':x' is CHANNEL, or CHANNEL:EVENT | cadre namespace set a --notify :x
invalid namespace 'a b': words of | cadre namespace show 'a b'
--role: 'boss' is not one of admin, submit or read | cadre token create api --role boss
status takes no argument 'x'; see 'cadre status --help' | cadre status x
version takes no argument 'x'; see 'cadre version --help' | cadre version x
no API token: get one with 'cadre token create api' | cadre status
login takes one TOKEN \('-' reads it from standard input | cadre login
standard input is empty; an API token | cadre login -
not a token: one begins with cadre-join- or cadre-api- | cadre login word
the token is empty | cadre --token '' status
--url: 'a:99999': '99999' is not a port | cadre --url a:99999 status
--url: 'localhost:0': nothing listens on port 0: | cadre --url localhost:0 status
--url: 'a:1,7433': '7433': '7433' is a number, and no host | cadre --url a:1,7433 status
word: this is not a token: one begins with | cadre --token-file word status
empty is empty; an API token .* is expected there | cadre --token-file empty status
nofile: .*; --token-file or CADRE_TOKEN_FILE | cadre --token-file nofile status
--token-file: is empty; a path is expected | cadre --token-file= status
join takes one TOKEN .*'cadre token create join' | cadre-agent join
not a token: one begins with cadre-join- | cadre-agent join word
standard input is empty; a join token | cadre-agent join -
--slots: 'x' is not a number | cadre-agent join word --slots x
--label: 'x' is not K=V | cadre-agent join word --label x
--name: '' is empty | cadre-agent run --name ''
--state: is empty; a path is expected | cadre-agent run --state ''
--config: is empty; a path is expected | cadre-agent check-config --config=
--log-level: 'loud' is not one of error, warn, info, debug | cadre-agent run --log-level loud
nofile: No such file .*; --config or CADRE_CONFIG names it | cadre-agent run --config nofile
folder is a folder; a file is expected | cadre-agent run --config folder
zero.yaml:1: coordinator: 'a:0': nothing listens on port 0: | cadre-agent run --config zero.yaml
nought.yaml:1: advertise: 'a:0': nothing listens on | cadre-coordinator run --config nought.yaml
wrong.yaml:2: unknown key 'retention', known here: | cadre-agent run --config wrong.yaml
broken.yaml:2: a value is missing | cadre-agent check-config --config broken.yaml
run takes no argument 'x'; see 'cadre-agent run --help' | cadre-agent run x
version takes no argument 'x'; see 'cadre-agent version --help' | cadre-agent version x
'service start' is not a command; .* install, uninstall | cadre-agent service start
managed with systemctl here: 'systemctl enable | cadre-agent service install
nofile: No such file .*; --config or CADRE_CONFIG names it | cadre-coordinator init --config nofile
--name: 'a b' is neither a host's name nor an address | cadre-coordinator init --name 'a b'
--listen: '1.2.3.4:99999': '99999' is not a port | cadre-coordinator init --listen 1.2.3.4:99999
unexpected argument 'x'; see 'cadre-coordinator init --help' | cadre-coordinator init x
empty is not a folder: choose another one with --state | cadre-coordinator init --state empty
nowhere is not initialised: run .* init | cadre-coordinator run --state nowhere
nowhere is no.* state folder: name it with | cadre-coordinator check --state nowhere
nowhere is no.* state folder: name it with | cadre-coordinator backup f --state nowhere
nowhere is not initialised: run .* init | cadre-coordinator token create --state nowhere
the argument FILE is missing: cadre-coordinator backup | cadre-coordinator backup
a backup is two files.*: name a file | cadre-coordinator backup -
unexpected argument 'b'; see 'cadre-coordinator backup --help' | cadre-coordinator backup a b
wrong.yaml:2: retention: '1x': 'x' is not | cadre-coordinator check-config --config wrong.yaml
version takes no argument 'x'; see 'cadre-coordinator version | cadre-coordinator version x
'token list' is not a command; .*: create | cadre-coordinator token list
END
is "nothing was made" "" "$(ls -d none nowhere f home/.config 2>/dev/null)"

done_testing
