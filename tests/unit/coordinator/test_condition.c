/* coordinator/schedule/condition: when they hold. How they are read is in test_flow_when. */
#include "base/mem.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/condition.h"
#include "coordinator/schedule/ever.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int set_up(void **state)
{
    struct zone *z = NULL;
    assert_int_equal(zone_parse_rule("CET-1CEST,M3.5.0,M10.5.0/3", &z, NULL), 0);
    *state = z;
    return 0;
}

static int tear_down(void **state)
{
    zone_free(*state);
    return 0;
}

/* At that time on the zone's clocks, in January. */
static bool at(const struct condition *c, struct zone *z, int day, int hour, int minute)
{
    struct civil_time t = {2026, 1, day, hour, minute, 0, 0};
    return condition_holds(c, civil_seconds(&t) - 3600, z);
}

static struct condition_limit time_of_day(int hour, int minute)
{
    return (struct condition_limit){.given = true, .local = true, .s = hour * 3600 + minute * 60};
}

static void days__of_the_zone__hold_on_its_clocks(void **state)
{
    struct condition sunday = {.kind = CONDITION_DAYS, .weekdays = 1};
    assert_true(at(&sunday, *state, 4, 0, 0)); /* Saturday 23:00 in UTC */
    assert_true(at(&sunday, *state, 4, 23, 59));
    assert_false(at(&sunday, *state, 5, 0, 0));
    assert_false(at(&sunday, *state, 3, 23, 59));
}

static void day_in_month__first_to_fourth_and_last__are_single_days(void **state)
{
    /* Thursdays of January 2026: 1, 8, 15, 22, 29; Mondays: 5, 12, 19, 26 */
    static const int thursdays[] = {1, 8, 15, 22, 29}, mondays[] = {5, 12, 19, 26, 26};
    for (int week = 1; week <= CONDITION_LAST_WEEK; week++) {
        struct condition c = {.kind = CONDITION_DAY_IN_MONTH, .week = week, .weekdays = 1u << 4};
        for (int day = 1; day <= 31; day++)
            assert_int_equal(at(&c, *state, day, 12, 0), day == thursdays[week - 1]);
        c.weekdays = 1u << 1;
        for (int day = 1; day <= 31; day++)
            assert_int_equal(at(&c, *state, day, 12, 0), day == mondays[week - 1]);
    }
}

static void time__between__leaves_out_both_ends(void **state)
{
    struct condition c = {.kind = CONDITION_TIME,
                          .after = time_of_day(8, 0),
                          .before = time_of_day(18, 0)};
    assert_false(at(&c, *state, 5, 8, 0));
    assert_true(at(&c, *state, 5, 8, 1));
    assert_true(at(&c, *state, 5, 17, 59));
    assert_false(at(&c, *state, 5, 18, 0));
    c.before.given = false;
    assert_true(at(&c, *state, 5, 23, 59));
    assert_false(at(&c, *state, 5, 0, 0));
    c.before.given = true;
    c.after.given = false;
    assert_false(at(&c, *state, 5, 23, 59));
    assert_true(at(&c, *state, 5, 0, 0));
}

static void time__over_midnight__holds_on_both_sides(void **state)
{
    struct condition c = {.kind = CONDITION_TIME,
                          .after = time_of_day(22, 0),
                          .before = time_of_day(6, 0)};
    assert_true(at(&c, *state, 5, 23, 0));
    assert_true(at(&c, *state, 5, 0, 0));
    assert_true(at(&c, *state, 5, 5, 59));
    assert_false(at(&c, *state, 5, 6, 0));
    assert_false(at(&c, *state, 5, 12, 0));
    assert_false(at(&c, *state, 5, 22, 0));
}

static void time__with_an_offset__is_of_clocks_that_have_it(void **state)
{
    struct condition c = {.kind = CONDITION_TIME, /* 16:00+05:00 is 12:00 here */
                          .after = {.given = true, .s = 16 * 3600, .offset_s = 5 * 3600},
                          .before = {.given = true, .s = 20 * 3600, .offset_s = 5 * 3600}};
    assert_false(at(&c, *state, 5, 12, 0));
    assert_true(at(&c, *state, 5, 12, 1));
    assert_true(at(&c, *state, 5, 15, 59));
    assert_false(at(&c, *state, 5, 16, 0));
}

