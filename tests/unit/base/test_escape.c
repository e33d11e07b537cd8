/* base/escape: nothing that a terminal obeys comes through; all other text stays as it is. */
#include "base/escape.h"

#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void becomes(const char *text, size_t len, const char *wanted)
{
    struct buf b;
    buf_init(&b, 4096);
    escape_text(&b, text, len);
    assert_string_equal(b.data, wanted);
    buf_fini(&b);
}
#define BECOMES(text, wanted) becomes(text, sizeof(text) - 1, wanted)

static void text_of_every_language_stays_as_it_is(void **state)
{
    (void)state;
    BECOMES("", "");
    BECOMES("C:\\x1b ~ \xc2\xa0\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
            "C:\\x1b ~ \xc2\xa0\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
    BECOMES("\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d");
}

static void control_characters_are_shown(void **state)
{
    (void)state;
    BECOMES("\x1b[31m", "\\x1b[31m");
    BECOMES("a\r\n\tb\x7f", "a\\x0d\\x0a\\x09b\\x7f");
    BECOMES("a\0b", "a\\x00b");
    BECOMES("\xc2\x80\xc2\x9b\xc2\x9f", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f");
}

static void every_character_of_c0_and_c1_is_shown(void **state)
{
    (void)state;
    for (int c = 0; c < 0xa0; c++) {
        char text[2] = {(char)c, 0};
        size_t len = 1;
        if (c >= 0x80) {
            text[0] = '\xc2';
            text[1] = (char)c;
            len = 2;
        }
        bool plain = c >= 0x20 && c < 0x7f;
        assert_int_equal(escape_printable(text, len), plain ? 1 : 0);
    }
}

static void direction_of_writing_and_line_separators_are_shown(void **state)
{
    (void)state;
    BECOMES("\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9");
    BECOMES("\xe2\x80\xaa\xe2\x80\xae", "\\xe2\\x80\\xaa\\xe2\\x80\\xae");
    BECOMES("\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
    BECOMES("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c");
    BECOMES("\xe2\x80\x90\xe2\x81\xaa", "\xe2\x80\x90\xe2\x81\xaa"); /* their neighbours */
}

static void what_is_not_utf8_is_shown(void **state)
{
    (void)state;
    BECOMES("gr\xfcn", "gr\\xfcn");
    BECOMES("\xff\xc3", "\\xff\\xc3");
    BECOMES("\xc0\x9b", "\\xc0\\x9b");                   /* overlong ESC of its kind */
    BECOMES("\xe0\x80\x9b", "\\xe0\\x80\\x9b");          /* overlong */
    BECOMES("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
    BECOMES("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond the last character */
    becomes("\xe2\x82\xac", 2, "\\xe2\\x82");            /* cut */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_every_language_stays_as_it_is),
        cmocka_unit_test(control_characters_are_shown),
        cmocka_unit_test(every_character_of_c0_and_c1_is_shown),
        cmocka_unit_test(direction_of_writing_and_line_separators_are_shown),
        cmocka_unit_test(what_is_not_utf8_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
