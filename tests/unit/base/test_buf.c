/* The growable buffer and its ceiling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

static void new_buffer__is_an_empty_string(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_string_equal(b.data, "");
    buf_clear(&b);
    buf_consume(&b, 0);
    buf_commit(&b, 0);
    buf_truncate(&b, 0);
    assert_int_equal(buf_add(&b, NULL, 0), 0);
    assert_string_equal(b.data, "");
    buf_fini(&b);
    assert_string_equal(b.data, "");
}

static void zeroed_buffer__can_be_ended(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_fini(&b);
    assert_int_equal(buf_addc(&b, 'x'), ERR_TOO_LARGE);
}

static void appending__keeps_a_nul_behind(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_adds(&b, "one");
    buf_addc(&b, ' ');
    buf_addf(&b, "%d-%s", 2, "three");
    buf_add(&b, "\0!", 2);
    assert_int_equal(b.len, 13);
    assert_memory_equal(b.data, "one 2-three\0!", 14);
    buf_fini(&b);
}

static void ceiling__can_be_reached_but_not_passed(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    assert_int_equal(buf_adds(&b, "12345"), 0);
    assert_int_equal(buf_addc(&b, '6'), ERR_TOO_LARGE);
    assert_int_equal(buf_adds(&b, "6"), ERR_TOO_LARGE);
    assert_int_equal(buf_addf(&b, "%d", 6), ERR_TOO_LARGE);
    assert_null(buf_reserve(&b, 1));
    assert_int_equal(buf_add(&b, "x", SIZE_MAX), ERR_TOO_LARGE);
    assert_string_equal(b.data, "12345");
    assert_int_equal(b.len, 5);
    buf_consume(&b, 2);
    assert_int_equal(buf_adds(&b, "67"), 0);
    assert_string_equal(b.data, "34567");
    buf_fini(&b);
}

static void long_format__is_not_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct buf b;
    buf_init(&b, 5000);
    assert_int_equal(buf_addf(&b, "<%s>", text), 0);
    assert_int_equal(b.len, 2001);
    assert_int_equal(b.data[2000], '>');
    assert_int_equal(b.data[2001], '\0');
    buf_fini(&b);
    buf_init(&b, 2000);
    assert_int_equal(buf_addf(&b, "<%s>", text), ERR_TOO_LARGE);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

static void reserve_and_commit__append_what_was_written(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_adds(&b, "a");
    char *place = buf_reserve(&b, 50);
    assert_non_null(place);
    memcpy(place, "bcd", 3);
    buf_commit(&b, 2);
    assert_string_equal(b.data, "abc");
    assert_int_equal(b.len, 3);
    buf_fini(&b);
}

static void detach__hands_the_memory_over(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    char *s = buf_detach(&b);
    assert_string_equal(s, "");
    mem_free(s);
    buf_adds(&b, "text");
    s = buf_detach(&b);
    assert_string_equal(s, "text");
    mem_free(s);
    assert_int_equal(b.len, 0);
    buf_adds(&b, "again");
    assert_string_equal(b.data, "again");
    buf_truncate(&b, 2);
    assert_string_equal(b.data, "ag");
    buf_clear(&b);
    assert_string_equal(b.data, "");
    buf_fini(&b);
}

static void random_appends_and_consumes__match_a_plain_array(void **state)
{
    (void)state;
    enum { MAX = 3000 };
    static char model[MAX];
    size_t len = 0;
    struct buf b;
    struct rng r;
    rng_init(&r, 42);
    buf_init(&b, MAX);
    for (int step = 0; step < 20000; step++) {
        char piece[200];
        size_t n = (size_t)rng_below(&r, sizeof piece);
        if (rng_below(&r, 3) == 0) {
            n = n < len ? n : len;
            memmove(model, model + n, len - n);
            len -= n;
            buf_consume(&b, n);
        } else {
            memset(piece, 'a' + step % 26, n);
            int rc = buf_add(&b, piece, n);
            assert_int_equal(rc, len + n <= MAX ? 0 : ERR_TOO_LARGE);
            if (rc == 0) {
                memcpy(model + len, piece, n);
                len += n;
            }
        }
        assert_int_equal(b.len, len);
        assert_memory_equal(b.data, model, len);
        assert_int_equal(b.data[len], '\0');
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_buffer__is_an_empty_string),
        cmocka_unit_test(zeroed_buffer__can_be_ended),
        cmocka_unit_test(appending__keeps_a_nul_behind),
        cmocka_unit_test(ceiling__can_be_reached_but_not_passed),
        cmocka_unit_test(long_format__is_not_cut),
        cmocka_unit_test(reserve_and_commit__append_what_was_written),
        cmocka_unit_test(detach__hands_the_memory_over),
        cmocka_unit_test(random_appends_and_consumes__match_a_plain_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
