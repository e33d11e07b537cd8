/* Steps that double, and what they say of a share of the values. */
#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void step__has_what_is_at_most_its_bound(void **state)
{
    static const struct {
        int64_t value;
        unsigned step;
    } rows[] = {
        {INT64_MIN, 0},
        {-1, 0},
        {0, 0},
        {1, 0},
        {2, 1},
        {3, 2},
        {4, 2},
        {5, 3},
        {8, 3},
        {9, 4},
        {1 << 20, 20},
        {(1 << 20) + 1, 21},
        {INT64_C(1) << 30, 30},
        {(INT64_C(1) << 30) + 1, 31},
        {INT64_C(1) << 31, 31},
        {(INT64_C(1) << 31) + 1, 31},
        {INT64_MAX, 31},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(histogram_step(rows[i].value), rows[i].step);
    for (unsigned n = 0; n < HISTOGRAM_STEPS - 1; n++) {
        assert_int_equal(histogram_step(INT64_C(1) << n), n);
        assert_int_equal(histogram_step((INT64_C(1) << n) + 1), n + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step__has_what_is_at_most_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
