/* Delays between attempts. */
#include "coordinator/engine/retry.h"

#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct rng rng_of_test(void)
{
    struct rng r;
    rng_init(&r, 42);
    return r;
}

/* The delay behind the attempt; -1: there is no other one. */
static int64_t delay(const struct retry *r, int64_t attempt, int64_t ran_ms)
{
    struct rng rng = rng_of_test();
    int64_t ms = -7;
    return retry_next(r, attempt, ran_ms, &rng, &ms) ? ms : -1;
}

static void none__never(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_NONE, .interval_ms = 1, .max_attempts = 9};
    assert_int_equal(delay(&r, 1, 0), -1);
}

static void constant__the_interval_each_time(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_CONSTANT, .interval_ms = 1500, .max_attempts = 4};
    for (int64_t i = 1; i < 4; i++)
        assert_int_equal(delay(&r, i, 0), 1500);
    assert_int_equal(delay(&r, 4, 0), -1);
    assert_int_equal(delay(&r, 5, 0), -1);
}

static void constant__max_interval_says_nothing(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_CONSTANT, .interval_ms = 1500, .max_interval_ms = 10};
    assert_int_equal(delay(&r, 1, 0), 1500);
}

static void exponential__first_delay_is_the_interval_and_then_it_grows(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_EXPONENTIAL, .interval_ms = 1000, .delay_factor = 3};
    assert_int_equal(delay(&r, 1, 0), 1000);
    assert_int_equal(delay(&r, 2, 0), 3000);
    assert_int_equal(delay(&r, 3, 0), 9000);
    assert_int_equal(delay(&r, 4, 0), 27000);
}

static void exponential__no_factor__doubles(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_EXPONENTIAL, .interval_ms = 500};
    assert_int_equal(delay(&r, 1, 0), 500);
    assert_int_equal(delay(&r, 4, 0), 4000);
}

static void exponential__factor_below_one__does_not_shrink(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_EXPONENTIAL, .interval_ms = 500, .delay_factor = 0.1};
    assert_int_equal(delay(&r, 5, 0), 500);
}

static void exponential__ceiling(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_EXPONENTIAL,
                      .interval_ms = 1000,
                      .max_interval_ms = 5000,
                      .delay_factor = 2};
    assert_int_equal(delay(&r, 3, 0), 4000);
    assert_int_equal(delay(&r, 4, 0), 5000);
    assert_int_equal(delay(&r, 900000, 0), 5000);
}

static void exponential__no_ceiling_and_many_attempts__does_not_overflow(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_EXPONENTIAL, .interval_ms = 1000, .delay_factor = 1000};
    assert_int_equal(delay(&r, 999999, 0), DURATION_MAX_MS);
}

static void random__within_its_bounds_and_not_always_the_same(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_RANDOM, .interval_ms = 100, .max_interval_ms = 110};
    struct rng rng = rng_of_test();
    int seen[11] = {0};
    for (int i = 0; i < 1000; i++) {
        int64_t ms = 0;
        assert_true(retry_next(&r, 1, 0, &rng, &ms));
        assert_in_range(ms, 100, 110);
        seen[ms - 100]++;
    }
    for (int i = 0; i < 11; i++)
        assert_true(seen[i] > 0);
}

static void random__greatest_below_smallest__the_smallest(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_RANDOM, .interval_ms = 100, .max_interval_ms = 5};
    assert_int_equal(delay(&r, 1, 0), 100);
}

static void max_duration__attempt_that_would_begin_later__is_not_made(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_CONSTANT, .interval_ms = 1000, .max_duration_ms = 10000};
    assert_int_equal(delay(&r, 1, 9000), 1000);
    assert_int_equal(delay(&r, 1, 9001), -1);
    assert_int_equal(delay(&r, 50, 0), 1000);
}

static void negative_interval__at_once(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_CONSTANT, .interval_ms = -5};
    assert_int_equal(delay(&r, 1, 0), 0);
}

static void no_limit__goes_on_up_to_the_protocols(void **state)
{
    (void)state;
    struct retry r = {.type = RETRY_CONSTANT, .interval_ms = 1};
    assert_int_equal(delay(&r, 999999, 0), 1);
    assert_int_equal(delay(&r, 1000000, 0), -1);
}

static void longest__is_what_a_delay_can_be(void **state)
{
    (void)state;
    struct retry c = {.type = RETRY_CONSTANT, .interval_ms = 7};
    struct retry r = {.type = RETRY_RANDOM, .interval_ms = 7, .max_interval_ms = 70};
    struct retry x = {.type = RETRY_EXPONENTIAL, .interval_ms = 7, .delay_factor = 2};
    assert_int_equal(retry_longest_ms(&c, 3), 7);
    assert_int_equal(retry_longest_ms(&r, 3), 70);
    assert_int_equal(retry_longest_ms(&x, 3), 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none__never),
        cmocka_unit_test(constant__the_interval_each_time),
        cmocka_unit_test(constant__max_interval_says_nothing),
        cmocka_unit_test(exponential__first_delay_is_the_interval_and_then_it_grows),
        cmocka_unit_test(exponential__no_factor__doubles),
        cmocka_unit_test(exponential__factor_below_one__does_not_shrink),
        cmocka_unit_test(exponential__ceiling),
        cmocka_unit_test(exponential__no_ceiling_and_many_attempts__does_not_overflow),
        cmocka_unit_test(random__within_its_bounds_and_not_always_the_same),
        cmocka_unit_test(random__greatest_below_smallest__the_smallest),
        cmocka_unit_test(max_duration__attempt_that_would_begin_later__is_not_made),
        cmocka_unit_test(negative_interval__at_once),
        cmocka_unit_test(no_limit__goes_on_up_to_the_protocols),
        cmocka_unit_test(longest__is_what_a_delay_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
