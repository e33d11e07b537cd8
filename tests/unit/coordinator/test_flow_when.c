/* Conditions of schedules: in our own words and in Kestra's. When they hold: test_condition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/schedule/civil.h"
#include "flow_text.h"

#include <string.h>

#define KESTRA "io.kestra.plugin.core.condition."
#define OLD "io.kestra.core.models.conditions.types."
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static char *flow_with(const char *keys)
{
    return str_dupf("%stasks: [{id: t, command: [x]}]\n"
                    "triggers:\n  - id: s\n    cron: '0 * * * *'\n    %s\n",
                    FLOW_HEAD, keys);
}

/* The next four firings after Friday, 2026-01-02 00:30 in Berlin: "DD HH". */
static void fires(const char *keys, const char *wanted)
{
    char *text = flow_with(keys), got[64] = "";
    struct flow *f = flow_text_parse(text);
    struct zone *z = NULL;
    assert_int_equal(zone_parse_rule(BERLIN, &z, NULL), 0);
    int64_t t = civil_days(2026, 1, 1) * CIVIL_DAY + 23 * CIVIL_HOUR + 1800, previous;
    for (int n = 0; n < 4; n++) {
        int64_t before = t;
        assert_int_equal(flow_schedule_next(f->triggers[0].schedule, z, before, &t),
                         SCHEDULE_FOUND);
        struct civil_time c = civil_time_of(t + zone_offset(z, t));
        str_format(got + strlen(got), sizeof got - strlen(got), "%s%02d %02d", n > 0 ? ", " : "",
                   c.day, c.hour);
        assert_true(flow_schedule_previous(f->triggers[0].schedule, z, t + 1, &previous));
        assert_int_equal(previous, t);
    }
    if (!str_eq(got, wanted)) fail_msg("%s fires at %s, not at %s", keys, got, wanted);
    zone_free(z);
    flow_free(f);
    mem_free(text);
}

static void refuses(const char *keys, const char *wanted)
{
    char *text = flow_with(keys);
    struct flow_problems p = {0};
    struct flow *f = NULL;
    if (flow_parse("f.yaml", text, strlen(text), NULL, &p, &f) != ERR_INVALID)
        fail_msg("taken: %s", keys);
    assert_true(p.items[0].line >= 5);
    if (strstr(p.items[0].sentence, wanted) == NULL) fail_msg("%s: %s", keys, p.items[0].sentence);
    flow_problems_fini(&p);
    mem_free(text);
}

static void when__in_our_own_words__leaves_out_what_does_not_hold(void **state)
{
    (void)state;
    fires("description: nothing", "02 01, 02 02, 02 03, 02 04");
    fires("when: {dayOfWeek: MONDAY}", "05 00, 05 01, 05 02, 05 03");
    fires("when: {dayOfWeek: [SAT, tuesday]}", "03 00, 03 01, 03 02, 03 03");
    fires("when: {weekend: true}", "03 00, 03 01, 03 02, 03 03");
    fires("when: {weekend: false, dayOfWeek: [SAT, MON]}", "05 00, 05 01, 05 02, 05 03");
    fires("when: {timeBetween: {after: '08:00', before: '11:00'}}", "02 09, 02 10, 03 09, 03 10");
    fires("when: {timeBetween: {after: '22:00', before: '02:00'}}", "02 01, 02 23, 03 00, 03 01");
    fires("when: {timeBetween: {after: '08:00:00Z'}}", "02 10, 02 11, 02 12, 02 13");
    fires("when: {timeBetween: {after: '16:00+05:00', before: '18:00+05:00'}}",
          "02 13, 03 13, 04 13, 05 13");
    fires("when: {dateTimeBetween: {after: '2026-01-03'}}", "03 01, 03 02, 03 03, 03 04");
    fires("when: {dateTimeBetween: {after: '2026-01-03T12:00:00Z'}}", "03 14, 03 15, 03 16, 03 17");
    fires("when: {day: {dayOfWeek: MONDAY, inMonth: SECOND}}", "12 00, 12 01, 12 02, 12 03");
    fires("when: {day: {dayOfWeek: [MONDAY, SATURDAY], inMonth: LAST}}",
          "26 00, 26 01, 26 02, 26 03");
    fires("when: {not: {dayOfWeek: [FRI, SAT, SUN]}}", "05 00, 05 01, 05 02, 05 03");
    fires("when: [{dayOfWeek: SUNDAY}, {timeBetween: {after: '20:00'}}]",
          "04 21, 04 22, 04 23, 11 21");
    fires("when: {or: [{dayOfWeek: WED}, {timeBetween: {after: '22:00'}}]}",
          "02 23, 03 23, 04 23, 05 23");
}

