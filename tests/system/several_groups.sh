#!/bin/sh
# Agents of several worker groups (docs/groups.md): who is let in, whose turn a free slot is, and
# what is known of them after each of the programs was killed.
. "$(dirname "$0")/lib.sh"
coordinator_up
cadre group create a >/dev/null
cadre group create b >/dev/null

# run_in GROUP: a job that says where it ran, and lasts long enough for starts to differ
# shellcheck disable=SC2016
run_in() {
    cadre run --group "$1" --detach -- sh -c 'sleep 0.02; echo "$CADRE_GROUP $CADRE_AGENT"'
}
# hold_in GROUP NAME: a job that runs until NAME.go is there; its id is in held
hold_in() {
    held=$(cadre run --group "$1" --detach -- sh -c "until [ -e $here/$2.go ]; do sleep 0.05; done")
    until_true 20 job_is "$held" RUNNING || not_ok "a job runs in $1: $(cadre job why "$held")"
}
# all_are STATE ID...: so many jobs are in that state
all_are() {
    all_state=$1
    shift
    for all_id in "$@"; do job_is "$all_id" "$all_state" || return 1; done
}
# groups_by_start ID...: the groups of these jobs in the order of their starts, as one word
groups_by_start() {
    cadre job list --limit 200 -o json | sed 's/},{"id"/}\n{"id"/g' | grep -F "$(
        for id in "$@"; do echo "\"id\":\"$id\""; done
    )" | sed 's/.*"group":"\([^"]*\)".*"startedAt":"\([^"]*\)".*/\2 \1/' | sort |
        awk '{ printf "%s", $2 }'
}
listed() { cadre agent list "$@" | awk 'NR > 1 { print $1 }' | sort | tr '\n' ' '; }

# ---- the configuration ----
# bad WHAT TEXT PATTERN: no agent starts with TEXT in its file, and the error names file and key
bad() {
    printf 'coordinator: 127.0.0.1:1\n%b\n' "$2" >bad.yaml
    cadre-agent check-config --config bad.yaml --state bad >out 2>err
    is "$1 is no configuration" 2 $?
    has "$1: the error names file and key" err "bad\.yaml:?[0-9]*: $3"
    timeout 20 cadre-agent run --config bad.yaml --state bad >out 2>err
    is "$1: no agent runs with it" 2 $?
    has "$1: for the same reason" err "bad\.yaml:?[0-9]*: $3"
}
# keys N: a list of N different keys
keys() { seq "$1" | sed 's/^/g/' | paste -sd, -; }
bad "group beside groups" 'group: a\ngroups: [a, b]' "'group' and 'groups' are both there"
bad "an empty list" 'groups: []' "'groups' names none"
bad "a group named twice" 'groups: [a, b, a]' "groups: 'a' is named twice"
bad "17 groups" "groups: [$(keys 17)]" 'groups: an agent serves at most 16 groups'
bad "a key with a blank" 'groups: [a, "b c"]' "groups: 'b c': a group's key has"
bad "an empty key" 'groups: [a, ""]' 'groups: an item is empty'
bad "a mapping" 'groups: {a: b}' 'groups: must be a list'
bad "a comma at the end of group" 'group: "a,"' "group: 'a,': a group's key has"
printf 'coordinator: 127.0.0.1:1\ngroups: [%s]\n' "$(keys 16)" >good.yaml
cadre-agent check-config --config good.yaml --state good >out 2>err
is "16 groups are a configuration" 0 $?
cadre-agent run --config good.yaml --state good --worker-group a,a >out 2>err
is "nor may the flag name one twice" 2 $?
has "and says so" err "--worker-group: .*'a' is named twice"

# ---- joining ----
join_agent x --worker-group a,b
has "join says which groups" join.log 'joined .* as x .*, group a,b$'
has "and writes them" x.yaml '^groups: \["a", "b"\]$'
holds "instead of group" sh -c '! grep -q "^group:" x.yaml'
bound=$(cadre token create join --group a 2>token.err)
cadre-agent join "$bound" --config y.yaml --state y --name y --worker-group a,b >out 2>err
is "a token of one group is for no other beside it" 1 $?
has "which is named" err 'wrong-group\): the join token is for group a alone, not for b$'
cadre-agent join "$bound" --config y.yaml --state y --name y --worker-group b >out 2>err
is "nor for another in its place" 1 $?
holds "nothing is written then" test ! -e y.yaml
cadre-agent join "$bound" --config y.yaml --state y --name y >out 2>err
is "the refusals did not use it up" 0 $?
sed 's/^group:.*/groups: [a, b]/' y.yaml >y2.yaml
mv y2.yaml y.yaml
has "its file is made to ask for more" y.yaml '^groups: \[a, b\]$'
agent_begin y
holds "who joined with it and asks for more later is refused, by name" until_true 30 \
    file_has y.log \
    'wrong-group: .* token for group a, which allows no other, but its config says a and b$'
