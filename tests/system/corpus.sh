#!/bin/sh
# Flows as Kestra's users write them (tests/corpus), applied and run with a coordinator and agents.
. "$(dirname "$0")/lib.sh"
make_zone zones/Europe/Dublin 'IST-1GMT0,M10.5.0,M3.5.0/1'
make_zone zones/Asia/Kathmandu '<+0545>-5:45'
printf 'listen: 127.0.0.1:0\nzoneinfo: %s\n' "$here/zones" >coordinator.yaml
coordinator_up
corpus=$CADRE_ROOT/tests/corpus
cadre group create gpu --tag cuda --tag linux >/dev/null
cadre group create attic --tag archive --tag linux >/dev/null # of the selectors: it has no agent

# A stand-in for PowerShell, as far as these flows need it.
mkdir bin logs
cat >bin/pwsh <<'END'
#!/bin/sh
while [ $# -gt 1 ]; do shift; done
case $1 in */cadre-start.ps1) set -- "${1%/*}/cadre-script.ps1" ;; *) exit 64 ;; esac
sed -n 's/^[^W]*Write-Output "\(.*\)"$/\1/p' "$1" | tr -d '\r'
END
chmod +x bin/pwsh
join_agent plain
printf 'env: {PATH: "%s"}\n' "$here/bin:$PATH" >>plain.yaml
agent_up plain --slots 4
agent_up graphics --worker-group gpu --slots 2

said() { sed -n "s/^# $1: //p" "$2"; }
field() { sed -n "s/^$2  *//p" "$1" | head -n 1; }
has_ended() {
    cadre execution show "$1" 2>/dev/null |
        grep -Eq '^state +(SUCCESS|WARNING|FAILED|KILLED|CANCELLED)$'
}

