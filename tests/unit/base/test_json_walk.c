/* Reading JSON without a tree: the same as with one, on every text that both take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json_walk.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static struct json_value check(const char *text)
{
    struct json_value v = {NULL, 0};
    struct err e = {0, ""};
    if (json_check(text, strlen(text), &v, &e) != 0) fail_msg("%s: %s", text, e.msg);
    return v;
}

/* ---- against the tree ------------------------------------------------------------------------ */

static void same_text(struct json_value v)
{
    char *s = json_value_str(v), text[8], untouched = 'u';
    size_t len = json_value_str_size(v);
    for (size_t size = 1; size <= sizeof text; size++) {
        text[0] = untouched;
        assert_int_equal(json_value_text(v, text, size), s && len < size);
        if (s && len < size)
            assert_string_equal(text, s);
        else
            assert_int_equal(text[0], untouched);
    }
    assert_int_equal(json_value_escaped(v), s && v.len - 2 != len);
    mem_free(s);
}

static void same(struct json_value v, const struct json *j);

static void same_children(struct json_value v, const struct json *j)
{
    struct json_walk w;
    struct json_value key, value;
    const struct json *child = json_first(j);
    json_walk_init(&w, v);
    while (json_walk_next(&w, &key, &value)) {
        assert_non_null(child);
        if (json_key(child) != NULL) {
            assert_true(json_value_is(key, json_key(child)));
            assert_true(json_value_starts(key, ""));
            assert_ptr_equal(json_value_get(v, json_key(child)).text, value.text);
        } else {
            assert_null(key.text);
        }
        same(value, child);
        child = json_next(child);
    }
    assert_null(child);
    assert_int_equal(json_value_count(v), json_count(j));
}

static void same(struct json_value v, const struct json *j)
{
    int64_t n = 77;
    assert_int_equal(json_value_type(v), json_type(j));
    assert_int_equal(json_value_int(v, &n), json_is_int(j));
    assert_int_equal(n, json_is_int(j) ? json_int(j, 0) : 77);
    assert_int_equal(json_value_true(v), json_bool(j, false));
    char *s = json_value_str(v);
    if (!str_eq(s, json_str(j, NULL))) fail_msg("a string differs");
    assert_int_equal(json_value_str_size(v), s ? strlen(s) : 0);
    mem_free(s);
    same_text(v);
    same_children(v, j);
}

/* The walk over the noted members is that over the text. */
static void same_members(const struct json_members *m, struct json_value v)
{
    struct json_walk noted, walked;
    struct json_value key, value, key_too, value_too;
    assert_ptr_equal(m->object.text, v.text);
    assert_int_equal(m->object.len, v.len);
    json_walk_members(&noted, m);
    json_walk_init(&walked, v);
    while (json_walk_next(&walked, &key, &value)) {
        assert_true(json_walk_next(&noted, &key_too, &value_too));
        assert_ptr_equal(key_too.text, key.text);
        assert_int_equal(key_too.len, key.len);
        assert_ptr_equal(value_too.text, value.text);
        assert_int_equal(value_too.len, value.len);
    }
    assert_false(json_walk_next(&noted, &key_too, &value_too));
}

static void add_blanks(struct rng *r, struct buf *b)
{
    static const char blanks[] = " \n\r\t";
    while (rng_below(r, 4) == 0)
        buf_addc(b, blanks[rng_below(r, 4)]);
}

static void add_string(struct rng *r, struct buf *b)
{
    static const char *const pieces[] = {
        "a", "\\\"", "\\\\", "\\n", "\\u00e4", "\xc3\xa4", "\\ud83d\\ude00",
        "{", "]",    ",",    ":",   " ",       "\\/"};
    buf_addc(b, '"');
    for (uint64_t n = rng_below(r, 5); n > 0; n--)
        buf_adds(b, pieces[rng_below(r, sizeof pieces / sizeof *pieces)]);
    buf_addc(b, '"');
}

