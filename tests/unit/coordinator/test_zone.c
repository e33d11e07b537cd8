/* coordinator/schedule/zone: what a rule, a file's bytes and a fixed offset say. */
#include "base/mem.h"
#include "base/str.h"
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

/* ---- bytes ---- */

/* A file of version 2: two types, +1 h and +2 h, changes at 1000 (to +2 h) and 2000 (to +1 h), and
 * a rule. Where what is: */
enum {
    SECOND_HEADER = 44 + 6 + 4, /* behind a first block with one type and 4 bytes of names */
    CHANGES = SECOND_HEADER + 44,
    CHANGE_TYPES = CHANGES + 16,
    TYPES = CHANGE_TYPES + 2,
    NAMES = TYPES + 12,
    FOOTER = NAMES + 8,
};

static const char footer[] = "\nCET-1CEST,M3.5.0,M10.5.0/3\n";
#define FILE_BYTES (FOOTER + sizeof footer - 1)

static void put_u32(unsigned char *p, uint32_t n)
{
    p[0] = (unsigned char)(n >> 24);
    p[1] = (unsigned char)(n >> 16);
    p[2] = (unsigned char)(n >> 8);
    p[3] = (unsigned char)n;
}

static void put_header(unsigned char *p, uint32_t changes, uint32_t types, uint32_t names)
{
    memcpy(p, "TZif2", 5);
    put_u32(p + 32, changes);
    put_u32(p + 36, types);
    put_u32(p + 40, names);
}

static void make_file(unsigned char b[FILE_BYTES])
{
    memset(b, 0, FILE_BYTES);
    put_header(b, 0, 1, 4);
    memcpy(b + 50, "CET", 3);
    put_header(b + SECOND_HEADER, 2, 2, 8);
    put_u32(b + CHANGES + 4, 1000);
    put_u32(b + CHANGES + 12, 2000);
    b[CHANGE_TYPES] = 1;
    put_u32(b + TYPES, 3600);
    put_u32(b + TYPES + 6, 7200);
    b[TYPES + 10] = 1;
    b[TYPES + 11] = 4;
    memcpy(b + NAMES, "CET\0CES", 8);
    memcpy(b + FOOTER, footer, sizeof footer - 1);
}

/* The bytes lie at the end of memory of their own, so that reading on is found. */
static int parse_copy(const unsigned char *bytes, size_t len, struct zone **out, struct err *e)
{
    unsigned char *copy = mem_dup(bytes, len);
    int rc = zone_parse(copy, len, out, e);
    mem_free(copy);
    return rc;
}

static void file__of_version_2__says_what_its_table_and_rule_say(void **state)
{
    (void)state;
    unsigned char b[FILE_BYTES];
    struct zone *z = NULL;
    struct err e = {0};
    make_file(b);
    for (char version = '2'; version <= '4'; version++) {
        b[4] = b[SECOND_HEADER + 4] = (unsigned char)version;
        if (parse_copy(b, sizeof b, &z, &e)) fail_msg("%s", e.msg);
        struct zone_span s = zone_span(z, 999);
        assert_true(s.begins_s == INT64_MIN && s.ends_s == 1000 && s.offset_s == 3600);
        assert_string_equal(s.name, "CET");
        s = zone_span(z, 1000);
        assert_string_equal(s.name, "CES");
        assert_true(s.begins_s == 1000 && s.ends_s == 2000 && s.offset_s == 7200);
        s = zone_span(z, 2000);
        assert_true(s.begins_s == 2000 && s.offset_s == 3600);
        assert_int_equal(s.ends_s, civil(1970, 3, 29, 1, 0));
        assert_string_equal(s.name, "CET");
        assert_string_equal(zone_span(z, civil(2099, 7, 1, 0, 0)).name, "CEST"); /* of the rule */
        assert_int_equal(zone_offset(z, civil(2099, 7, 1, 0, 0)), 7200);
        zone_free(z);
    }
    memcpy(b + FOOTER, "\n\n", 2); /* without a rule the last offset stays */
    assert_int_equal(parse_copy(b, FOOTER + 2, &z, &e), 0);
    assert_int_equal(zone_span(z, 2000).ends_s, INT64_MAX);
    zone_free(z);
}

static void file__cut_off_anywhere__is_refused(void **state)
{
    (void)state;
    unsigned char b[FILE_BYTES];
    make_file(b);
    for (size_t len = 0; len < sizeof b; len++) {
        struct zone *z = NULL;
        struct err e = {0};
        assert_int_equal(parse_copy(b, len, &z, &e), ERR_INVALID);
        assert_true(z == NULL && e.msg[0] != '\0');
    }
}