static void moment__local_or_with_an_offset__is_between(void **state)
{
    int64_t day = civil_days(2026, 1, 5) * CIVIL_DAY;
    struct condition c = {.kind = CONDITION_MOMENT,
                          .after = {.given = true, .local = true, .s = day},
                          .before = {.given = true, .s = day + 12 * 3600}}; /* 13:00 here */
    assert_false(at(&c, *state, 5, 0, 0));
    assert_true(at(&c, *state, 5, 0, 1));
    assert_true(at(&c, *state, 5, 12, 59));
    assert_false(at(&c, *state, 5, 13, 0));
}

static void lists__all_any_none__and_empty_ones(void **state)
{
    struct condition items[] = {{.kind = CONDITION_DAYS, .weekdays = 1u << 1},
                                {.kind = CONDITION_TIME, .after = time_of_day(12, 0)}};
    struct condition c = {.kind = CONDITION_ALL_OF, .items = items, .count = 2};
    /* Monday afternoon, Monday morning, Tuesday afternoon, Tuesday morning */
    static const bool all[] = {true, false, false, false}, any[] = {true, true, true, false};
    for (int n = 0; n < 4; n++) {
        int day = n < 2 ? 5 : 6, hour = n % 2 == 0 ? 15 : 9;
        c.kind = CONDITION_ALL_OF;
        assert_int_equal(at(&c, *state, day, hour, 0), all[n]);
        c.kind = CONDITION_ANY_OF;
        assert_int_equal(at(&c, *state, day, hour, 0), any[n]);
        c.kind = CONDITION_NONE_OF;
        assert_int_equal(at(&c, *state, day, hour, 0), !any[n]);
    }
    c = (struct condition){.kind = CONDITION_ALL_OF};
    assert_true(at(&c, *state, 5, 0, 0));
    condition_fini(&c);
}

static void weekday__names__long_and_short(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "M", "MO", "MOND", "MONDAYS", "7", "MON ", "MÖN"};
    assert_int_equal(condition_weekday("SUNDAY"), 0);
    assert_int_equal(condition_weekday("sat"), 6);
    assert_int_equal(condition_weekday("Wednesday"), 3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(condition_weekday(bad[i]), -1);
}

/* ---- do they ever hold ---- */

#define MON 2u
#define STEPS 300000

static bool ever_in(const struct condition *c, const char *cron, const struct zone *z)
{
    struct cron *times = NULL;
    size_t budget = STEPS;
    assert_int_equal(cron_parse(cron, CRON_FIVE_OR_SIX, &times, NULL), 0);
    bool ever = condition_ever(c, times, z, &budget);
    cron_free(times);
    assert_true(budget > 0);
    return ever;
}

static bool ever(const struct condition *c, const char *cron)
{
    struct zone *utc = zone_fixed(0);
    bool exact = ever_in(c, cron, utc), open = ever_in(c, cron, NULL);
    zone_free(utc);
    if (exact && !open) fail_msg("%s: not in any zone, but in UTC", cron);
    return exact;
}

static struct condition days(unsigned weekdays)
{
    return (struct condition){.kind = CONDITION_DAYS, .weekdays = weekdays};
}

static struct condition nth(unsigned weekdays, int week)
{
    return (struct condition){.kind = CONDITION_DAY_IN_MONTH, .weekdays = weekdays, .week = week};
}

static struct condition between(struct condition_limit after, struct condition_limit before)
{
    return (struct condition){.kind = CONDITION_TIME, .after = after, .before = before};
}

static struct condition of(enum condition_kind kind, struct condition *items, size_t count)
{
    return (struct condition){.kind = kind, .items = items, .count = count};
}

