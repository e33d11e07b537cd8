/* Writing JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct buf out;
static struct jw w;

static void start(void)
{
    buf_fini(&out);
    buf_init(&out, 100000);
    jw_init(&w, &out);
}

static int stop(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

static void document__has_its_commas_where_they_belong(void **state)
{
    (void)state;
    start();
    jw_object(&w, NULL);
    jw_str(&w, "a", "x");
    jw_array(&w, "b");
    jw_int(&w, NULL, 1);
    jw_object(&w, NULL);
    jw_end(&w);
    jw_array(&w, NULL);
    jw_end(&w);
    jw_null(&w, NULL);
    jw_end(&w);
    jw_bool(&w, "c", true);
    jw_object(&w, "d");
    jw_bool(&w, "e", false);
    jw_end(&w);
    jw_raw(&w, "f", "[1,2]");
    jw_raw(&w, "g", NULL);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    assert_string_equal(
        out.data,
        "{\"a\":\"x\",\"b\":[1,{},[],null],\"c\":true,\"d\":{\"e\":false},\"f\":[1,2],\"g\":null}");
}

static void scalar_at_the_root__is_a_document(void **state)
{
    (void)state;
    start();
    jw_str(&w, NULL, NULL);
    assert_int_equal(jw_finish(&w), 0);
    assert_string_equal(out.data, "null");
}

static void text__is_escaped(void **state)
{
    (void)state;
    start();
    jw_array(&w, NULL);
    jw_str(&w, NULL, "\"\\\b\f\n\r\t\x01\x1f\x7f/");
    jw_str(&w, NULL, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    jw_str(&w, NULL, "");
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    assert_string_equal(out.data, "[\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/\","
                                  "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\",\"\"]");
}

static void key__is_escaped_too(void **state)
{
    (void)state;
    start();
    jw_object(&w, NULL);
    jw_int(&w, "a\"b", 1);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    assert_string_equal(out.data, "{\"a\\\"b\":1}");
}

static void bytes_that_are_no_text__are_refused_by_a_strict_writer(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text;
        size_t len;
        int rc;
    } cases[] = {
        {"k", "gr\xc3\xbcn\n", 6, 0},
        {"k", "a\0b", 3, ERR_INVALID},
        {"k", "gr\xfcn", 4, ERR_INVALID},
        {"k", "x\xc3", 2, ERR_INVALID},
        {"k", "\xed\xa0\x80", 3, ERR_INVALID},
        {"\xff", "x", 1, ERR_INVALID},
        {"\xc3\xbc", "x", 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start();
        jw_init_strict(&w, &out);
        jw_object(&w, NULL);
        jw_strn(&w, cases[i].key, cases[i].text, cases[i].len);
        jw_end(&w);
        assert_int_equal(jw_finish(&w), cases[i].rc);
    }
}

static void bytes_that_are_no_text__become_replacement_characters(void **state)
{
    (void)state;
    start();
    jw_array(&w, NULL);
    jw_strn(&w, NULL, "a\0b", 3);
    jw_str(&w, NULL, "\xff");
    jw_str(&w, NULL, "x\xc3");
    jw_str(&w, NULL, "\xed\xa0\x80");
    jw_strn(&w, NULL, "\xc3\xa4", 1);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    struct json *j = NULL;
    assert_int_equal(json_parse(out.data, out.len, &j, NULL), 0);
    const struct json *c = json_first(j);
    assert_string_equal(json_str(c, ""), "a\xef\xbf\xbd"
                                         "b");
    c = json_next(c);
    assert_string_equal(json_str(c, ""), "\xef\xbf\xbd");
    c = json_next(c);
    assert_string_equal(json_str(c, ""), "x\xef\xbf\xbd");
    json_free(j);
}

static void integers__are_written_whole(void **state)
{
    (void)state;
    start();
    jw_array(&w, NULL);
    jw_int(&w, NULL, 0);
    jw_int(&w, NULL, -1);
    jw_int(&w, NULL, INT64_MAX);
    jw_int(&w, NULL, INT64_MIN);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    assert_string_equal(out.data, "[0,-1,9223372036854775807,-9223372036854775808]");
}

static void numbers__come_back_as_they_were(void **state)
{
    (void)state;
    static const double numbers[] = {0.1,           1.5,
                                     -2.25,         1e-300,
                                     1e300,         3.141592653589793,
                                     DBL_MAX,       DBL_MIN,
                                     1.0 / 3,       9007199254740992.0,
                                     123456789.125, 44444440148397419.2,
                                     1e16,          -9007199254740994.0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        start();
        jw_num(&w, NULL, numbers[i]);
        assert_int_equal(jw_finish(&w), 0);
        struct json *j = NULL;
        assert_int_equal(json_parse(out.data, out.len, &j, NULL), 0);
        double back = json_num(j, 0);
        assert_memory_equal(&back, &numbers[i], sizeof back);
        json_free(j);
    }
    start();
    jw_num(&w, NULL, 0.1);
    assert_string_equal(out.data, "0.1");
    start();
    jw_num(&w, NULL, 5);
    assert_string_equal(out.data, "5");
}

static void numbers_that_json_lacks__become_null(void **state)
{
    (void)state;
    start();
    jw_array(&w, NULL);
    jw_num(&w, NULL, (double)NAN);
    jw_num(&w, NULL, (double)INFINITY);
    jw_num(&w, NULL, -(double)INFINITY);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    assert_string_equal(out.data, "[null,null,null]");
}

static void times_and_ids__have_their_text(void **state)
{
    (void)state;
    start();
    jw_array(&w, NULL);
    jw_time(&w, NULL, INT64_C(1767323045678));
    jw_time(&w, NULL, 0);
    jw_time(&w, NULL, -5);
    jw_id(&w, NULL, 1);
    jw_id(&w, NULL, 0);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    assert_string_equal(out.data,
                        "[\"2026-01-02T03:04:05.678Z\",null,null,\"0000000000001\",null]");
}

static void full_buffer__sticks_as_an_error(void **state)
{
    (void)state;
    for (size_t max = 0; max < 23; max++) {
        buf_fini(&out);
        buf_init(&out, max);
        jw_init(&w, &out);
        jw_object(&w, NULL);
        jw_str(&w, "key", "v\n");
        jw_int(&w, "number", 5);
        jw_end(&w);
        assert_int_equal(jw_finish(&w), ERR_TOO_LARGE);
        assert_true(out.len <= max);
    }
    buf_fini(&out);
    buf_init(&out, 24);
    jw_init(&w, &out);
    jw_object(&w, NULL);
    jw_str(&w, "key", "v\n");
    jw_int(&w, "number", 5);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
}

static void unbalanced_calls__are_errors(void **state)
{
    (void)state;
    start();
    assert_int_equal(jw_finish(&w), ERR_INTERNAL); /* nothing */
    start();
    jw_object(&w, NULL);
    assert_int_equal(jw_finish(&w), ERR_INTERNAL); /* left open */
    start();
    jw_end(&w);
    assert_int_equal(jw_finish(&w), ERR_INTERNAL); /* nothing open */
    start();
    jw_int(&w, NULL, 1);
    jw_int(&w, NULL, 2);
    assert_int_equal(jw_finish(&w), ERR_INTERNAL); /* two documents */
    start();
    jw_object(&w, NULL);
    jw_int(&w, NULL, 1);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), ERR_INTERNAL); /* a member without key */
    start();
    jw_array(&w, NULL);
    jw_int(&w, "key", 1);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), ERR_INTERNAL); /* an item with one */
}

