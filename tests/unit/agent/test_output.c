/* agent/output: chunks, offsets, limits, outputs lines. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/agent/output_sink.h"
#include "wire/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What the system makes of output that is not UTF-8: Linux nothing, Windows text of the OEM code
 * page. */
static void as_here(const void *data, size_t len, struct buf *out)
{
    struct text_state whole = {.mode = 0};
    buf_init(out, 1024);
    text_to_utf8(&whole, data, len, 1, out);
}

static void bytes_pass_as_they_are_with_offsets_per_stream(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    static const char binary[] = "\x00\xff\xfe\x01 end";
    struct buf expected;
    as_here(binary, sizeof binary - 1, &expected);
    output_add(&o, 1, "one", 3);
    output_add(&o, 2, binary, sizeof binary - 1);
    output_flush(&o);
    output_add(&o, 1, "two", 3);
    output_end(&o);
    assert_memory_equal(s.text[1].data, "onetwo", 6);
    assert_int_equal(s.text[2].len, expected.len);
    assert_memory_equal(s.text[2].data, expected.data, expected.len);
    buf_fini(&expected);
    DONE();
}

static void no_chunk_is_larger_than_the_wire_allows(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    size_t n = 5 * LIMIT_OUTPUT_CHUNK + 17;
    char *big = mem_alloc(n);
    memset(big, 'x', n);
    output_add(&o, 1, big, n);
    output_end(&o);
    assert_int_equal(s.text[1].len, n);
    assert_true(s.largest <= LIMIT_OUTPUT_CHUNK);
    mem_free(big);
    DONE();
}

static void a_character_is_never_split_over_chunks(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        output_add(&o, 1, text + i, 1);
        output_flush(&o);
    }
    assert_false(s.split_character);
    output_end(&o);
    assert_string_equal(s.text[1].data, text);
    DONE();
}

static void an_incomplete_character_at_the_end_still_leaves(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    output_add(&o, 1, "x\xe2\x82", 3);
    output_flush(&o);
    assert_int_equal(s.text[1].len, 1);
    output_end(&o);
    struct buf expected;
    as_here("\xe2\x82", 2, &expected);
    assert_int_equal(s.text[1].len, 1 + expected.len);
    buf_fini(&expected);
    DONE();
}

static char *outputs_of(const char *const *pieces)
{
    WITH_OUTPUT(0);
    for (; *pieces; pieces++)
        output_add(&o, 1, *pieces, strlen(*pieces));
    output_end(&o);
    char *text = o.lines.outputs.tree ? json_text(o.lines.outputs.tree) : mem_strdup("none");
    DONE();
    return text;
}

static void expect_outputs(const char *const *pieces, const char *wanted)
{
    char *text = outputs_of(pieces);
    assert_string_equal(text, wanted);
    mem_free(text);
}

static void an_outputs_line_sets_outputs_however_it_is_cut(void **state)
{
    (void)state;
    expect_outputs((const char *[]){"::{\"outputs\":{\"a\":\"1\"}}::\n", NULL}, "{\"a\":\"1\"}");
    expect_outputs((const char *[]){"x\n:", ":{\"outp", "uts\":{\"a\":1}}:", ":", "\nrest", NULL},
                   "{\"a\":1}");
    expect_outputs((const char *[]){"::{\"outputs\":{\"a\":1}}::\r\n", NULL}, "{\"a\":1}");
    expect_outputs((const char *[]){"::{\"outputs\":{\"a\":1}}::", NULL}, "{\"a\":1}");
}

static void a_later_value_of_a_key_wins(void **state)
{
    (void)state;
    expect_outputs((const char *[]){"::{\"outputs\":{\"a\":1,\"b\":2}}::\n",
                                    "::{\"outputs\":{\"a\":3}}::\n", NULL},
                   "{\"b\":2,\"a\":3}");
}

static void lines_that_only_look_alike_set_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {
        " ::{\"outputs\":{\"a\":1}}::\n",
        "::{\"outputs\":{\"a\":1}}\n",
        "::{\"outputs\":[1]}::\n",
        "::{\"other\":{\"a\":1}}::\n",
        "::{outputs}::\n",
        "::{}::\n",
        "::{\"outputs\":{\"a\":1}}:: \n",
        "{\"outputs\":{\"a\":1}}\n",
        "::\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        expect_outputs((const char *[]){lines[i], NULL}, "none");
}

static void outputs_on_stderr_set_nothing(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    output_add(&o, 2, "::{\"outputs\":{\"a\":1}}::\n", 25);
    output_end(&o);
    assert_null(o.lines.outputs.tree);
    DONE();
}

static void a_line_of_invalid_json_is_remarked_upon(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    output_add(&o, 1, "::{\"outputs\":{a}}::\n", 20);
    output_end(&o);
    assert_null(o.lines.outputs.tree);
    assert_non_null(strstr(s.text[3].data, "not valid JSON"));
    DONE();
}

static void wrong_lines_without_end_are_remarked_upon_twice(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    for (int i = 0; i < 10000; i++)
        output_add(&o, 1, "::{x}::\n", 8);
    output_end(&o);
    int lines = 0;
    for (const char *p = s.text[3].data; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 2);
    assert_true(s.chunks <= 10000 * 8 / LIMIT_OUTPUT_CHUNK + 3 * 2 + 1);
    DONE();
}

/* `count` keys, "k0" and on, in lines of a few hundred. */
static void set_keys(struct output *o, int count)
{
    struct buf line;
    buf_init(&line, OUTPUTS_LINE_MAX);
    for (int i = 0; i < count;) {
        buf_clear(&line);
        buf_adds(&line, "::{\"outputs\":{");
        for (int n = 0; n < 500 && i < count; n++, i++)
            buf_addf(&line, "%s\"k%d\":%d", n ? "," : "", i, i % 10);
        buf_adds(&line, "}}::\n");
        output_add(o, 1, line.data, line.len);
    }
    buf_fini(&line);
}