static void days__that_cron_never_names__never_hold(void **state)
{
    struct condition monday = days(MON), first = nth(MON, 1), fourth = nth(MON, 4),
                     last = nth(MON, CONDITION_LAST_WEEK);
    (void)state;
    assert_false(ever(&monday, "0 0 * * SUN"));
    assert_false(ever(&monday, "* * * * * TUE-SUN"));
    assert_true(ever(&monday, "0 0 * * SUN,MON"));
    assert_true(ever(&monday, "* * * * * *"));
    assert_true(ever(&first, "0 0 7 * *"));
    assert_false(ever(&first, "0 0 8-31 * *"));
    assert_true(ever(&last, "0 0 L * *"));
    assert_false(ever(&last, "0 0 1-21 * *"));
    assert_false(ever(&last, "0 0 22 1,3-12 *"));
    /* 22 February is the last one where it has 28 days, the fourth in any year */
    assert_true(ever(&last, "0 0 22 2 *"));
    assert_true(ever(&fourth, "0 0 22 1 *"));
    struct condition none = days(0);
    assert_false(ever(&none, "* * * * *"));
}

static void a_leap_day__is_each_day_of_the_week_in_some_year(void **state)
{
    (void)state;
    for (unsigned d = 0; d < 7; d++) {
        struct condition day = days(1u << d), fifth = nth(1u << d, CONDITION_LAST_WEEK);
        assert_true(ever(&day, "0 0 29 2 *"));
        assert_true(ever(&fifth, "0 0 29 2 *"));
        fifth.week = 4;
        assert_false(ever(&fifth, "0 0 29 2 *"));
    }
}

static void times_of_day__that_cron_never_names__never_hold(void **state)
{
    struct condition noon = between(time_of_day(12, 0), time_of_day(13, 0));
    struct condition night = between(time_of_day(22, 0), time_of_day(6, 0));
    (void)state;
    assert_true(ever(&noon, "*/7 * * * *"));
    assert_true(ever(&noon, "1 12 29 2 *"));
    assert_false(ever(&noon, "0 * * * *"));
    assert_false(ever(&noon, "* 0-11,13-23 * * *"));
    assert_true(ever(&night, "59 5 * * *"));
    assert_false(ever(&night, "* 7-21 * * *"));
}

static void conditions__in_lists__hold_together_or_not(void **state)
{
    struct condition noon = between(time_of_day(12, 0), time_of_day(13, 0));
    struct condition items[] = {days(MON), noon}, both[] = {days(MON), days(MON << 1)};
    struct condition all = of(CONDITION_ALL_OF, items, 2), any = of(CONDITION_ANY_OF, items, 2),
                     none = of(CONDITION_NONE_OF, items, 2);
    (void)state;
    assert_true(ever(&all, "30 12 * * *"));
    assert_false(ever(&all, "30 12 * * TUE"));
    assert_false(ever(&all, "30 11 * * *"));
    assert_true(ever(&any, "30 12 * * TUE"));
    assert_true(ever(&any, "30 11 * * *"));
    assert_false(ever(&any, "30 11 * * TUE"));
    assert_true(ever(&none, "30 11 * * TUE"));
    assert_false(ever(&none, "30 12 * * *"));
    assert_false(ever(&none, "* * * * MON"));
    all = of(CONDITION_ALL_OF, both, 2);
    assert_false(ever(&all, "* * * * *"));
    all.count = 0;
    assert_true(ever(&all, "0 0 29 2 *"));
    any.count = 0;
    assert_false(ever(&any, "* * * * *"));
}

static void moments__may_always_come__unless_they_end_before_they_begin(void **state)
{
    struct condition_limit early = {.given = true, .s = 1000}, late = {.given = true, .s = 2000};
    struct condition c = {.kind = CONDITION_MOMENT, .after = early, .before = late};
    struct condition not_c = of(CONDITION_NONE_OF, &c, 1);
    (void)state;
    assert_true(ever(&c, "@yearly"));
    assert_true(ever(&not_c, "@yearly"));
    c.after = late;
    assert_false(ever(&c, "* * * * *"));
    assert_true(ever(&not_c, "* * * * *"));
    c.before = early;
    assert_false(ever(&c, "* * * * *"));
    c.before.local = true;
    assert_true(ever(&c, "* * * * *"));
    c.before.given = false;
    assert_true(ever(&c, "@yearly"));
}

