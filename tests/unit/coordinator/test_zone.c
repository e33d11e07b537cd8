/* coordinator/schedule/zone: what a rule, a file's bytes and a fixed offset say. */
#include "base/mem.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/zones.h"

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

static void refused(const struct zones *t, const char *name, const char *why)
{
    struct zone *z = NULL;
    struct err e = {0};
    assert_int_equal(zones_open(t, name, &z, &e), ERR_NOT_FOUND);
    assert_null(z);
    if (strstr(e.msg, why) == NULL) fail_msg("%s: %s", name, e.msg);
}

static void name__known_or_not__is_opened_or_refused_with_the_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"Europe/Berlin", "America/Argentina/Ushuaia", "EST5EDT",
                                        "Etc/GMT+5", "Asia/Tokyo"};
    struct zones *t = zones_new(NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(zone_name_valid(names[i]));
        zones_put(t, names[i], zone_fixed((int32_t)i * 3600));
    }
    zones_put(t, "Asia/Tokyo", zone_fixed(9 * 3600));
    assert_int_equal(zones_count(t), 5);
    struct zones *other = zones_share(t);
    struct zone *z = NULL;
    struct err e = {0};
    assert_int_equal(zones_open(t, "Asia/Tokyo", &z, &e), 0);
    zones_free(t);
    refused(other, "Europe/Berln", "did you mean 'Europe/Berlin'?");
    refused(other, "Mars/Crater", "write it as Europe/Berlin, UTC or +02:00");
    zones_free(other);
    assert_int_equal(zone_offset(z, 0), 9 * 3600); /* outlives the table */
    zone_free(z);
}

static void name__without_files__is_utc_or_an_offset(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t offset_s;
    } good[] = {{"UTC", 0}, {"Z", 0}, {"+02:00", 7200}, {"-03:30", -12600}, {"+18:00", 64800}};
    static const char *const bad[] = {"",       "utc",     "02:00",        "+2:00",
                                      "+02",    "+0200",   "+02:60",       "+18:01",
                                      "+19:00", "+02:00 ", "Europe/Berlin"};
    struct zones *t = zones_new("there is no folder");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct zone *z = NULL;
        assert_int_equal(zones_open(t, good[i].name, &z, NULL), 0);
        assert_int_equal(zone_offset(z, 1), good[i].offset_s);
        zone_free(z);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(t, bad[i], "only UTC and offsets such as +02:00 are, because there is no folder");
    zones_free(t);
}

static void name__that_leads_elsewhere__is_not_valid(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/",
        "/etc/passwd",
        "../x",
        "Europe/../x",
        "Europe/",
        "Europe//Berlin",
        "..",
        ".",
        "zone.tab",
        "a b",
        "a\\b",
        "C:x",
        "Europe/Berl\xc3\xadn",
        "A123456789012345678901234567890123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(zone_name_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments__of_any_civil_time__are_those_that_show_it),
        cmocka_unit_test(span__of_every_hour_of_years__holds_it),
        cmocka_unit_test(rule__not_of_posix__is_refused),
        cmocka_unit_test(name__known_or_not__is_opened_or_refused_with_the_nearest),
        cmocka_unit_test(name__without_files__is_utc_or_an_offset),
        cmocka_unit_test(name__that_leads_elsewhere__is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
