/* Buckets of calls, which fill evenly. */
#include "coordinator/api/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int taken(struct rate *r, uint64_t thing, int64_t now_ms, int tries)
{
    int n = 0;
    int64_t wait_ms;
    for (int i = 0; i < tries; i++)
        n += rate_take(r, thing, now_ms, &wait_ms);
    return n;
}

static void minute__is_taken_at_once_or_spread(void **state)
{
    struct rate *r = rate_new(60);
    int64_t wait_ms = 0;
    (void)state;
    assert_int_equal(taken(r, 1, 1000, 100), 60);
    assert_false(rate_take(r, 1, 1000, &wait_ms));
    assert_int_equal(wait_ms, 1000);
    assert_false(rate_take(r, 1, 1999, &wait_ms));
    assert_int_equal(wait_ms, 1);
    assert_true(rate_take(r, 1, 2000, &wait_ms));
    assert_int_equal(taken(r, 1, 12000, 100), 10);
    assert_int_equal(taken(r, 1, 72000, 100), 60);
    assert_int_equal(taken(r, 1, INT64_C(1) << 60, 100), 60);
    assert_int_equal(taken(r, 1, 0, 100),
                     0); /* a clock does not go back, but then nothing is given */
    rate_free(r);
}

static void slow_rate__fills_evenly(void **state)
{
    struct rate *r = rate_new(1);
    int64_t wait_ms = 0;
    (void)state;
    assert_int_equal(taken(r, 5, 1, 3), 1);
    for (int i = 1; i < 60; i++)
        assert_false(rate_take(r, 5, 1 + i * INT64_C(1000), &wait_ms));
    assert_int_equal(wait_ms, 1000);
    assert_true(rate_take(r, 5, 60001, &wait_ms));
    rate_free(r);
}

static void things__have_buckets_of_their_own_and_are_bounded(void **state)
{
    struct rate *r = rate_new(2);
    (void)state;
    assert_int_equal(taken(r, 1, 0, 9), 2);
    for (uint64_t i = 2; i < 3 * RATE_THINGS_MAX; i++)
        assert_int_equal(taken(r, i, (int64_t)i * 60000, 3), 2); /* those before are full again */
    assert_int_equal(taken(r, 7, INT64_C(60000) * 3 * RATE_THINGS_MAX, 9), 2);
    for (uint64_t i = 1; i < 3 * RATE_THINGS_MAX; i++) /* none is full: they begin anew */
        assert_true(taken(r, 100000 + i, INT64_C(60000) * 9 * RATE_THINGS_MAX, 2) == 2);
    rate_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minute__is_taken_at_once_or_spread),
        cmocka_unit_test(slow_rate__fills_evenly),
        cmocka_unit_test(things__have_buckets_of_their_own_and_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
