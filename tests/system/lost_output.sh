#!/bin/sh
# Output of the command line that cannot be written, and foreign text on its way to a terminal.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 4

# A disk of 16 KiB where it can be had, else the device that is always full.
full=/dev/full
mkdir tiny
if mount -t tmpfs -o size=16k none tiny 2>/dev/null; then
    full=tiny/file
    trap 'umount -l tiny 2>/dev/null; finish' EXIT
fi

# lost NAME CODE COMMAND...: its output goes to a full disk; the reason is told
lost() {
    lost_name=$1 wanted=$2
    shift 2
    rm -f tiny/file
    timeout 60 "$@" >$full 2>err
    code=$?
    is "$lost_name ends with $wanted on a full disk" "$wanted" "$code"
    has "$lost_name tells of the full disk" err 'standard output: no space left on device'
}

# ---- commands that print and end ----
i=0
while [ $i -lt 100 ]; do
    cadre run --detach --name "a job with a long name that fills the list $i" -- true >/dev/null
    i=$((i + 1))
done
lost "a list as JSON" 1 cadre -o json job list --limit 400
full=/dev/full
lost "a list" 1 cadre job list --limit 1
lost "a page of one" 1 cadre agent show a
lost "a status" 1 cadre status
lost "a change" 1 cadre group create lost
lost "the version" 1 cadre version
lost "the help" 1 cadre --help
lost "the help of a command" 1 cadre job list --help
lost "what an agent offers" 1 cadre-agent capabilities --config a.yaml --state a
lost "an agent's configuration" 1 cadre-agent check-config --config a.yaml --state a
lost "an agent's version" 1 cadre-agent version
lost "an agent's help" 1 cadre-agent --help
lost "a coordinator's configuration" 1 cadre-coordinator check-config --config coordinator.yaml
lost "a coordinator's version" 1 cadre-coordinator version
lost "a coordinator's help" 1 cadre-coordinator --help
lost "what a coordinator's init made" 1 cadre-coordinator init --state made
lost "what a service's init made" 1 cadre-coordinator init --once --state made_too
lost "a token made on the host" 1 cadre-coordinator token create --state made
lost "a backup" 1 cadre-coordinator backup --state server copy
lost "a check" 1 cadre-coordinator check --state server
lost "the help of its command" 1 cadre-coordinator run --help
is "what changed has changed" "lost" "$(cadre group list | awk '$1 == "lost" { print $1 }')"
cadre job list --nothing >/dev/full 2>err
is "a wrong command line stays a wrong command line" 2 $?

# to_nobody COMMAND...: its output goes to a pipe that is closed before it begins; code, err
to_nobody() {
    rm -f gate code
    mkfifo gate
    {
        read -r _ <gate
        timeout 60 "$@"
        echo $? >code
    } 2>err | {
        exec <&-
        echo go >gate
    }
    code=$(cat code)
}
to_nobody cadre job list --limit 100
is "a reader that left is an error" 1 "$code"
has "and told" err 'standard output: its reader has closed it'
cadre version 2>/dev/full >out
is "standard error that cannot be written changes nothing" 0 $?
has "and standard output is whole" out '^cadre [0-9]'

# ---- a token that nobody has seen ----
tokens() { cadre token list | awk '$2 == "join" && !/Z +[^ ]+$/ { print $1 }' | sort; }
lost "a token" 1 cadre token create join
id=$(sed -n 's/.*the token \([^ ]*\) was revoked.*/\1/p' err)
has "the lost token is revoked, and named" err 'the token [^ ]+ was revoked'
cadre -o json token list >tokens.json
has "it is revoked in the list, too" tokens.json "\"$id\"[^}]*\"revokedAt\":\"20"
lost "a token as JSON" 1 cadre -o json token create api --role read
has "it is revoked as well" err 'the token [^ ]+ was revoked'

# ---- closed from the beginning ----
cadre group create closed >&- 2>err
is "a closed standard output is an error" 1 $?
has "and told" err 'standard output: it is closed'
cadre group show closed >out 2>&1
is "and nothing was done" 1 $?
cadre token create join >&- 2>err
is "a closed standard output makes no token" 1 $?
cadre version >out 2>&-
is "a closed standard error changes nothing" 0 $?

# ---- foreign text ----
esc=$(printf '\033') nl='
'
raw() { LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$1"; }
cadre group create gg --description "d${esc}[31mq${nl}gh OPEN 9 9 9 9 forged" >/dev/null
for verb in drain remove; do
    cadre agent $verb a --reason "x${esc}[31my${nl}state ONLINE" >out 2>err
    is "a reason that would forge a line of the log is refused ($verb)" 1 $?
    has "by name" err 'reason: .*U\+001B'
done
cadre group list >shown
cadre run -- "no${esc}[31msuch" >>shown 2>&1
cadre run --workdir "/x${nl}2026-11-27T00:00:00.000Z error agent: forged" -- true >>shown 2>&1
cadre job show "$(cadre -o json job list --limit 1 | sed 's/.*"id":"\([^"]*\)".*/\1/')" >>shown
cadre job show "no${esc}[2J" >>shown 2>&1
cadre "job${esc}[2J" >>shown 2>&1
cadre execution show "${esc}]0;title" >>shown 2>&1
turned=$(printf '\342\200\256') tag=$(printf '\363\240\201\201')
for file in "no${esc}[31mfile" "no${nl}file" "no${turned}file" "no${tag}file"; do
    cadre-agent check-config --config "$file" >>shown 2>&1
    cadre-coordinator check-config --config "$file" >>shown 2>&1
    cadre-agent run --name "$file" >>shown 2>&1
done
if raw shown; then not_ok "control characters are escaped: $(od -c shown | head -40)"; else
    ok "control characters are escaped"
fi
holds "so is what is not visible" test -z "$(LC_ALL=C grep -l "$turned\|$tag" shown)"
has "and shown as escapes" shown 'no.xe2.x80.xaefile' 'no.xf3.xa0.x81.x81file' \
    'not visible: U\+202E'
has "and shown" shown 'd.x1b\[31mq.x0agh OPEN' 'no.x1b\[31msuch'
is "no row or line is forged" "" "$(grep -E '^(gh|2026-11-27T)' shown)"
cadre run -- printf 'a\033[31mb\n' >out 2>/dev/null
is "a job's own output stays as it is" "a${esc}[31mb" "$(cat out)"

done_testing