static void times_with_an_offset__are_any_time_of_a_zone_that_is_not_known(void **state)
{
    struct condition_limit after = {.given = true, .s = 16 * 3600, .offset_s = 7200};
    struct condition_limit before = {.given = true, .s = 17 * 3600, .offset_s = 7200};
    struct condition c = between(after, before);
    struct zone *there = zone_fixed(7200), *utc = zone_fixed(0);
    (void)state;
    assert_true(ever_in(&c, "30 16 * * *", there));
    assert_false(ever_in(&c, "30 14 * * *", there));
    assert_true(ever_in(&c, "30 14 * * *", utc));
    assert_false(ever_in(&c, "30 16 * * *", utc));
    assert_true(ever_in(&c, "30 16 * * *", NULL));
    assert_true(ever_in(&c, "30 14 * * *", NULL));
    zone_free(there);
    zone_free(utc);
}

/* 2:30 comes at 3:00 in the night in which clocks are set forward. */
static void a_time_of_night__in_a_zone_with_summer_time__may_come_late(void **state)
{
    struct condition three = between(time_of_day(2, 59), time_of_day(3, 1));
    struct condition not_half[] = {between(time_of_day(2, 29), time_of_day(2, 31))};
    struct condition none = of(CONDITION_NONE_OF, not_half, 1);
    struct condition noon = between(time_of_day(12, 59), time_of_day(13, 1));
    struct zone *utc = zone_fixed(0);
    struct civil_time t = {2026, 3, 29, 3, 0, 0, 0};
    assert_true(condition_holds(&three, civil_seconds(&t) - 7200, *state));
    assert_false(ever_in(&three, "30 2 * * *", utc));
    assert_true(ever_in(&three, "30 2 * * *", NULL));
    assert_false(ever_in(&none, "30 2 * * *", utc));
    assert_true(ever_in(&none, "30 2 * * *", NULL));
    assert_false(ever_in(&noon, "30 12 * * *", NULL));
    zone_free(utc);
}

static void a_search__that_is_too_long__is_given_up_and_takes_it_that_they_hold(void **state)
{
    struct condition noon = between(time_of_day(12, 0), time_of_day(12, 1));
    struct cron *times = NULL;
    size_t budget = 1000;
    (void)state;
    assert_int_equal(cron_parse("* * 0-11 * * *", CRON_SIX, &times, NULL), 0);
    assert_true(condition_ever(&noon, times, NULL, &budget));
    assert_int_equal(budget, 0);
    assert_true(condition_ever(&noon, times, NULL, &budget));
    cron_free(times);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days__of_the_zone__hold_on_its_clocks),
        cmocka_unit_test(day_in_month__first_to_fourth_and_last__are_single_days),
        cmocka_unit_test(time__between__leaves_out_both_ends),
        cmocka_unit_test(time__over_midnight__holds_on_both_sides),
        cmocka_unit_test(time__with_an_offset__is_of_clocks_that_have_it),
        cmocka_unit_test(moment__local_or_with_an_offset__is_between),
        cmocka_unit_test(lists__all_any_none__and_empty_ones),
        cmocka_unit_test(weekday__names__long_and_short),
        cmocka_unit_test(days__that_cron_never_names__never_hold),
        cmocka_unit_test(a_leap_day__is_each_day_of_the_week_in_some_year),
        cmocka_unit_test(times_of_day__that_cron_never_names__never_hold),
        cmocka_unit_test(conditions__in_lists__hold_together_or_not),
        cmocka_unit_test(moments__may_always_come__unless_they_end_before_they_begin),
        cmocka_unit_test(times_with_an_offset__are_any_time_of_a_zone_that_is_not_known),
        cmocka_unit_test(a_time_of_night__in_a_zone_with_summer_time__may_come_late),
        cmocka_unit_test(a_search__that_is_too_long__is_given_up_and_takes_it_that_they_hold),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
