/* YAML: what is refused, in which words and at which line; what is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"

#include <stdio.h>
#include <string.h>

static void refuse_bytes(const char *text, size_t len, const char *message)
{
    struct yaml_doc d = {NULL, NULL};
    struct err e = {0, ""};
    char *copy = mem_dup(text, len);
    int rc = yaml_parse("f.yaml", copy, len, &d, &e);
    mem_free(copy);
    if (rc != ERR_INVALID) fail_msg("accepted: %s", text);
    assert_null(d.root);
    assert_null(d.lines);
    if (!str_starts(e.msg, message)) fail_msg("%s\n-> %s\nis not\n   %s", text, e.msg, message);
}

static void refuse(const char *text, const char *message)
{
    refuse_bytes(text, strlen(text), message);
}

/* Reads as this JSON. */
static void accept(const char *text, const char *json)
{
    struct yaml_doc d = {NULL, NULL};
    struct err e = {0, ""};
    if (yaml_parse("f.yaml", text, strlen(text), &d, &e) != 0) fail_msg("%s\n-> %s", text, e.msg);
    char *is = json_text(d.root);
    assert_string_equal(is, json);
    mem_free(is);
    yaml_doc_fini(&d);
}

/* ---- refused ------------------------------------------------------------------------------- */

static void tabs_in_the_indentation__are_refused(void **state)
{
    (void)state;
    refuse("a:\n\tb: 1\n", "f.yaml:2: a tab in the indentation; use spaces");
    refuse("a:\n  b: 1\n\tc: 2\n", "f.yaml:3: a tab in the indentation");
    refuse("a:\n  - 1\n \t- 2\n", "f.yaml:3: a tab in the indentation");
    refuse("a: b\n\tc\n", "f.yaml:2: a tab in the indentation");
    refuse("a: |\n  one\n\ttwo\n", "f.yaml:3: a tab in the indentation");
}

static void duplicate_keys__are_refused_with_both_lines(void **state)
{
    (void)state;
    refuse("a: 1\nb: 2\na: 3\n", "f.yaml:3: duplicate key 'a' (the first is in line 1)");
    refuse("x:\n  a: 1\n  'a': 2\n", "f.yaml:3: duplicate key 'a' (the first is in line 2)");
    refuse("- {a: 1, \"a\": 2}\n", "f.yaml:1: duplicate key 'a' (the first is in line 1)");
    refuse("a: 1\n? a\n: 2\n", "f.yaml:2: duplicate key 'a'");
    refuse("a: {}\nb: 1\nb: 1\na: []\na: 1\n",
           "f.yaml:3: duplicate key 'b' (the first is in line 2)");
}

static void duplicate_keys__are_all_told_in_the_order_of_lines(void **state)
{
    (void)state;
    refuse("a: 1\nb: {c: 1, c: 2}\na: 3\na: 4\nb: 1\n",
           "f.yaml:2: duplicate key 'c' (the first is in line 2); line 3: duplicate key 'a' (the "
           "first is in line 1); line 4: duplicate key 'a' (the first is in line 1); line 5: "
           "duplicate key 'b' (the first is in line 2)");
}

struct told {
    int lines[YAML_DUPLICATES_MAX + 1];
    size_t count;
};

static void on_duplicate(int line, const char *sentence, void *user)
{
    struct told *t = user;
    assert_non_null(strstr(sentence, "duplicate key"));
    t->lines[t->count++] = line;
}

static void duplicate_keys__are_told_one_by_one_and_the_rest_is_read(void **state)
{
    (void)state;
    static const char text[] = "a: 1\nb: 2\na: 3\nb: 4\nc: 5\n", bad[] = "a: 1\na: 2\nb: [\n";
    struct yaml_doc d;
    struct told t = {.count = 0};
    const struct yaml_duplicates told = {on_duplicate, &t};
    struct err e = {0, ""};
    assert_int_equal(yaml_parse_all("f", text, sizeof text - 1, &told, &d, &e), 0);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.lines[0], 3);
    assert_int_equal(t.lines[1], 4);
    assert_int_equal(json_get_int(d.root, "a", 0), 1);
    assert_int_equal(json_get_int(d.root, "c", 0), 5);
    yaml_doc_fini(&d);
    /* a mapping that never ends is not looked at, and what else is wrong is told */
    t.count = 0;
    assert_int_equal(yaml_parse_all("f", bad, sizeof bad - 1, &told, &d, &e), ERR_INVALID);
    assert_int_equal(t.count, 0);
}