static void conditions__of_kestra__by_both_of_their_names(void **state)
{
    (void)state;
    static const char *const names[] = {KESTRA "%s", KESTRA "%sCondition", OLD "%sCondition"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char keys[400], *text;
        const char *mark = strchr(names[i], '%');
        str_format(keys, sizeof keys,
                   "conditions:\n      - {type: %.*sDayWeek%s, dayOfWeek: MONDAY, date: '{{ "
                   "trigger.date }}'}",
                   (int)(mark - names[i]), names[i], mark + 2);
        fires(keys, "05 00, 05 01, 05 02, 05 03");
        text =
            str_dupf("conditions:\n      - {type: %.*sNot%s, conditions: [{type: %.*sWeekend%s}]}",
                     (int)(mark - names[i]), names[i], mark + 2, (int)(mark - names[i]), names[i],
                     mark + 2);
        fires(text, "02 01, 02 02, 02 03, 02 04");
        mem_free(text);
    }
    fires("conditions: [{type: " KESTRA "TimeBetween, after: '16:00:00+05:00', before: "
          "'18:00:00+05:00'}]",
          "02 13, 03 13, 04 13, 05 13");
    fires("conditions: [{type: " KESTRA "DateTimeBetween, after: '2026-01-03T12:00:00Z'}]",
          "03 14, 03 15, 03 16, 03 17");
    fires("conditions: [{type: " KESTRA "DayWeekInMonth, dayOfWeek: MONDAY, dayInMonth: FIRST}]",
          "05 00, 05 01, 05 02, 05 03");
    fires("conditions: [{type: " KESTRA "Or, conditions: [{type: " KESTRA
          "DayWeek, dayOfWeek: SUNDAY}, {type: " KESTRA "DayWeek, dayOfWeek: SATURDAY}]}]",
          "03 00, 03 01, 03 02, 03 03");
    fires("scheduleConditions: [{type: " OLD "WeekendCondition}]", "03 00, 03 01, 03 02, 03 03");
}

static void conditions_of_an_export__that_are_empty__say_nothing(void **state)
{
    (void)state;
    fires("conditions: []", "02 01, 02 02, 02 03, 02 04");
    fires("scheduleConditions: {}", "02 01, 02 02, 02 03, 02 04");
}

static void conditions__not_understood__are_refused(void **state)
{
    (void)state;
    refuses("when: {}", "says nothing: name a condition");
    refuses("when: []", "when: is empty");
    refuses("when: [x]", "a condition is a mapping, such as {dayOfWeek: MONDAY}");
    refuses("when: {dayofweek: MONDAY}", "did you mean 'dayOfWeek'?");
    refuses("when: {dayOfWeek: MOONDAY}", "'MOONDAY' is no day of the week");
    refuses("when: {dayOfWeek: []}", "dayOfWeek: is empty; name a day");
    refuses("when: {weekend: maybe}", "weekend");
    refuses("when: {timeBetween: {}}", "has neither after nor before");
    refuses("when: {timeBetween: {after: '25:00'}}", "'25:00' is no time such as 08:00");
    refuses("when: {timeBetween: {after: '08'}}", "'08' is no time such as 08:00");
    refuses("when: {timeBetween: {after: '08:00', until: '09:00'}}", "unknown key 'until'");
    refuses("when: {dateTimeBetween: {before: soon}}", "'soon' is no date such as 2026-01-31");
    refuses("when: {dateTimeBetween: {before: '2026-02-30'}}", "'2026-02-30' is no date");
    refuses("when: {day: {dayOfWeek: MONDAY}}", "inMonth: is missing: FIRST, SECOND");
    refuses("when: {day: {inMonth: FIRST}}", "dayOfWeek: is missing");
    refuses("when: {day: {dayOfWeek: MONDAY, inMonth: FIFTH}}", "inMonth");
    refuses("when: {not: []}", "not: is empty");
    refuses("when: {or: [{x: 1}]}", "unknown key 'x'");
    refuses("when: {not: {not: {not: {not: {not: {not: {not: {not: {not: {weekend: true}}}}}}}}}}",
            "lies more than 8 lists deep");
    refuses("conditions: [{type: " KESTRA "PublicHoliday}]",
            "'io.kestra.plugin.core.condition.PublicHoliday' is not supported; the conditions are "
            "DayWeek, Weekend");
    refuses("conditions: [{type: " KESTRA "Expression, expression: '{{ true }}'}]",
            "Expression' is not supported");
    refuses("conditions: [{type: DayWeek, dayOfWeek: MONDAY}]", "'DayWeek' is not supported");
    refuses("conditions: [{type: " KESTRA "DayWeek}]", "dayOfWeek: is missing");
    refuses("conditions: [{type: " KESTRA "DayWeek, dayOfWeek: MONDAY, date: '{{ now() }}'}]",
            "date: is always {{ trigger.date }}; leave it out");
    refuses("conditions: [{type: " KESTRA "Weekend, dayOfWeek: MONDAY}]",
            "unknown key 'dayOfWeek'");
    refuses("conditions: [{type: " KESTRA "Not}]", "conditions: is missing");
    refuses("conditions: [{type: " KESTRA "TimeBetween}]", "has neither after nor before");
}