end "$agent"
token=$(cadre token create join 2>token.err)
cadre-agent join "$token" --config z.yaml --state z --name z --worker-group a,nobody >out 2>err
is "an unknown group among those of a join is refused" 1 $?
has "by name" err "unknown-group\): there is no worker group 'nobody'"

# ---- what is told of it ----
agent_up x --slots 1
one=$agent
cadre agent list >out
has "the table has all groups" out '^NAME .* GROUP ' '^x +ONLINE +a,b '
cadre agent list -o json >out
has "JSON has them as a list, and the first as group" out \
    '"name":"x","group":"a","groups":\["a","b"\]'
cadre agent show x >out
has "so has show" out '^group +a,b$'
agent_up plain
two=$agent
cadre agent show plain -o json >out
has "of one group the list has one" out '"group":"default","groups":\["default"\]'
is "it is found by its second group" "x " "$(listed --group b)"
is "and by its first, with the others that asked for it" "x y " "$(listed --group a)"
is "not by a third" "plain " "$(listed --group default)"
end "$two"

# ---- turns ----
first=$(run_in a)
second=$(run_in b)
holds "it runs jobs of both" until_true 30 all_are SUCCESS "$first" "$second"
cadre job logs "$first" >out
is "in the first group" "a x" "$(cat out)"
cadre job logs "$second" >out
is "and the second" "b x" "$(cat out)"
hold_in a turns
queue=
for group in a a a a b b b b; do queue="$queue $(run_in $group)"; done
# shellcheck disable=SC2086
holds "with its one slot taken all others wait" all_are CREATED $queue
touch turns.go
# shellcheck disable=SC2086
holds "they all run" until_true 60 all_are SUCCESS $queue
# shellcheck disable=SC2086
is "the slot goes to the groups in turn" babababa "$(groups_by_start $queue)"

# ---- pause ----
cadre group pause b >/dev/null
paused=$(run_in b)
other=$(run_in a)
holds "a paused group leaves the other going" until_true 30 job_is "$other" SUCCESS
is "its own jobs wait" CREATED "$(job_field "$paused" state)"
cadre job why "$paused" >out
has "and say why" out 'group-paused: group b is paused'
cadre group resume b >/dev/null
holds "until it is resumed" until_true 30 job_is "$paused" SUCCESS

# ---- killed ----
end "$one" KILL
waits=$(run_in b)
end "$coordinator" KILL
coordinator_up
is "a coordinator that was killed knows the groups of an agent that is away" "x " \
    "$(listed --group b)"
cadre agent list -o json >out
has "in their order" out '"name":"x","group":"a","groups":\["a","b"\]'
agent_up x --slots 1
one=$agent
more=$(run_in a)
holds "an agent that was killed serves both again" until_true 30 all_are SUCCESS "$waits" "$more"
end "$coordinator" KILL
coordinator_up
waits=$(run_in b)
more=$(run_in a)
holds "and so it does when the coordinator was killed under it" until_true 60 \
    all_are SUCCESS "$waits" "$more"

# ---- what the groups require ----
end "$one"
cadre group update b --require os=windows >/dev/null
agent_begin x --slots 1
holds "an agent that does not meet one of its groups is refused, and told which" until_true 30 \
    file_has x.log \
    'refused code=requires-not-met: group b requires os = windows, this agent has linux'
cadre agent list >out
has "as a whole" out '^x +OFFLINE +a,b .*requires-not-met'
cadre agent show x >out
has "and users are told, too" out 'group b requires os = windows'
none=$(run_in a)
cadre job why "$none" >out
has "its other group has no agent then" out 'no-agent-online: group a has no agent online'
cadre group update b --require '' >/dev/null
holds "it comes in by itself when it may" until_true 100 agent_is x ONLINE
holds "and runs what waited" until_true 30 job_is "$none" SUCCESS
end "$agent"
agent_begin x --worker-group b,nobody
holds "an unknown group among others is named" until_true 30 file_has x.log \
    "refused code=unknown-group: there is no worker group 'nobody'"
end "$agent"

# ---- joining anew ----
# anew GROUPS: z, whose file names two groups, joins again
anew() {
    rm -rf z z.yaml
    printf 'groups: [a, b]\nlabels: {rack: west}\n' >z.yaml
    token=$(cadre token create join 2>token.err)
    cadre-agent join "$token" --config z.yaml --state z --name "z-$1" --worker-group "$1" \
        >out 2>err || not_ok "z joins anew: $(cat err)"
}
anew b
has "to join with one group puts it in the list's place" z.yaml '^group: "?b"?$' '^labels:'
holds "and takes the list out" sh -c '! grep -q "^groups:" z.yaml'
anew default
holds "to join with the default group takes the list out" sh -c '! grep -q "^groups:" z.yaml'
holds "and names no other" sh -c '! grep -qE "^group: *\"?[^d\"]" z.yaml'
end "$coordinator"
done_testing