static void duplicate_keys__are_told_up_to_a_limit(void **state)
{
    (void)state;
    struct buf b;
    struct yaml_doc d;
    struct told t = {.count = 0};
    const struct yaml_duplicates told = {on_duplicate, &t};
    struct err e = {0, ""};
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 3 * YAML_DUPLICATES_MAX; i++)
        (void)buf_addf(&b, "k: %d\n", i);
    assert_int_equal(yaml_parse_all("f", b.data, b.len, &told, &d, &e), 0);
    assert_int_equal(t.count, YAML_DUPLICATES_MAX);
    yaml_doc_fini(&d);
    assert_int_equal(yaml_parse("f", b.data, b.len, &d, &e), ERR_INVALID);
    assert_true(str_starts(e.msg, "f:2: duplicate key 'k'"));
    buf_fini(&b);
}

static void duplicate_key__among_a_hundred_thousand__is_found(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, YAML_MAX_BYTES);
    for (int i = 0; i < 100000; i++)
        buf_addf(&b, "k%d: 1\n", i);
    buf_adds(&b, "k500: 2\n");
    refuse_bytes(b.data, b.len, "f.yaml:100001: duplicate key 'k500' (the first is in line 501)");
    buf_fini(&b);
}

static void anchors_aliases_and_merge_keys__are_refused(void **state)
{
    (void)state;
    refuse("a: &x 1\nb: *x\n", "f.yaml:1: anchors are not supported");
    refuse("a: &x {b: 1}\n", "f.yaml:1: anchors are not supported");
    refuse("a: &x [1]\n", "f.yaml:1: anchors are not supported");
    refuse("&x a: 1\n", "f.yaml:1: anchors are not supported");
    refuse("\na: *none\n", "f.yaml:2: anchors are not supported: write the value of 'none' out");
    refuse("a:\n  <<: {b: 1}\n", "f.yaml:2: merge keys (<<) are not supported");
    refuse("a: & b\n", "f.yaml:1: '&' and '*' mean anchors");
    refuse("a: *\n", "f.yaml:1: '&' and '*' mean anchors");
}

static void alias_bomb__ends_at_its_first_anchor(void **state)
{
    (void)state;
    refuse("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c "
           "[*b,*b,*b,*b,*b,*b,*b]\n",
           "f.yaml:1: anchors are not supported");
}

static void several_documents__are_refused(void **state)
{
    (void)state;
    refuse("a: 1\n---\nb: 2\n", "f.yaml:2: a second document begins here");
    refuse("---\n---\n", "f.yaml:2: a second document begins here");
    refuse("a: 1\n...\nb: 2\n", "f.yaml:3: ");
}

static void tags__other_than_the_core_ones__are_refused(void **state)
{
    (void)state;
    refuse("a: !foo 1\n", "f.yaml:1: the tag !foo is not supported");
    refuse("a: !!binary aGk=\n", "f.yaml:1: the tag !!binary is not supported");
    refuse("a: !!python/object:os.system x\n", "f.yaml:1: the tag !!python/object:os.system");
    refuse("!!set {a}\n", "f.yaml:1: the tag !!set is not supported");
    refuse("a:\n  - ! test -e x\n", "f.yaml:2: '!' means a tag, which is not supported");
    refuse("a: !x!y z\n", "f.yaml:1: a tag that is not supported");
    refuse("a: !!int x\n", "f.yaml:1: 'x' does not fit its tag");
    refuse("a: !!int 1.5\n", "f.yaml:1: '1.5' does not fit its tag");
    refuse("a: !!bool yes\n", "f.yaml:1: 'yes' does not fit its tag");
    refuse("a: !!null x\n", "f.yaml:1: 'x' does not fit its tag");
    refuse("!!int a: 1\n", "f.yaml:1: a key must not have a tag");
}

static void directives__are_refused(void **state)
{
    (void)state;
    refuse("%TAG ! tag:example.com,2000:\n---\na: 1\n", "f.yaml:1: '%' in front means a directive");
    refuse("a: 1\n...\n%FOO\n---\n", "f.yaml:3: '%' in front means a directive");
    refuse("%YAML 9.1\n---\na: 1\n", "f.yaml:1: ");
    refuse("%YAML 1.1\n%YAML 1.1\n---\na: 1\n", "f.yaml:2: ");
}

