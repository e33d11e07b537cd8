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
    for (unsigned n = 0; n < HISTOGRAM_STEPS; n++) {
        assert_int_equal(histogram_step(histogram_bound(n)), n);
        if (n > 0) assert_int_equal(histogram_step(histogram_bound(n - 1) + 1), n);
    }
    assert_true(histogram_bound(31) == INT64_MAX);
    assert_true(histogram_bound(32) == INT64_MAX);
}

static void quantile__of_nothing__is_told(void **state)
{
    const uint64_t counts[HISTOGRAM_STEPS] = {0};
    (void)state;
    assert_int_equal(histogram_quantile(counts, 500), -1);
    assert_int_equal(histogram_quantile(counts, 0), -1);
}

static void quantile__lies_in_the_step_that_it_is_in(void **state)
{
    uint64_t counts[HISTOGRAM_STEPS] = {0};
    (void)state;
    counts[10] = 100; /* 513 to 1024 */
    assert_int_equal(histogram_quantile(counts, 1000), 1024);
    assert_int_equal(histogram_quantile(counts, 500), 768);
    assert_int_equal(histogram_quantile(counts, 0), 517);
    counts[20] = 1; /* one of 101 */
    assert_int_equal(histogram_quantile(counts, 990), 1024);
    assert_int_equal(histogram_quantile(counts, 991), 1 << 20);
    assert_int_equal(histogram_quantile(counts, 1000), 1 << 20);
    counts[0] = 1000;
    assert_int_equal(histogram_quantile(counts, 500), 0);
    counts[0] = 0;
    counts[31] = 1000000; /* has no bound */
    assert_true(histogram_quantile(counts, 999) == INT64_C(1) << 30);
}

static void quantile__of_very_many__does_not_overflow(void **state)
{
    uint64_t counts[HISTOGRAM_STEPS] = {0};
    (void)state;
    counts[3] = UINT64_MAX / 4;
    counts[4] = UINT64_MAX / 4;
    assert_in_range(histogram_quantile(counts, 500), 7, 8);
    assert_in_range(histogram_quantile(counts, 999), 15, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step__has_what_is_at_most_its_bound),
        cmocka_unit_test(quantile__of_nothing__is_told),
        cmocka_unit_test(quantile__lies_in_the_step_that_it_is_in),
        cmocka_unit_test(quantile__of_very_many__does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
