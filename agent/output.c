/* Job output: see output.h. */
#include "agent/output.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"
#include "wire/limits.h"

#include <string.h>

#define PREFIX "::{"
#define SUFFIX "}::"

void output_init(struct output *o, int64_t limit_bytes, output_emit_fn *emit, void *user)
{
    memset(o, 0, sizeof *o);
    /* Room for a chunk and for what one conversion may add to it. */
    for (int i = 0; i < 3; i++)
        buf_init(&o->side[i].chunk, (size_t)LIMIT_OUTPUT_CHUNK * 8);
    buf_init(&o->line, OUTPUT_LINE_MAX);
    outputs_init(&o->outputs);
    o->limit_bytes = limit_bytes;
    o->emit = emit;
    o->user = user;
}

void output_fini(struct output *o)
{
    for (int i = 0; i < 3; i++)
        buf_fini(&o->side[i].chunk);
    buf_fini(&o->line);
    outputs_fini(&o->outputs);
}

/* Sends what the side holds: whole characters only, unless `all`. */
static void side_flush(struct output *o, int stream, bool all)
{
    struct output_side *s = &o->side[stream - 1];
    size_t whole = all ? s->chunk.len : str_utf8_whole(s->chunk.data, s->chunk.len);
    size_t done = 0;
    while (done < whole) {
        size_t n = whole - done;
        if (n > LIMIT_OUTPUT_CHUNK) {
            n = str_utf8_whole(s->chunk.data + done, LIMIT_OUTPUT_CHUNK);
            if (n == 0) n = LIMIT_OUTPUT_CHUNK;
        }
        o->emit(stream, s->offset, s->chunk.data + done, n, o->user);
        s->offset += (int64_t)n;
        done += n;
    }
    buf_consume(&s->chunk, done);
}

/* A remark of Cadre's, stream 3; not counted against the limit. */
static void say_remark(struct output *o, const char *text)
{
    side_flush(o, STREAM_STDOUT, false);
    side_flush(o, STREAM_STDERR, false);
    (void)buf_adds(&o->side[STREAM_SYSTEM - 1].chunk, text);
    side_flush(o, STREAM_SYSTEM, true);
}

/* A job may be wrong in every line; each remark costs more than the line. */
static void remark_on_line(struct output *o, const char *text)
{
    if (o->remarks == OUTPUT_REMARKS_MAX) return;
    say_remark(o, text);
    if (++o->remarks == OUTPUT_REMARKS_MAX)
        say_remark(o, "further problems with outputs lines are not reported\n");
}

static void merge_outputs(struct output *o, const struct json *values)
{
    if (outputs_merge(&o->outputs, (struct json *)(uintptr_t)values) == 0) return;
    char size[DURATION_TEXT_SIZE];
    size_format(LIMIT_OUTPUTS, size);
    char remark[160];
    (void)str_format(
        remark, sizeof remark,
        "the outputs of the job are larger than %s in all: the outputs of this line were dropped\n",
        size);
    remark_on_line(o, remark);
}

static void line_ended(struct output *o)
{
    char *line = o->line.data;
    size_t len = o->line.len;
    if (len > 0 && line[len - 1] == '\r') len--;
    if (!o->line_passes && len >= sizeof PREFIX SUFFIX - 1 &&
        memcmp(line + len - 3, SUFFIX, 3) == 0) {
        struct json *root = NULL;
        struct err e;
        if (json_parse(line + 2, len - 4, &root, &e) == 0) {
            const struct json *values = json_get(root, "outputs");
            if (json_type(values) == JSON_OBJECT) merge_outputs(o, values);
        } else {
            char remark[ERR_MSG_MAX + 64];
            if (str_format(remark, sizeof remark, "outputs line is not valid JSON: %s\n",
                           err_text(&e)) == 0)
                remark_on_line(o, remark);
        }
        json_free(root);
    }
    buf_clear(&o->line);
    o->line_passes = false;
}

/* Looks for outputs lines in stdout as it passes. */
static void watch_lines(struct output *o, const char *data, size_t len)
{
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) : len;
        if (!o->line_passes && buf_add(&o->line, data, n) != 0) o->line_passes = true;
        size_t have = o->line.len < 3 ? o->line.len : 3;
        if (memcmp(o->line.data, PREFIX, have) != 0) o->line_passes = true;
        if (o->line_passes) buf_clear(&o->line);
        if (!end) return;
        line_ended(o);
        data += n + 1;
        len -= n + 1;
    }
}

static void truncate_here(struct output *o)
{
    o->truncated = true;
    char size[DURATION_TEXT_SIZE];
    size_format(o->limit_bytes, size);
    char remark[128];
    (void)str_format(remark, sizeof remark, "output limit of %s reached: the rest is dropped\n",
                     size);
    side_flush(o, STREAM_STDOUT, true);
    side_flush(o, STREAM_STDERR, true);
    say_remark(o, remark);
}

static void side_add(struct output *o, int stream, const char *data, size_t len, bool last)
{
    struct output_side *s = &o->side[stream - 1];
    size_t before = s->chunk.len;
    text_to_utf8(&s->text, data, len, last, &s->chunk);
    size_t added = s->chunk.len - before;
    if (stream == STREAM_STDOUT) watch_lines(o, s->chunk.data + before, added);
    if (o->truncated) {
        s->chunk.len = before;
        return;
    }
    o->total_bytes += (int64_t)added;
    if (o->limit_bytes > 0 && o->total_bytes > o->limit_bytes) {
        s->chunk.len -= (size_t)(o->total_bytes - o->limit_bytes);
        o->total_bytes = o->limit_bytes;
        truncate_here(o);
    } else if (s->chunk.len >= LIMIT_OUTPUT_CHUNK) {
        side_flush(o, stream, false);
    }
}

void output_add(struct output *o, int stream, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        size_t n = len < LIMIT_OUTPUT_CHUNK ? len : LIMIT_OUTPUT_CHUNK;
        side_add(o, stream, p, n, false);
        p += n;
        len -= n;
    }
}

void output_flush(struct output *o)
{
    side_flush(o, STREAM_STDOUT, false);
    side_flush(o, STREAM_STDERR, false);
}

void output_end(struct output *o)
{
    side_add(o, STREAM_STDOUT, "", 0, true);
    side_add(o, STREAM_STDERR, "", 0, true);
    if (o->line.len > 0) line_ended(o);
    side_flush(o, STREAM_STDOUT, true);
    side_flush(o, STREAM_STDERR, true);
}
