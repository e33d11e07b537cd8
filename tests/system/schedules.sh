#!/bin/sh
# A schedule fires each of its planned moments once, over kill -9 of the coordinator. Nothing is
# timed: what counts is which moments the history has.
. "$(dirname "$0")/lib.sh"
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
done_testing
