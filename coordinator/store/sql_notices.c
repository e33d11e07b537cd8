/* Messages to channels. */
#include "coordinator/store/sql_store.h"
#include "coordinator/store/store_notice.h"

/* Behind the columns that an update leaves. */
static void bind_rest(struct stmt *q, int at, const struct notice_row *n)
{
    bind_int(q, at, n->state);
    bind_int(q, at + 1, n->last_ms);
    bind_int(q, at + 2, n->count);
    bind_int(q, at + 3, n->total);
    bind_int(q, at + 4, n->messages);
    bind_int(q, at + 5, n->due_ms);
    bind_int(q, at + 6, n->tries);
    bind_int(q, at + 7, n->delivered_ms);
    bind_text(q, at + 8, n->reason);
    bind_text(q, at + 9, n->facts);
}

int store_notice_insert(struct store *s, const struct notice_row *n, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_NOTICE_INSERT);
    bind_int(q, 1, n->id);
    bind_text(q, 2, n->channel);
    bind_text(q, 3, n->event);
    bind_text(q, 4, n->subject);
    bind_int(q, 5, n->first_ms);
    bind_rest(q, 6, n);
    return db_run(&s->queue, q, e);
}

int store_notice_update(struct store *s, const struct notice_row *n, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_NOTICE_UPDATE);
    bind_int(q, 1, n->id);
    bind_rest(q, 2, n);
    rc = db_alter(&s->queue, q, e);
    if (rc != 0 || n->state != NOTICE_DONE) return rc;
    q = store_queue(s, Q_NOTICES_TRIM);
    bind_int(q, 1, NOTICE_HISTORY);
    return db_run(&s->queue, q, e);
}

int store_notice_delete(struct store *s, int64_t id, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_NOTICE_DELETE);
    bind_int(q, 1, id);
    return db_change(&s->queue, q, e);
}

int store_each_notice(struct store *s, int (*fn)(const struct notice_row *n, void *user),
                      void *user, struct err *e)
{
    struct stmt *q = store_queue(s, Q_NOTICES);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct notice_row n;
        row_notice(q, &n);
        int stop = fn(&n, user);
        notice_row_fini(&n);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}
