/* Ids as numbers and as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"

#include <string.h>

#define Y2020_MS INT64_C(1577836800000)
#define Y2026_MS INT64_C(1767312000000)

static void later_ids__sort_behind_earlier_ones(void **state)
{
    (void)state;
    assert_true(id_make(Y2026_MS, UINT32_MAX) < id_make(Y2026_MS + 1, 0));
    assert_true(id_make(Y2026_MS, 1) < id_make(Y2026_MS, 2));
    char a[ID_TEXT_SIZE], b[ID_TEXT_SIZE];
    id_format(id_make(Y2026_MS, UINT32_MAX), a);
    id_format(id_make(Y2026_MS + 1, 0), b);
    assert_true(strcmp(a, b) < 0);
}

static void floor__is_the_smallest_of_its_millisecond(void **state)
{
    (void)state;
    assert_true(id_floor(Y2026_MS) == id_make(Y2026_MS, 0));
    assert_true(id_floor(Y2026_MS) > id_make(Y2026_MS - 1, UINT32_MAX));
}

static void prefix__is_the_range_of_the_ids_that_begin_so(void **state)
{
    (void)state;
    int64_t id = id_make(Y2026_MS, 12345), first, last;
    char text[ID_TEXT_SIZE], one[ID_TEXT_SIZE], other[ID_TEXT_SIZE];
    id_format(id, text);
    for (size_t len = strlen(text); len > 0; len--) {
        text[len] = '\0';
        assert_int_equal(id_range(text, &first, &last), 0);
        assert_true(first <= id && id <= last && first >= 0);
        id_format(first, one);
        id_format(last, other);
        assert_memory_equal(one, text, len);
        assert_memory_equal(other, text, len);
        id_format(last + 1 > last ? last + 1 : last, other);
        if (last < INT64_MAX) assert_memory_not_equal(other, text, len);
    }
    assert_int_equal(id_range("7", &first, &last), 0);
    assert_true(last == INT64_MAX);
    assert_int_equal(id_range("0", &first, &last), 0);
    assert_true(first == 0);
    static const char *const wrong[] = {"", "8", "06f-", "u", "06f ", "06f3k9x2m1c7ab", NULL};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(id_range(wrong[i], &first, &last), ERR_INVALID);
    assert_true(first == 0);
}

static void strange_clocks__still_give_positive_ids(void **state)
{
    (void)state;
    static const int64_t times[] = {INT64_MIN, -1, 0, Y2020_MS - 1, Y2020_MS, INT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_true(id_make(times[i], 0) > 0);
        assert_true(id_floor(times[i]) > 0);
    }
}

static void text__comes_back_in_either_case(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 3);
    for (int i = 0; i < 2000; i++) {
        int64_t id = (int64_t)(rng_next(&r) >> 1 | 1), back = 0;
        char text[ID_TEXT_SIZE];
        id_format(id, text);
        assert_int_equal(strlen(text), 13);
        assert_int_equal(id_parse(text, &back), 0);
        assert_true(back == id);
        for (char *c = text; *c; c++) {
            if (*c >= 'a') *c = (char)(*c - 'a' + 'A');
        }
        assert_int_equal(id_parse(text, &back), 0);
        assert_true(back == id);
    }
    int64_t largest = 0;
    assert_int_equal(id_parse("7zzzzzzzzzzzz", &largest), 0);
    assert_true(largest == INT64_MAX);
}

static void malformed_text__is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0",
        "06f3k9x2m1c7",   /* one short */
        "06f3k9x2m1c7a0", /* one long */
        "06f3k9x2m1c7i",  /* i, l, o, u are no digits */
        "06f3k9x2m1c7l",
        "06f3k9x2m1c7o",
        "06f3k9x2m1c7u",
        "06f3k9x2m1c7-",
        " 6f3k9x2m1c7a",
        "06f3k9x2m1c7\xc3",
        "8000000000000",
        "zzzzzzzzzzzzz", /* beyond 63 bits */
        "0000000000000", /* no id */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t id = 5;
        assert_int_equal(id_parse(bad[i], &id), ERR_INVALID);
        assert_true(id == 5);
    }
    int64_t id;
    assert_int_equal(id_parse(NULL, &id), ERR_INVALID);
}

/* The digits of Crockford's base32, in either case, and no other byte. */
static void each_byte__is_the_digit_of_its_place_or_none(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    for (int c = 1; c < 256; c++) {
        char text[] = "7000000000000";
        int64_t id = 0;
        int lower = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
        const char *at = strchr(digits, lower);
        text[12] = (char)c;
        assert_int_equal(id_parse(text, &id), at ? 0 : ERR_INVALID);
        if (at) assert_int_equal(id & 31, at - digits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_ids__sort_behind_earlier_ones),
        cmocka_unit_test(floor__is_the_smallest_of_its_millisecond),
        cmocka_unit_test(prefix__is_the_range_of_the_ids_that_begin_so),
        cmocka_unit_test(strange_clocks__still_give_positive_ids),
        cmocka_unit_test(text__comes_back_in_either_case),
        cmocka_unit_test(malformed_text__is_refused),
        cmocka_unit_test(each_byte__is_the_digit_of_its_place_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
