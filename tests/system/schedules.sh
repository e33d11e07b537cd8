#!/bin/sh
# A schedule fires each of its planned moments once, over kill -9 of the coordinator. Nothing is
# timed: what counts is which moments the history has.
. "$(dirname "$0")/lib.sh"
make_zone zones/Test/Moved AAA-1
make_zone zones/Europe/Dublin 'IST-1GMT0,M10.5.0,M3.5.0/1'
printf 'listen: 127.0.0.1:0\nzoneinfo: %s\n' "$here/zones" >coordinator.yaml
coordinator_up

mkdir flows
cat >flows/tick.yaml <<'F'
id: tick
namespace: a
tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: "at {{ trigger.date }}"}]
triggers: [{id: t, cron: "* * * * * *", timezone: UTC, recoverMissedSchedules: ALL}]
F
cat >flows/nightly.yaml <<'F'
id: schedule-message
namespace: a
tasks:
  - {id: tell, type: io.kestra.plugin.core.log.Log, message: hello}
triggers:
  - id: nightly
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 3 * * *"
F
cadre flow apply flows >out
is "schedules are applied, Kestra's, too" 0 $?
cadre trigger list >out
has "the list has kind and expression" out '^a/tick/t +ENABLED +schedule +\* \* \* \* \* \* ' \
    '^a/schedule-message/nightly +ENABLED +schedule +0 3 \* \* \*'
next_is_known() { cadre trigger show a/schedule-message/nightly | grep -Eq '^nextAt +20.*:00:00'; }
holds "it is known when one fires next" until_true 60 next_is_known

cadre trigger next a/schedule-message/nightly --count 2 >out
has "its next firings are told" out '^PLANNED +UTC +FIRES AT +ZONE$' \
    '^20[-0-9]*T03:00:00[^ ]+ +20[-0-9]*T[0-9]*:00:00.000Z +20'
is "as many as asked for" 3 "$(wc -l <out | tr -d ' ')"

cadre trigger backfill a/schedule-message/nightly --start 2024-01-01 --end 2024-01-03 >out
is "a backfill begins" 0 $?
backfilled() {
    [ "$(cadre -o json execution list --flow a/schedule-message | grep -o '"backfill":"' | wc -l |
        tr -d ' ')" -eq 3 ] && ! cadre trigger backfills a/schedule-message/nightly | grep -q 2024
}
holds "each of its moments has an execution, and it has ended" until_true 60 backfilled

nightly="a/schedule-message/nightly --start 2024-01-01 --end 2024-01-05"
cadre trigger backfill $nightly --missed --dry-run >out 2>err
is "what is missed is counted" 3 "$(wc -l <out | tr -d ' ')"
has "and told" out '^2024-01-04T03:00:00' '^2024-01-05T03:00:00'
has "in a sentence" err 'has 2 such moments from start to end'
cadre trigger backfill $nightly --missed >out
is "it begins" 0 $?
kill -KILL "$coordinator"
until_true 60 gone "$coordinator"
coordinator_up
five() {
    [ "$(cadre -o json execution list --flow a/schedule-message | grep -o '"backfill":"' | wc -l |
        tr -d ' ')" -eq 5 ] && ! cadre trigger backfills a/schedule-message/nightly | grep -q 2024
}
holds "over kill -9 those alone have another execution" until_true 60 five
cadre trigger backfill $nightly --missed >out 2>err
is "then there is nothing" 1 $?
has "that was missed" err 'nothing was missed from start to end'

fired() { cadre trigger show a/tick/t | sed -n 's/^fired  *//p'; }
more_than() { [ "$(fired)" -gt "$1" ] 2>/dev/null; }
holds "it fires without an agent" until_true 60 more_than 1
for n in 1 2 3; do
    before=$(fired)
    kill -KILL "$coordinator"
    until_true 60 gone "$coordinator"
    coordinator_up
    holds "it goes on after kill -9, $n" until_true 60 more_than "$before"