# ---- those that run ----
cadre flow apply "$corpus/run" >applied 2>&1 || { cat applied; not_ok "the flows apply"; }
# call FILE NAME: as others call its webhook, at Kestra's path; prints the id of the execution
call() {
    key=$(sed -n 's/^.*[{ ]key: *\([^ ,}]*\).*$/\1/p' "$1")
    curl --silent --show-error --fail --cacert server/ca.pem --max-time 60 \
        -H 'Content-Type: application/json' -d "$(said webhook "$1")" \
        "https://127.0.0.1:$port/api/v1/executions/webhook/corpus/$2/$key" >answer &&
        sed -n 's/.*"id":"\([^"]*\)".*/\1/p' answer
}
count=0
for file in "$corpus"/run/*.yaml; do
    name=$(basename "$file" .yaml)
    count=$((count + 1))
    [ -z "$(said fires "$file")" ] || continue # it does by itself
    past=$(said backfill "$file")
    if [ -n "$past" ]; then
        # shellcheck disable=SC2086
        cadre trigger backfill "corpus/$name/"$past >"logs/$name.backfill" 2>"logs/$name.err" ||
            { cat "logs/$name.err"; not_ok "$name is backfilled"; }
        continue
    fi
    if [ -n "$(said webhook "$file")" ]; then
        command -v curl >/dev/null || continue
        call "$file" "$name" >"logs/$name.id" 2>"logs/$name.err" ||
            { cat "logs/$name.err"; not_ok "$name is called"; }
        continue
    fi
    set --
    while IFS= read -r input; do [ -z "$input" ] || set -- "$@" --input "$input"; done <<END
$(said input "$file")
END
    cadre flow run "corpus/$name" "$@" --detach >"logs/$name.id" 2>"logs/$name.err" ||
        { cat "logs/$name.err"; not_ok "$name starts"; }
done

# expect NAME KIND FILE: each line of this kind stands in FILE, as a whole line where WHOLE is -x
expect() {
    said "$2" "$corpus/run/$1.yaml" >wanted
    while IFS= read -r line; do
        # shellcheck disable=SC2086
        grep -Fq $whole -e "$line" "$3" && continue
        echo "$1: no '$line' in:"
        cat "$3"
        good=false
    done <wanted
}
# started NAME: the ids of what its trigger started, newest first, when they are as many as wanted:
# one for each line of output, or `executions`; at least one of a trigger that fires by itself. Of
# a schedule those of the backfill count: it may be the time for one more.
started() {
    only='{'
    [ -z "$(said backfill "$corpus/run/$1.yaml")" ] || only='"backfill":"'
    cadre -o json execution list --flow "corpus/$1" --limit 50 >"logs/$1.list" 2>&1
    sed 's/{"id":/\n&/g' "logs/$1.list" | grep -F "$only" | grep -o '^{"id":"[^"]*"' |
        cut -d'"' -f4 >"logs/$1.ids"
    wanted=$(said executions "$corpus/run/$1.yaml")
    [ -n "$wanted" ] || wanted=$(said says "$corpus/run/$1.yaml" | grep -c .)
    [ -z "$(said fires "$corpus/run/$1.yaml")" ] || { [ -s "logs/$1.ids" ] && return; }
    [ "$(grep -c . "logs/$1.ids")" -eq "$wanted" ]
}
# have_ended NAME: all of them
have_ended() {
    while read -r one; do has_ended "$one" || return; done <"logs/$1.ids"
}
for file in "$corpus"/run/*.yaml; do
    name=$(basename "$file" .yaml)
    trigger=$(said fires "$file")$(said backfill "$file")
    if [ -n "$trigger" ]; then
        until_true 120 started "$name" || { cat "logs/$name.list"; not_ok "$name is started"; }
        until_true 120 have_ended "$name" || not_ok "$name ends"
        started "$name" || { cat "logs/$name.list"; not_ok "$name is started no more often"; }
        head -n 1 "logs/$name.ids" >"logs/$name.id"
    fi
    if [ ! -e "logs/$name.id" ]; then
        echo "skip - $name: webhooks are called with curl: it is not installed"
        continue
    fi
    id=$(cat "logs/$name.id")
    good=true
    until_true 120 has_ended "$id" || good=false
    cadre execution show "$id" >shown
    cadre -o json execution show "$id" >"logs/$name.json"
    cadre execution logs "$id" >"logs/$name.out" 2>&1
    [ "$(field shown state)" = "$(said state "$file")" ] || good=false
    if [ -n "$trigger" ]; then
        file_has "logs/$name.json" "\"trigger\":\"${trigger%% *}\"" || good=false
        : >"logs/$name.out"
        while read -r one; do
            cadre execution logs "$one" >>"logs/$name.out" 2>&1
        done <"logs/$name.ids"
    fi
    whole=-x expect "$name" says "logs/$name.out"
    whole='' expect "$name" message shown
    for kind in outputs outputs-of-run label; do
        whole='' expect "$name" $kind "logs/$name.json"
    done
    if $good; then ok "$name"; else
        cat shown
        not_ok "$name ends as it should"
    fi
done
cadre execution show "$(cat logs/flow-outputs.id)" >shown
has "outputs of a flow are shown" shown '^outputs +.*"rows":3'
is "all of them are there" "$count" "$(cadre flow list -o json | grep -o '"id"' | grep -c .)"

# ---- those that are refused ----
# tells FILE TOLD: each of its sentences stands there once, and nothing else is told
tells() {
    said says "$1" >sentences
    while IFS= read -r sentence; do
        [ "$(grep -Fc -e "$sentence" "$2")" -eq 1 ] && continue
        echo "not once: $sentence"
        return 1
    done <sentences
    [ "$(grep -c "${1##*/}:[0-9]" "$2")" -eq "$(grep -c . sentences)" ]
}
for file in "$corpus"/refused/*.yaml; do
    name=$(basename "$file" .yaml)
    if cadre flow apply --check "$file" >refused 2>&1; then
        not_ok "$name is refused"
    elif tells "$file" refused; then
        ok "$name is refused"
    else
        cat refused
        not_ok "$name is told why"
    fi
done
# ---- without a coordinator, and against it ----
CADRE_URL=localhost:1 CADRE_TOKEN='' cadre flow validate "$corpus/run" >valid 2>notes ||
    { cat notes; not_ok "what applies is valid"; }
is "each flow is named" "$count" "$(grep -c '^corpus/[a-z-]* valid$' valid)"
has "what was not checked is named" notes 'not checked: whether there are these worker groups.*gpu'
cat >places.yaml <<'END'
id: places
namespace: corpus
workerSelector: {tags: [gpu, linux], match: ANY}
notify: [opps, {channel: night}]
tasks: [{id: a, command: [true]}]
triggers:
  - {id: t, cron: 0 3 * * *, timezone: Mars/Olympus}
  - {id: u, cron: 0 3 * * *, timezone: UTC}
  - {id: v, cron: 0 3 * * *, timezone: '+02:00'}
END
cadre flow validate places.yaml >valid 2>notes
is "what a coordinator knows is left to it" 0 $?
has "and named, too: tags, time zones, channels" notes \
    'worker group with one of the tags gpu,linux' \
    'these time zones: Mars/Olympus$' 'these channels: opps, night$'
for file in "$corpus"/refused/*.yaml; do
    name=$(basename "$file" .yaml)
    cadre flow validate "$file" >valid 2>notes
    code=$?
    case $name in
        no-such-group) is "a group is for the coordinator to find" 0 $code ;;
        *)
            is "$name is not valid" 1 $code
            tells "$file" notes || { cat notes; not_ok "$name is told why"; }
            ;;
    esac
done
cadre flow diff "$corpus/run" >diff 2>&1
is "nothing differs from what was applied" 0 $?
is "so it is said" "$count" "$(grep -c ' unchanged$' diff)"
sed 's/3/4/' "$corpus/run/flow-outputs.yaml" >changed.yaml
cadre flow diff changed.yaml >diff 2>&1
is "a change is told by the exit code" 1 $?
has "and shown" diff '^\+  - \{id: make, .*format: "4"'
sed 's/^id: .*/id: another/' changed.yaml >new.yaml
is "a flow that is not there is new" 'corpus/another new' "$(cadre flow diff new.yaml)"
cadre flow diff nowhere.yaml >diff 2>&1
is "a file that is not there is trouble" 2 $?
cadre flow export --dir exported >out 2>&1 || { cat out; not_ok "flows are exported"; }
holds "the files are those that were applied" \
    cmp "$corpus/run/own-words.yaml" exported/corpus/own-words.yaml
is "all of them" "$count" "$(find exported -name '*.yaml' | grep -c .)"
cadre flow export corpus/own-words >out
holds "one goes to stdout" cmp "$corpus/run/own-words.yaml" out
cadre flow export corpus >out 2>&1
is "several need a folder" 2 $?
finish
done_testing
