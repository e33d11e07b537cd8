/* cli/out and cli/resource: what is printed reaches its stream whole or the loss is told, and
 * foreign text of any field of any command stays on its line. */
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/resource.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ESC, C1, DEL, a row of its own, the direction of writing. */
#define HOSTILE "a\x1b[31m\xc2\x9b\x7f\r\nb\t\xe2\x80\xae\xe2\x81\xa6"

/* ---- a stream that takes so many bytes ---- */

struct stream {
    struct buf got[3];
    size_t room;
    int calls;
};

static int to_stream(int fd, const void *data, size_t len, void *user, struct err *e)
{
    struct stream *s = user;
    s->calls++;
    size_t n = fd == 1 && len > s->room ? s->room : len;
    assert_int_equal(buf_add(&s->got[fd], data, n), 0);
    if (fd == 1) s->room -= n;
    return n == len ? 0 : err_set(e, ERR_FULL, "standard output: no space left on device");
}

static void stream_init(struct stream *s, struct out *o, size_t room)
{
    memset(s, 0, sizeof *s);
    buf_init(&s->got[1], 16 * 1024 * 1024);
    buf_init(&s->got[2], 16 * 1024 * 1024);
    s->room = room;
    out_init(o);
    o->place->one = false;
    o->write = to_stream;
    o->user = s;
}

static void stream_fini(struct stream *s, struct out *o)
{
    buf_fini(&s->got[1]);
    buf_fini(&s->got[2]);
    out_fini(o);
}

static void the_first_loss_is_kept_and_nothing_is_written_after_it(void **state)
{
    (void)state;
    struct stream s;
    struct out o;
    stream_init(&s, &o, 3);
    out_line(&o, "%s", "abcdef");
    assert_int_equal(s.calls, 0);
    assert_int_equal(out_flush(&o), ERR_FULL);
    s.room = 100;
    out_line(&o, "%s", "ghi");
    assert_int_equal(out_flush(&o), ERR_FULL);
    assert_string_equal(s.got[1].data, "abc");
    assert_string_equal(o.lost.msg, "standard output: no space left on device");
    stream_fini(&s, &o);
}

static void a_loss_in_the_middle_is_told_at_the_end(void **state)
{
    (void)state;
    struct stream s;
    struct out o;
    stream_init(&s, &o, 100000);
    for (int i = 0; i < 10000; i++)
        out_line(&o, "line %d of many", i);
    s.room = 1000000; /* the last write would succeed */
    assert_int_equal(out_flush(&o), ERR_FULL);
    assert_int_equal(s.got[1].len, 100000);
    stream_fini(&s, &o);
}

static void all_of_a_large_piece_is_written_in_order(void **state)
{
    (void)state;
    struct stream s;
    struct out o;
    stream_init(&s, &o, 1000000);
    char *large = mem_alloc(300001);
    memset(large, 'x', 300000);
    out_text(&o, "<");
    out_text(&o, large);
    out_text(&o, ">");
    out_note(&o, "end %d", 1);
    assert_int_equal(s.got[1].len, 300002);
    assert_int_equal(s.got[1].data[0], '<');
    assert_int_equal(s.got[1].data[300001], '>');
    assert_string_equal(s.got[2].data, "end 1\n");
    mem_free(large);
    stream_fini(&s, &o);
}

static void lines_are_escaped_blocks_keep_their_lines_and_bytes_are_as_they_are(void **state)
{
    (void)state;
    struct stream s;
    struct out o;
    stream_init(&s, &o, 1000);
    out_line(&o, "x%sy", "\x1b\n");
    out_block(&o, "a:\n\tb\x1b\xff\n");
    out_block(&o, "c");
    out_block(&o, "");
    out_bytes(&o, "\x1b\0z", 3);
    out_note(&o, "n %s", "\n\x7f");
    static const char wanted[] = "x\\x1b\\x0ay\na:\n\tb\\x1b\\xff\nc\n\x1b\0z";
    assert_int_equal(s.got[1].len, sizeof wanted - 1);
    assert_memory_equal(s.got[1].data, wanted, sizeof wanted - 1);
    assert_string_equal(s.got[2].data, "n \\x0a\\x7f\n");
    stream_fini(&s, &o);
}

static void json_stays_the_same_document_without_what_a_terminal_obeys(void **state)
{
    (void)state;
    struct stream s;
    struct out o;
    struct json *j = json_new(JSON_OBJECT), *back = NULL;
    json_put(j, "k" HOSTILE, json_new_str(HOSTILE "\xc3\xa4\xf0\x9f\x98\x80"));
    stream_init(&s, &o, 1000);
    out_json(&o, j);
    assert_int_equal(out_flush(&o), 0);
    const char *text = s.got[1].data;
    for (size_t at = 0, n; at + 1 < s.got[1].len; at += n)
        assert_true((n = escape_printable(text + at, s.got[1].len - at)) > 0);
    assert_int_equal(json_parse(text, s.got[1].len, &back, NULL), 0);
    assert_string_equal(json_get_str(back, "k" HOSTILE, ""), HOSTILE "\xc3\xa4\xf0\x9f\x98\x80");
    json_free(back);
    json_free(j);
    stream_fini(&s, &o);
}

