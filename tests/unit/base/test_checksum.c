/* base/checksum: what it finds. */
#include "base/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint64_t sum(const void *data, size_t len)
{
    return checksum_add(CHECKSUM_START, data, len);
}

static void sum__known_bytes__stays_what_it_is_on_disks(void **state)
{
    (void)state;
    assert_int_equal(sum("", 0), UINT64_C(0x3a1b09c925f2d1e3));
    assert_int_equal(sum("hello, world\n", 13), UINT64_C(0x2f4b01f8d2a218f7));
    assert_int_equal(checksum_add_int(CHECKSUM_START, -1), UINT64_C(0x95fba6b446463ee5));
}

static void sum__one_bit_flipped__differs(void **state)
{
    (void)state;
    unsigned char data[67];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 37);
    for (size_t len = 1; len <= sizeof data; len++) {
        uint64_t good = sum(data, len);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
            assert_int_not_equal(sum(data, len), good);
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
    }
}

static void sum__shorter_longer_or_exchanged__differs(void **state)
{
    (void)state;
    static const char zeros[64];
    for (size_t a = 0; a < sizeof zeros; a++)
        for (size_t b = 0; b < a; b++)
            assert_int_not_equal(sum(zeros, a), sum(zeros, b));
    assert_int_not_equal(sum("abcdefghABCDEFGH", 16), sum("ABCDEFGHabcdefgh", 16));
    assert_int_not_equal(checksum_add_int(sum("a", 1), 2), checksum_add_int(sum("a", 1), 3));
}

static void sum__place_in_memory__does_not_matter(void **state)
{
    (void)state;
    char room[64];
    for (size_t at = 0; at < 16; at++) {
        memcpy(room + at, "the same bytes, wherever", 24);
        assert_int_equal(sum(room + at, 24), sum("the same bytes, wherever", 24));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sum__known_bytes__stays_what_it_is_on_disks),
        cmocka_unit_test(sum__one_bit_flipped__differs),
        cmocka_unit_test(sum__shorter_longer_or_exchanged__differs),
        cmocka_unit_test(sum__place_in_memory__does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
