/* Job output: pages forwards, and the beginning of the last lines. */
#include "coordinator/store/reader_run.h"
#include "coordinator/store/sql_reader.h"

#include "base/str.h"

#include <string.h>

/* A page of output that is being handed out. */
struct page {
    size_t bytes, max_bytes;
    int64_t since_ms;
    int (*fn)(const struct chunk *c, void *user);
    void *user;
};

#define STREAM_SYSTEM 3
#define REMARK_SIZE 160

/* The row of W_CHUNK. A chunk that is not what was stored is served as a line that says so, in the
 * system's stream: false, with the line in `remark`. Chunks of versions without a checksum are
 * served as they are. */
static bool take_chunk(struct stmt *q, struct chunk *c, char remark[REMARK_SIZE])
{
    c->offset = column_int(q, 0);
    c->data = column_blob(q, 1);
    c->len = column_bytes(q, 1);
    c->at_ms = column_int(q, 2);
    if (column_is_null(q, 3) || column_int(q, 3) == chunk_sum(c)) return true;
    (void)str_format(remark, REMARK_SIZE,
                     "damaged on the coordinator's disk, and left out: %zu bytes of %s at %lld "
                     "(chunk %lld of output.db)\n",
                     c->len,
                     c->stream == 1   ? "standard output"
                     : c->stream == 2 ? "standard error"
                                      : "remarks",
                     (long long)c->offset, (long long)c->cursor);
    c->stream = STREAM_SYSTEM;
    c->data = remark;
    c->len = strlen(remark);
    return false;
}

/* 1: handed to fn; 0: the page is full; 2: fn wants no more. */
static int hand_chunk(struct reader *r, struct chunk *c, struct page *p, struct err *e)
{
    char remark[REMARK_SIZE];
    struct stmt *q = from_output(r, W_CHUNK);
    bind_int(q, 1, c->cursor);
    int rc = db_step(&r->output, q, e);
    if (rc != 1) return rc;
    bool good = take_chunk(q, c, remark);
    if (good && c->at_ms < p->since_ms) {
        p->bytes += c->len; /* read all the same */
        rc = 1;
    } else if (p->bytes > 0 && p->bytes + c->len > p->max_bytes) {
        rc = 0;
    } else {
        p->bytes += c->len;
        rc = p->fn(c, p->user) ? 2 : 1;
    }
    db_reset(q);
    return rc;
}

static bool wants_chunk(const struct output_filter *f, const struct chunk *c)
{
    return (f->attempt == 0 || c->attempt == f->attempt) &&
           (f->streams == 0 || (f->streams >> c->stream & 1));
}

/* A job that began before all output was lost (run --without-output) has a line in place of it.
 * *next: behind that line. 0: there is none; the rest as hand_chunk. */
static int hand_loss(struct reader *r, const struct output_filter *f, struct page *p, int64_t *next,
                     struct err *e)
{
    struct stmt *q = from_output(r, W_LOST);
    int rc = db_step(&r->output, q, e);
    if (rc != 1) return rc;
    int64_t lost_ms = column_int(q, 0), cursor = column_int(q, 1);
    db_reset(q);
    if (f->cursor >= cursor || lost_ms < f->since_ms) return 0;
    q = from_queue(r, R_STARTED);
    bind_int(q, 1, f->job);
    rc = db_step(&r->queue, q, e);
    if (rc != 1) return rc;
    int64_t started_ms = column_int(q, 0);
    db_reset(q);
    if (started_ms == 0 || started_ms >= lost_ms) return 0;
    static const char line[] = "the output of before is gone: the coordinator was started with "
                               "--without-output\n";
    /* the attempt that it speaks of is not known; the line stands for all */
    struct chunk c = {.cursor = cursor,
                      .job = f->job,
                      .attempt = f->attempt ? f->attempt : 1,
                      .stream = STREAM_SYSTEM,
                      .at_ms = lost_ms,
                      .data = line,
                      .len = sizeof line - 1};
    p->bytes += c.len;
    *next = cursor;
    return p->fn(&c, p->user) ? 2 : 1;
}

