/* Strings: copies, names, globs, near misses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "tests/support/hidden.h"

#include <string.h>

static void comparing__knows_null_from_empty(void **state)
{
    (void)state;
    assert_true(str_eq("a", "a"));
    assert_true(str_eq(NULL, NULL));
    assert_false(str_eq(NULL, ""));
    assert_false(str_eq("", NULL));
    assert_false(str_eq("a", "A"));
    assert_true(str_empty(NULL));
    assert_true(str_empty(""));
    assert_false(str_empty(" "));
    assert_true(str_starts("cadre", "ca"));
    assert_true(str_starts("cadre", ""));
    assert_false(str_starts("ca", "cadre"));
    assert_true(str_ends("cadre.exe", ".exe"));
    assert_false(str_ends("exe", ".exe"));
}

static void copy__never_truncates(void **state)
{
    (void)state;
    char dst[4] = "old";
    assert_int_equal(str_copy(dst, sizeof dst, "four"), ERR_TOO_LARGE);
    assert_string_equal(dst, "old");
    assert_int_equal(str_copy(dst, 0, ""), ERR_TOO_LARGE);
    assert_int_equal(str_copy(dst, sizeof dst, "new"), 0);
    assert_string_equal(dst, "new");
}

static void format__that_does_not_fit__leaves_nothing(void **state)
{
    (void)state;
    char dst[4];
    assert_int_equal(str_format(dst, sizeof dst, "%d", 123), 0);
    assert_string_equal(dst, "123");
    assert_int_equal(str_format(dst, sizeof dst, "%d", 1234), ERR_TOO_LARGE);
    assert_string_equal(dst, "");
    char *s = str_dupf("%s-%d", "x", 5);
    assert_string_equal(s, "x-5");
    mem_free(s);
}

static void trim__takes_blanks_off_both_ends(void **state)
{
    (void)state;
    char text[] = " \t a b \r\n";
    assert_string_equal(str_trim(text), "a b");
    char blank[] = " \t ";
    assert_string_equal(str_trim(blank), "");
}

static void trim__writes_nothing_where_nothing_is_cut(void **state)
{
    (void)state;
    /* as the text of an empty buffer, which may not be written */
    static const char *const constants[] = {"", "word", " in front"};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        char *text = (char *)(uintptr_t)constants[i];
        assert_string_equal(str_trim(text), text + strspn(text, " "));
    }
}

static void int64__at_its_ends__is_read(void **state)
{
    (void)state;
    int64_t n = 1;
    assert_int_equal(str_int64("0", &n), 0);
    assert_true(n == 0);
    assert_int_equal(str_int64("-17", &n), 0);
    assert_true(n == -17);
    assert_int_equal(str_int64("9223372036854775807", &n), 0);
    assert_true(n == INT64_MAX);
    assert_int_equal(str_int64("-9223372036854775808", &n), 0);
    assert_true(n == INT64_MIN);
}

static void int64__that_is_not_wholly_a_number__is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-",
        "+1",
        " 1",
        "1 ",
        "1x",
        "x1",
        "1.0",
        "--1",
        "0x1",
        "1e3",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t n = 77;
        assert_int_equal(str_int64(bad[i], &n), ERR_INVALID);
        assert_true(n == 77);
    }
}