static void what_was_read_at_full_depth__can_be_wrapped(void **state)
{
    (void)state;
    char text[130];
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    struct json *j = NULL;
    assert_int_equal(json_parse(text, 128, &j, NULL), 0);
    start();
    jw_object(&w, NULL);
    jw_object(&w, "inner");
    jw_tree(&w, "tree", j);
    jw_end(&w);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    json_free(j);
    assert_int_equal(out.len, 128 + strlen("{\"inner\":{\"tree\":}}"));
    start();
    for (int i = 0; i < 200; i++)
        jw_array(&w, NULL);
    assert_int_equal(jw_finish(&w), ERR_TOO_LARGE);
}

/* A random tree; returns NULL for nothing. */
static struct json *random_tree(struct rng *r, int depth)
{
    switch (rng_below(r, depth > 5 ? 5 : 7)) {
    case 0:
        return json_new(JSON_NULL);
    case 1:
        return json_new_bool(rng_below(r, 2) == 0);
    case 2:
        return json_new_num((double)(int64_t)rng_below(r, 1000000) / 64 - 5000);
    case 3:
    case 4: {
        static const char *const bits[] = {"a", "\"", "\\", "\n", "\xc3\xa4", "\xf0\x9f\x98\x80",
                                           " ", "/"};
        struct buf text;
        buf_init(&text, 100);
        for (uint64_t n = rng_below(r, 10); n > 0; n--)
            buf_adds(&text, bits[rng_below(r, 8)]);
        struct json *j = json_new_str(text.data);
        buf_fini(&text);
        return j;
    }
    default:
        break;
    }
    struct json *j = json_new(rng_below(r, 2) ? JSON_ARRAY : JSON_OBJECT);
    for (uint64_t n = rng_below(r, 6); n > 0; n--) {
        struct json *child = random_tree(r, depth + 1);
        char key[20];
        snprintf(key, sizeof key, "k\n%d", (int)n);
        if (json_type(j) == JSON_ARRAY) json_push(j, child);
        if (json_type(j) == JSON_OBJECT) json_put(j, key, child);
    }
    return j;
}