/* ---- every field of every command ---- */

static const char *const members[] = {
    "id",        "name",      "key",         "token",        "state",       "reason",
    "message",   "namespace", "flow",        "task",         "execution",   "trigger",
    "group",     "fallback",  "agent",       "agentName",    "kind",        "exitCode",
    "attempt",   "version",   "drainReason", "createdAt",    "submittedAt", "endedAt",
    "startedAt", "updatedAt", "lastSeenAt",  "evaluatedAt",  "description", "slots",
    "freeSlots", "online",    "agents",      "queued",       "running",     "from",
    "interval",  "result",    "fired",       "errors",       "job",         "nextAt",
    "number",    "expiresAt", "revokedAt",   "type",         "role",        "usesLeft",
    "code",      "revision",  "change",      "unwellReason", "unwellSince",
};

/* An object whose members all hold `text`, `depth` levels of lists and objects below it. */
static struct json *object_of(const char *text, int depth)
{
    static const char *const lists[] = {"attempts", "taskRuns", "history", "inputs",
                                        "tasks",    "triggers", "firings"};
    static const char *const objects[] = {"waiting", "capabilities", "labels", "outputs"};
    struct json *j = json_new(JSON_OBJECT);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        json_put(j, members[i], json_new_str(text));
    json_put(j, text, json_new_str(text)); /* keys are foreign as well */
    if (depth == 0) return j;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct json *list = json_new(JSON_ARRAY);
        json_push(list, object_of(text, depth - 1));
        json_push(list, json_new_str(text));
        json_put(j, lists[i], list);
    }
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        json_put(j, objects[i], object_of(text, 0));
    return j;
}

static size_t lines_of(const struct buf *b)
{
    size_t n = 0;
    for (size_t at = 0, len; at < b->len; at += len) {
        n += b->data[at] == '\n';
        len = b->data[at] == '\n' ? 1 : escape_printable(b->data + at, b->len - at);
        if (len == 0) fail_msg("raw byte %#x at %zu: %.60s", b->data[at] & 0xff, at, b->data + at);
    }
    return n;
}

/* All that the command prints of an answer with this text; returns how many lines. */
static size_t lines_printed(const struct command *c, const char *text)
{
    struct stream s;
    struct out o;
    struct json *j = object_of(text, 2);
    stream_init(&s, &o, 10000000);
    if (c->run == resource_list) {
        const char *head[TABLE_COLUMNS];
        struct table t;
        size_t columns = columns_of(c->resource);
        for (size_t i = 0; i < columns; i++)
            head[i] = c->resource->columns[i].head;
        table_init(&t, columns, head);
        add_row(&t, c->resource, j);
        add_row(&t, c->resource, j);
        table_print(&t, &o);
    } else if (c->print) {
        c->print(&o, text, j);
    } else {
        show(&o, c->resource, j);
    }
    assert_int_equal(out_flush(&o), 0);
    assert_int_equal(s.got[2].len, 0);
    size_t n = lines_of(&s.got[1]);
    json_free(j);
    stream_fini(&s, &o);
    return n;
}

static void no_foreign_text_begins_a_line_or_reaches_the_terminal_raw(void **state)
{
    (void)state;
    size_t tried = 0;
    for (size_t i = 0; commands[i]; i++) {
        const struct command *c = commands[i];
        if (!c->resource || !c->resource->fields) continue;
        size_t plain = lines_printed(c, "plain");
        size_t hostile = lines_printed(c, HOSTILE);
        if (plain != hostile)
            fail_msg("%s: %zu lines of plain text, %zu of hostile text", c->name, plain, hostile);
        tried++;
    }
    assert_true(tried > 30);
}

static void a_flows_file_keeps_its_lines_and_nothing_else(void **state)
{
    (void)state;
    struct stream s;
    struct out o;
    struct json *j = json_new(JSON_OBJECT);
    json_put(j, "source", json_new_str("id: a\ntasks:\n\t# \x1b[2J\xe2\x80\xae\n"));
    stream_init(&s, &o, 10000);
    show(&o, &resource_flow, j);
    assert_int_equal(out_flush(&o), 0);
    assert_non_null(strstr(s.got[1].data, "\n\nid: a\ntasks:\n\t# \\x1b[2J\\xe2\\x80\\xae\n"));
    json_free(j);
    stream_fini(&s, &o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_loss_is_kept_and_nothing_is_written_after_it),
        cmocka_unit_test(a_loss_in_the_middle_is_told_at_the_end),
        cmocka_unit_test(all_of_a_large_piece_is_written_in_order),
        cmocka_unit_test(lines_are_escaped_blocks_keep_their_lines_and_bytes_are_as_they_are),
        cmocka_unit_test(json_stays_the_same_document_without_what_a_terminal_obeys),
        cmocka_unit_test(no_foreign_text_begins_a_line_or_reaches_the_terminal_raw),
        cmocka_unit_test(a_flows_file_keeps_its_lines_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
