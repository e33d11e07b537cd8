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

static int64_t quantile(const uint64_t counts[HISTOGRAM_STEPS], unsigned percent)
{
    return histogram_quantile(counts, percent);
}

static void quantile__of_nothing__is_none(void **state)
{
    static const uint64_t none[HISTOGRAM_STEPS] = {0};
    (void)state;
    for (unsigned percent = 0; percent <= 100; percent++)
        assert_int_equal(quantile(none, percent), -1);
}

static void quantile__lies_within_the_step_of_its_rank(void **state)
{
    static const uint64_t even[HISTOGRAM_STEPS] = {[4] = 100}, /* above 8, at most 16 */
        two[HISTOGRAM_STEPS] = {[0] = 90, [10] = 10}, last[HISTOGRAM_STEPS] = {[31] = 3},
                          many[HISTOGRAM_STEPS] = {[1] = UINT64_MAX / 4, [3] = UINT64_MAX / 4};
    (void)state;
    assert_int_equal(quantile(even, 0), 8);
    assert_int_equal(quantile(even, 50), 12);
    assert_int_equal(quantile(even, 100), 16);
    assert_int_equal(quantile(even, 1000), 16); /* there is no more than all */
    assert_int_equal(quantile(two, 50), 1);
    assert_int_equal(quantile(two, 90), 1);
    assert_int_equal(quantile(two, 95), 768);
    assert_int_equal(quantile(two, 99), 973); /* 512 + 512 * 0.9, rounded */
    assert_int_equal(quantile(two, 100), 1024);
    assert_int_equal(quantile(last, 1), INT64_C(1) << 30);
    assert_int_equal(quantile(last, 100), INT64_C(1) << 30);
    assert_int_equal(quantile(many, 50), 2);
    assert_int_equal(quantile(many, 100), 8);
}

static void quantile__grows_with_its_share(void **state)
{
    uint64_t counts[HISTOGRAM_STEPS];
    uint32_t random = 1;
    (void)state;
    for (int n = 0; n < 200; n++) {
        uint64_t all = 0;
        for (int i = 0; i < HISTOGRAM_STEPS; i++) {
            random = random * 69069 + 1;
            all += counts[i] = random >> 30 ? 0 : random >> 20;
        }
        for (unsigned percent = 0; percent < 100 && all > 0; percent++)
            assert_true(quantile(counts, percent) <= quantile(counts, percent + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step__has_what_is_at_most_its_bound),
        cmocka_unit_test(quantile__of_nothing__is_none),
        cmocka_unit_test(quantile__lies_within_the_step_of_its_rank),
        cmocka_unit_test(quantile__grows_with_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
