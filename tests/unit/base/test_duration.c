/* Durations and sizes as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/str.h"

#include <string.h>

static int64_t duration(const char *s)
{
    int64_t ms = -1;
    struct err e = {0, ""};
    if (duration_parse(s, &ms, &e) != 0) fail_msg("'%s': %s", s, e.msg);
    return ms;
}

static void refuse(const char *s, const char *part)
{
    int64_t ms = -1;
    struct err e = {0, ""};
    if (duration_parse(s, &ms, &e) != ERR_INVALID) fail_msg("accepted '%s'", s);
    assert_true(ms == -1);
    if (!strstr(e.msg, part)) fail_msg("'%s': '%s' does not say '%s'", s, e.msg, part);
}

static void short_form__is_read(void **state)
{
    (void)state;
    assert_true(duration("0") == 0);
    assert_true(duration("0s") == 0);
    assert_true(duration("500ms") == 500);
    assert_true(duration("30s") == 30000);
    assert_true(duration("1.5s") == 1500);
    assert_true(duration("0.001s") == 1);
    assert_true(duration("5m") == 300000);
    assert_true(duration("1h30m") == 5400000);
    assert_true(duration("90m") == 5400000);
    assert_true(duration("7d") == 604800000);
    assert_true(duration("2w") == 1209600000);
    assert_true(duration("1w1d1h1m1s1ms") == 694861001);
}

static void iso_form__is_read(void **state)
{
    (void)state;
    assert_true(duration("PT30S") == 30000);
    assert_true(duration("PT1H30M") == 5400000);
    assert_true(duration("P1DT2H") == 93600000);
    assert_true(duration("P2W") == 1209600000);
    assert_true(duration("PT0.5S") == 500);
    assert_true(duration("PT0.25s") == 250);
    assert_true(duration("P1dt2h") == 93600000);
    assert_true(duration("PT0.500000S") == 500);
    assert_true(duration("P1D") == 86400000);
    assert_true(duration("PT0S") == 0);
    assert_true(duration("P3653D") == DURATION_MAX_MS);
}

static void bare_number__is_refused_with_advice(void **state)
{
    (void)state;
    refuse("30", "has no unit");
    refuse("30", "30s");
    refuse("1h30", "has no unit");
    refuse("00", "has no unit");
    refuse("PT30", "no unit behind the last number");
    refuse("P7", "no unit");
}

static void months_and_years__are_refused_with_advice(void **state)
{
    (void)state;
    refuse("P1M", "PT5M");
    refuse("P1Y", "use days");
    refuse("P1Y2M", "use days");
    refuse("1y", "not a unit of time");
    refuse("5M", "not a unit of time");
}

static void fractions__belong_to_seconds(void **state)
{
    (void)state;
    refuse("1.5h", "only seconds");
    refuse("0.5ms", "only seconds");
    refuse("PT1.5H", "only seconds");
    refuse("1.s", "no digit after the point");
    refuse(".5s", "not a duration");
    refuse("0.0001s", "finer than a millisecond");
    refuse("PT0.0005S", "finer");
    refuse("1.2.3s", "no unit");
}

static void wrong_order_or_twice__is_refused(void **state)
{
    (void)state;
    refuse("30m1h", "large to small");
    refuse("1s1s", "large to small");
    refuse("1ms1s", "large to small");
    refuse("PT1M1H", "large to small");
    refuse("P1DT1H1D", "large to small");
    refuse("P1D1W", "large to small");
    refuse("P1D2H", "a T is missing");
    refuse("P30S", "a T is missing");
}

static void negative_and_endless__are_refused(void **state)
{
    (void)state;
    refuse("-5s", "not negative");
    refuse("-PT5S", "not negative");
    refuse("PT-5S", "not negative");
    refuse("3654d", "10 years");
    refuse("3653d1ms", "10 years");
    refuse("P600W", "10 years");
    refuse("99999999999999999999999s", "10 years");
    refuse("9223372036854775807ms", "10 years");
}

static void other_text__is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",           " ",     "s",       "P",      "PT",
                                        "P1DT",       "pt30s", "T30S",    "30 s",   " 30s",
                                        "30s ",       "30S",   "1h-5m",   "five",   "PTS",
                                        "P1DT1H ",    "PTT1H", "PT1HT1M", "1h,30m", "\xc2\xb5s",
                                        "5\xc2\xb5s", "PT5X",  "5sec",    "5min",   "1e3s",
                                        "0x5s"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse(texts[i], "");
}

static void message__is_a_line_of_valid_text_whatever_was_written(void **state)
{
    (void)state;
    char text[200];
    for (int shift = 0; shift < 4; shift++) {
        memset(text, '1', sizeof text);
        for (size_t i = (size_t)shift; i + 4 < sizeof text; i += 4) {
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        }
        text[sizeof text - 1] = '\0';
        struct err e;
        int64_t ms;
        assert_int_equal(duration_parse(text, &ms, &e), ERR_INVALID);
        assert_true(str_utf8_valid(e.msg, strlen(e.msg)));
        assert_int_equal(size_parse(text, &ms, &e), ERR_INVALID);
        assert_true(str_utf8_valid(e.msg, strlen(e.msg)));
    }
    refuse("5\x1b[31m\n", "'5?[31m?'");
    refuse("\xff", "'?'");
}

static void duration__is_written_with_the_largest_units(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{0, "0s"},
                 {1, "1ms"},
                 {999, "999ms"},
                 {1000, "1s"},
                 {1500, "1.5s"},
                 {1001, "1.001s"},
                 {1010, "1.01s"},
                 {60000, "1m"},
                 {61500, "1m1.5s"},
                 {60500, "1m0.5s"},
                 {5400000, "1h30m"},
                 {86400000, "1d"},
                 {90061000, "1d1h1m1s"},
                 {604800000, "7d"},
                 {-1500, "-1.5s"},
                 {-1, "-1ms"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[DURATION_TEXT_SIZE];
        duration_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
    }
    char text[DURATION_TEXT_SIZE];
    duration_format(INT64_MAX, text);
    duration_format(INT64_MIN, text);
    assert_true(strlen(text) < sizeof text);
}

static void written_duration__reads_back(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 4);
    for (int i = 0; i < 5000; i++) {
        int64_t ms = (int64_t)rng_below(&r, (uint64_t)1 << (1 + i % 38));
        char text[DURATION_TEXT_SIZE];
        duration_format(ms, text);
        assert_true(duration(text) == ms);
    }
}

/* ---- sizes --------------------------------------------------------------------------------- */

