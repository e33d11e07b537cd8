/* The random generator, and the back-off that draws from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/clock.h"

static void same_seed__gives_the_same_sequence(void **state)
{
    (void)state;
    struct rng a, b, c;
    rng_init(&a, 1);
    rng_init(&b, 1);
    rng_init(&c, 2);
    int same_as_other_seed = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_next(&a);
        assert_true(x == rng_next(&b));
        same_as_other_seed += x == rng_next(&c);
    }
    assert_int_equal(same_as_other_seed, 0);
}

/* The first values for the state 1, 2, 3, 4 that the algorithm's authors' code gives. */
static void sequence__is_xoshiro256starstar(void **state)
{
    (void)state;
    struct rng r = {{1, 2, 3, 4}};
    assert_true(rng_next(&r) == UINT64_C(11520));
    assert_true(rng_next(&r) == UINT64_C(0));
    assert_true(rng_next(&r) == UINT64_C(1509978240));
    assert_true(rng_next(&r) == UINT64_C(1215971899390074240));
}

static void below__stays_below_and_reaches_everything(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 9);
    int seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint64_t x = rng_below(&r, 7);
        assert_true(x < 7);
        seen[x]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 800, 1200);
    assert_true(rng_below(&r, 1) == 0);
    for (int i = 0; i < 100; i++)
        assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void backoff__doubles_up_to_its_maximum_with_jitter(void **state)
{
    (void)state;
    struct rng r;
    struct backoff b;
    rng_init(&r, 5);
    for (int round = 0; round < 50; round++) {
        backoff_init(&b, 500, 30000);
        int64_t whole = 500;
        for (int i = 0; i < 20; i++) {
            int64_t wait = backoff_next(&b, &r);
            assert_true(wait >= whole / 2 && wait <= whole);
            whole = whole * 2 < 30000 ? whole * 2 : 30000;
        }
    }
}

static void backoff__two_peers__do_not_wait_alike(void **state)
{
    (void)state;
    struct rng r;
    struct backoff a, b;
    rng_init(&r, 6);
    backoff_init(&a, 500, 30000);
    backoff_init(&b, 500, 30000);
    int alike = 0;
    for (int i = 0; i < 20; i++)
        alike += backoff_next(&a, &r) == backoff_next(&b, &r);
    assert_true(alike < 5);
}

static void backoff__with_odd_limits__ends(void **state)
{
    (void)state;
    struct rng r;
    struct backoff b;
    rng_init(&r, 1);
    backoff_init(&b, 0, 0);
    for (int i = 0; i < 5; i++)
        assert_in_range(backoff_next(&b, &r), 0, 1);
    backoff_init(&b, 100, 10); /* the maximum is below the minimum */
    for (int i = 0; i < 5; i++)
        assert_in_range(backoff_next(&b, &r), 50, 100);
    backoff_init(&b, 1, INT64_MAX);
    for (int i = 0; i < 200; i++)
        assert_true(backoff_next(&b, &r) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed__gives_the_same_sequence),
        cmocka_unit_test(sequence__is_xoshiro256starstar),
        cmocka_unit_test(below__stays_below_and_reaches_everything),
        cmocka_unit_test(backoff__doubles_up_to_its_maximum_with_jitter),
        cmocka_unit_test(backoff__two_peers__do_not_wait_alike),
        cmocka_unit_test(backoff__with_odd_limits__ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