static void add_value(struct rng *r, struct buf *b, int depth)
{
    static const char *const leaves[] = {
        "null",  "true", "false", "0", "-1", "1e3", "1.5", "9007199254740992", "-9007199254740992",
        "1e300", "-0"};
    uint64_t kind = rng_below(r, depth > 4 ? 3 : 5);
    if (kind < 2) {
        buf_adds(b, leaves[rng_below(r, sizeof leaves / sizeof *leaves)]);
    } else if (kind == 2) {
        add_string(r, b);
    } else {
        bool object = kind == 3;
        bool many = depth == 0 && rng_below(r, 20) == 0;
        uint64_t count = rng_below(r, many ? 2 * JSON_MEMBERS_MAX : 4);
        buf_addc(b, object ? '{' : '[');
        add_blanks(r, b);
        for (uint64_t i = 0; i < count; i++) {
            if (i > 0) buf_addc(b, ',');
            add_blanks(r, b);
            if (object) {
                buf_addf(b, "\"k\\u0061%llu\"", (unsigned long long)i);
                add_blanks(r, b);
                buf_addc(b, ':');
                add_blanks(r, b);
            }
            add_value(r, b, depth + 1);
            add_blanks(r, b);
        }
        buf_addc(b, object ? '}' : ']');
    }
}

static void random_texts__read_as_the_tree_says(void **state)
{
    (void)state;
    struct rng r;
    int taken = 0, long_ones = 0;
    rng_init(&r, 11);
    for (int i = 0; i < 20000; i++) {
        struct buf b;
        struct json *tree = NULL;
        struct json_value v;
        struct json_members m;
        buf_init(&b, 1u << 20);
        add_blanks(&r, &b);
        add_value(&r, &b, 0);
        add_blanks(&r, &b);
        if (i % 2 == 1) b.data[rng_below(&r, b.len)] = (char)rng_below(&r, 128);
        char *copy = mem_dup(b.data, b.len); /* so that the sanitizer sees a read past it */
        int rc = json_parse(copy, b.len, &tree, NULL);
        assert_int_equal(json_check(copy, b.len, &v, NULL), rc);
        assert_int_equal(json_check_members(copy, b.len, &m, NULL), rc);
        if (rc == 0) {
            taken++;
            same(v, tree);
            same_members(&m, v);
            long_ones += json_value_count(v) > JSON_MEMBERS_MAX;
            char *compact = json_value_compact(v);
            assert_int_equal(strlen(compact), json_value_compact_size(v));
            same(check(compact), tree);
            mem_free(compact);
        }
        json_free(tree);
        mem_free(copy);
        buf_fini(&b);
    }
    assert_true(taken > 10000);
    assert_true(long_ones > 10);
}

/* ---- by hand --------------------------------------------------------------------------------- */

static void fault__is_placed_by_line_and_column(void **state)
{
    (void)state;
    struct json_value v = {NULL, 0};
    struct err e = {0, ""};
    assert_int_equal(json_check("{\n \"a\":1,\n \"a\":2}", 18, &v, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "line 3, column 2"));
    assert_null(v.text);
    assert_int_equal(json_check("", 0, &v, &e), ERR_INVALID);
}

static void absent_value__has_nothing(void **state)
{
    (void)state;
    struct json_value none = json_value_get(check("{\"a\":[1]}"), "b");
    int64_t n = 5;
    assert_null(none.text);
    assert_int_equal(json_value_type(none), JSON_NULL);
    assert_int_equal(json_value_count(none), 0);
    assert_null(json_value_str(none));
    assert_false(json_value_int(none, &n));
    assert_false(json_value_is(none, ""));
    assert_false(json_value_true(none));
    assert_null(json_value_get(check("[\"a\"]"), "a").text);
    assert_null(json_value_get(none, "a").text);
}

static void text_with_escapes__is_compared_without_them(void **state)
{
    (void)state;
    struct json_value v = check("\"l\\u0061bel.x\"");
    assert_true(json_value_is(v, "label.x"));
    assert_true(json_value_starts(v, "label."));
    assert_false(json_value_starts(v, "label.xy"));
    assert_false(json_value_is(v, "label."));
    assert_int_equal(json_value_str_size(v), 7);
    assert_false(json_value_starts(check("\"lab\""), "label."));
    assert_false(json_value_is(check("1"), "1"));
}

static void compact_text__keeps_the_blanks_of_strings(void **state)
{
    (void)state;
    char *s = json_value_compact(check(" { \"a b\" : [ 1 , \"\\\" ,\" ] }\n"));
    assert_string_equal(s, "{\"a b\":[1,\"\\\" ,\"]}");
    mem_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_texts__read_as_the_tree_says),
        cmocka_unit_test(fault__is_placed_by_line_and_column),
        cmocka_unit_test(absent_value__has_nothing),
        cmocka_unit_test(text_with_escapes__is_compared_without_them),
        cmocka_unit_test(compact_text__keeps_the_blanks_of_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
