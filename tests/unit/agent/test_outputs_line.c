/* agent/outputs_line: which lines set outputs, and what is said of those that do not. */
#include "agent/outputs_line.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct ear {
    struct outputs_reader r;
    struct buf said;
};

static void hear(const char *line, void *user)
{
    struct ear *e = user;
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_int_equal(buf_adds(&e->said, line), 0);
}

static int up(void **state)
{
    struct ear *e = mem_alloc(sizeof *e);
    buf_init(&e->said, 1 << 20);
    outputs_reader_init(&e->r, hear, e);
    *state = e;
    return 0;
}

static int down(void **state)
{
    struct ear *e = *state;
    outputs_reader_fini(&e->r);
    buf_fini(&e->said);
    mem_free(e);
    return 0;
}

static void write_to(struct ear *e, const char *text)
{
    outputs_reader_add(&e->r, text, strlen(text));
}

static void is_set(struct ear *e, const char *wanted)
{
    char *text = e->r.outputs.tree ? json_text(e->r.outputs.tree) : mem_strdup("{}");
    assert_string_equal(text, wanted);
    mem_free(text);
}

/* A line with a value of so many bytes. */
static char *line_of(const char *key, size_t bytes, const char *line_end)
{
    char *value = mem_alloc(bytes + 1);
    memset(value, 'x', bytes);
    char *line = str_dupf("::{\"outputs\":{\"%s\":\"%s\"}}::%s", key, value, line_end);
    mem_free(value);
    return line;
}

static void write_line(struct ear *e, const char *key, size_t bytes)
{
    char *line = line_of(key, bytes, "\n");
    write_to(e, line);
    mem_free(line);
}

/* ::{"outputs":{"big":"xxx… 70000"}}:: */
static void a_line_with_too_much__is_told(void **state)
{
    struct ear *e = *state;
    write_line(e, "big", 70000);
    is_set(e, "{}");
    assert_int_equal(e->r.dropped, 1);
    assert_string_equal(e->said.data,
                        "outputs were dropped: with 'big' they would be larger than 64KiB\n");
    assert_string_equal(e->r.why, "with 'big' they would be larger than 64KiB");
}

static void a_value_that_is_too_much__leaves_the_others_of_its_line(void **state)
{
    struct ear *e = *state;
    struct buf line;
    buf_init(&line, OUTPUTS_LINE_MAX);
    buf_adds(&line, "::{\"outputs\":{\"a\":1,\"big\":\"");
    for (int i = 0; i < 70000; i++)
        buf_addc(&line, 'x');
    buf_adds(&line, "\",\"b\":2}}::\n");
    outputs_reader_add(&e->r, line.data, line.len);
    buf_fini(&line);
    is_set(e, "{\"a\":1,\"b\":2}");
    assert_int_equal(e->r.dropped, 1);
    assert_non_null(strstr(e->said.data, "'big'"));
}

/* As Python's json writes them, which is no JSON. */
static void what_is_no_number__is_kept_as_text(void **state)
{
    struct ear *e = *state;
    write_to(e, "::{\"outputs\":{\"a\":NaN,\"b\":[1.0,Infinity,-Infinity],\"c\":\"NaN\"}}::\n");
    is_set(e, "{\"a\":\"NaN\",\"b\":[1.0,\"Infinity\",\"-Infinity\"],\"c\":\"NaN\"}");
    assert_int_equal(e->r.dropped, 0);
    write_to(e, "::{\"outputs\":{\"x\":NaNa}}::\n");
    write_to(e, "::{\"outputs\":{NaN:1}}::\n");
    assert_int_equal(e->r.dropped, 1); /* the second has a key that is a text by then */
}

static void numbers__keep_their_text(void **state)
{
    struct ear *e = *state;
    write_to(e, "::{\"outputs\":{\"name\":\"kept\",\"row\":9007199254740993,\"v\":1.0,"
                "\"l\":[1.0,2.5,-9223372036854775808],\"o\":{\"x\":1.10}}}::\n");
    is_set(e, "{\"name\":\"kept\",\"row\":9007199254740993,\"v\":1.0,"
              "\"l\":[1.0,2.5,-9223372036854775808],\"o\":{\"x\":1.10}}");
    assert_int_equal(e->said.len, 0);
}