static void key__follows_its_pattern(void **state)
{
    (void)state;
    char longest[65];
    memset(longest, 'a', sizeof longest);
    longest[63] = '\0';
    assert_true(str_key_valid(longest));
    longest[63] = 'a';
    longest[64] = '\0';
    assert_false(str_key_valid(longest));
    assert_true(str_key_valid("windows"));
    assert_true(str_key_valid("0-_Z"));
    static const char *const bad[] = {"",    "-a",  "_a",       "a b", "a.b",
                                      "a/b", "a\n", "\xc3\xa4", "a:",  "../x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_key_valid(bad[i]));
    assert_false(str_key_valid(NULL));
}

static void name__is_free_text_without_control_characters(void **state)
{
    (void)state;
    char longest[130];
    memset(longest, 'a', sizeof longest);
    longest[128] = '\0';
    assert_true(str_name_valid(longest));
    longest[128] = 'a';
    longest[129] = '\0';
    assert_false(str_name_valid(longest));
    assert_true(str_name_valid("Build server 7 (\xc3\xa4\xc2\xa0)"));
    static const char *const bad[] = {"",         "a\nb",     "\x1b[31m", "\x7f",
                                      "\xc2\x85", "\xc2\x9b", "\xff",     "\xc3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_name_valid(bad[i]));
    for (size_t i = 0; i < HIDDEN_CHARACTERS; i++) {
        char name[16];
        (void)str_format(name, sizeof name, "a%sb", hidden_characters[i].text);
        assert_false(str_name_valid(name));
        assert_false(str_name_valid(hidden_characters[i].text));
    }
    static const char *const blanks[] = {" ", "   ", "\xc2\xa0", "\xe3\x80\x80 "};
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
        assert_false(str_name_valid(blanks[i]));
    struct err e = {0};
    assert_int_equal(str_name_check(" ", &e), ERR_INVALID);
    assert_string_equal(e.msg, "has nothing but blanks");
    assert_false(str_name_valid(NULL));
}

static void namespace__is_dotted_and_has_no_empty_segment(void **state)
{
    (void)state;
    assert_true(str_namespace_valid("a"));
    assert_true(str_namespace_valid("company.team-1.App_2"));
    static const char *const bad[] = {"",    ".",   "a.",         ".a", "a..b",
                                      "a b", "a/b", "a.\xc3\xa4", "a\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_namespace_valid(bad[i]));
    char longest[257];
    memset(longest, 'a', sizeof longest);
    longest[255] = '\0';
    assert_true(str_namespace_valid(longest));
    longest[255] = 'a';
    longest[256] = '\0';
    assert_false(str_namespace_valid(longest));
    assert_false(str_namespace_valid(NULL));
}

static void namespace__covers_whole_segments_only(void **state)
{
    (void)state;
    assert_true(str_namespace_covers("a.b", "a.b"));
    assert_true(str_namespace_covers("a.b", "a.b.c"));
    assert_false(str_namespace_covers("a.b", "a.bc"));
    assert_false(str_namespace_covers("a.b", "a"));
    assert_false(str_namespace_covers("a.b", "x.a.b"));
    assert_false(str_namespace_covers("a.b", "A.b"));
    assert_false(str_namespace_covers("", "a"));
    assert_false(str_namespace_covers(NULL, "a"));
    assert_false(str_namespace_covers("a", NULL));
}

static void glob__matches_as_a_shell_would(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *s;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"?", "", false},
        {"?", "a", true},
        {"?", "\xc3\xa4", true},
        {"??", "\xc3\xa4", false},
        {"eu-*", "eu-west", true},
        {"eu-*", "us-west", false},
        {"eu-*", "eu", false},
        {"*west", "eu-west", true},
        {"*west", "west-eu", false},
        {"e*-*t", "eu-west", true},
        {"a*b*c", "a-b-b-c-c", true},
        {"a*b*c", "a-c-b", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"ABC", "abc", false},
        {"[a]", "a", false},
        {"[a]", "[a]", true},
        {"**", "x", true},
        {"*?", "", false},
        {"*\xa4", "\xc3\xa4", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (str_glob(cases[i].pattern, cases[i].s) != cases[i].matches) {
            fail_msg("glob '%s' on '%s'", cases[i].pattern, cases[i].s);
        }
    }
}

static void glob__full_of_stars__does_not_take_for_ever(void **state)
{
    (void)state;
    char pattern[2001], text[20001];
    for (size_t i = 0; i < sizeof pattern - 1; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof pattern - 1] = '\0';
    memset(text, 'a', sizeof text);
    text[sizeof text - 2] = 'b';
    text[sizeof text - 1] = '\0';
    assert_false(str_glob(pattern, text));
}

static void nearest__finds_the_misspelling(void **state)
{
    (void)state;
    static const char *const names[] = {"slots", "group", "drainTimeout", "labels", "name", NULL};
    static const struct {
        const char *wrong, *right;
    } cases[] = {
        {"slot", "slots"},
        {"solts", "slots"},
        {"gruop", "group"},
        {"Slots", "slots"},
        {"draintimeout", "drainTimeout"},
        {"drain_timeout", "drainTimeout"},
        {"label", "labels"},
        {"nmae", "name"},
        {"slots", "slots"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = str_nearest(cases[i].wrong, names, 6);
        assert_non_null(found);
        assert_string_equal(found, cases[i].right);
    }
}

static void suggestions__end_a_message_or_stand_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"slots", "group"};
    char out[STR_SUGGEST_SIZE], huge[400];
    assert_string_equal(str_suggest(out, "slots"), ", did you mean 'slots'?");
    assert_string_equal(str_suggest_nearest(out, "slot", names, 2), ", did you mean 'slots'?");
    assert_string_equal(str_hint(out, "slots"), "did you mean 'slots'?");
    assert_string_equal(str_suggest(out, NULL), "");
    assert_string_equal(str_suggest_nearest(out, "coordinator", names, 2), "");
    assert_null(str_hint(out, NULL));
    /* what does not fit is cut, at a character, and the end is there */
    for (size_t i = 0; i + 2 < sizeof huge; i += 2)
        memcpy(huge + i, "\xc3\xa9", 3);
    str_suggest(out, huge);
    assert_true(strlen(out) < STR_SUGGEST_SIZE);
    assert_true(str_ends(out, "\xc3\xa9'?"));
    assert_true(str_utf8_valid(out, strlen(out)));
    str_suggest(out, huge + 1);
    assert_true(strlen(out) < STR_SUGGEST_SIZE);
    assert_true(str_ends(out, "'?"));
}

static void nearest__of_something_else__is_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"slots", "group", "drainTimeout", "o", "id"};
    static const char *const strange[] = {"", "x", "coordinator", "retention", "zz", "end"};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        assert_null(str_nearest(strange[i], names, 5));
    }
    assert_null(str_nearest("slots", names, 0));
    char huge[300];
    memset(huge, 's', sizeof huge);
    huge[sizeof huge - 1] = '\0';
    assert_null(str_nearest(huge, names, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing__knows_null_from_empty),
        cmocka_unit_test(copy__never_truncates),
        cmocka_unit_test(format__that_does_not_fit__leaves_nothing),
        cmocka_unit_test(trim__takes_blanks_off_both_ends),
        cmocka_unit_test(trim__writes_nothing_where_nothing_is_cut),
        cmocka_unit_test(int64__at_its_ends__is_read),
        cmocka_unit_test(int64__that_is_not_wholly_a_number__is_refused),
        cmocka_unit_test(key__follows_its_pattern),
        cmocka_unit_test(name__is_free_text_without_control_characters),
        cmocka_unit_test(namespace__is_dotted_and_has_no_empty_segment),
        cmocka_unit_test(namespace__covers_whole_segments_only),
        cmocka_unit_test(glob__matches_as_a_shell_would),
        cmocka_unit_test(glob__full_of_stars__does_not_take_for_ever),
        cmocka_unit_test(nearest__finds_the_misspelling),
        cmocka_unit_test(suggestions__end_a_message_or_stand_alone),
        cmocka_unit_test(nearest__of_something_else__is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