static void a_line_costs_what_it_is_long_however_much_was_set_before(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    static const char line[] = "::{\"outputs\":{\"k17\":1,\"k3000\":2,\"new\":3}}::\n";
    enum { KEYS = 4000, LINES = 1000 };
    set_keys(&o, KEYS);
    assert_int_equal(o.lines.outputs.count, KEYS);
    uint64_t compared = o.lines.outputs.compared, written = o.lines.outputs.written;
    for (int i = 0; i < LINES; i++)
        output_add(&o, 1, line, sizeof line - 1);
    /* three keys a line, each looked for twice; two keys with one hash are rare */
    assert_true(o.lines.outputs.compared - compared <= (uint64_t)LINES * 3 * 2 * 4);
    assert_true(o.lines.outputs.written - written <= (uint64_t)LINES * sizeof line);
    assert_int_equal(o.lines.outputs.count, KEYS + 1);
    output_end(&o);
    DONE();
}

static void keys_that_are_all_alike_are_found_as_quickly(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    set_keys(&o, 4000);
    uint64_t before = o.lines.outputs.compared;
    set_keys(&o, 4000);
    assert_true(o.lines.outputs.compared - before <= UINT64_C(4000) * 2 * 4);
    assert_int_equal(o.lines.outputs.count, 4000);
    output_end(&o);
    DONE();
}

/* The bytes are those of the text, to the last. */
static void outputs_of_exactly_the_limit_are_kept_and_one_byte_more_is_not(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 2000, 2};
    WITH_OUTPUT(0);
    char *value = mem_alloc(LIMIT_OUTPUTS);
    set_keys(&o, 1000);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(value, 'v', LIMIT_OUTPUTS);
        value[sizes[i]] = 0;
        char *line = str_dupf("::{\"outputs\":{\"\\u00e9\\n%zu\":\"%s\\\"\"}}::\n", i, value);
        output_add(&o, 1, line, strlen(line));
        mem_free(line);
    }
    char *text = json_text(o.lines.outputs.tree);
    size_t have = strlen(text);
    mem_free(text);
    assert_int_equal(have, o.lines.outputs.bytes + o.lines.outputs.count - 1 + 2);
    size_t room = LIMIT_OUTPUTS - have - sizeof ",\"x\":\"\"" + 1;
    memset(value, 'v', room + 1);
    value[room + 1] = 0;
    char *over = str_dupf("::{\"outputs\":{\"x\":\"%s\"}}::\n", value);
    output_add(&o, 1, over, strlen(over));
    assert_int_equal(o.lines.outputs.count, 1005);
    assert_non_null(strstr(s.text[3].data, "larger than"));
    value[room] = 0;
    char *exact = str_dupf("::{\"outputs\":{\"x\":\"%s\"}}::\n", value);
    output_add(&o, 1, exact, strlen(exact));
    text = json_text(o.lines.outputs.tree);
    assert_int_equal(strlen(text), LIMIT_OUTPUTS);
    output_add(&o, 1, over, strlen(over)); /* a line that does not fit changes nothing */
    assert_int_equal(strlen(json_get_str(o.lines.outputs.tree, "x", "")), room);
    mem_free(text);
    mem_free(over);
    mem_free(exact);
    mem_free(value);
    output_end(&o);
    DONE();
}

static void outputs_are_found_behind_the_limit_too(void **state)
{
    (void)state;
    WITH_OUTPUT(4);
    output_add(&o, 1, "12345678\n::{\"outputs\":{\"a\":1}}::\n", 34);
    sink_finish(&o);
    assert_true(o.truncated);
    assert_non_null(o.lines.outputs.tree);
    DONE();
}

static void a_line_without_end_costs_no_memory(void **state)
{
    (void)state;
    WITH_OUTPUT(1024);
    char block[4096];
    memset(block, 'y', sizeof block);
    output_add(&o, 1, "::{", 3);
    for (int i = 0; i < 4096; i++)
        output_add(&o, 1, block, sizeof block);
    assert_true(o.lines.line.cap <= OUTPUTS_LINE_MAX + 1);
    assert_true(o.side[0].chunk.cap <= (size_t)LIMIT_OUTPUT_CHUNK * 8);
    output_end(&o);
    assert_null(o.lines.outputs.tree);
    DONE();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_as_they_are_with_offsets_per_stream),
        cmocka_unit_test(no_chunk_is_larger_than_the_wire_allows),
        cmocka_unit_test(a_character_is_never_split_over_chunks),
        cmocka_unit_test(an_incomplete_character_at_the_end_still_leaves),
        cmocka_unit_test(an_outputs_line_sets_outputs_however_it_is_cut),
        cmocka_unit_test(a_later_value_of_a_key_wins),
        cmocka_unit_test(lines_that_only_look_alike_set_nothing),
        cmocka_unit_test(outputs_on_stderr_set_nothing),
        cmocka_unit_test(a_line_of_invalid_json_is_remarked_upon),
        cmocka_unit_test(wrong_lines_without_end_are_remarked_upon_twice),
        cmocka_unit_test(a_line_costs_what_it_is_long_however_much_was_set_before),
        cmocka_unit_test(keys_that_are_all_alike_are_found_as_quickly),
        cmocka_unit_test(outputs_of_exactly_the_limit_are_kept_and_one_byte_more_is_not),
        cmocka_unit_test(outputs_are_found_behind_the_limit_too),
        cmocka_unit_test(a_line_without_end_costs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