done
all_caught_up() { cadre trigger show a/tick/t | grep -Eq '^backlog +0$'; }
holds "what was missed is caught up with" until_true 60 all_caught_up
cadre trigger disable a/tick/t >out
cadre trigger show a/tick/t >show
sed -n 's/^evaluation .* fired, planned \([^,]*\),.*/\1/p' show | sort >moments
is "the history has what was fired" "$(fired)" "$(wc -l <moments | tr -d ' ')"
is "no moment was fired twice" "" "$(uniq -d moments)"
first=$(date -u -d "$(head -n 1 moments)" +%s)
last=$(date -u -d "$(tail -n 1 moments)" +%s)
missed=$(sed -n 's/^missed  *//p' show)
skipped=$(sed -n 's/^skipped  *//p' show)
is "and none was left out" $((last - first + 1)) \
    $(($(fired) + ${missed:-0} + ${skipped:-0}))
is "each has one execution" "$(fired)" \
    "$(cadre -o json execution list --flow a/tick --limit 500 | grep -o '"trigger":"t"' | wc -l |
        tr -d ' ')"
cadre trigger run a/tick/t >out 2>err
has "a schedule is not evaluated" err 'is disabled|is a schedule: it fires at its own times'

# ---- the options of a backfill; no agent is there: what it starts stays under way ----
cat >filled.yaml <<'F'
id: filled
namespace: a
inputs: [{id: what, type: STRING}]
tasks: [{id: work, command: [work]}]
triggers:
  - {id: t, cron: "0 3 * * *", timezone: UTC, inputs: {what: as ever}}
  - {id: other, cron: "0 4 1 1 *", timezone: UTC, inputs: {what: other}}
F
cadre flow apply filled.yaml >out
cadre trigger list --flow a/filled >out
is "the triggers of one flow are listed" "a/filled/other a/filled/t" \
    "$(sed 1d out | sed 's/ .*//' | sort | tr '\n' ' ' | sed 's/ $//')"
cadre trigger list --flow a/nowhere >out 2>err
is "of a flow that is not there none is" "" "$(sed 1d out)"
january="--start 2024-01-01 --end 2024-01-31"
for wrong in '--parallel 0' '--parallel 51' '--parallel x' '--input what' \
    '--cancel 06f3k9x2m1c7a'; do
    # shellcheck disable=SC2086
    cadre trigger backfill a/filled/t $january $wrong >out 2>err
    is "$wrong is no option here" 2 $?
done
cadre trigger backfill a/filled/t $january --input wat=x >out 2>err
is "an input that the flow has not is refused" 1 $?
has "by name" err "wat.*did you mean 'what'"
id=$(cadre trigger backfill a/filled/t $january --parallel 3 --input 'what=of {{ trigger.date }}')
is "it begins" 0 $?
filled() {
    cadre -o json execution list --flow a/filled --limit 100 >list
    grep -o '"inputs":{"what":"[^"]*"}' list | cut -d'"' -f6 | sort
}
so_many() { [ "$(filled | wc -l | tr -d ' ')" -eq "$1" ]; }
days() { for day in "$@"; do echo "of 2024-01-${day}T03:00:00Z"; done; }
holds "--parallel: so many at a time" until_true 60 so_many 3
is "--input: in the place of the trigger's" "$(days 01 02 03)" "$(filled)"
cadre execution cancel "$(sed 's/^[^"]*"id":"\([^"]*\)".*/\1/' list)" >out
holds "another begins when one has ended" until_true 60 so_many 4
cadre trigger backfills a/filled/t >out
has "it is listed" out "^$id +2024-01-01T00:00:00.* 4 +3 "
cadre trigger backfill a/filled/t --cancel 06f3k9x2m1c7a >out 2>err
is "another ID ends nothing" 1 $?
has "and that is told" err 'a/filled has no such backfill under way'
cadre trigger backfill a/filled/t --cancel "$id" --parallel 2 >out 2>err
is "--cancel with --parallel is refused" 2 $?
has "and that is told, too" err 'cancel goes with no other option'
is "--cancel ends it" "$id" "$(cadre trigger backfill a/filled/t --cancel "$id")"
cadre trigger backfills a/filled/t >out
is "none is listed" "" "$(sed 1d out)"
grep -o '{"id":"[^"]*"' list | cut -d'"' -f4 >ids
while read -r one; do cadre execution cancel "$one" >/dev/null 2>&1; done <ids
all_ended() { filled >/dev/null && [ "$(grep -o '"state":"KILLED"' list | grep -c .)" -eq 4 ]; }
holds "those under way can end" until_true 60 all_ended
is "and it starts no more" "$(days 01 02 03 04)" "$(filled)"
cadre trigger show a/filled/t >out
has "the history says how it ended" out "not-fired.*backfill $id.*4 "

