/* Job output, in a file of its own. */
#include "coordinator/store/sql_store.h"

/* ---- looked up ahead ------------------------------------------------------------------------ */

static struct stmt *streams_of(struct store *s, int64_t job, int64_t attempt)
{
    struct stmt *q = store_output(s, O_STREAMS_OF);
    bind_int(q, 1, job);
    bind_int(q, 2, attempt);
    return q;
}

int store_ask_output(struct store *s, int64_t job, int64_t attempt, struct err *e)
{
    if (!store_is_far(s)) return 0;
    (void)changes_of_output(&s->changes, job, attempt);
    return db_ask(&s->output, streams_of(s, job, attempt), e);
}

static int read_streams(struct store *s, struct output_known *x, struct err *e)
{
    struct stmt *q = streams_of(s, x->job, x->attempt);
    int rc;
    while ((rc = db_step(&s->output, q, e)) == 1) {
        int64_t stream = column_int(q, 0), bytes = column_int(q, 2);
        if (stream < 0 || stream >= OUTPUT_STREAMS) continue;
        x->next[stream] = column_int(q, 1);
        x->bytes += bytes;
        if (stream == OUTPUT_REMARKS) x->remarks = bytes;
    }
    x->read = rc == 0;
    return rc;
}

int outputs_read(struct store *s, struct err *e)
{
    int rc = 0;
    for (struct output_known *x = s->changes.first_output; rc == 0 && x; x = x->next_known)
        if (!x->read) rc = read_streams(s, x, e);
    return rc;
}

/* NULL: it was not looked up. */
static struct output_known *known_output(const struct store *s, int64_t job, int64_t attempt)
{
    struct output_known *x = changes_output(&s->changes, job, attempt);
    return x && x->read ? x : NULL;
}

static void note_added(struct store *s, const struct chunk *c, size_t added)
{
    struct output_known *x = known_output(s, c->job, c->attempt);
    if (!x || c->stream < 0 || c->stream >= OUTPUT_STREAMS) return;
    x->next[c->stream] = c->offset + (int64_t)c->len;
    x->bytes += (int64_t)added;
    if (c->stream == OUTPUT_REMARKS) x->remarks += (int64_t)added;
}

/* ---- adding --------------------------------------------------------------------------------- */

/* Where the stream has come to; 0 when nothing of it is there. */
static int next_offset(struct store *s, const struct chunk *c, int64_t *next, struct err *e)
{
    const struct output_known *x = known_output(s, c->job, c->attempt);
    if (x && c->stream >= 0 && c->stream < OUTPUT_STREAMS) {
        *next = x->next[c->stream];
        return 0;
    }
    struct stmt *q = store_output(s, O_STREAM_NEXT);
    bind_int(q, 1, c->job);
    bind_int(q, 2, c->attempt);
    bind_int(q, 3, c->stream);
    int rc = db_step(&s->output, q, e);
    if (rc < 0) return rc;
    *next = rc == 1 ? column_int(q, 0) : 0;
    db_reset(q);
    return 0;
}

int store_output_add(struct store *s, const struct chunk *c, struct err *e)
{
    s->output_added = 0;
    if (c->len == 0) return 0;
    int rc = store_write_output(s, e);
    if (rc != 0) return rc;
    int64_t next;
    rc = next_offset(s, c, &next, e);
    if (rc != 0) return rc;
    /* An agent sends a stream in order: what lies before its end was stored already. */
    int64_t known = next > c->offset ? next - c->offset : 0;
    if (known >= (int64_t)c->len) return 0;
    size_t len = c->len - (size_t)known;
    struct chunk stored = *c;
    stored.offset += known;
    stored.data = (const char *)c->data + known;
    stored.len = len;
    struct stmt *q = NULL;
    rc = days_insert(s, &q, e);
    if (rc != 0) return rc;
    bind_int(q, 1, c->job);
    bind_int(q, 2, c->attempt);
    bind_int(q, 3, c->stream);
    bind_int(q, 4, stored.offset);
    bind_blob(q, 5, stored.data, len);
    bind_int(q, 6, c->at_ms);
    bind_int(q, 7, s->output_high + 1);
    bind_int(q, 8, chunk_sum(&stored));
    rc = db_run(&s->output, q, e);
    if (rc != 0) return rc;
    s->output_high++;
    q = store_output(s, O_STREAM_ADD);
    bind_int(q, 1, c->job);
    bind_int(q, 2, c->attempt);
    bind_int(q, 3, c->stream);
    bind_int(q, 4, c->offset + (int64_t)c->len);
    bind_int(q, 5, (int64_t)len);
    bind_int(q, 6, s->output_high);
    s->output_added = len;
    rc = db_run(&s->output, q, e);
    if (rc == 0) note_added(s, c, len);
    return rc;
}

size_t store_output_added(const struct store *s)
{
    return s->output_added;
}

int store_output_bytes(struct store *s, int64_t job, int64_t attempt, int64_t *bytes,
                       int64_t *remarks, struct err *e)
{
    const struct output_known *x = known_output(s, job, attempt);
    if (x) {
        *bytes = x->bytes;
        *remarks = x->remarks;
        return 0;
    }
    struct stmt *q = store_output(s, O_BYTES);
    bind_int(q, 1, job);
    bind_int(q, 2, attempt);
    int rc = db_step(&s->output, q, e);
    if (rc < 0) return rc;
    *bytes = column_int(q, 0);
    *remarks = column_int(q, 1);
    db_reset(q);
    return 0;
}
