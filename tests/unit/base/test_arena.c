/* Pieces that live equally long. */
#include "base/arena.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define PIECES 2000

static void pieces_of_all_sizes__keep_what_is_in_them(void **state)
{
    (void)state;
    static unsigned char *piece[PIECES];
    static size_t size[PIECES];
    struct arena a;
    struct rng r;
    arena_init(&a);
    rng_init(&r, 3);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < PIECES; i++) {
            size[i] = i % 100 == 0 ? 100000 : (size_t)rng_below(&r, 300);
            piece[i] = arena_alloc(&a, size[i]);
            assert_int_equal((uintptr_t)piece[i] % sizeof(void *), 0);
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(piece[i][k], 0);
            memset(piece[i], i & 0xff, size[i]);
        }
        for (int i = 0; i < PIECES; i++) {
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(piece[i][k], i & 0xff);
        }
        arena_clear(&a);
    }
    arena_fini(&a);
}

static void text__is_a_copy(void **state)
{
    (void)state;
    struct arena a;
    char from[] = "abc";
    arena_init(&a);
    char *first = arena_text(&a, from), *empty = arena_text(&a, "");
    from[0] = 'x';
    assert_string_equal(first, "abc");
    assert_string_equal(empty, "");
    assert_null(arena_text(&a, NULL));
    arena_fini(&a);
}

static void joined_pieces__stay_where_they_are(void **state)
{
    (void)state;
    struct arena a, b, empty;
    arena_init(&a);
    arena_init(&b);
    arena_init(&empty);
    char *first = arena_text(&b, "first");
    arena_join(&a, &b); /* into an empty one */
    for (int i = 0; i < 5000; i++)
        (void)arena_alloc(&b, 40);
    char *second = arena_text(&b, "second"), *large = arena_alloc(&b, 100000);
    arena_join(&a, &b);
    arena_join(&a, &empty);
    assert_null(b.first);
    for (int i = 0; i < 5000; i++)
        memset(arena_alloc(&a, 64), 0xff, 64);
    assert_string_equal(first, "first");
    assert_string_equal(second, "second");
    for (int i = 0; i < 100000; i++)
        assert_int_equal(large[i], 0);
    assert_string_equal(arena_text(&b, "anew"), "anew");
    arena_fini(&b);
    arena_fini(&a);
}

static void nothing_taken__clears_and_ends(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    arena_clear(&a);
    arena_fini(&a);
    assert_non_null(arena_alloc(&a, 0));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_all_sizes__keep_what_is_in_them),
        cmocka_unit_test(text__is_a_copy),
        cmocka_unit_test(joined_pieces__stay_where_they_are),
        cmocka_unit_test(nothing_taken__clears_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