static void quotes_that_do_not_end__are_refused_where_they_begin(void **state)
{
    (void)state;
    refuse("a: 1\nb: \"x\nc: 2\n", "f.yaml:2: the quoted text that begins here is never closed");
    refuse("a: 'x\n\n\n", "f.yaml:1: the quoted text that begins here is never closed");
    refuse("a: 'x\n---\n", "f.yaml:1: the quoted text that begins here is never closed");
    refuse("a: 'it's'\n", "f.yaml:1: a key is expected here; check the indentation and the quotes");
    refuse("a: \"x\"y\n", "f.yaml:1: a key is expected here; check the indentation and the quotes");
}

static void escapes__malformed__are_refused_with_advice(void **state)
{
    (void)state;
    refuse("a: \"C:\\dir\"\n",
           "f.yaml:1: unknown escape in double quotes; write \\\\ for a backslash");
    refuse("a: \"C:\\Users\"\n", "f.yaml:1: an escape in double quotes needs hex digits");
    refuse("a: \"\\ud800\"\n", "f.yaml:1: an escape in double quotes names no character");
    refuse("a: \"\\0\"\n", "f.yaml:1: a string must not contain NUL");
    refuse("\"\\0\": 1\n", "f.yaml:1: a string must not contain NUL");
}

static void brackets_that_do_not_end__are_refused_where_they_begin(void **state)
{
    (void)state;
    refuse("a: [1, 2\nb: 3\n", "f.yaml:1: the list that begins here with '['");
    refuse("x: 1\na: {b: 1\n", "f.yaml:2: the mapping that begins here with '{'");
    refuse("a: [1,,2]\n", "f.yaml:1: a value is missing before this");
    refuse("a: }\n", "f.yaml:1: a value is missing before this");
    refuse("a: [}\n", "f.yaml:1: ");
}

static void indentation__that_does_not_fit__is_refused(void **state)
{
    (void)state;
    refuse("a: 1\n b: 2\n", "f.yaml:2: a ':' that is not expected here");
    refuse("a: b: c\n", "f.yaml:1: a ':' that is not expected here");
    refuse("a:\n  b: 1\n c: 2\n", "f.yaml:3: a key is expected here");
    refuse("a:\n  - 1\n - 2\n", "f.yaml:3: ");
    refuse("- a\nb: 1\n", "f.yaml:2: a '-' is expected here");
    refuse("a: - b\n", "f.yaml:1: a '-' that is not expected here");
    refuse("key\nb: 1\n", "f.yaml:2: a ':' that is not expected here");
    refuse("a: 1\nkey\n", "f.yaml:2: a ':' is missing after this key");
    refuse(": x\n", "f.yaml:1: a key is");
}

static void characters__that_cannot_begin_a_text__are_refused(void **state)
{
    (void)state;
    refuse("a: @x\n", "f.yaml:1: a string must not begin with this character; put it in quotes");
    refuse("a: `x`\n", "f.yaml:1: a string must not begin with this character; put it in quotes");
    refuse("a: %x\n", "f.yaml:1: a string must not begin with this character; put it in quotes");
    refuse("a: |x\n  b\n", "f.yaml:1: after '|' or '>'");
}

static void keys__that_are_no_texts__are_refused(void **state)
{
    (void)state;
    refuse("? [a]\n: b\n", "f.yaml:1: a key must be a string, not a mapping or a list");
    refuse("? {a: 1}\n: b\n", "f.yaml:1: a key must be a string");
    refuse("[a]: b\n", "f.yaml:1: a key must be a string");
    refuse("a: {: x}\n", "f.yaml:1: ");
    refuse("a: 1\nb: {{ inputs.x }}\n",
           "f.yaml:2: a text that begins with '{{' is a mapping to YAML; put it in quotes");
    refuse("a:\n  - {{ inputs.x }} y\n", "f.yaml:2: a text that begins with '{{'");
}

static void bytes__that_are_no_text__are_refused(void **state)
{
    (void)state;
    refuse_bytes("a: 1\nb: \0\n", 10, "f.yaml:2: a NUL byte");
    refuse_bytes("\0", 1, "f.yaml:1: a NUL byte");
    refuse("a: 1\n\nb: \xff\n", "f.yaml:3: invalid UTF-8");
    refuse("a: \xc3\n", "f.yaml:1: invalid UTF-8");
    refuse("a: \xed\xa0\x80\n", "f.yaml:1: invalid UTF-8");
    refuse("a: 1\nb: \x01\n", "f.yaml:2: a control character");
    refuse("a: \x1b[31m\n", "f.yaml:1: a control character");
    refuse_bytes("\xff\xfe"
                 "a\0:\0",
                 6, "f.yaml:1: ");
}

