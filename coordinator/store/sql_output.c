/* Job output, in a file of its own. */
#include "coordinator/store/sql_store.h"

/* Where the stream has come to; 0 when nothing of it is there. */
static int next_offset(struct store *s, const struct chunk *c, int64_t *next, struct err *e)
{
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
    return db_run(&s->output, q, e);
}

size_t store_output_added(const struct store *s)
{
    return s->output_added;
}

int store_output_bytes(struct store *s, int64_t job, int64_t attempt, int64_t *bytes,
                       int64_t *remarks, struct err *e)
{
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