/* One search looks at forty years, in both directions: a yearly schedule would else be searched
 * through for as many years as there are moments that may be left out. */
static void searches__of_what_fires_seldom__end(void **state)
{
    static const char keys[] = "when: {dateTimeBetween: {after: '9000-01-01'}}";
    static const char never[] = "when: {dateTimeBetween: {before: '1971-01-02T00:00:00Z'}}";
    const int64_t from = civil_days(2026, 1, 1) * CIVIL_DAY;
    int64_t at;
    (void)state;
    for (int i = 0; i < 2; i++) {
        char *text = str_dupf("%stasks: [{id: t, command: [x]}]\n"
                              "triggers:\n  - id: s\n    cron: '@yearly'\n    %s\n",
                              FLOW_HEAD, i == 0 ? keys : never);
        struct flow *f = flow_text_parse(text);
        struct zone *z = zone_fixed(0);
        const struct flow_schedule *s = f->triggers[0].schedule;
        assert_int_equal(flow_schedule_next(s, z, from, &at), SCHEDULE_LEFT_OUT);
        assert_true(at > from && at < from + 42 * 366 * (int64_t)CIVIL_DAY);
        assert_false(flow_schedule_previous(s, z, from, &at));
        zone_free(z);
        flow_free(f);
        mem_free(text);
    }
    /* but what may be far is found: 29 February is a Monday in 2044 */
    char *text = str_dupf("%stasks: [{id: t, command: [x]}]\ntriggers:\n"
                          "  - {id: s, cron: '0 0 29 2 *', when: {dayOfWeek: MONDAY}}\n",
                          FLOW_HEAD);
    struct flow *f = flow_text_parse(text);
    struct zone *z = zone_fixed(0);
    const struct flow_schedule *s = f->triggers[0].schedule;
    assert_int_equal(flow_schedule_next(s, z, from, &at), SCHEDULE_FOUND);
    assert_true(at == civil_days(2044, 2, 29) * CIVIL_DAY);
    assert_int_equal(flow_schedule_next(s, z, at, &at), SCHEDULE_FOUND);
    assert_true(at == civil_days(2072, 2, 29) * CIVIL_DAY);
    /* around 2100, which has none, it takes forty years */
    assert_int_equal(flow_schedule_next(s, z, civil_days(2072, 2, 29) * CIVIL_DAY, &at),
                     SCHEDULE_FOUND);
    assert_true(at == civil_days(2112, 2, 29) * CIVIL_DAY);
    zone_free(z);
    flow_free(f);
    mem_free(text);
}

/* ---- conditions that never hold ---- */

static struct flow_problems told_of(const char *triggers, const struct flow_checks *checks)
{
    char *text = str_dupf("%stasks: [{id: t, command: [x]}]\ntriggers:\n%s", FLOW_HEAD, triggers);
    struct flow_problems p = {0};
    struct flow *f = NULL;
    if (flow_parse("f.yaml", text, strlen(text), checks, &p, &f) == 0) flow_free(f);
    mem_free(text);
    return p;
}

static void never_fires(const char *trigger, int line, const char *wanted)
{
    struct flow_problems p = told_of(trigger, NULL);
    if (p.count != 1) fail_msg("%zu problems: %s", p.count, trigger);
    assert_string_equal(p.items[0].sentence, wanted);
    assert_int_equal(p.items[0].line, line);
    flow_problems_fini(&p);
    p = told_of(trigger, &flow_stored);
    assert_int_equal(p.count, 0); /* it was applied before */
    flow_problems_fini(&p);
}

static void may_fire(const char *trigger)
{
    struct flow_problems p = told_of(trigger, NULL);
    if (p.count) fail_msg("%s: %s", trigger, p.items[0].sentence);
    flow_problems_fini(&p);
}

