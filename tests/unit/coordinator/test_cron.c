/* coordinator/schedule/cron: what is accepted, what is refused and how, and when it fires. */
#include "base/duration.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/cron.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct cron *cron(const char *text)
{
    struct cron *c = NULL;
    struct err e = {0};
    int rc = cron_parse(text, CRON_FIVE_OR_SIX, &c, &e);
    if (rc != 0) print_error("%s: %s\n", text, e.msg);
    assert_int_equal(rc, 0);
    return c;
}

static struct zone *zone(const char *text)
{
    struct zone *z = NULL;
    struct err e = {0};
    assert_int_equal(zone_parse_rule(text, &z, &e), 0);
    return z;
}

/* The firings after a moment are exactly these, as clocks and offset show them. */
static void fires(const char *text, const char *rule, const char *after, const char *const *want)
{
    struct cron *c = cron(text);
    struct zone *z = zone(rule);
    int64_t wall_ms, t;
    assert_int_equal(time_parse(after, &wall_ms), 0);
    t = wall_ms / 1000;
    for (; *want != NULL; want++) {
        char got[CIVIL_TEXT_SIZE];
        int64_t before, previous;
        assert_true(cron_next(c, z, t, &before));
        civil_format(before, zone_offset(z, before), false, got);
        assert_string_equal(got, *want);
        if (cron_previous(c, z, before + 1, &previous)) assert_int_equal(previous, before);
        t = before;
    }
    cron_free(c);
    zone_free(z);
}

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define FIRES(text, rule, after, ...) fires(text, rule, after, (const char *[]){__VA_ARGS__, NULL})

static void next__of_ordinary_days__is_what_people_expect(void **state)
{
    (void)state;
    FIRES("*/20 8-9 * * MON-FRI", "UTC0", "2026-01-02T09:40:00Z", "2026-01-05T08:00:00+00:00",
          "2026-01-05T08:20:00+00:00", "2026-01-05T08:40:00+00:00", "2026-01-05T09:00:00+00:00");
    FIRES("0 9 L * *", "UTC0", "2027-12-31T09:00:00Z", "2028-01-31T09:00:00+00:00",
          "2028-02-29T09:00:00+00:00", "2028-03-31T09:00:00+00:00");
    FIRES("0 0 29 2 *", "UTC0", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00+00:00");
    FIRES("30 5 13 * fri", "UTC0", "2026-01-01T00:00:00Z", "2026-01-02T05:30:00+00:00",
          "2026-01-09T05:30:00+00:00", "2026-01-13T05:30:00+00:00");
    FIRES("0 12 * * 7", "UTC0", "2026-01-01T00:00:00Z", "2026-01-04T12:00:00+00:00");
    FIRES("0 12 * * sat-sun", "UTC0", "2026-01-01T00:00:00Z", "2026-01-03T12:00:00+00:00",
          "2026-01-04T12:00:00+00:00", "2026-01-10T12:00:00+00:00");
    FIRES("10-59/20 0 1 JAN,Jul *", "UTC0", "2026-01-01T00:00:00Z", "2026-01-01T00:10:00+00:00",
          "2026-01-01T00:30:00+00:00", "2026-01-01T00:50:00+00:00", "2026-07-01T00:10:00+00:00");
    FIRES("50/5 * * * *", "UTC0", "2026-01-01T00:00:00Z", "2026-01-01T00:50:00+00:00",
          "2026-01-01T00:55:00+00:00", "2026-01-01T01:50:00+00:00");
    FIRES("15,45 0 0 1 1 *", "UTC0", "2026-01-01T00:00:15Z", "2026-01-01T00:00:45+00:00",
          "2027-01-01T00:00:15+00:00");
    FIRES("@weekly", "UTC0", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00+00:00");
}

static void next__where_clocks_are_set_forward__fires_once_after_the_gap(void **state)
{
    (void)state;
    FIRES("30 2 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00",
          "2026-03-30T02:30:00+02:00");
    FIRES("*/15 2 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00",
          "2026-03-30T02:00:00+02:00");
    FIRES("0 2,3 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00",
          "2026-03-30T02:00:00+02:00");
    FIRES("30 * * * *", BERLIN, "2026-03-29T00:00:00Z", "2026-03-29T01:30:00+01:00",
          "2026-03-29T03:30:00+02:00");
    FIRES("0 */2 * * *", BERLIN, "2026-03-28T23:00:00Z", "2026-03-29T04:00:00+02:00");
    FIRES("0 0-22/2 * * *", BERLIN, "2026-03-28T23:00:00Z", "2026-03-29T03:00:00+02:00",
          "2026-03-29T04:00:00+02:00");
}

static void next__where_clocks_are_set_back__fires_the_first_time_only(void **state)
{
    (void)state;
    FIRES("30 2 * * *", BERLIN, "2026-10-24T12:00:00Z", "2026-10-25T02:30:00+02:00",
          "2026-10-26T02:30:00+01:00");
    FIRES("*/30 2-3 * * *", BERLIN, "2026-10-24T12:00:00Z", "2026-10-25T02:00:00+02:00",
          "2026-10-25T02:30:00+02:00", "2026-10-25T03:00:00+01:00", "2026-10-25T03:30:00+01:00");
    FIRES("30 * * * *", BERLIN, "2026-10-25T00:00:00Z", "2026-10-25T02:30:00+02:00",
          "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00");
    FIRES("0 */2 * * *", BERLIN, "2026-10-24T22:00:00Z", "2026-10-25T02:00:00+02:00",
          "2026-10-25T02:00:00+01:00", "2026-10-25T04:00:00+01:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next__of_ordinary_days__is_what_people_expect),
        cmocka_unit_test(next__where_clocks_are_set_forward__fires_once_after_the_gap),
        cmocka_unit_test(next__where_clocks_are_set_back__fires_the_first_time_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
