/* Reading JSON: what is refused, and the tree of what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <string.h>

static struct json *parse(const char *text)
{
    struct json *j = NULL;
    struct err e = {0, ""};
    if (json_parse(text, strlen(text), &j, &e) != 0) fail_msg("%s: %s", text, e.msg);
    return j;
}

static void refuse_bytes(const char *text, size_t len, const char *part)
{
    struct json *j = NULL;
    struct err e = {0, ""};
    /* a copy of exactly this size: reading past it is seen by the sanitizer */
    char *copy = mem_dup(text, len);
    int rc = json_parse(copy, len, &j, &e);
    mem_free(copy);
    if (rc != ERR_INVALID) fail_msg("accepted: %s", text);
    assert_null(j);
    if (!strstr(e.msg, part)) fail_msg("%s: '%s' does not say '%s'", text, e.msg, part);
}

static void refuse(const char *text, const char *part)
{
    refuse_bytes(text, strlen(text), part);
}

/* ---- refused ------------------------------------------------------------------------------- */

static void incomplete_text__is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",        " ",        "{",         "[",  "{\"a\"",
                                        "{\"a\":", "{\"a\":1", "{\"a\":1,", "[1", "[1,",
                                        "\"a",     "tru",      "-",         "1.", "1e",
                                        "1e+",     "\"\\",     "\"\\u12",   "nul"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse(texts[i], "line 1, column");
}

static void whole_document_cut_anywhere__is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2.5e3,true,null],\"b\\u00e4\":{\"c\":\"\\ud83d\\ude00\\n\xc3\xa4\"}}";
    json_free(parse(text));
    for (size_t len = 0; len < sizeof text - 1; len++)
        refuse_bytes(text, len, "line 1");
}

static void text_behind_the_value__is_refused(void **state)
{
    (void)state;
    refuse("1 2", "'2' where the end is expected");
    refuse("{} {}", "the end");
    refuse("null,", "the end");
    refuse("[1]]", "the end");
    refuse("true//", "the end");
    refuse_bytes("{}\0", 3, "0x00");
}

