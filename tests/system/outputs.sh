#!/bin/sh
# Every command with a standard output that is closed, full or left, and a closed standard error.
# tests/system/lost_output.sh looks at some of them closer.
leaks=yes
. "$(dirname "$0")/lib.sh"
cat >coordinator.yaml <<'END'
listen: 127.0.0.1:0
channels: {page: {kind: command, command: [/bin/true]}}
END
coordinator_up
agent_up a --slots 4
mkdir home
HOME=$here/home
export HOME

cat >flow.yaml <<'END'
id: walk
namespace: company
tasks:
  - {id: one, command: [echo, hello]}
triggers:
  - {id: never, interval: PT1H, command: ["false"]}
  - {id: yearly, cron: "@yearly"}
  - {id: call, webhook: {}}
END
cadre flow apply flow.yaml >out 2>&1 || not_ok "the flow is applied: $(cat out)"
job=$(cadre run --detach -- echo hello)
execution=$(cadre flow run --detach company/walk)
until_true 30 job_is "$job" SUCCESS || not_ok "the job ends"
cadre group create walked >/dev/null 2>&1
waiting() { cadre run --detach --require label.no=where -- true; }
token_id() {
    cadre token create api --role read 2>&1 >/dev/null | sed -n 's/^id \([^,]*\),.*/\1/p'
}

# "COMMAND | ARGUMENTS", in an order in which each can do what it is asked for: with the standard
# output closed nothing is done, with a full one it is done.
cat >walk <<'END'
run | -- echo hello
job list |
job show | $job
job logs | $job
job why | $job
job cancel | $(waiting)
job retry | $job
job run | -- echo hello
flow apply | flow.yaml
flow list |
flow show | company/walk
flow validate | flow.yaml
flow diff | flow.yaml
flow export | company/walk
flow run | company/walk
execution list |
execution show | $execution
execution logs | $execution
execution cancel | $execution
trigger list |
trigger show | company/walk/never
trigger next | company/walk/yearly
trigger backfill | company/walk/yearly --start 2020-01-01 --end 2021-12-31 --dry-run
trigger backfills | company/walk/yearly
trigger disable | company/walk/never
trigger enable | company/walk/never
trigger run | company/walk/never
trigger key | company/walk/call
flow delete | company/walk
group list |
group show | walked
group create | made
group update | walked --description changed
group pause | walked
group resume | walked
group delete | walked
agent list |
agent show | a
agent history | a
agent drain | a
agent resume | a
agent remove | a
namespace list |
namespace show | company
namespace set | company --default-group
namespace unset | company
token create join |
token create api | --role read
token list |
token revoke | $(token_id)
coordinator list |
notify list |
notify channels |
notify test | page
status |
failures |
waits |
login | $(cat server/admin.token)
version |
END

# What the help knows is in the walk.
cadre help | sed -n '/^Commands:$/,/^$/s/^  \([a-z]*\) .*/\1/p' >known
for noun in $(cadre help | sed -n '/^Commands of two/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    cadre help "$noun" | sed -n '/^Commands:$/,/^$/s/^  \([a-z]*\( [a-z]\{3,\}\)\{0,1\}\) .*/\1/p' |
        sed "s/^/$noun /"
done >>known
sed 's/ *|.*//' walk | sort >walked.names
sort known >known.names
is "every command is walked" "" "$(comm -3 known.names walked.names | tr '\n' ',')"

# Refused, because it has ended: what is told is the refusal.
silent=" execution cancel "
while IFS='|' read -r command arguments <&3; do
    command=${command% }
    eval "set -- $command $arguments"
    timeout 60 cadre "$@" >&- 2>err
    code=$?
    case $code in
    1 | 2 | 125)
        has "$command: a closed standard output is told" err 'standard output: it is closed'
        ;;
    *) not_ok "$command: a closed standard output ends with $code" ;;
    esac
    timeout 60 cadre "$@" >/dev/full 2>err
    code=$?
    case $code,$silent in
    0,*" $command "*) ok "$command has nothing to say" ;;
    1,* | 2,* | 125,*)
        has "$command: a full disk is told" err 'no space left on device|has ended already'
        ;;
    *) not_ok "$command: a full disk ends with $code: $(head -c 200 err)" ;;
    esac
done 3<walk

# A reader that left, and a standard error that is closed: of what only reads.
for command in "job list" "job show $job" "job logs $job" "group list" "agent list" "token list" \
    "namespace list" status failures waits version "help job"; do
    rm -f gate code
    mkfifo gate
    {
        read -r _ <gate
        # shellcheck disable=SC2086 # words of a command line
        timeout 60 cadre $command
        echo $? >code
    } 2>err | {
        exec <&-
        echo go >gate
    }
    case $(cat code) in
    1 | 125) has "$command: a reader that left is told" err 'its reader has closed it' ;;
    *) not_ok "$command: a reader that left ends with $(cat code)" ;;
    esac
    # shellcheck disable=SC2086
    timeout 60 cadre $command >out 2>&-
    is "$command: a closed standard error changes nothing" 0 $?
    holds "$command: and is not taken for a file" test -s out
done

done_testing