# ---- zones: a file that changes under the coordinator ----
cat >moves.yaml <<'F'
id: moves
namespace: a
tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: hi}]
triggers: [{id: t, cron: "0 12 1 1 *", timezone: Test/Moved}]
F
cadre flow apply moves.yaml >out
next_at() {
    cadre trigger show a/moves/t 2>/dev/null | grep -Eq "^nextAt +20[0-9]*-01-01T$1:00:00"
}
holds "the zone decides when it fires" until_true 60 next_at 11
kill -HUP "$coordinator" # the same files: nothing is handed over
make_zone zones/Test/Moved AAA-2
kill -HUP "$coordinator"
holds "SIGHUP: a file that changed is read again" until_true 60 next_at 10
moved='from 20[-0-9]*T11:00:00.000Z to 20[-0-9]*T10:00:00.000Z \(time zone Test/Moved\)'
has "the log says what moved" coordinator.log \
    "trigger t of a/moves: its next firing moved $moved"
is "and of files that are the same nothing" 1 \
    "$(grep -c 'time zones were read again' coordinator.log)"
printf TZif2 >zones/Test/Moved
kill -HUP "$coordinator"
holds "a damaged file is left out" until_true 60 file_has coordinator.log \
    'time zones were read again: 1, and 1 that were there before'
has "and named" coordinator.log 'Test/Moved is left out: '
holds "what was known of it holds" next_at 10

# ---- init and the zone of the host ----
mkdir other
printf 'listen: 127.0.0.1:0\nzoneinfo: %s\n' "$here/zones" >other/c.yaml
cp other/c.yaml other/named.yaml
echo 'timezone: "+02:00"' >>other/named.yaml
TZ=Europe/Dublin cadre-coordinator init --config other/c.yaml --state other/s >out 2>&1
is "init --config writes the zone of the host" 'timezone: Europe/Dublin' "$(tail -n 1 other/c.yaml)"
is "and says nothing of it" "" "$(grep -i 'time zone' out)"
cp other/named.yaml named.before
TZ=Europe/Dublin cadre-coordinator init --config other/named.yaml --state other/s2 >out 2>&1
holds "a zone that is there stays" cmp named.before other/named.yaml
printf 'listen: 127.0.0.1:0\nzoneinfo: %s\n' "$here/zones" >other/d.yaml
cp other/d.yaml d.before
TZ=Europe/Nowhere cadre-coordinator init --config other/d.yaml --state other/s3 >out 2>&1
holds "one that is not known is not written" cmp d.before other/d.yaml
CADRE_ZONEINFO=$here/zones TZ=Europe/Dublin \
    cadre-coordinator init --once --state other/s4 --listen 127.0.0.1:0 >out 2>&1
is "init of the service" 0 $?
has "says what to write" out 'schedules that name no time zone go by UTC; ' \
    "for that of this host put 'timezone: Europe/Dublin' into "
done_testing
