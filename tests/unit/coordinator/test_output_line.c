/* coordinator/reads/output_line: a chunk as JSON gives its bytes back, whatever they are, and does
 * not grow beyond its bound. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/reads/output_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct json *line_of(const void *data, size_t len)
{
    struct chunk c = {.cursor = 9,
                      .job = 5,
                      .attempt = 2,
                      .stream = 2,
                      .offset = 7,
                      .at_ms = INT64_C(1767225600123),
                      .data = data,
                      .len = len};
    struct buf b;
    struct json *j = NULL;
    buf_init(&b, 1024 * 1024);
    assert_int_equal(output_line_add(&b, &c), 0);
    assert_true(b.len <= len * 8 / 3 + 300);
    assert_int_equal(b.data[b.len - 1], '\n');
    assert_int_equal(strcspn(b.data, "\n"), b.len - 1);
    assert_int_equal(json_parse(b.data, b.len, &j, NULL), 0);
    buf_fini(&b);
    return j;
}

static void text_is_text(void **state)
{
    (void)state;
    struct json *j = line_of("a\"\n\x1b[m\xc3\xa4", 8);
    assert_string_equal(json_get_str(j, "text", ""), "a\"\n\x1b[m\xc3\xa4");
    assert_null(json_get(j, "base64"));
    assert_int_equal(json_get_int(j, "cursor", 0), 9);
    assert_int_equal(json_get_int(j, "attempt", 0), 2);
    assert_int_equal(json_get_int(j, "offset", 0), 7);
    assert_string_equal(json_get_str(j, "stream", ""), "stderr");
    assert_string_equal(json_get_str(j, "at", ""), "2026-01-01T00:00:00.123Z");
    json_free(j);
}

static void what_is_not_text_is_base64(void **state)
{
    char controls[1000];
    (void)state;
    memset(controls, 1, sizeof controls);
    const struct {
        const char *data;
        size_t len;
    } cases[] = {{"a\0b", 3}, {"gr\xfcn", 4}, {"\xe2\x82", 2}, {controls, sizeof controls}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char back[1024];
        size_t len = 0;
        struct json *j = line_of(cases[i].data, cases[i].len);
        assert_null(json_get(j, "text"));
        assert_int_equal(str_unbase64(back, sizeof back, json_get_str(j, "base64", "?"), &len), 0);
        assert_int_equal(len, cases[i].len);
        assert_memory_equal(back, cases[i].data, len);
        json_free(j);
    }
}

static void a_line_of_line_breaks_keeps_to_the_bound(void **state)
{
    (void)state;
    char breaks[65536];
    memset(breaks, '\n', sizeof breaks);
    struct json *j = line_of(breaks, sizeof breaks);
    assert_int_equal(strlen(json_get_str(j, "text", "")), sizeof breaks);
    json_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_text),
        cmocka_unit_test(what_is_not_text_is_base64),
        cmocka_unit_test(a_line_of_line_breaks_keeps_to_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