static void numbers_that_are_only_too_large__are_known(void **state)
{
    (void)state;
    static const char *const large[] = {"9223372036854775808", "-9223372036854775809", "1e999",
                                        "-1.5e400", "99999999999999999999999999"};
    static const char *const others[] = {"9223372036854775807",
                                         "1",
                                         "09223372036854775808",
                                         "",
                                         "-",
                                         "1e",
                                         "9223372036854775808 ",
                                         "x",
                                         "9223372036854775808,",
                                         "1.5",
                                         "--9223372036854775808",
                                         "-9223372036854775808"};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        assert_true(json_is_too_large(large[i], strlen(large[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(json_is_too_large(others[i], strlen(others[i])));
}

static void what_only_other_readers_accept__is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "['a']",
        "[1 2]",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "[,1]",
        "/* */1",
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "undefined",
        "True",
        "NULL",
        "0x10",
        "+1",
        ".5",
        "1.",
        "01",
        "-01",
        "00",
        "1e",
        "1.e3",
        "- 1",
        "1_000",
        "{1:2}",
        "{null:1}",
        "\xef\xbb\xbf{}",
        "\v1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse(texts[i], "column");
}

static void strings__malformed__are_refused(void **state)
{
    (void)state;
    refuse("\"a\nb\"", "control character 0x0a");
    refuse("\"a\tb\"", "control character 0x09");
    refuse_bytes("\"a\0b\"", 5, "control character 0x00");
    refuse("\"\\x41\"", "unknown escape");
    refuse("\"\\a\"", "unknown escape");
    refuse("\"\\'\"", "unknown escape");
    refuse("\"\\u12g4\"", "four hex digits");
    refuse("\"\\u+123\"", "four hex digits");
    refuse("\"\\u0000\"", "U+0000");
    refuse("\"\\ud83d\"", "surrogate");
    refuse("\"\\ud83dx\"", "surrogate");
    refuse("\"\\ud83d\\u0041\"", "surrogate");
    refuse("\"\\ude00\\ud83d\"", "surrogate");
    refuse("\"\\ud83d\\ud83d\"", "surrogate");
    refuse("\"\xff\"", "UTF-8");
    refuse("\"\xc3\"", "UTF-8");
    refuse("\"\xc0\xaf\"", "UTF-8");
    refuse("\"\xed\xa0\x80\"", "UTF-8");
    refuse("{\"\xff\":1}", "UTF-8");
    refuse("{\"\\u0000\":1}", "U+0000");
}

static void duplicate_keys__are_refused_where_the_second_stands(void **state)
{
    (void)state;
    refuse("{\"a\":1,\"a\":2}", "column 8: duplicate key 'a'");
    refuse("{\"a\":1,\n \"b\":{\"c\":1,\"c\":1}}", "line 2, column 13: duplicate key 'c'");
    refuse("[{\"x\":1},{\"y\":[{\"z\":1,\"z\":2}]}]", "'z'");
    refuse("{\"\":1,\"\":2}", "duplicate key ''");
    /* the same key, written differently */
    refuse("{\"a\":1,\"\\u0061\":2}", "duplicate key 'a'");
    refuse("{\"\\u00e4\":1,\"\xc3\xa4\":2}", "duplicate key");
    refuse("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "duplicate key");
    refuse("{\"\\n\\/\":1,\"\\u000a/\":2}", "duplicate key");
}

static void duplicate_keys__among_thousands__are_refused(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_adds(&b, "{\"twice\":0");
    for (int i = 0; i < 5000; i++)
        buf_addf(&b, ",\"key%d\":{\"key%d\":%d}", i, i, i);
    size_t len = b.len;
    buf_adds(&b, "}");
    json_free(parse(b.data));
    buf_truncate(&b, len);
    buf_adds(&b, ",\"twice\":0}");
    refuse(b.data, "duplicate key 'twice'");
    buf_fini(&b);
}

static void same_key_in_different_objects_or_case__is_fine(void **state)
{
    (void)state;
    json_free(parse("{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}},\"A\":1,\"a \":1}"));
}

static void numbers_too_large_to_be_exact__are_refused(void **state)
{
    (void)state;
    refuse("9223372036854775808", "64 bits");
    refuse("-9223372036854775809", "64 bits");
    refuse("10000000000000000000", "64 bits");
    refuse("123456789012345678901234567890", "64 bits");
    refuse("[1,9999999999999999999]", "column 4: the integer is beyond 64 bits");
    refuse("1e999", "out of range");
    refuse("-1e400", "out of range");
    refuse("0.00000000000000000000000000000000000000000000000000000000000001", "63 characters");
}

static void nesting__is_allowed_to_64_and_no_deeper(void **state)
{
    (void)state;
    char text[200];
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    json_free(parse(text));
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    text[130] = '\0';
    refuse(text, "deeper than 64");
    char *deep = mem_alloc(2000001);
    memset(deep, '[', 2000000);
    refuse(deep, "deeper than 64");
    for (size_t i = 0; i + 5 < 2000000; i += 5)
        memcpy(deep + i, "{\"a\":", 5);
    refuse(deep, "deeper than 64");
    mem_free(deep);
}

static void fault__is_placed_by_line_and_character(void **state)
{
    (void)state;
    refuse("{\n  \"\xc3\xa4\": x\n}", "line 2, column 8: 'x' where a value is expected");
    refuse("[\n\n\n", "line 4, column 1");
}

/* ---- read ---------------------------------------------------------------------------------- */

static void tree__gives_back_what_was_written(void **state)
{
    (void)state;
    struct json *j = parse(
        " { \"s\" : \"x\\u00e4\\\"\\/\\b\" , \"n\":-12, \"f\":1.5e2, \"t\":true, \"u\":false,\n"
        "\"z\":null, \"a\":[1,\"two\",[],{}], \"o\":{\"k\":\"v\"} }\r\n\t");
    assert_int_equal(json_type(j), JSON_OBJECT);
    assert_int_equal(json_count(j), 8);
    assert_string_equal(json_get_str(j, "s", ""), "x\xc3\xa4\"/\b");
    assert_true(json_get_int(j, "n", 0) == -12);
    assert_true(json_get_int(j, "f", 0) == 150);
    assert_true(json_get_bool(j, "t", false));
    assert_false(json_get_bool(j, "u", true));
    assert_int_equal(json_type(json_get(j, "z")), JSON_NULL);
    const struct json *a = json_get(j, "a");
    assert_int_equal(json_count(a), 4);
    assert_string_equal(json_str(json_next(json_first(a)), ""), "two");
    assert_null(json_key(json_first(a)));
    assert_string_equal(json_key(json_first(json_get(j, "o"))), "k");
    json_free(j);
}

static void keys__are_case_sensitive(void **state)
{
    (void)state;
    struct json *j = parse("{\"Key\":1,\"key\":2}");
    assert_true(json_get_int(j, "key", 0) == 2);
    assert_true(json_get_int(j, "Key", 0) == 1);
    assert_null(json_get(j, "KEY"));
    json_remove(j, "KEY");
    assert_int_equal(json_count(j), 2);
    json_remove(j, "Key");
    json_remove(j, "Key");
    assert_int_equal(json_count(j), 1);
    json_free(j);
}

static void absent_or_of_another_type__gives_the_fallback(void **state)
{
    (void)state;
    struct json *j = parse("{\"s\":\"1\",\"n\":1.5,\"z\":null,\"a\":[]}");
    assert_string_equal(json_get_str(j, "n", "fb"), "fb");
    assert_null(json_get_str(j, "z", NULL));
    assert_true(json_get_int(j, "s", 7) == 7);
    assert_true(json_get_int(j, "n", 7) == 7); /* a fraction */
    assert_true(json_get_int(j, "none", 7) == 7);
    assert_true(json_get_bool(j, "n", true));
    assert_true(json_num(json_get(j, "s"), 2.5) > 2);
    assert_null(json_get(NULL, "x"));
    assert_null(json_get(json_get(j, "s"), "x"));
    assert_null(json_get(json_get(j, "a"), "x"));
    assert_null(json_first(json_get(j, "s")));
    assert_null(json_first(NULL));
    assert_null(json_next(NULL));
    assert_null(json_key(NULL));
    assert_int_equal(json_type(NULL), JSON_NULL);
    assert_int_equal(json_count(NULL), 0);
    json_free(j);
    json_free(NULL);
}

static void numbers__are_written_as_they_were_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[1.0,[2.50,-0.0],{\"a\":1e3,\"b\":1E+3}]",
        "[9007199254740993,-9007199254740993,9223372036854775807,-9223372036854775808]",
        "{\"1.0\":\"2.0\",\"b\\\"3.0\":[4.0,\"\\\\\",5.0],\"c\":6.0}",
        "[true,1.0,false,null,\"-\",2.0]",
        "1.10",
        "[0.1,100,123456789012345,1234567890123456]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json *j = parse(texts[i]), *copy = json_copy(j);
        char *text = json_text(copy);
        assert_string_equal(text, texts[i]);
        mem_free(text);
        json_free(copy);
        json_free(j);
    }
    /* a text that goes on behind the value */
    struct json *j = NULL;
    assert_int_equal(json_parse("[1.0]]9", 5, &j, NULL), 0);
    char *text = json_text(j);
    assert_string_equal(text, "[1.0]");
    mem_free(text);
    json_free(j);
}

static void numbers_from_texts__are_those_of_json(void **state)
{
    (void)state;
    static const char *const none[] = {
        "",      "+1",  ".5",  "1.", "01", "x", " 1", "1x", "\"1\"", "-", "9223372036854775808",
        "1e999", "[1]", "null"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(json_new_num_text(none[i]));
    struct json *j = json_new_num_text("1.50");
    assert_string_equal(json_num_text(j), "1.50");
    assert_false(json_is_int(j));
    json_free(j);
    j = json_new_int(INT64_MIN);
    assert_true(json_is_int(j) && json_int(j, 0) == INT64_MIN);
    json_free(j);
    j = json_new_int(7);
    assert_null(json_num_text(j));
    assert_true(json_int(j, 0) == 7);
    json_free(j);
    assert_null(json_num_text(NULL));
}

static void integers_of_64_bits__are_exact(void **state)
{
    (void)state;
    struct json *j = parse("[9007199254740993,9223372036854775807,-9223372036854775808,1.0,"
                           "9007199254740993.0,9.3e18]");
    static const int64_t wanted[] = {INT64_C(9007199254740993), INT64_MAX, INT64_MIN, 1};
    const struct json *c = json_first(j);
    for (size_t i = 0; i < 6; i++, c = json_next(c)) {
        if (i == 4) continue; /* rounds to 2^53 or beyond */
        assert_int_equal(json_is_int(c), i < 4);
        if (i < 4) assert_true(json_int(c, 0) == wanted[i]);
    }
    json_free(j);
}

static void integers__are_exact_up_to_2_53(void **state)
{
    (void)state;
    struct json *j =
        parse("[9007199254740992,-9007199254740992,9007199254740991,0,-0,1e15,1e16,0.5]");
    static const int64_t wanted[] = {INT64_C(9007199254740992),
                                     -INT64_C(9007199254740992),
                                     INT64_C(9007199254740991),
                                     0,
                                     0,
                                     INT64_C(1000000000000000),
                                     -1,
                                     -1};
    const struct json *c = json_first(j);
    for (size_t i = 0; i < 8; i++, c = json_next(c)) {
        assert_true(json_int(c, -1) == wanted[i]);
        assert_int_equal(json_is_int(c), i < 6);
    }
    json_free(j);
}

/* ---- building ------------------------------------------------------------------------------ */

static void add__refuses_a_key_that_is_there(void **state)
{
    (void)state;
    struct json *o = json_new(JSON_OBJECT);
    assert_int_equal(json_add(o, "a", json_new_num(1)), 0);
    struct json *second = json_new_num(2);
    assert_int_equal(json_add(o, "a", second), ERR_EXISTS);
    assert_int_equal(json_add(o, "A", second), 0);
    char *text = json_text(o);
    assert_string_equal(text, "{\"a\":1,\"A\":2}");
    mem_free(text);
    json_free(o);
}

static void built_tree__reads_as_written(void **state)
{
    (void)state;
    struct json *o = json_new(JSON_OBJECT), *a = json_new(JSON_ARRAY);
    json_push(a, json_new_str("x"));
    json_push(a, json_new_str(NULL));
    json_push(a, json_new_bool(true));
    json_push(a, json_new_bool(false));
    json_push(a, json_new(JSON_STRING));
    json_push(a, json_new(JSON_NUMBER));
    json_push(a, json_new(JSON_BOOL));
    json_put(o, "list", a);
    char *text = json_text(o);
    assert_string_equal(text, "{\"list\":[\"x\",null,true,false,\"\",0,false]}");
    mem_free(text);
    json_free(o);
}

static void copy__is_a_tree_of_its_own(void **state)
{
    (void)state;
    struct json *j = parse("{\"a\":{\"b\":[1,{\"c\":\"d\"}]}}");
    struct json *copy = json_copy(json_get(j, "a"));
    json_free(j);
    assert_null(json_key(copy));
    char *text = json_text(copy);
    assert_string_equal(text, "{\"b\":[1,{\"c\":\"d\"}]}");
    mem_free(text);
    struct json *o = json_new(JSON_OBJECT);
    json_put(o, "moved", copy);
    assert_non_null(json_get(json_get(o, "moved"), "b"));
    json_free(o);
    copy = json_copy(NULL);
    assert_int_equal(json_type(copy), JSON_NULL);
    json_free(copy);
}

static void detached_child__is_the_caller_s(void **state)
{
    (void)state;
    struct json *j = parse("{\"a\":1,\"b\":{\"x\":2},\"c\":3}");
    struct json *b = json_detach(j, json_get(j, "b"));
    assert_null(json_key(b));
    assert_true(json_get_int(b, "x", 0) == 2);
    struct json *c = json_detach(j, json_get(j, "c"));
    json_put(j, "again", c);
    json_free(json_detach(j, json_get(j, "a")));
    char *text = json_text(j);
    assert_string_equal(text, "{\"again\":3}");
    mem_free(text);
    json_free(j);
    json_free(b);
}

static void list_for_people(const char *list, const char *wanted)
{
    char *got = json_texts(list);
    assert_string_equal(got, wanted);
    mem_free(got);
}

static void texts_of_a_list__are_read_by_people(void **state)
{
    (void)state;
    list_for_people("[\"db1:7070\"]", "db1:7070");
    list_for_people("[\"db1:7070\", \"[::1]:7070\"]", "db1:7070, [::1]:7070");
    list_for_people("[]", "[]");
    list_for_people("[1,\"a\"]", "?, a");
    list_for_people("", "");
    list_for_people("[\"db1", "[\"db1");
    list_for_people("{\"a\":\"b\"}", "{\"a\":\"b\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(incomplete_text__is_refused),
        cmocka_unit_test(whole_document_cut_anywhere__is_refused),
        cmocka_unit_test(text_behind_the_value__is_refused),
        cmocka_unit_test(numbers_that_are_only_too_large__are_known),
        cmocka_unit_test(what_only_other_readers_accept__is_refused),
        cmocka_unit_test(strings__malformed__are_refused),
        cmocka_unit_test(duplicate_keys__are_refused_where_the_second_stands),
        cmocka_unit_test(duplicate_keys__among_thousands__are_refused),
        cmocka_unit_test(same_key_in_different_objects_or_case__is_fine),
        cmocka_unit_test(numbers_too_large_to_be_exact__are_refused),
        cmocka_unit_test(numbers__are_written_as_they_were_read),
        cmocka_unit_test(numbers_from_texts__are_those_of_json),
        cmocka_unit_test(integers_of_64_bits__are_exact),
        cmocka_unit_test(nesting__is_allowed_to_64_and_no_deeper),
        cmocka_unit_test(fault__is_placed_by_line_and_character),
        cmocka_unit_test(tree__gives_back_what_was_written),
        cmocka_unit_test(keys__are_case_sensitive),
        cmocka_unit_test(absent_or_of_another_type__gives_the_fallback),
        cmocka_unit_test(integers__are_exact_up_to_2_53),
        cmocka_unit_test(add__refuses_a_key_that_is_there),
        cmocka_unit_test(built_tree__reads_as_written),
        cmocka_unit_test(copy__is_a_tree_of_its_own),
        cmocka_unit_test(detached_child__is_the_caller_s),
        cmocka_unit_test(texts_of_a_list__are_read_by_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