static void a_line_as_large_as_the_limit__counts(void **state)
{
    struct ear *e = *state;
    write_line(e, "k", LIMIT_OUTPUTS - sizeof "{\"k\":\"\"}" + 1);
    assert_int_equal(e->r.dropped, 0);
    assert_int_equal(e->r.outputs.count, 1);
    assert_int_equal(e->said.len, 0);
}

/* However it is cut, with a carriage return, without an end. */
static void a_line_longer_than_can_be_held__is_told(void **state)
{
    struct ear *e = *state;
    static const char *const ends[] = {"\n", "\r\n", ""};
    static const size_t sizes[] = {OUTPUTS_LINE_MAX, OUTPUTS_LINE_MAX + 1, 1000000};
    static const size_t cuts[] = {1, 3, 4096, 2000000};
    int wanted = 0;
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            for (size_t c = 0; c < 4; c++) {
                char *line = line_of("big", sizes[i], ends[k]);
                for (size_t at = 0, all = strlen(line); at < all; at += cuts[c])
                    outputs_reader_add(&e->r, line + at, all - at < cuts[c] ? all - at : cuts[c]);
                outputs_reader_end(&e->r);
                mem_free(line);
                assert_int_equal(e->r.dropped, ++wanted);
            }
        }
    }
    assert_int_equal(strncmp(e->said.data, "outputs were dropped: a line is longer than 128KiB\n",
                             51),
                     0);
    assert_true(e->r.line.cap <= OUTPUTS_LINE_MAX + 1);
    write_to(e, "::{\"outputs\":{\"a\":1}}::\n");
    is_set(e, "{\"a\":1}");
}

/* Long lines of another kind, and long lines that only begin alike. */
static void other_long_lines__are_let_pass(void **state)
{
    struct ear *e = *state;
    char *text = mem_alloc(200001);
    memset(text, 'y', 200000);
    write_to(e, "::{");
    write_to(e, text);
    write_to(e, "\n::{\"outputs\":");
    write_to(e, text);
    write_to(e, "\n::{\"metrics\":[\"");
    write_to(e, text);
    write_to(e, "\"]}::\n");
    write_to(e, text);
    write_to(e, "::{\"outputs\":{\"a\":1}}::\n");
    mem_free(text);
    assert_int_equal(e->r.dropped, 0);
    assert_int_equal(e->said.len, 0);
    is_set(e, "{}");
}

static void a_line_that_is_too_much__leaves_the_older_values(void **state)
{
    struct ear *e = *state;
    write_to(e, "::{\"outputs\":{\"a\":1,\"b\":2}}::\n");
    write_line(e, "a", 70000);
    write_line(e, "a", 1000000);
    is_set(e, "{\"a\":1,\"b\":2}");
    write_to(e, "::{\"outputs\":{\"b\":3}}::\n");
    is_set(e, "{\"a\":1,\"b\":3}");
    assert_int_equal(e->r.dropped, 2);
}

static void lines_that_are_too_much_together__leave_the_first_ones(void **state)
{
    struct ear *e = *state;
    write_line(e, "a", 40000);
    write_line(e, "b", 40000);
    write_to(e, "::{\"outputs\":{\"c\":1}}::\n");
    assert_int_equal(e->r.outputs.count, 2);
    assert_int_equal(e->r.dropped, 1);
}

static void a_number_beyond_64_bits__is_kept_as_text(void **state)
{
    struct ear *e = *state;
    write_to(e, "::{\"outputs\":{\"a\":1,\"id\":9223372036854775809,\"b\":\"x\"}}::\n");
    is_set(e, "{\"a\":1,\"id\":\"9223372036854775809\",\"b\":\"x\"}");
    assert_int_equal(e->r.dropped, 0);
    assert_string_equal(e->said.data, "numbers of an outputs line that are beyond 64 bits, or "
                                      "none, are kept as text (1 of them)\n");
}