static int64_t size(const char *s)
{
    int64_t bytes = -1;
    struct err e = {0, ""};
    if (size_parse(s, &bytes, &e) != 0) fail_msg("'%s': %s", s, e.msg);
    return bytes;
}

static void refuse_size(const char *s, const char *part)
{
    int64_t bytes = -1;
    struct err e = {0, ""};
    if (size_parse(s, &bytes, &e) != ERR_INVALID) fail_msg("accepted '%s'", s);
    assert_true(bytes == -1);
    if (!strstr(e.msg, part)) fail_msg("'%s': '%s' does not say '%s'", s, e.msg, part);
}

static void sizes__are_read(void **state)
{
    (void)state;
    assert_true(size("0") == 0);
    assert_true(size("123") == 123);
    assert_true(size("123B") == 123);
    assert_true(size("64KiB") == 65536);
    assert_true(size("64 MiB") == 67108864);
    assert_true(size("1GiB") == 1073741824);
    assert_true(size("1TiB") == INT64_C(1099511627776));
    assert_true(size("1kB") == 1000);
    assert_true(size("1MB") == 1000000);
    assert_true(size("2GB") == 2000000000);
    assert_true(size("1TB") == INT64_C(1000000000000));
    assert_true(size("9223372036854775807") == INT64_MAX);
}

static void sizes_that_mean_two_things__are_refused_with_both(void **state)
{
    (void)state;
    refuse_size("64M", "MiB or MB");
    refuse_size("64m", "MiB or MB");
    refuse_size("1K", "KiB or kB");
    refuse_size("1KB", "KiB or kB");
    refuse_size("1gib", "GiB or GB");
    refuse_size("1 T", "TiB or TB");
}

static void other_sizes__are_refused(void **state)
{
    (void)state;
    refuse_size("-1", "not negative");
    refuse_size("1.5GiB", "whole number");
    refuse_size("9223372036854775808", "too large");
    refuse_size("8388608TiB", "too large");
    refuse_size("99999999999999999999999999GB", "too large");
    static const char *const texts[] = {"",   " ",    "MiB",   "x",   "5x",     "5 5", " 5",
                                        "+5", "0x10", "5MiB ", "5Mi", "5\tMiB", "1e3", "5b"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse_size(texts[i], "");
}

static void written_size__reads_back(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {1000, "1kB"},
                 {1024, "1KiB"},
                 {1500, "1500"},
                 {512000, "500KiB"},
                 {67108864, "64MiB"},
                 {1000000, "1MB"},
                 {1073741824, "1GiB"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[DURATION_TEXT_SIZE];
        size_format(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
        assert_true(size(text) == cases[i].bytes);
    }
    struct rng r;
    rng_init(&r, 8);
    for (int i = 0; i < 5000; i++) {
        /* any number of bits, some of them low zeros, so that units come up */
        int64_t bytes = (int64_t)(rng_next(&r) >> (31 + i % 32)) << (10 * (i % 3));
        char text[DURATION_TEXT_SIZE];
        size_format(bytes, text);
        assert_true(size(text) == bytes);
    }
}

static void size_for_people__has_one_unit_and_three_digits(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {{0, "0B"},
                 {1, "1B"},
                 {1023, "1023B"},
                 {1024, "1KiB"},
                 {1500, "1.5KiB"},
                 {86016, "84KiB"},
                 {104806, "102KiB"},
                 {1048575, "1MiB"},
                 {67108864, "64MiB"},
                 {16793862144, "15.6GiB"},
                 {1099511627775, "1TiB"},
                 {INT64_MAX, "8388608TiB"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[DURATION_TEXT_SIZE];
        size_round(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_form__is_read),
        cmocka_unit_test(iso_form__is_read),
        cmocka_unit_test(bare_number__is_refused_with_advice),
        cmocka_unit_test(months_and_years__are_refused_with_advice),
        cmocka_unit_test(fractions__belong_to_seconds),
        cmocka_unit_test(wrong_order_or_twice__is_refused),
        cmocka_unit_test(negative_and_endless__are_refused),
        cmocka_unit_test(other_text__is_refused),
        cmocka_unit_test(message__is_a_line_of_valid_text_whatever_was_written),
        cmocka_unit_test(duration__is_written_with_the_largest_units),
        cmocka_unit_test(written_duration__reads_back),
        cmocka_unit_test(sizes__are_read),
        cmocka_unit_test(sizes_that_mean_two_things__are_refused_with_both),
        cmocka_unit_test(other_sizes__are_refused),
        cmocka_unit_test(written_size__reads_back),
        cmocka_unit_test(size_for_people__has_one_unit_and_three_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