static void numbers__too_large_to_be_exact__are_refused(void **state)
{
    (void)state;
    refuse("a: 9223372036854775808\n",
           "f.yaml:1: the number '9223372036854775808' is too large to be exact; put it in quotes");
    refuse("a: -9223372036854775809\n", "f.yaml:1: the number '-9223372036854775809' is");
    refuse("a: 1234567890123456789012345678901234567890\n", "f.yaml:1: the number '1234567890");
    refuse("rev: 12e4567\n", "f.yaml:1: the number '12e4567' is");
}

static void nesting__deeper_than_64__is_refused_at_once(void **state)
{
    (void)state;
    char *text = mem_alloc(1000001);
    memset(text, '[', 1000000);
    refuse(text, "f.yaml:1: nested deeper than 64 levels");
    for (size_t i = 0; i + 2 <= 1000000; i += 2)
        memcpy(text + i, "- ", 2);
    refuse(text, "f.yaml:1: nested deeper than 64 levels");
    for (size_t i = 0; i + 4 <= 1000000; i += 4)
        memcpy(text + i, "{a: ", 4);
    refuse(text, "f.yaml:1: nested deeper than 64 levels");
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    struct yaml_doc d;
    assert_int_equal(yaml_parse("f", text, 128, &d, NULL), 0);
    yaml_doc_fini(&d);
    mem_free(text);
}

static void more_than_ten_mebibytes__are_refused(void **state)
{
    (void)state;
    size_t len = YAML_MAX_BYTES + 1;
    char *text = mem_alloc(len + 1);
    memset(text, ' ', len);
    refuse_bytes(text, len, "f.yaml: larger than 10MiB");
    struct yaml_doc d;
    text[0] = '#';
    assert_int_equal(yaml_parse("f", text, len - 1, &d, NULL), 0);
    yaml_doc_fini(&d);
    mem_free(text);
}

static void long_key__is_cut_in_the_message(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10000);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100; i++)
            buf_adds(&b, "\xc3\xa4");
        buf_adds(&b, ": 1\n");
    }
    struct err e;
    struct yaml_doc d;
    assert_int_equal(yaml_parse("f", b.data, b.len, &d, &e), ERR_INVALID);
    assert_true(str_utf8_valid(e.msg, strlen(e.msg)));
    assert_true(strlen(e.msg) < 120);
    buf_fini(&b);
}

/* Whatever is cut off, there is an answer, and no memory is lost or misread (the sanitizers
 * look). */
static void file_cut_anywhere__is_read_or_refused(void **state)
{
    (void)state;
    static const char text[] =
        "id: nightly\ninputs:\n  - {id: day, type: \"STR\\u00e4\"}\ntasks:\n"
        "  - script: |\n      a: 'b'\n      c\n    env: {A: 'x', B: [1, 2.5, ~]}\n"
        "# end \xe2\x82\xac\n? k\n: >-\n  folded\n";
    for (size_t len = 0; len < sizeof text; len++) {
        struct yaml_doc d = {NULL, NULL};
        struct err e = {0, ""};
        char *copy = mem_dup(text, len);
        int rc = yaml_parse("f", copy, len, &d, &e);
        mem_free(copy);
        assert_true(rc == 0 ? d.root != NULL : rc == ERR_INVALID && e.msg[0]);
        yaml_doc_fini(&d);
    }
}

/* ---- read ---------------------------------------------------------------------------------- */

static void empty_documents__are_empty_objects(void **state)
{
    (void)state;
    accept("", "{}");
    accept("\n\n# only a comment\n", "{}");
    accept("\xef\xbb\xbf", "{}");
}

