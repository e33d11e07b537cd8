/* The W3C's header traceparent. */
#include "wire/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void valid_ones__are_taken(void **state)
{
    static const struct {
        const char *value, *taken;
    } rows[] = {
        {"00-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-01"},
        {"00-" TRACE "-" PARENT "-00", "00-" TRACE "-" PARENT "-00"},
        {"00-" TRACE "-" PARENT "-ff", "00-" TRACE "-" PARENT "-ff"},
        {" \t00-" TRACE "-" PARENT "-01 \t", "00-" TRACE "-" PARENT "-01"},
        {"00-00000000000000000000000000000001-0000000000000001-00",
         "00-00000000000000000000000000000001-0000000000000001-00"},
        /* later versions: what this one knows of them */
        {"01-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-01"},
        {"cc-" TRACE "-" PARENT "-0a", "00-" TRACE "-" PARENT "-00"},
        {"cc-" TRACE "-" PARENT "-fb-what-the-future-will-be-like", "00-" TRACE "-" PARENT "-01"},
        {"fe-" TRACE "-" PARENT "-03-", "00-" TRACE "-" PARENT "-01"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[TRACE_PARENT_SIZE] = "";
        if (!trace_parent_read(rows[i].value, out)) fail_msg("'%s' was not taken", rows[i].value);
        assert_string_equal(out, rows[i].taken);
    }
}

static void others__are_ignored(void **state)
{
    static const char *const wrong[] = {
        NULL,
        "",
        " ",
        "00",
        "00-",
        "ff-" TRACE "-" PARENT "-01", /* the version that there never is */
        "0-" TRACE "-" PARENT "-01",
        "000-" TRACE "-" PARENT "-01",
        ".0-" TRACE "-" PARENT "-01",
        "0x-" TRACE "-" PARENT "-01",
        "CC-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-01-",     /* version 00 has no more */
        "00-" TRACE "-" PARENT "-01-more", /* nor this */
        "00-" TRACE "-" PARENT "-011",
        "01-" TRACE "-" PARENT "-01more", /* what follows is behind a dash */
        "00-" TRACE "-" PARENT "-1",
        "00-" TRACE "-" PARENT "-",
        "00-" TRACE "-" PARENT,
        "00-" TRACE "-" PARENT "-.1",
        "00-" TRACE "-" PARENT "-0A",
        "00-" TRACE "-" PARENT " 01",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-" PARENT "-011",
        "00-4bf92f3577b34da6a3ce929d0e0e47366-" PARENT "-1",
        "00-4bf92f3577b34da6a3ce929d0e0e473.-" PARENT "-01",
        "00-" TRACE "-00F067AA0BA902B7-01",
        "00-" TRACE "-00f067aa0ba902b.-01",
        "00-" TRACE "-" PARENT "-01,00-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-01 x",
        "\n00-" TRACE "-" PARENT "-01",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char out[TRACE_PARENT_SIZE] = "untouched";
        if (trace_parent_read(wrong[i], out)) fail_msg("'%s' was taken", wrong[i]);
        assert_string_equal(out, "untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_ones__are_taken),
        cmocka_unit_test(others__are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
