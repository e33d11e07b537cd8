/* The hash table, against a plain array. */
#include "base/map.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define KEYS 300

static void random_puts_and_removes__as_an_array_would_have_it(void **state)
{
    (void)state;
    struct map m;
    struct rng r;
    void *plain[KEYS] = {0};
    int values[4];
    map_init(&m);
    rng_init(&r, 7);
    size_t count = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t n = rng_below(&r, KEYS);
        uint64_t key = n * 64; /* alike in their low bits */
        if (rng_below(&r, 2) == 0) {
            void *value = &values[rng_below(&r, 4)];
            count += !plain[n];
            plain[n] = value;
            map_put(&m, key, value);
        } else {
            assert_ptr_equal(map_remove(&m, key), plain[n]);
            count -= plain[n] != NULL;
            plain[n] = NULL;
        }
        assert_int_equal(m.count, count);
    }
    for (uint64_t n = 0; n < KEYS; n++)
        assert_ptr_equal(map_find(&m, n * 64), plain[n]);
    size_t place = 0, seen = 0;
    while (map_next(&m, &place))
        seen++;
    assert_int_equal(seen, count);
    map_fini(&m);
}

static void empty__finds_and_removes_nothing(void **state)
{
    (void)state;
    struct map m;
    size_t place = 0;
    map_init(&m);
    assert_null(map_find(&m, 1));
    assert_null(map_remove(&m, 1));
    assert_null(map_next(&m, &place));
    map_fini(&m);
}

static void key_zero__is_a_key(void **state)
{
    (void)state;
    struct map m;
    int x;
    map_init(&m);
    map_put(&m, 0, &x);
    assert_ptr_equal(map_find(&m, 0), &x);
    assert_ptr_equal(map_remove(&m, 0), &x);
    assert_null(map_find(&m, 0));
    map_fini(&m);
}

static void clear__leaves_nothing_and_takes_new_ones(void **state)
{
    (void)state;
    struct map m;
    int x;
    map_init(&m);
    map_clear(&m);
    for (uint64_t n = 0; n < 10000; n++) {
        map_put(&m, n, &x);
        if (n == 100) map_clear(&m);
    }
    assert_null(map_find(&m, 100));
    assert_ptr_equal(map_find(&m, 101), &x);
    map_clear(&m);
    size_t place = 0;
    assert_int_equal(m.count, 0);
    assert_null(map_find(&m, 101));
    assert_null(map_next(&m, &place));
    map_put(&m, 101, &x);
    assert_ptr_equal(map_find(&m, 101), &x);
    map_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_puts_and_removes__as_an_array_would_have_it),
        cmocka_unit_test(empty__finds_and_removes_nothing),
        cmocka_unit_test(key_zero__is_a_key),
        cmocka_unit_test(clear__leaves_nothing_and_takes_new_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