static void numbers_beyond_a_double__are_kept_as_text_wherever_they_stand(void **state)
{
    struct ear *e = *state;
    static const char *const pairs[][2] = {
        {"[-9223372036854775809]", "[\"-9223372036854775809\"]"},
        {"{\"x\":[[18446744073709551615,1],1e999]}",
         "{\"x\":[[\"18446744073709551615\",1],\"1e999\"]}"},
        {"\"9223372036854775809\"", "\"9223372036854775809\""},
        {"[\"a\\\"9223372036854775809\",9223372036854775809]",
         "[\"a\\\"9223372036854775809\",\"9223372036854775809\"]"},
        {"[\"\\\\\",9223372036854775809]", "[\"\\\\\",\"9223372036854775809\"]"},
        {"9223372036854775807", "9223372036854775807"},
        {"[true,false,null,9223372036854775809]", "[true,false,null,\"9223372036854775809\"]"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *line = str_dupf("::{\"outputs\":{\"k\":%s}}::\n", pairs[i][0]);
        char *wanted = str_dupf("{\"k\":%s}", pairs[i][1]);
        write_to(e, line);
        is_set(e, wanted);
        mem_free(line);
        mem_free(wanted);
    }
    assert_int_equal(e->r.dropped, 0);
}

static void a_large_number_among_other_faults__is_no_way_out(void **state)
{
    struct ear *e = *state;
    static const char *const lines[] = {
        "::{\"outputs\":{\"a\":9223372036854775809,}}::\n",
        "::{\"outputs\":{\"a\":09223372036854775809}}::\n",
        "::{\"outputs\":{9223372036854775809:1,\"a\"}}::\n",
        "::{\"outputs\":{\"a\":\"9223372036854775809}}::\n",
        "::{\"outputs\":{\"a\":9223372036854775809,\"a\":1}}::\n",
        "::{\"outputs\":{\"a\":--9223372036854775809}}::\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        write_to(e, lines[i]);
        assert_int_equal(e->r.dropped, i + 1);
    }
    is_set(e, "{}");
    assert_null(strstr(e->said.data, "kept as text"));
}

/* A line that is all large numbers is read twice at most. */
static void many_large_numbers__are_one_remark(void **state)
{
    struct ear *e = *state;
    struct buf line;
    buf_init(&line, OUTPUTS_LINE_MAX);
    buf_adds(&line, "::{\"outputs\":{\"k\":[1");
    for (int i = 0; i < 2000; i++)
        buf_adds(&line, ",9999999999999999999");
    buf_adds(&line, "]}}::\n");
    outputs_reader_add(&e->r, line.data, line.len);
    buf_fini(&line);
    assert_int_equal(e->r.dropped, 0);
    assert_non_null(strstr(e->said.data, "(2000 of them)"));
    assert_int_equal(e->r.outputs.count, 1);
}

static void lines_that_are_wrong__are_told_with_the_reason(void **state)
{
    struct ear *e = *state;
    static const char *const pairs[][2] = {
        {"::{\"outputs\":{a}}::\n", "outputs were dropped: a line is not valid JSON: line 1, "},
        {"::{\"outputs\":{\"a\":1,\"a\":2}}::\n",
         "outputs were dropped: a line is not valid JSON: line 1, column 19: duplicate key 'a'"},
        {"::{\"outputs\":[1]}::\n", "outputs were dropped: \"outputs\" of a line is not an object"},
        {"::{\"outputs\":\"x\"}::\n", "outputs were dropped: \"outputs\" of a line is not an"},
        {"::{\"outputs\":{\"a\":\"\xff\"}}::\n",
         "outputs were dropped: a line is not valid JSON: "},
        {"::{x}::\n", "a line is not valid JSON: "},
    };
    const size_t count = sizeof pairs / sizeof *pairs;
    for (size_t i = 0; i < count; i++) {
        buf_clear(&e->said);
        outputs_reader_fini(&e->r);
        outputs_reader_init(&e->r, hear, e);
        write_to(e, pairs[i][0]);
        assert_memory_equal(e->said.data, pairs[i][1], strlen(pairs[i][1]));
        assert_int_equal(e->r.dropped, i + 1 < count); /* the last one names no outputs */
        is_set(e, "{}");
    }
}

static void lines_of_other_kinds__set_nothing_and_are_not_told(void **state)
{
    struct ear *e = *state;
    write_to(e,
             "::{\"metrics\":[{\"name\":\"n\",\"value\":1}]}::\n::{\"outputs\":null}::\n::{}::\n");
    write_to(e, "::{\"outputs\":{}}::\n\n\r\n::\n:::::{}\n");
    is_set(e, "{}");
    assert_int_equal(e->r.dropped, 0);
    assert_int_equal(e->said.len, 0);
}

static size_t remarks(const struct ear *e)
{
    size_t lines = 0;
    for (const char *p = e->said.data; (p = strchr(p, '\n')); p++)
        lines++;
    return lines;
}

static void remarks_of_one_kind__are_told_once_and_counted(void **state)
{
    struct ear *e = *state;
    static const struct {
        const char *line, *again;
    } kinds[] = {
        {"::{\"outputs\":{x}}::\n",
         "outputs were dropped 999 more times: a line is not valid JSON"},
        {"::{\"outputs\":[1]}::\n",
         "outputs were dropped 999 more times: \"outputs\" of a line is"},
        {"::{x}::\n", "999 more times: a line is not valid JSON"},
        {"::{\"outputs\":{\"n\":1e400}}::\n",
         "999 more times: numbers of an outputs line are kept"},
    };
    const size_t count = sizeof kinds / sizeof *kinds;
    for (int i = 0; i < 1000; i++)
        for (size_t k = 0; k < count; k++)
            write_to(e, kinds[k].line);
    assert_int_equal(e->r.dropped, 2000);
    assert_int_equal(remarks(e), count);
    outputs_reader_end(&e->r);
    assert_int_equal(remarks(e), 2 * count);
    for (size_t k = 0; k < count; k++)
        assert_non_null(strstr(e->said.data, kinds[k].again));
}

static void a_second_remark_of_a_kind__is_told_in_words(void **state)
{
    struct ear *e = *state;
    write_to(e, "::{\"outputs\":1}::\n::{\"outputs\":2}::\n");
    outputs_reader_end(&e->r);
    assert_int_equal(remarks(e), 2);
    assert_non_null(strstr(e->said.data, "outputs were dropped once more: \"outputs\" of a line"));
}

/* Whatever a job writes, its remarks fit. */
static void all_remarks_together__fit_their_limit(void **state)
{
    struct ear *e = *state;
    for (int i = 0; i < 3; i++) {
        write_line(e, "big", OUTPUTS_LINE_MAX);
        write_line(e, "big", LIMIT_OUTPUTS);
        write_to(e, "::{\"outputs\":{x}}::\n::{\"outputs\":[1]}::\n::{x}::\n");
        write_to(e, "::{\"outputs\":{\"n\":1e400}}::\n");
    }
    outputs_reader_end(&e->r);
    assert_int_equal(remarks(e), OUTPUTS_REMARKS_MAX);
    assert_true(e->said.len < LIMIT_OUTPUT_REMARKS / 4);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, up, down)
    const struct CMUnitTest tests[] = {
        CASE(a_line_with_too_much__is_told),
        CASE(a_value_that_is_too_much__leaves_the_others_of_its_line),
        CASE(what_is_no_number__is_kept_as_text),
        CASE(numbers__keep_their_text),
        CASE(a_line_as_large_as_the_limit__counts),
        CASE(a_line_longer_than_can_be_held__is_told),
        CASE(other_long_lines__are_let_pass),
        CASE(a_line_that_is_too_much__leaves_the_older_values),
        CASE(lines_that_are_too_much_together__leave_the_first_ones),
        CASE(a_number_beyond_64_bits__is_kept_as_text),
        CASE(numbers_beyond_a_double__are_kept_as_text_wherever_they_stand),
        CASE(a_large_number_among_other_faults__is_no_way_out),
        CASE(many_large_numbers__are_one_remark),
        CASE(lines_that_are_wrong__are_told_with_the_reason),
        CASE(lines_of_other_kinds__set_nothing_and_are_not_told),
        CASE(remarks_of_one_kind__are_told_once_and_counted),
        CASE(a_second_remark_of_a_kind__is_told_in_words),
        CASE(all_remarks_together__fit_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
