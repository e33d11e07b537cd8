/* base/encoding: text of editors and shells becomes UTF-8, or is refused with its place. */
#include "base/encoding.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text) text, sizeof(text) - 1

static void expect(const char *data, size_t len, const char *wanted)
{
    struct buf out;
    struct err e = {0, ""};
    buf_init(&out, 1000);
    int rc = encoding_decode("f", data, len, &out, &e);
    if (rc != 0) fail_msg("'%s' was refused: %s", wanted, e.msg);
    assert_string_equal(out.data, wanted);
    assert_int_equal(out.len, strlen(wanted));
    buf_fini(&out);
}

static void refuse(const char *data, size_t len, const char *message)
{
    struct buf out;
    struct err e = {0, ""};
    buf_init(&out, 1000);
    assert_int_equal(buf_adds(&out, "before"), 0);
    assert_int_equal(encoding_decode("f", data, len, &out, &e), ERR_INVALID);
    assert_string_equal(e.msg, message);
    assert_string_equal(out.data, "before");
    buf_fini(&out);
}

static void utf8__loses_its_marks_and_nothing_else(void **state)
{
    (void)state;
    expect(BYTES(""), "");
    expect(BYTES("a"), "a");
    expect(BYTES("echo gr\xc3\xbc\xc3\x9f\r\n\n"), "echo gr\xc3\xbc\xc3\x9f\r\n\n");
    expect(BYTES("\xef\xbb\xbf"), "");
    expect(BYTES("\xef\xbb\xbfx\r\n"), "x\r\n");
    expect(BYTES("\xef\xbb\xbf\xef\xbb\xbfx"), "x");
    /* elsewhere U+FEFF is a character like any other */
    expect(BYTES("a\xef\xbb\xbf"), "a\xef\xbb\xbf");
    expect(BYTES("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
}

static void utf16__with_a_mark__is_converted(void **state)
{
    (void)state;
    expect(BYTES("\xff\xfe"), "");
    expect(BYTES("\xff\xfe"
                 "a\0\r\0\n\0"),
           "a\r\n");
    expect(BYTES("\xfe\xff\0a\0\n"), "a\n");
    expect(BYTES("\xff\xfe\xff\xfe"
                 "a\0"),
           "a");
    /* two, three and four bytes of UTF-8; the last is a pair of surrogates */
    expect(BYTES("\xff\xfe\xfc\x00\xac\x20\x3d\xd8\x00\xde"),
           "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
    expect(BYTES("\xfe\xff\x00\xfc\x20\xac\xd8\x3d\xde\x00"),
           "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
    /* the ends of the ranges */
    expect(BYTES(
               "\xff\xfe\x7f\x00\x80\x00\xff\x07\x00\x08\xff\xd7\x00\xe0\xff\xff\xff\xdb\xff\xdf"),
           "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf");
}

static void utf16__without_a_mark__is_known_by_its_beginning(void **state)
{
    (void)state;
    expect(BYTES("a\0b\0"), "ab");
    expect(BYTES("\0a\0b"), "ab");
    expect(BYTES("#\0 \0\x2d\x4e\x87\x65\n\0"), "# \xe4\xb8\xad\xe6\x96\x87\n");
    expect(BYTES("\xfc\0\n\0"), "\xc3\xbc\n");
    refuse(BYTES("a\0"), "f, line 1: a NUL (byte 2); this is no text file");
    refuse(BYTES("a\0b\0c"), "f, line 1: a NUL (byte 2); this is no text file");
    refuse(BYTES("a\0\1\0"), "f, line 1: a NUL (byte 2); this is no text file");
    refuse(BYTES("\0\0a\0"), "f, line 1: a NUL (byte 1); this is no text file");
}

static void a_nul__is_named_with_its_place(void **state)
{
    (void)state;
    refuse(BYTES("\0"), "f, line 1: a NUL (byte 1); this is no text file");
    refuse(BYTES("a\nb\n\0c\n"), "f, line 3: a NUL (byte 5); this is no text file");
    refuse(BYTES("\xef\xbb\xbf\0"), "f, line 1: a NUL (byte 4); this is no text file");
    /* the NUL is what is wrong, whatever else is */
    refuse(BYTES("\x7f"
                 "ELF\2\xff\0"),
           "f, line 1: a NUL (byte 7); this is no text file");
    refuse(BYTES("\xff\xfe"
                 "a\0\0\0"),
           "f, line 1: a NUL (byte 5 of UTF-16); save it as UTF-8");
}

static void other_encodings__are_named_with_line_and_byte(void **state)
{
    (void)state;
    refuse(BYTES("echo gr\xfc\n"), "f, line 1: not UTF-8 (byte 8 is 0xfc); save it as UTF-8");
    refuse(BYTES("a\n\xc3\n"), "f, line 2: not UTF-8 (byte 3 is 0xc3); save it as UTF-8");
    refuse(BYTES("\xc3"), "f, line 1: not UTF-8 (byte 1 is 0xc3); save it as UTF-8");
    refuse(BYTES("\xc0\xaf"), "f, line 1: not UTF-8 (byte 1 is 0xc0); save it as UTF-8");
    refuse(BYTES("\xed\xa0\x80"), "f, line 1: not UTF-8 (byte 1 is 0xed); save it as UTF-8");
    refuse(BYTES("\xff"), "f, line 1: not UTF-8 (byte 1 is 0xff); save it as UTF-8");
    refuse(BYTES("\xef\xbb"), "f, line 1: not UTF-8 (byte 1 is 0xef); save it as UTF-8");
    refuse(BYTES("\xff\xfe\0\0a\0\0\0"), "f is UTF-32; save it as UTF-8");
    refuse(BYTES("\0\0\xfe\xff\0\0\0a"), "f is UTF-32; save it as UTF-8");
}

static void broken_utf16__is_refused(void **state)
{
    (void)state;
    refuse(BYTES("\xff\xfe"
                 "a"),
           "f, line 1: the text ends inside a character (byte 3 of UTF-16); save it as UTF-8");
    refuse(BYTES("\xff\xfe"
                 "a\0\n\0\x3d\xd8"),
           "f, line 2: half a character (byte 7 of UTF-16); save it as UTF-8");
    refuse(BYTES("\xff\xfe\x3d\xd8"
                 "a\0"),
           "f, line 1: half a character (byte 3 of UTF-16); save it as UTF-8");
    refuse(BYTES("\xff\xfe\x00\xde\x3d\xd8"),
           "f, line 1: half a character (byte 3 of UTF-16); save it as UTF-8");
    refuse(BYTES("\xff\xfe\x3d\xd8\x3d\xd8"),
           "f, line 1: half a character (byte 3 of UTF-16); save it as UTF-8");
    refuse(BYTES("\xfe\xff\xd8\x3d\xde"),
           "f, line 1: half a character (byte 3 of UTF-16); save it as UTF-8");
    refuse(BYTES("a\0b\0\x00\xdc"),
           "f, line 1: half a character (byte 5 of UTF-16); save it as UTF-8");
}

static void text_over_the_limit__leaves_nothing(void **state)
{
    (void)state;
    struct buf out;
    struct err e = {0, ""};
    buf_init(&out, 4);
    assert_int_equal(encoding_decode("f", BYTES("12345"), &out, &e), ERR_TOO_LARGE);
    assert_int_equal(encoding_decode("f", BYTES("\xff\xfe\xac\x20\xac\x20"), &out, &e),
                     ERR_TOO_LARGE);
    assert_int_equal(out.len, 0);
    assert_int_equal(encoding_decode("f",
                                     BYTES("\xef\xbb\xbf"
                                           "1234"),
                                     &out, &e),
                     0);
    assert_string_equal(out.data, "1234");
    buf_fini(&out);
}

static void marks__are_counted_whole(void **state)
{
    (void)state;
    assert_int_equal(encoding_mark(BYTES("")), 0);
    assert_int_equal(encoding_mark(BYTES("\xef\xbb")), 0);
    assert_int_equal(encoding_mark(BYTES("\xef\xbb\xbf")), 3);
    assert_int_equal(encoding_mark(BYTES("\xef\xbb\xbf\xef\xbb\xbf\xef")), 6);
    assert_int_equal(encoding_mark(BYTES("a\xef\xbb\xbf")), 0);
    assert_true(encoding_is_utf16(BYTES("\xff\xfe")));
    assert_true(encoding_is_utf16(BYTES("\xfe\xff")));
    assert_false(encoding_is_utf16(BYTES("\xff")));
    assert_false(encoding_is_utf16(BYTES("{}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8__loses_its_marks_and_nothing_else),
        cmocka_unit_test(utf16__with_a_mark__is_converted),
        cmocka_unit_test(utf16__without_a_mark__is_known_by_its_beginning),
        cmocka_unit_test(a_nul__is_named_with_its_place),
        cmocka_unit_test(other_encodings__are_named_with_line_and_byte),
        cmocka_unit_test(broken_utf16__is_refused),
        cmocka_unit_test(text_over_the_limit__leaves_nothing),
        cmocka_unit_test(marks__are_counted_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
