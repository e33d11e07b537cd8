/* PROTOCOL.md says the same as limits.h, msg_list.h and refusal.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"
#include "wire/msg.h"
#include "wire/refusal.h"
#include "wire/spec.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_source(const char *path)
{
    struct buf b;
    char name[1024], block[4096];
    buf_init(&b, 1u << 20);
    assert_int_equal(str_format(name, sizeof name, "%s/%s", CADRE_SOURCE_DIR, path), 0);
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        assert_int_equal(buf_add(&b, block, n), 0);
    fclose(f);
    return buf_detach(&b);
}

/* The table rows that begin with a `name` in the section whose heading line is given; mem_free. */
static char *rows_of(const char *doc, const char *heading)
{
    struct buf b;
    char start[128];
    buf_init(&b, 1u << 20);
    assert_int_equal(str_format(start, sizeof start, "\n%s\n", heading), 0);
    const char *at = strstr(doc, start);
    if (at == NULL) fail_msg("no section '%s'", heading);
    at += strlen(start);
    const char *next = strstr(at, "\n#");
    const char *end = next != NULL ? next : at + strlen(at);
    while (at < end) {
        size_t len = strcspn(at, "\n");
        if (str_starts(at, "| `")) {
            buf_add(&b, at, len);
            buf_addc(&b, '\n');
        }
        at += len + 1;
    }
    return buf_detach(&b);
}

/* Compares row by row: each expected line is what a row of the table begins with. */
static void same_rows(const char *what, const char *rows, const char *expected)
{
    while (*rows != '\0' || *expected != '\0') {
        size_t have = strcspn(rows, "\n"), want = strcspn(expected, "\n");
        if (want == 0 || have < want || strncmp(rows, expected, want) != 0)
            fail_msg("%s:\n  the document has: %.*s\n  the header has:   %.*s", what, (int)have,
                     rows, (int)want, expected);
        rows += have + (rows[have] != '\0');
        expected += want + (expected[want] != '\0');
    }
}

/* ---- limits -------------------------------------------------------------------------------- */

/* "(64u * 1024)" or "128": a product of decimal numbers. */
static unsigned long long product(const char *s, const char *end)
{
    unsigned long long n = 1;
    while (s < end) {
        if (isdigit((unsigned char)*s)) {
            char *rest;
            n *= strtoull(s, &rest, 10);
            s = rest;
        } else {
            assert_non_null(strchr("(u *)", *s));
            s++;
        }
    }
    return n;
}

static void limits__are_those_of_the_header(void **state)
{
    (void)state;
    char *doc = read_source("wire/PROTOCOL.md");
    char *header = read_source("wire/limits.h");
    struct buf expected;
    buf_init(&expected, 1u << 20);
    for (const char *at = header; (at = strstr(at, "#define LIMIT_")) != NULL;) {
        at += strlen("#define ");
        size_t name = strcspn(at, " ");
        size_t line = strcspn(at, "\n");
        const char *comment = strstr(at, "/*");
        const char *end = comment != NULL && comment < at + line ? comment : at + line;
        buf_addf(&expected, "| `%.*s` | %llu |\n", (int)name, at, product(at + name, end));
    }
    assert_true(expected.len > 100);
    char *rows = rows_of(doc, "## 3 Limits");
    same_rows("limits", rows, expected.data);
    mem_free(rows);
    buf_fini(&expected);
    mem_free(header);
    mem_free(doc);
}

/* ---- messages ------------------------------------------------------------------------------ */

static void add_number(struct buf *b, int64_t n)
{
    if (n == INT53)
        buf_adds(b, "2^53-1");
    else if (n == INT64_MAX)
        buf_adds(b, "2^63-1");
    else
        buf_addf(b, "%lld", (long long)n);
}

static void add_size(struct buf *b, const char *kind, int64_t a)
{
    buf_addf(b, "%s | %lld", kind, (long long)a);
}

static void add_STR(struct buf *b, int64_t a, int64_t unused)
{
    (void)unused;
    add_size(b, "string", a);
}

static void add_OBJ(struct buf *b, int64_t a, int64_t unused)
{
    (void)unused;
    add_size(b, "object", a);
}

