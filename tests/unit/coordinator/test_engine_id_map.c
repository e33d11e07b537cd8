/* The engine's hash table, against a plain array. */
#include "coordinator/engine/id_map.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define KEYS 300

static void random_puts_and_removes__as_an_array_would_have_it(void **state)
{
    (void)state;
    struct id_map m;
    struct rng r;
    void *plain[KEYS] = {0};
    int values[4];
    id_map_init(&m);
    rng_init(&r, 7);
    size_t count = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t n = rng_below(&r, KEYS);
        uint64_t key = n * 64; /* alike in their low bits */
        if (rng_below(&r, 2) == 0) {
            void *value = &values[rng_below(&r, 4)];
            count += !plain[n];
            plain[n] = value;
            id_map_put(&m, key, value);
        } else {
            assert_ptr_equal(id_map_remove(&m, key), plain[n]);
            count -= plain[n] != NULL;
            plain[n] = NULL;
        }
        assert_int_equal(m.count, count);
    }
    for (uint64_t n = 0; n < KEYS; n++)
        assert_ptr_equal(id_map_find(&m, n * 64), plain[n]);
    size_t place = 0, seen = 0;
    while (id_map_next(&m, &place))
        seen++;
    assert_int_equal(seen, count);
    id_map_fini(&m);
}

static void empty__finds_and_removes_nothing(void **state)
{
    (void)state;
    struct id_map m;
    size_t place = 0;
    id_map_init(&m);
    assert_null(id_map_find(&m, 1));
    assert_null(id_map_remove(&m, 1));
    assert_null(id_map_next(&m, &place));
    id_map_fini(&m);
}

static void key_zero__is_a_key(void **state)
{
    (void)state;
    struct id_map m;
    int x;
    id_map_init(&m);
    id_map_put(&m, 0, &x);
    assert_ptr_equal(id_map_find(&m, 0), &x);
    assert_ptr_equal(id_map_remove(&m, 0), &x);
    assert_null(id_map_find(&m, 0));
    id_map_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_puts_and_removes__as_an_array_would_have_it),
        cmocka_unit_test(empty__finds_and_removes_nothing),
        cmocka_unit_test(key_zero__is_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
