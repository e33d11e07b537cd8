/* coordinator/schedule/zone: what a rule, a file's bytes and a fixed offset say. */
#include "base/mem.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct zone *rule(const char *text)
{
    struct zone *z = NULL;
    struct err e = {0};
    int rc = zone_parse_rule(text, &z, &e);
    if (rc != 0) print_error("%s: %s\n", text, e.msg);
    assert_int_equal(rc, 0);
    return z;
}

static int64_t civil(int64_t year, int month, int day, int hour, int minute)
{
    struct civil_time c = {year, month, day, hour, minute, 0, 0};
    return civil_seconds(&c);
}

static void moments__of_any_civil_time__are_those_that_show_it(void **state)
{
    (void)state;
    struct zone *z = rule("CET-1CEST,M3.5.0,M10.5.0/3");
    int64_t at[2];
    assert_int_equal(zone_moments(z, civil(2026, 3, 29, 1, 59), at), 1);
    assert_int_equal(at[0], civil(2026, 3, 29, 0, 59));
    assert_int_equal(zone_moments(z, civil(2026, 3, 29, 2, 30), at), 0);
    assert_int_equal(at[0], civil(2026, 3, 29, 1, 0));
    assert_int_equal(zone_moments(z, civil(2026, 3, 29, 3, 0), at), 1);
    assert_int_equal(at[0], civil(2026, 3, 29, 1, 0));
    assert_int_equal(zone_moments(z, civil(2026, 10, 25, 2, 0), at), 2);
    assert_int_equal(at[0], civil(2026, 10, 25, 0, 0));
    assert_int_equal(at[1], civil(2026, 10, 25, 1, 0));
    assert_int_equal(zone_moments(z, civil(2026, 10, 25, 3, 0), at), 1);
    assert_int_equal(at[0], civil(2026, 10, 25, 2, 0));
    zone_free(z);
}

/* Each moment is among those of the civil time it shows, and lies in its span. */
static void span__of_every_hour_of_years__holds_it(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "UTC0",
        "<+0330>-3:30",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", /* half an hour */
        "IST-2IDT,M3.4.4/26,M10.5.0",           /* hours beyond 24 */
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",      /* before midnight */
        "XXX3EDT4,0/0,J365/23",                 /* summer time all the year */
        "IST-1GMT0,M10.5.0,M3.5.0/1",           /* winter time is the odd one */
        "AAA-23:59:59BBB,J60/167,300/-167",     /* as far as hours go */
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct zone *z = rule(rules[i]);
        for (int64_t t = civil(1999, 12, 1, 0, 0); t < civil(2004, 2, 1, 0, 0); t += 3600) {
            struct zone_span span = zone_span(z, t);
            assert_true(span.begins_s <= t && t < span.ends_s);
            int64_t at[2] = {0, 0};
            int found = zone_moments(z, t + span.offset_s, at);
            assert_true(found > 0 && (at[0] == t || (found == 2 && at[1] == t)));
        }
        zone_free(z);
    }
}

static void rule__not_of_posix__is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "C",
        "CE-1",
        "CET",
        "CET-",
        "CET-25",
        "CET-1:60",
        "CET-1:00:60",
        "CET-1CEST",
        "CET-1CEST,",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.0.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J300",
        "CET-1CEST,J366,J300",
        "CET-1CEST,366,300",
        "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-1CEST,M3.5.0/-168,M10.5.0",
        "CET-1CEST,M3.5.0/,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0 ",
        "CET-1CEST,M3.5.0,M10.5.0,",
        "<CET>",
        "<CET-1",
        "<C>-1",
        "<C T>-1",
        "CET--1",
        "CET+-1",
        "CET-1 CEST",
        "CET-00001",
        ":Europe/Berlin",
        "CET-1CEST,M3.5.0,M10.5.0/3:60",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct zone *z = NULL;
        struct err e = {0};
        assert_int_equal(zone_parse_rule(bad[i], &z, &e), ERR_INVALID);
        assert_null(z);
        assert_true(strstr(e.msg, "is no rule of a time zone") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments__of_any_civil_time__are_those_that_show_it),
        cmocka_unit_test(span__of_every_hour_of_years__holds_it),
        cmocka_unit_test(rule__not_of_posix__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