static void add_ARR(struct buf *b, int64_t a, int64_t unused)
{
    (void)unused;
    add_size(b, "list", a);
}

static void add_CAPS(struct buf *b, int64_t bytes, int64_t labels)
{
    buf_addf(b, "object | %lld, %lld labels", (long long)bytes, (long long)labels);
}

static void add_ATTEMPTS(struct buf *b, int64_t bytes, int64_t items)
{
    buf_addf(b, "list | %lld, %lld entries", (long long)bytes, (long long)items);
}

static void add_INT(struct buf *b, int64_t min, int64_t max)
{
    buf_adds(b, "integer | ");
    add_number(b, min);
    buf_adds(b, "..");
    add_number(b, max);
}

static void add_ID(struct buf *b, int64_t unused_a, int64_t unused_b)
{
    (void)unused_a;
    (void)unused_b;
    buf_adds(b, "id | -");
}

static void add_BOOL(struct buf *b, int64_t unused_a, int64_t unused_b)
{
    (void)unused_a;
    (void)unused_b;
    buf_adds(b, "boolean | -");
}

#define ROW(kind, name, key, a, b, need)                                                           \
    buf_adds(&rows, "| `" key "` | ");                                                             \
    add_##kind(&rows, a, b);                                                                       \
    buf_adds(&rows, (need) ? " | yes |\n" : " | no |\n");

static void check_message(const char *doc, const char *name, const char *expected)
{
    char heading[64];
    assert_int_equal(str_format(heading, sizeof heading, "### `%s`", name), 0);
    char *rows = rows_of(doc, heading);
    same_rows(name, rows, expected);
    mem_free(rows);
}

static void fields__are_those_of_the_list(void **state)
{
    (void)state;
    char *doc = read_source("wire/PROTOCOL.md");
    struct buf rows;
    buf_init(&rows, 1u << 20);
#define MSG(id, name, dir, known)                                                                  \
    buf_clear(&rows);                                                                              \
    MSG_FIELDS_##id(ROW) check_message(doc, #name, rows.data);
    MSG_LIST(MSG)
#undef MSG
    buf_fini(&rows);
    mem_free(doc);
}

static void add_WORDS(struct buf *b, int64_t unused, int64_t count)
{
    (void)unused;
    add_size(b, "list of strings", count);
}

static void add_PAIRS(struct buf *b, int64_t unused, int64_t count)
{
    (void)unused;
    add_size(b, "object of strings", count);
}

#define SPEC_ROW(kind, name, key, a, b, need)                                                      \
    buf_adds(&rows, "| `" key "` | ");                                                             \
    add_##kind(&rows, a, b);                                                                       \
    buf_adds(&rows, " |\n");

static void job_spec__is_that_of_the_list(void **state)
{
    (void)state;
    char *doc = read_source("wire/PROTOCOL.md");
    struct buf rows;
    buf_init(&rows, 1u << 16);
    SPEC_LIST(SPEC_ROW)
    char *have = rows_of(doc, "## 7 Job spec");
    same_rows("the job's spec", have, rows.data);
    mem_free(have);
    buf_fini(&rows);
    mem_free(doc);
}

static void document__has_no_message_beyond_the_list(void **state)
{
    (void)state;
    char *doc = read_source("wire/PROTOCOL.md");
    int in_doc = 0;
    for (const char *at = doc; (at = strstr(at, "\n### `")) != NULL; at++)
        in_doc++;
    assert_int_equal(in_doc, MSG_TYPES - 1);
    mem_free(doc);
}

static void directions__are_those_of_the_list(void **state)
{
    (void)state;
    char *doc = read_source("wire/PROTOCOL.md");
    for (int t = MSG_NONE + 1; t < MSG_TYPES; t++) {
        char start[128];
        const char *name = msg_name((enum msg_type)t);
        str_format(start, sizeof start, "\n### `%s`\n\n%s", name,
                   msg_from_agent((enum msg_type)t) ? "Agent → coordinator"
                                                    : "Coordinator → agent");
        if (strstr(doc, start) == NULL) fail_msg("%s: the direction differs", name);
    }
    mem_free(doc);
}

