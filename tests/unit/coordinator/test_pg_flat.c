/* What libpq says, on one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/store/pg_flat.h"

static void becomes(const char *message, size_t size, const char *wanted)
{
    char out[200];
    pg_flat(out, size, message);
    assert_string_equal(out, wanted);
}

static void lines_become_one(void **state)
{
    (void)state;
    becomes("connection to server at \"h\", port 1 failed: refused\n\tIs the server there?\n", 200,
            "connection to server at \"h\", port 1 failed: refused Is the server there?");
    becomes("a\r\n  b", 200, "a b");
    becomes("\n\n a", 200, "a");
}

static void full_stop_at_the_end_goes(void **state)
{
    (void)state;
    becomes("server closed the connection.\n", 200, "server closed the connection");
    becomes("this means. That failed. \n.", 200, "this means. That failed");
    becomes("version 15.3 of it", 200, "version 15.3 of it");
}

static void nothing_stays_nothing(void **state)
{
    (void)state;
    becomes(NULL, 200, "");
    becomes("", 200, "");
    becomes(" .\n", 200, "");
}

static void too_long__is_cut_at_a_whole_character(void **state)
{
    (void)state;
    becomes("abcdef", 4, "abc");
    becomes("ab\xc3\xa4", 4, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_one),
        cmocka_unit_test(full_stop_at_the_end_goes),
        cmocka_unit_test(nothing_stays_nothing),
        cmocka_unit_test(too_long__is_cut_at_a_whole_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