static void plain_scalars__become_what_they_look_like(void **state)
{
    (void)state;
    accept("[null, Null, NULL, ~, ]", "[null,null,null,null]");
    accept("a:\nb: ''\n", "{\"a\":null,\"b\":\"\"}");
    accept("[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]");
    accept("[yes, no, on, off, y, n, tRUE, nULL]",
           "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"tRUE\",\"nULL\"]");
    accept("[0, 7, -12, +5, 9223372036854775807, 1.0]", "[0,7,-12,5,9223372036854775807,1.0]");
    accept("[1.5, -0.25, .5, 1., 1e3, 2.5E-1]", "[1.5,-0.25,0.5,1,1e3,2.5E-1]");
    accept(
        "[0755, 0x1f, 0o17, 1_000, 12:30, .inf, -.inf, .nan, 1.2.3, -, +, ., e5, 1e, 2026-01-02]",
        "[\"0755\",\"0x1f\",\"0o17\",\"1_000\",\"12:30\",\".inf\",\"-.inf\",\".nan\",\"1.2.3\",\"-"
        "\",\"+\",\".\",\"e5\",\"1e\",\"2026-01-02\"]");
}

static void quoted_and_block_scalars__are_strings(void **state)
{
    (void)state;
    accept("a: \"1\"\nb: 'true'\nc: 'it''s'\nd: \"\\u00e4\\t\\\\\"\n",
           "{\"a\":\"1\",\"b\":\"true\",\"c\":\"it's\",\"d\":\"\xc3\xa4\\t\\\\\"}");
    accept("a: |\n  12\nb: >-\n  one\n  two\n", "{\"a\":\"12\\n\",\"b\":\"one two\"}");
    accept("a: |\n  if x:\n  \ttab\n    deep\n", "{\"a\":\"if x:\\n\\ttab\\n  deep\\n\"}");
    accept("a: one\n  two\n", "{\"a\":\"one two\"}");
}

static void core_tags__say_what_a_scalar_is(void **state)
{
    (void)state;
    accept(
        "a: !!str 12\nb: !!int 12\nc: !!float 1\nd: !!bool true\ne: !!null ~\nf: ! '12'\ng: !!map "
        "{}\nh: !!seq []\n",
        "{\"a\":\"12\",\"b\":12,\"c\":1,\"d\":true,\"e\":null,\"f\":\"12\",\"g\":{},\"h\":[]}");
}

static void keys__are_texts_as_written(void **state)
{
    (void)state;
    accept("1: a\ntrue: b\n1.10: c\n'': d\nnull: e\n\"q r\": f\nA: g\na: h\n",
           "{\"1\":\"a\",\"true\":\"b\",\"1.10\":\"c\",\"\":\"d\",\"null\":\"e\",\"q "
           "r\":\"f\",\"A\":\"g\",\"a\":\"h\"}");
}

static void nested_document__keeps_its_shape(void **state)
{
    (void)state;
    accept("%YAML 1.2\n---\na:\n- b: {c: [d, {e: f}]}\n  g: h\n-\n  - 1\n...\n",
           "{\"a\":[{\"b\":{\"c\":[\"d\",{\"e\":\"f\"}]},\"g\":\"h\"},[1]]}");
    accept("just a text\n", "\"just a text\"");
    accept("a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}");
}

static void every_node__knows_its_line(void **state)
{
    (void)state;
    static const char text[] = "# comment\na: 1\nlist:\n  - x\n\n  - y: 2\nlong:\n  >-\n  text\n";
    struct yaml_doc d;
    assert_int_equal(yaml_parse("f", text, sizeof text - 1, &d, NULL), 0);
    const struct json *list = json_get(d.root, "list");
    assert_int_equal(yaml_line(&d, d.root), 2);
    assert_int_equal(yaml_line(&d, json_get(d.root, "a")), 2);
    assert_int_equal(yaml_line(&d, list), 3);
    assert_int_equal(yaml_line(&d, json_first(list)), 4);
    assert_int_equal(yaml_line(&d, json_next(json_first(list))), 6);
    assert_int_equal(yaml_line(&d, json_get(json_next(json_first(list)), "y")), 6);
    assert_int_equal(yaml_line(&d, json_get(d.root, "long")), 7); /* the key's, not the value's */
    assert_int_equal(yaml_line(&d, NULL), 0);
    struct json *stranger = json_new(JSON_NULL);
    assert_int_equal(yaml_line(&d, stranger), 0);
    assert_null(yaml_text(&d, stranger));
    json_free(stranger);
    yaml_doc_fini(&d);
    assert_int_equal(yaml_line(&d, NULL), 0);
    yaml_doc_fini(&d);
}

