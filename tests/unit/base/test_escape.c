/* base/escape: nothing that a terminal obeys comes through; all other text stays as it is. */
#include "base/clock.h"
#include "base/escape.h"
#include "tests/support/hidden.h"

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
    BECOMES("\xe2\x80\x90\xe2\x81\x9f", "\xe2\x80\x90\xe2\x81\x9f"); /* their neighbours */
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

static void what_is_not_visible_is_shown(void **state)
{
    (void)state;
    BECOMES("a\xe2\x80\x8b"
            "b",
            "a\\xe2\\x80\\x8bb");
    BECOMES("\xf3\xa0\x81\x81\xef\xbb\xbf", "\\xf3\\xa0\\x81\\x81\\xef\\xbb\\xbf");
    for (size_t i = 0; i < HIDDEN_CHARACTERS; i++) {
        const char *text = hidden_characters[i].text;
        uint32_t c = 0;
        assert_int_equal(escape_printable(text, strlen(text)), 0);
        assert_int_equal(escape_character(text, strlen(text), &c), strlen(text));
        assert_int_equal(c, hidden_characters[i].code);
    }
}

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00u >> n & 0xf0) | c);
    return n;
}

/* Counted from the lists of Unicode 15 by hand: C0 and C1 with DEL, the default ignorable code
 * points, two separators, three annotations, the blank of Braille, two that are no characters, and
 * the surrogates, which are not UTF-8. */
static void all_characters_are_of_one_kind_or_the_other(void **state)
{
    (void)state;
    size_t not_printable = 0;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char text[4];
        size_t n = encode(c, text);
        not_printable += escape_printable(text, n) != n;
    }
    assert_int_equal(not_printable, 65 + 4174 + 2 + 3 + 1 + 2 + 2048);
}

/* Whatever comes in, what goes out is printable, and cannot be changed by escaping it again. */
static void any_bytes_become_printable(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 4);
    for (int round = 0; round < 2000; round++) {
        struct buf in, out, again;
        buf_init(&in, 4096);
        buf_init(&out, 65536);
        buf_init(&again, 65536);
        for (uint64_t i = rng_below(&r, 40); i > 0; i--) {
            if (rng_below(&r, 2))
                (void)buf_addc(&in, (char)rng_below(&r, 256));
            else
                (void)buf_adds(&in, hidden_characters[rng_below(&r, HIDDEN_CHARACTERS)].text);
        }
        escape_text(&out, in.data, in.len);
        for (size_t at = 0, n; at < out.len; at += n)
            assert_true((n = escape_printable(out.data + at, out.len - at)) > 0);
        escape_text(&again, out.data, out.len);
        assert_string_equal(again.data, out.data);
        buf_fini(&in);
        buf_fini(&out);
        buf_fini(&again);
    }
}

static void check__names_the_character_and_its_place(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(escape_check("", &e), 0);
    assert_int_equal(escape_check("gr\xc3\xbcn \xf0\x9f\x98\x80", &e), 0);
    assert_int_equal(escape_check("ab\xe2\x80\xae", &e), ERR_INVALID);
    assert_string_equal(e.msg, "has a character that is not visible: U+202E (byte 3)");
    assert_int_equal(escape_check("a\xf3\xa0\x81\x81", &e), ERR_INVALID);
    assert_string_equal(e.msg, "has a character that is not visible: U+E0041 (byte 2)");
    assert_int_equal(escape_check("a\xff", &e), ERR_INVALID);
    assert_string_equal(e.msg, "has a byte that is not UTF-8: 0xff (byte 2)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_every_language_stays_as_it_is),
        cmocka_unit_test(control_characters_are_shown),
        cmocka_unit_test(every_character_of_c0_and_c1_is_shown),
        cmocka_unit_test(direction_of_writing_and_line_separators_are_shown),
        cmocka_unit_test(what_is_not_utf8_is_shown),
        cmocka_unit_test(what_is_not_visible_is_shown),
        cmocka_unit_test(all_characters_are_of_one_kind_or_the_other),
        cmocka_unit_test(any_bytes_become_printable),
        cmocka_unit_test(check__names_the_character_and_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