/* "`a`, `b`" of the messages that the filter lets through. */
static char *names(bool (*filter)(enum msg_type))
{
    struct buf b;
    buf_init(&b, 4096);
    for (int t = MSG_NONE + 1; t < MSG_TYPES; t++) {
        if (!filter((enum msg_type)t)) continue;
        buf_addf(&b, "%s`%s`", b.len > 0 ? ", " : "", msg_name((enum msg_type)t));
    }
    return buf_detach(&b);
}

static bool from_coordinator(enum msg_type t)
{
    return !msg_from_agent(t);
}

static bool for_unknown(enum msg_type t)
{
    return !msg_needs_identity(t);
}

static void overview__names_the_messages_by_sender(void **state)
{
    (void)state;
    bool (*const filters[])(enum msg_type) = {msg_from_agent, from_coordinator, for_unknown};
    static const char *const intros[] = {"From the agent: ", "From the coordinator: ",
                                         "For a peer that is not known: "};
    char *doc = read_source("wire/PROTOCOL.md");
    for (char *c = doc; *c != '\0'; c++) {
        if (*c == '\n') *c = ' ';
    }
    for (size_t i = 0; i < 3; i++) {
        char *list = names(filters[i]);
        char *sentence = str_dupf("%s%s.", intros[i], list);
        if (strstr(doc, sentence) == NULL) fail_msg("missing: %s", sentence);
        mem_free(sentence);
        mem_free(list);
    }
    mem_free(doc);
}

/* ---- refusals and frames ------------------------------------------------------------------- */

static void refusals__are_those_of_the_header(void **state)
{
    (void)state;
    char *doc = read_source("wire/PROTOCOL.md");
    struct buf expected;
    buf_init(&expected, 1u << 16);
    for (int r = 0; r < REFUSALS; r++) {
        buf_addf(&expected, "| `%s` | %ld |\n", refusal_code((enum refusal)r),
                 refusal_retry_ms((enum refusal)r));
        assert_true(strlen(refusal_code((enum refusal)r)) <= 48);
    }
    char *rows = rows_of(doc, "## 8 Refusals");
    same_rows("refusals", rows, expected.data);
    mem_free(rows);
    buf_fini(&expected);
    mem_free(doc);
}

static void output_head__is_as_long_as_its_table(void **state)
{
    (void)state;
    char *doc = read_source("wire/PROTOCOL.md");
    char row[64];
    assert_int_equal(str_format(row, sizeof row, "\n| %d | bytes |", FRAME_OUTPUT_HEAD), 0);
    assert_non_null(strstr(doc, row));
    mem_free(doc);
}

static void output_head__is_that_of_the_list(void **state)
{
    (void)state;
    char *doc = read_source("wire/PROTOCOL.md");
    struct buf row;
    buf_init(&row, 256);
#define FIELD(field, at, bytes, min, max)                                                          \
    buf_clear(&row);                                                                               \
    buf_addf(&row, "\n| %d | u%d `" #field "` | ", at, 8 * bytes);                                 \
    add_number(&row, min);                                                                         \
    buf_adds(&row, "..");                                                                          \
    add_number(&row, max);                                                                         \
    buf_adds(&row, " | ");                                                                         \
    if (strstr(doc, row.data) == NULL) fail_msg("missing: %s", row.data);
    OUTPUT_HEAD_LIST(FIELD)
#undef FIELD
    buf_fini(&row);
    mem_free(doc);
}

static void minor__is_that_of_the_document(void **state)
{
    (void)state;
    char *doc = read_source("wire/PROTOCOL.md");
    char text[64];
    assert_int_equal(str_format(text, sizeof text, "minor versions, %d today", PROTOCOL_MINOR), 0);
    assert_non_null(strstr(doc, text));
    mem_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits__are_those_of_the_header),
        cmocka_unit_test(fields__are_those_of_the_list),
        cmocka_unit_test(job_spec__is_that_of_the_list),
        cmocka_unit_test(document__has_no_message_beyond_the_list),
        cmocka_unit_test(directions__are_those_of_the_list),
        cmocka_unit_test(overview__names_the_messages_by_sender),
        cmocka_unit_test(refusals__are_those_of_the_header),
        cmocka_unit_test(output_head__is_as_long_as_its_table),
        cmocka_unit_test(output_head__is_that_of_the_list),
        cmocka_unit_test(minor__is_that_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