static void conditions__that_never_hold__are_refused(void **state)
{
    (void)state;
    never_fires(
        "  - id: s\n    cron: 0 0 * * SUN\n    conditions:\n"
        "      - {type: " KESTRA "DayWeek, dayOfWeek: MONDAY}\n",
        8,
        "trigger s: conditions[0]: DayWeek holds at no time of cron '0 0 * * SUN': it would "
        "never fire");
    never_fires(
        "  - id: s\n    cron: 0 9 * * *\n    scheduleConditions:\n"
        "      - {type: " OLD "WeekendCondition}\n"
        "      - {type: " OLD "TimeBetweenCondition, after: '10:00', before: '11:00'}\n",
        9,
        "trigger s: scheduleConditions[1]: TimeBetweenCondition holds at no time of cron '0 "
        "9 * * *': it would never fire");
    never_fires("  - id: s\n    cron: '@daily'\n    when:\n"
                "      - {weekend: true}\n"
                "      - {not: {dayOfWeek: [SAT, SUN]}}\n",
                8,
                "trigger s: when: at no time of cron '@daily' all of them hold: it would never "
                "fire");
    never_fires("  - id: s\n    cron: '@daily'\n    when: {weekend: true, dayOfWeek: MONDAY}\n", 7,
                "trigger s: when: the condition holds at no time of cron '@daily': it would never "
                "fire");
    never_fires("  - {id: s, cron: 0 0 1-7 * *, when: {day: {dayOfWeek: MON, inMonth: LAST}}}\n", 5,
                "trigger s: when: the condition holds at no time of cron '0 0 1-7 * *': it would "
                "never fire");
    never_fires("  - {id: s, cron: 30 14 * * *, timezone: UTC, when: {timeBetween: {after: "
                "'16:00+01:00'}}}\n",
                5,
                "trigger s: when: the condition holds at no time of cron '30 14 * * *': it would "
                "never fire");
}

static void conditions__that_hold_some_day__are_taken(void **state)
{
    (void)state;
    may_fire("  - {id: s, cron: 0 0 29 2 *, when: {day: {dayOfWeek: MONDAY, inMonth: LAST}}}\n");
    may_fire("  - {id: s, cron: 0 0 * * SUN, conditions: []}\n");
    may_fire("  - {id: s, cron: 30 14 * * *, timezone: '+02:00', when: {timeBetween: {after: "
             "'13:00+01:00'}}}\n");
    /* which zone it is, and when it has summer time, is not known here */
    may_fire("  - {id: s, cron: 30 14 * * *, timezone: Europe/Berlin, when: {timeBetween: {after: "
             "'16:00+01:00'}}}\n");
    may_fire("  - {id: s, cron: 30 14 * * *, when: {timeBetween: {after: '16:00+01:00'}}}\n");
    /* the time that has passed may be caught up with */
    may_fire("  - {id: s, cron: '@daily', when: {dateTimeBetween: {before: '1999-01-01'}}}\n");
    may_fire("  - {id: s, cron: '@daily', when: {dateTimeBetween: {after: '9000-01-01'}}}\n");
}

/* All triggers of a flow share one number of steps: one search could take them all. */
static void the_search__of_all_triggers_together__is_bounded(void **state)
{
    char triggers[6000] = "";
    (void)state;
    for (int i = 0; i < 40; i++) {
        size_t len = strlen(triggers);
        (void)str_format(triggers + len, sizeof triggers - len,
                         "  - {id: s%d, cron: '* * 0-11 * * *', when: {timeBetween: {after: "
                         "'12:00', before: '12:01'}}}\n",
                         i);
    }
    may_fire(triggers);
    (void)str_format(triggers, sizeof triggers, "%s",
                     "  - {id: a, cron: '* * 0-11 * * *', when: {timeBetween: {after: '12:00', "
                     "before: '12:01'}}}\n"
                     "  - {id: b, cron: 0 0 * * SUN, when: {dayOfWeek: MONDAY}}\n");
    may_fire(triggers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when__in_our_own_words__leaves_out_what_does_not_hold),
        cmocka_unit_test(conditions__of_kestra__by_both_of_their_names),
        cmocka_unit_test(conditions_of_an_export__that_are_empty__say_nothing),
        cmocka_unit_test(conditions__not_understood__are_refused),
        cmocka_unit_test(searches__of_what_fires_seldom__end),
        cmocka_unit_test(conditions__that_never_hold__are_refused),
        cmocka_unit_test(conditions__that_hold_some_day__are_taken),
        cmocka_unit_test(the_search__of_all_triggers_together__is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
