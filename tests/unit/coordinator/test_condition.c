/* coordinator/schedule/condition: when they hold. How they are read is in test_flow_when. */
#include "base/mem.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/condition.h"

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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