static void file__with_a_part_that_cannot_be__is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t value; /* of four bytes */
        const char *says;
    } bad[] = {
        {0, 0x545a6967, "no time zone"},
        {SECOND_HEADER, 0x545a6967, "no time zone"},
        {4, 0, "not of TZif version 2, 3 or 4"},
        {4, 0x35000000, "not of TZif version 2, 3 or 4"},
        {32, 0xffffffff, "shorter than it says"},
        {36, 0xffffffff, "shorter than it says"},
        {28, 0xffffffff, "shorter than it says"},
        {SECOND_HEADER + 20, 1, "counts are not possible"},
        {SECOND_HEADER + 24, 3, "counts are not possible"},
        {SECOND_HEADER + 28, 1, "leap seconds"},
        {SECOND_HEADER + 32, 0xffffffff, "counts are not possible"},
        {SECOND_HEADER + 32, 4096, "shorter than it says"},
        {SECOND_HEADER + 36, 0, "counts are not possible"},
        {SECOND_HEADER + 36, 257, "counts are not possible"},
        {SECOND_HEADER + 40, 0, "counts are not possible"},
        {SECOND_HEADER + 40, 0xffffffff, "counts are not possible"},
        {CHANGES, 0x7fffffff, "change 0 of the time zone is out of order"},
        {CHANGES, 0x80000000, "change 0 of the time zone is out of order"},
        {CHANGES + 12, 1000, "change 1 of the time zone is out of order"},
        {CHANGES + 12, 999, "change 1 of the time zone is out of order"},
        {CHANGE_TYPES, 0x02000000, "change 0 of the time zone has an unknown type"},
        {TYPES, 26 * 3600, "type 0 of the time zone is not possible"},
        {TYPES, 0x80000000, "type 0 of the time zone is not possible"},
        {TYPES + 4, 0x02000000, "type 0 of the time zone is not possible"},
        {TYPES + 8, 0x00000108, "type 1 of the time zone is not possible"},
        {FOOTER, 0x20434554, "has no rule at its end"},
        {FOOTER + 4, 0x2d310043, "not possible"},
        {FOOTER + 4, 0x2d39392c, "is no rule of a time zone"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned char b[FILE_BYTES];
        struct zone *z = NULL;
        struct err e = {0};
        make_file(b);
        put_u32(b + bad[i].at, bad[i].value);
        assert_int_equal(parse_copy(b, sizeof b, &z, &e), ERR_INVALID);
        if (z != NULL || strstr(e.msg, bad[i].says) == NULL) fail_msg("%zu: %s", i, e.msg);
    }
    unsigned char *large = mem_alloc(ZONE_BYTES_MAX + 1);
    struct zone *z = NULL;
    assert_int_equal(zone_parse(large, ZONE_BYTES_MAX + 1, &z, NULL), ERR_TOO_LARGE);
    mem_free(large);
}

/* ---- names ---- */

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

static void short_name__is_there__unless_it_is_an_offset_or_too_long(void **state)
{
    static const struct {
        const char *rule, *name;
    } cases[] = {{"UTC0", "UTC"},
                 {"<+0330>-3:30", "+0330"},
                 {"ABCDEFGHIJKLMNO0", "ABCDEFGHIJKLMNO"},
                 {"ABCDEFGHIJKLMNOP0", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zone *z = NULL;
        assert_int_equal(zone_parse_rule(cases[i].rule, &z, NULL), 0);
        assert_true(str_eq(zone_span(z, 0).name, cases[i].name));
        zone_free(z);
    }
    struct zone *fixed = zone_fixed(3600);
    assert_null(zone_span(fixed, 0).name);
    zone_free(fixed);
}

static void name__without_files__is_utc_or_an_offset(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t offset_s;
    } good[] = {{"UTC", 0},        {"Z", 0},        {"+02:00", 7200},    {"-03:30", -12600},
                {"+18:00", 64800}, {"+2", 7200},    {"+02", 7200},       {"+0200", 7200},
                {"UTC+2", 7200},   {"GMT+2", 7200}, {"UT-0330", -12600}, {"GMT-03:30", -12600}};
    static const char *const bad[] = {"",     "utc",      "02:00",  "+2:00",   "UTC+",
                                      "UTC2", "+020",     "+02000", "+02:60",  "+18:01",
                                      "+0x",  "GMT+2:30", "+19:00", "+02:00 ", "Europe/Berlin"};
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
        cmocka_unit_test(file__of_version_2__says_what_its_table_and_rule_say),
        cmocka_unit_test(file__cut_off_anywhere__is_refused),
        cmocka_unit_test(file__with_a_part_that_cannot_be__is_refused),
        cmocka_unit_test(name__known_or_not__is_opened_or_refused_with_the_nearest),
        cmocka_unit_test(short_name__is_there__unless_it_is_an_offset_or_too_long),
        cmocka_unit_test(name__without_files__is_utc_or_an_offset),
        cmocka_unit_test(name__that_leads_elsewhere__is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
