/* Strings: UTF-8, hex, base64, secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"

#include <string.h>

static void utf8__of_every_length__is_valid(void **state)
{
    (void)state;
    static const char text[] = "a\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"
                               "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    assert_true(str_utf8_valid(text, sizeof text - 1));
    assert_true(str_utf8_valid("", 0));
    assert_true(str_utf8_valid("a\0b", 3));
}

static void utf8__malformed__is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",     /* a continuation alone */
        "\xc3",     /* unfinished */
        "\xc0\x80", /* overlong */
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* surrogates */
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xe2\x82",
        "\xe2\x28\xa1",
        "\xf0\x9f\x98",
        "a\xc3z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(str_utf8_valid(bad[i], strlen(bad[i])));
    }
}

static void utf8__unfinished_tail__is_left_out(void **state)
{
    (void)state;
    assert_int_equal(str_utf8_whole("abc", 3), 3);
    assert_int_equal(str_utf8_whole("", 0), 0);
    assert_int_equal(str_utf8_whole("a\xc3", 2), 1);
    assert_int_equal(str_utf8_whole("a\xc3\xa4", 3), 3);
    assert_int_equal(str_utf8_whole("a\xe2\x82", 3), 1);
    assert_int_equal(str_utf8_whole("a\xe2", 2), 1);
    assert_int_equal(str_utf8_whole("\xf0\x9f\x98", 3), 0);
    assert_int_equal(str_utf8_whole("\xe0\xa0", 2), 0);
    assert_int_equal(str_utf8_whole("\xf0\x90", 2), 0);
}

static void utf8__tail_that_cannot_become_a_character__stays(void **state)
{
    (void)state;
    assert_int_equal(str_utf8_whole("a\x80", 2), 2);
    assert_int_equal(str_utf8_whole("\x80\x80\x80\x80", 4), 4);
    assert_int_equal(str_utf8_whole("a\xff", 2), 2);
    assert_int_equal(str_utf8_whole("a\xed\xa0", 3), 3); /* a surrogate */
    assert_int_equal(str_utf8_whole("a\xe0\x80", 3), 3); /* overlong */
    assert_int_equal(str_utf8_whole("a\xf4\x90", 3), 3);
}

/* Any cut of valid text is valid up to where str_utf8_whole() says. */
static void utf8__cut_anywhere__is_whole_after(void **state)
{
    (void)state;
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z\xf4\x8f\xbf\xbf\xe0\xa0\x80";
    for (size_t len = 0; len < sizeof text; len++) {
        size_t whole = str_utf8_whole(text, len);
        assert_true(whole <= len && len - whole <= 3);
        assert_true(str_utf8_valid(text, whole));
    }
}