int reader_output(struct reader *r, const struct output_filter *f,
                  int (*fn)(const struct chunk *c, void *user), void *user, int64_t *next_cursor,
                  struct err *e)
{
    struct page page = {.max_bytes = f->max_bytes, .since_ms = f->since_ms, .fn = fn, .user = user};
    int64_t next = f->cursor;
    int rc = hand_loss(r, f, &page, &next, e);
    if (rc < 0 || rc == 2) {
        if (rc == 2) *next_cursor = next;
        return rc < 0 ? rc : 0;
    }
    struct stmt *q = from_output(r, W_SCAN);
    bind_int(q, 1, f->job);
    bind_int(q, 2, next);
    rc = 0;
    for (int seen = 0; seen < SCAN_MOST && (rc = db_step(&r->output, q, e)) == 1; seen++) {
        struct chunk c = {.cursor = column_int(q, 0),
                          .job = f->job,
                          .attempt = column_int(q, 1),
                          .stream = (int)column_int(q, 2)};
        if (wants_chunk(f, &c)) rc = hand_chunk(r, &c, &page, e);
        if (rc <= 0) break;
        next = c.cursor;
        if (rc == 2) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *next_cursor = next;
    return 0;
}

/* Counts the line breaks of a chunk from its end. A line break at the very end of the output ends
 * the last line and begins none. */
static void count_lines(struct output_tail *t, const struct chunk *c)
{
    const char *data = c->data;
    for (size_t i = c->len; i > 0; i--) {
        bool last = !t->any;
        t->any = true;
        if (data[i - 1] != '\n' || last || --t->lines > 0) continue;
        t->found = true;
        t->cursor = c->cursor - 1;
        t->skip = i;
        return;
    }
}

/* What is older than the filter takes ends the search: so are all chunks before. */
static int tail_chunk(struct reader *r, const struct output_filter *f, struct chunk *c,
                      struct output_tail *t, size_t *bytes, struct err *e)
{
    struct stmt *q = from_output(r, W_CHUNK);
    bind_int(q, 1, c->cursor);
    int rc = db_step(&r->output, q, e);
    if (rc != 1) return rc;
    char remark[REMARK_SIZE];
    (void)take_chunk(q, c, remark);
    *bytes += c->len;
    if (c->at_ms < f->since_ms) {
        t->found = true;
        t->cursor = c->cursor;
        t->skip = 0;
    } else {
        count_lines(t, c);
    }
    db_reset(q);
    return 1;
}

int reader_output_tail(struct reader *r, const struct output_filter *f, struct output_tail *t,
                       struct err *e)
{
    struct stmt *q = from_output(r, W_SCAN_BACK);
    size_t bytes = 0;
    bind_int(q, 1, f->job);
    bind_int(q, 2, t->before > 0 ? t->before : INT64_MAX);
    int rc = 1, seen = 0;
    while (seen++ < SCAN_MOST && bytes < f->max_bytes && !t->found &&
           (rc = db_step(&r->output, q, e)) == 1) {
        struct chunk c = {.cursor = column_int(q, 0),
                          .job = f->job,
                          .attempt = column_int(q, 1),
                          .stream = (int)column_int(q, 2)};
        int got = wants_chunk(f, &c) ? tail_chunk(r, f, &c, t, &bytes, e) : 0;
        if (got < 0) rc = got;
        if (got < 0) break;
        t->before = c.cursor;
    }
    db_reset(q);
    if (rc < 0) return rc;
    /* All of it is less than was asked for. */
    if (rc == 0 && !t->found) {
        t->found = true;
        t->cursor = 0;
        t->skip = 0;
    }
    return 0;
}

int reader_output_job(struct reader *r, int64_t cursor, int64_t *job, struct err *e)
{
    struct stmt *q = from_output(r, W_JOB_OF);
    bind_int(q, 1, cursor);
    int rc = db_step(&r->output, q, e);
    if (rc < 0) return rc;
    *job = rc == 1 ? column_int(q, 0) : 0;
    db_reset(q);
    return 0;
}