/* Each byte in each place of a text: eight bytes are looked at together. */
static void plain_run__ends_before_the_first_byte_that_is_not_plain(void **state)
{
    (void)state;
    char text[20];
    for (int c = 0; c < 256; c++) {
        bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, at % 2 ? '!' : '\x7f', sizeof text);
            text[at] = (char)c;
            assert_int_equal(json_plain(text, sizeof text), plain ? sizeof text : at);
            assert_int_equal(json_plain(text, at), at);
            if (at > 0) text[at - 1] = ' ';
            assert_int_equal(json_plain(text, at + 1), plain ? at + 1 : at);
        }
    }
}

static void value_of_each_kind(unsigned kind, const char *key)
{
    static void (*const simple[])(struct jw *, const char *) = {jw_object, jw_array, jw_null};
    switch (kind) {
    case 3:
        jw_str(&w, key, "plain");
        break;
    case 4:
        jw_int(&w, key, -1234);
        break;
    case 5:
        jw_num(&w, key, 1e300);
        break;
    case 6:
        jw_bool(&w, key, false);
        break;
    case 7:
        jw_raw(&w, key, "[1,2]");
        break;
    case 8:
        jw_time(&w, key, 1);
        break;
    case 9:
        jw_id(&w, key, 1);
        break;
    default:
        simple[kind](&w, key);
    }
}

/* A value fits where its last byte fits, and is written whole or not at all. */
static void value_at_the_ceiling__is_whole_or_absent(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 10; kind++) {
        start();
        jw_object(&w, NULL);
        jw_null(&w, "a");
        size_t before = out.len;
        value_of_each_kind(kind, "key");
        size_t whole = out.len;
        for (size_t max = before; max <= whole; max++) {
            buf_fini(&out);
            buf_init(&out, max);
            jw_init(&w, &out);
            jw_object(&w, NULL);
            jw_null(&w, "a");
            value_of_each_kind(kind, "key");
            assert_int_equal(w.rc, max == whole ? 0 : ERR_TOO_LARGE);
            assert_int_equal(out.len, max == whole ? whole : before);
        }
    }
}

static void random_trees__survive_writing_and_reading(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 11);
    for (int i = 0; i < 500; i++) {
        struct json *j = random_tree(&r, 0), *back = NULL;
        char *text = json_text(j);
        struct err e = {0, ""};
        if (json_parse(text, strlen(text), &back, &e) != 0) fail_msg("%s: %s", text, e.msg);
        char *again = json_text(back);
        assert_string_equal(text, again);
        mem_free(text);
        mem_free(again);
        json_free(j);
        json_free(back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(document__has_its_commas_where_they_belong, stop),
        cmocka_unit_test_teardown(scalar_at_the_root__is_a_document, stop),
        cmocka_unit_test_teardown(text__is_escaped, stop),
        cmocka_unit_test_teardown(key__is_escaped_too, stop),
        cmocka_unit_test_teardown(bytes_that_are_no_text__are_refused_by_a_strict_writer, stop),
        cmocka_unit_test_teardown(bytes_that_are_no_text__become_replacement_characters, stop),
        cmocka_unit_test_teardown(integers__are_written_whole, stop),
        cmocka_unit_test_teardown(numbers__come_back_as_they_were, stop),
        cmocka_unit_test_teardown(numbers_that_json_lacks__become_null, stop),
        cmocka_unit_test_teardown(times_and_ids__have_their_text, stop),
        cmocka_unit_test_teardown(full_buffer__sticks_as_an_error, stop),
        cmocka_unit_test_teardown(unbalanced_calls__are_errors, stop),
        cmocka_unit_test_teardown(what_was_read_at_full_depth__can_be_wrapped, stop),
        cmocka_unit_test(plain_run__ends_before_the_first_byte_that_is_not_plain),
        cmocka_unit_test_teardown(value_at_the_ceiling__is_whole_or_absent, stop),
        cmocka_unit_test_teardown(random_trees__survive_writing_and_reading, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
