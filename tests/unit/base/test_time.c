/* Times as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/duration.h"

#include <stdio.h>
#include <string.h>

#define LAST_MS INT64_C(253402300799999)

static void known_times__are_written_and_read(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00.000Z"},
                 {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
                 {INT64_C(951868799999), "2000-02-29T23:59:59.999Z"},
                 {INT64_C(1767323045678), "2026-01-02T03:04:05.678Z"},
                 {INT64_C(1709164800000), "2024-02-29T00:00:00.000Z"},
                 {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
                 {LAST_MS, "9999-12-31T23:59:59.999Z"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[TIME_TEXT_SIZE];
        int64_t ms = -1;
        time_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(time_parse(text, &ms), 0);
        assert_true(ms == cases[i].ms);
    }
}

static void every_day__is_one_behind_the_last(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1970, month = 1, day = 1;
    for (int64_t ms = 0; year < 2405; ms += 86400000) {
        char text[TIME_TEXT_SIZE], wanted[80];
        time_format(ms, text);
        snprintf(wanted, sizeof wanted, "%04d-%02d-%02dT00:00:00.000Z", year, month, day);
        assert_string_equal(text, wanted);
        int leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (++day > lengths[month - 1] + leap) {
            day = 1;
            month = month % 12 + 1;
            if (month == 1) year++;
        }
    }
}

static void random_times__read_back(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 12);
    for (int i = 0; i < 5000; i++) {
        int64_t ms = (int64_t)rng_below(&r, LAST_MS), back = -1;
        char text[TIME_TEXT_SIZE];
        time_format(ms, text);
        assert_int_equal(time_parse(text, &back), 0);
        assert_true(back == ms);
    }
}

static void times_outside__are_pulled_to_the_end(void **state)
{
    (void)state;
    char text[TIME_TEXT_SIZE];
    time_format(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    time_format(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    time_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void other_forms_of_the_same_instant__are_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"2026-01-02T03:04:05Z",
                                        "2026-01-02t03:04:05z",
                                        "2026-01-02T03:04:05.0Z",
                                        "2026-01-02T03:04:05.000999999Z",
                                        "2026-01-02T05:34:05+02:30",
                                        "2026-01-01T22:04:05.000-05:00",
                                        "2026-01-02T03:04:05+00:00"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t ms = -1;
        assert_int_equal(time_parse(texts[i], &ms), 0);
        assert_true(ms == INT64_C(1767323045000));
    }
}

static void malformed_times__are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2026",
        "2026-01-02",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-1-02T03:04:05Z",
        "2026-01-02T3:04:05Z",
        "26-01-02T03:04:05Z",
        "2026-00-02T03:04:05Z",
        "2026-13-02T03:04:05Z",
        "2026-01-00T03:04:05Z",
        "2026-01-32T03:04:05Z",
        "2026-02-29T03:04:05Z",
        "2026-04-31T03:04:05Z",
        "2100-02-29T00:00:00Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:60Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05ZZ",
        "2026-01-02T03:04:05+0200",
        "2026-01-02T03:04:05+2:00",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+02:60",
        "2026-01-02T03:04:05 Z",
        " 2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05Z ",
        "+2026-01-02T03:04:05Z",
        "-026-01-02T03:04:05Z",
        "20x6-01-02T03:04:05Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t ms = -7;
        if (time_parse(texts[i], &ms) != ERR_INVALID) fail_msg("accepted '%s'", texts[i]);
        assert_true(ms == -7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times__are_written_and_read),
        cmocka_unit_test(every_day__is_one_behind_the_last),
        cmocka_unit_test(random_times__read_back),
        cmocka_unit_test(times_outside__are_pulled_to_the_end),
        cmocka_unit_test(other_forms_of_the_same_instant__are_read),
        cmocka_unit_test(malformed_times__are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