static void quote__cleans_and_cuts(void **state)
{
    (void)state;
    char out[STR_QUOTE_SIZE];
    assert_string_equal(str_quote(out, ""), "''");
    assert_string_equal(str_quote(out, "a\xc3\xa4"), "'a\xc3\xa4'");
    /* not as one text: two question marks and a quote would be a trigraph */
    str_quote(out, "\x1b\n\x7f\xc2\x9b\xff\xc3");
    assert_int_equal(strspn(out + 1, "?"), 6);
    assert_string_equal(out + 7, "'");
    char text[300];
    for (size_t width = 1; width <= 4; width++) {
        static const char *const one[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
        for (size_t len = 0; len + width < sizeof text; len += width) {
            memcpy(text + len, one[width - 1], width + 1);
            size_t quoted = strlen(str_quote(out, text));
            assert_true(quoted < sizeof out && str_utf8_valid(out, quoted));
            if (len + width <= 60) assert_int_equal(quoted, len + width + 2);
            if (len + width > 64) assert_true(quoted >= 64 && str_ends(out, "...'"));
        }
    }
}

static void hex__is_lower_case(void **state)
{
    (void)state;
    char text[9];
    str_hex(text, "\x00\xff\x1aZ", 4);
    assert_string_equal(text, "00ff1a5a");
}

/* RFC 4648, section 10 */
static void base64__gives_the_standard_s_examples(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const codes[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t i = 0; i < 7; i++) {
        char code[16], back[8];
        size_t len = 0;
        str_base64(code, texts[i], strlen(texts[i]));
        assert_string_equal(code, codes[i]);
        assert_int_equal(str_unbase64(back, sizeof back, code, &len), 0);
        assert_int_equal(len, strlen(texts[i]));
        assert_memory_equal(back, texts[i], len);
    }
}

static void base64__of_random_bytes__comes_back(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 7);
    for (size_t len = 0; len < 100; len++) {
        unsigned char bytes[100], back[100];
        char code[4 * 34 + 1];
        size_t n = 0;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)rng_next(&r);
        str_base64(code, bytes, len);
        assert_int_equal(strlen(code), (len + 2) / 3 * 4);
        assert_int_equal(str_unbase64(back, sizeof back, code, &n), 0);
        assert_int_equal(n, len);
        assert_memory_equal(back, bytes, len);
        str_base64url(code, bytes, len);
        assert_null(strpbrk(code, "+/="));
        assert_int_equal(str_unbase64url(back, len, code, &n), 0);
        assert_int_equal(n, len);
        assert_memory_equal(back, bytes, len);
    }
}

static void base64__malformed__is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",
        "Zg",
        "Zg=",
        "Zm9",
        "Zg===",
        "=",
        "====",
        "Z===",
        "Zg=g",
        "Zh==",
        /* stray bits */ "Zm9=",
        "Zm8=Zm8=",
        "Zm 9",
        "Zm9\n",
        "Zm-_",
        "Zm9v=",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char back[16];
        size_t len = 99;
        if (str_unbase64(back, sizeof back, bad[i], &len) != ERR_INVALID) fail_msg("'%s'", bad[i]);
        assert_int_equal(len, 99);
    }
    static const char *const bad_url[] = {"Z", "Zg==", "Zm8=", "Zh", "Zm9", "Zm+/", "Zm9vZ", " Zg"};
    for (size_t i = 0; i < sizeof bad_url / sizeof *bad_url; i++) {
        char back[16];
        size_t len;
        if (str_unbase64url(back, sizeof back, bad_url[i], &len) != ERR_INVALID) {
            fail_msg("'%s'", bad_url[i]);
        }
    }
}

static void base64__larger_than_its_place__is_refused(void **state)
{
    (void)state;
    char back[3] = "no";
    size_t len = 0;
    assert_int_equal(str_unbase64(back, 2, "Zm9v", &len), ERR_TOO_LARGE);
    assert_int_equal(str_unbase64url(back, 1, "Zm8", &len), ERR_TOO_LARGE);
    assert_string_equal(back, "no");
}

static void secrets__differ_by_any_bit(void **state)
{
    (void)state;
    unsigned char a[32] = {0}, b[32] = {0};
    assert_true(str_secret_eq(a, b, sizeof a));
    assert_true(str_secret_eq(a, b, 0));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] = (unsigned char)(1u << bit % 8);
        assert_false(str_secret_eq(a, b, sizeof a));
        b[bit / 8] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8__of_every_length__is_valid),
        cmocka_unit_test(utf8__malformed__is_refused),
        cmocka_unit_test(utf8__unfinished_tail__is_left_out),
        cmocka_unit_test(utf8__tail_that_cannot_become_a_character__stays),
        cmocka_unit_test(utf8__cut_anywhere__is_whole_after),
        cmocka_unit_test(quote__cleans_and_cuts),
        cmocka_unit_test(hex__is_lower_case),
        cmocka_unit_test(base64__gives_the_standard_s_examples),
        cmocka_unit_test(base64__of_random_bytes__comes_back),
        cmocka_unit_test(base64__malformed__is_refused),
        cmocka_unit_test(base64__larger_than_its_place__is_refused),
        cmocka_unit_test(secrets__differ_by_any_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
