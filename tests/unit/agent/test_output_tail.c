/* agent/output_tail: the newest bytes of two streams in memory that all attempts share. */
#include "agent/output_tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char at(int64_t offset)
{
    return (char)('a' + offset / 3 % 26);
}

static void what_was_added__comes_out_in_order(void **state)
{
    (void)state;
    struct output_pool pool;
    struct output_tail t;
    static char data[5 * OUTPUT_BLOCK_BYTES / 2];
    const char *p;
    size_t n, step = 1;
    int64_t out = 0;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = at((int64_t)i);
    output_pool_init(&pool, 10);
    output_tail_init(&t, &pool);
    for (size_t i = 0; i < sizeof data; i += n) {
        n = step++ * 7;
        if (n > sizeof data - i) n = sizeof data - i;
        output_tail_add(&t, 1, data + i, n);
    }
    assert_int_equal(output_tail_bytes(&t), sizeof data);
    while ((n = output_tail_peek(&t, 1, &p)) > 0) {
        if (n > 1000) n = 1000;
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], at(out++));
        output_tail_consume(&t, 1, n);
    }
    assert_int_equal(out, sizeof data);
    assert_int_equal(pool.blocks, 0);
    output_tail_fini(&t);
}

static void trimming__takes_the_oldest_of_the_longer_side(void **state)
{
    (void)state;
    struct output_pool pool;
    struct output_tail t;
    const char *p;
    output_pool_init(&pool, 10);
    output_tail_init(&t, &pool);
    output_tail_add(&t, 0, "0123456789", 10);
    output_tail_add(&t, 1, "abcd", 4);
    output_tail_trim(&t, 14);
    assert_int_equal(output_tail_bytes(&t), 14);
    output_tail_trim(&t, 9);
    assert_int_equal(output_tail_peek(&t, 0, &p), 5);
    assert_memory_equal(p, "56789", 5);
    assert_int_equal(t.side[1].bytes, 4);
    output_tail_trim(&t, 4);
    assert_int_equal(output_tail_peek(&t, 0, &p), 2);
    assert_memory_equal(p, "89", 2);
    assert_int_equal(output_tail_peek(&t, 1, &p), 2);
    assert_memory_equal(p, "cd", 2);
    output_tail_trim(&t, 0);
    assert_int_equal(output_tail_bytes(&t), 0);
    output_tail_trim(&t, -1);
    output_tail_fini(&t);
}

#define MANY 40

static void many_loud_jobs__share_the_memory_evenly(void **state)
{
    (void)state;
    struct output_pool pool;
    static struct output_tail t[MANY];
    static char data[OUTPUT_BLOCK_BYTES];
    output_pool_init(&pool, 100);
    for (int i = 0; i < MANY; i++)
        output_tail_init(&t[i], &pool);
    for (int n = 0; n < 150; n++)
        output_tail_add(&t[0], 0, data, sizeof data);
    assert_int_equal(t[0].side[0].blocks, 100); /* alone it may have all of it */
    for (int n = 0; n < 5; n++)
        for (int i = 1; i < MANY; i++)
            output_tail_add(&t[i], i % 2, data, sizeof data);
    assert_int_equal(pool.blocks, 100);
    for (int i = 0; i < MANY; i++) {
        assert_in_range(t[i].side[i % 2].blocks, 2, 3);
        assert_true(output_tail_bytes(&t[i]) >= (int64_t)OUTPUT_BLOCK_BYTES);
    }
    for (int i = 0; i < MANY; i++)
        output_tail_fini(&t[i]);
    assert_int_equal(pool.blocks, 0);
    assert_null(pool.first);
}

static void more_streams_than_blocks__the_last_of_them_keep_nothing(void **state)
{
    (void)state;
    struct output_pool pool;
    struct output_tail t[3];
    static const char text[] = "text";
    output_pool_init(&pool, 4);
    for (int i = 0; i < 3; i++) {
        output_tail_init(&t[i], &pool);
        output_tail_add(&t[i], 0, text, 4);
        output_tail_add(&t[i], 1, text, 4);
    }
    assert_int_equal(pool.blocks, 4);
    assert_int_equal(output_tail_bytes(&t[1]), 8);
    assert_int_equal(output_tail_bytes(&t[2]), 0);
    output_tail_fini(&t[0]);
    output_tail_add(&t[2], 1, text, 4);
    assert_int_equal(output_tail_bytes(&t[2]), 4);
    output_tail_fini(&t[2]);
    output_tail_fini(&t[1]);
    assert_int_equal(pool.blocks, 0);
}

static void what_is_being_read__is_not_given_up(void **state)
{
    (void)state;
    struct output_pool pool;
    struct output_tail a, b;
    static char data[8 * OUTPUT_BLOCK_BYTES];
    const char *p;
    output_pool_init(&pool, 8);
    output_tail_init(&a, &pool);
    output_tail_init(&b, &pool);
    output_tail_add(&a, 0, data, 7 * OUTPUT_BLOCK_BYTES);
    output_tail_seal(&a);
    output_tail_add(&b, 1, data, sizeof data);
    assert_int_equal(output_tail_bytes(&a), 7 * OUTPUT_BLOCK_BYTES);
    assert_int_equal(output_tail_bytes(&b), OUTPUT_BLOCK_BYTES);
    assert_int_equal(output_tail_peek(&b, 0, &p), 0);
    output_tail_fini(&a);
    output_tail_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added__comes_out_in_order),
        cmocka_unit_test(trimming__takes_the_oldest_of_the_longer_side),
        cmocka_unit_test(many_loud_jobs__share_the_memory_evenly),
        cmocka_unit_test(more_streams_than_blocks__the_last_of_them_keep_nothing),
        cmocka_unit_test(what_is_being_read__is_not_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