static void node_of_another_tree__stands_where_it_is_said(void **state)
{
    (void)state;
    static const char text[] = "a: 1.10\nb: [x, 010]\n";
    struct yaml_doc d;
    assert_int_equal(yaml_parse("f", text, sizeof text - 1, &d, NULL), 0);
    struct json *others[3];
    const struct json *from[] = {json_get(d.root, "a"), json_get(d.root, "b"),
                                 json_next(json_first(json_get(d.root, "b")))};
    for (int i = 0; i < 3; i++) {
        others[i] = json_copy(from[i]);
        assert_int_equal(yaml_line(&d, others[i]), 0);
        yaml_same_place(&d, others[i], from[i]);
        assert_int_equal(yaml_line(&d, others[i]), i == 0 ? 1 : 2);
    }
    assert_string_equal(yaml_text(&d, others[0]), "1.10");
    assert_null(yaml_text(&d, others[1]));
    assert_string_equal(yaml_text(&d, others[2]), "010");
    assert_string_equal(yaml_text(&d, from[0]), "1.10");
    struct json *stranger = json_new(JSON_NULL), *another = json_new(JSON_NULL);
    yaml_same_place(&d, another, stranger);
    assert_int_equal(yaml_line(&d, another), 0);
    json_free(stranger);
    json_free(another);
    yaml_doc_fini(&d);
    for (int i = 0; i < 3; i++)
        json_free(others[i]);
}

static void scalars__keep_their_text(void **state)
{
    (void)state;
    static const char text[] = "[1.10, 010, 1e3, True, null, ~, \"q\", [1], +5]";
    static const char *const wanted[] = {"1.10", "010", "1e3", "True", "null",
                                         "~",    "q",   NULL,  "+5"};
    struct yaml_doc d;
    assert_int_equal(yaml_parse("f", text, sizeof text - 1, &d, NULL), 0);
    const struct json *item = json_first(d.root);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++, item = json_next(item)) {
        assert_true(str_eq(yaml_text(&d, item), wanted[i]));
    }
    assert_null(item);
    yaml_doc_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tabs_in_the_indentation__are_refused),
        cmocka_unit_test(duplicate_keys__are_refused_with_both_lines),
        cmocka_unit_test(duplicate_keys__are_all_told_in_the_order_of_lines),
        cmocka_unit_test(duplicate_keys__are_told_one_by_one_and_the_rest_is_read),
        cmocka_unit_test(duplicate_keys__are_told_up_to_a_limit),
        cmocka_unit_test(duplicate_key__among_a_hundred_thousand__is_found),
        cmocka_unit_test(anchors_aliases_and_merge_keys__are_refused),
        cmocka_unit_test(alias_bomb__ends_at_its_first_anchor),
        cmocka_unit_test(several_documents__are_refused),
        cmocka_unit_test(tags__other_than_the_core_ones__are_refused),
        cmocka_unit_test(directives__are_refused),
        cmocka_unit_test(quotes_that_do_not_end__are_refused_where_they_begin),
        cmocka_unit_test(escapes__malformed__are_refused_with_advice),
        cmocka_unit_test(brackets_that_do_not_end__are_refused_where_they_begin),
        cmocka_unit_test(indentation__that_does_not_fit__is_refused),
        cmocka_unit_test(characters__that_cannot_begin_a_text__are_refused),
        cmocka_unit_test(keys__that_are_no_texts__are_refused),
        cmocka_unit_test(bytes__that_are_no_text__are_refused),
        cmocka_unit_test(numbers__too_large_to_be_exact__are_refused),
        cmocka_unit_test(nesting__deeper_than_64__is_refused_at_once),
        cmocka_unit_test(more_than_ten_mebibytes__are_refused),
        cmocka_unit_test(long_key__is_cut_in_the_message),
        cmocka_unit_test(file_cut_anywhere__is_read_or_refused),
        cmocka_unit_test(empty_documents__are_empty_objects),
        cmocka_unit_test(plain_scalars__become_what_they_look_like),
        cmocka_unit_test(quoted_and_block_scalars__are_strings),
        cmocka_unit_test(core_tags__say_what_a_scalar_is),
        cmocka_unit_test(keys__are_texts_as_written),
        cmocka_unit_test(nested_document__keeps_its_shape),
        cmocka_unit_test(every_node__knows_its_line),
        cmocka_unit_test(node_of_another_tree__stands_where_it_is_said),
        cmocka_unit_test(scalars__keep_their_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
