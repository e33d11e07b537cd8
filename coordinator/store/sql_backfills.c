/* Backfills of schedules, while they are under way. */
#include "coordinator/store/sql_store.h"

int store_backfill_insert(struct store *s, const struct backfill_row *b, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_BACKFILL_INSERT);
    bind_int(q, 1, b->id);
    bind_int(q, 2, b->trigger);
    bind_int(q, 3, b->start_ms);
    bind_int(q, 4, b->end_ms);
    bind_int(q, 5, b->cursor_ms);
    bind_int(q, 6, b->parallel);
    bind_int(q, 7, b->started);
    bind_int(q, 8, b->created_ms);
    bind_text(q, 9, b->inputs);
    bind_text(q, 10, b->created_by);
    bind_int(q, 11, b->missed);
    return db_run(&s->queue, q, e);
}

int store_backfill_update(struct store *s, const struct backfill_row *b, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_BACKFILL_UPDATE);
    bind_int(q, 1, b->id);
    bind_int(q, 2, b->cursor_ms);
    bind_int(q, 3, b->started);
    return db_change(&s->queue, q, e);
}

int store_backfill_delete(struct store *s, int64_t id, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_BACKFILL_DELETE);
    bind_int(q, 1, id);
    return db_change(&s->queue, q, e);
}

int store_each_backfill(struct store *s, int (*fn)(const struct backfill_row *b, void *user),
                        void *user, struct err *e)
{
    struct stmt *q = store_queue(s, Q_BACKFILLS);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct backfill_row b = {.id = column_int(q, 0),
                                 .trigger = column_int(q, 1),
                                 .start_ms = column_int(q, 2),
                                 .end_ms = column_int(q, 3),
                                 .cursor_ms = column_int(q, 4),
                                 .parallel = column_int(q, 5),
                                 .started = column_int(q, 6),
                                 .created_ms = column_int(q, 7),
                                 .inputs = column_text(q, 8),
                                 .created_by = column_text(q, 9),
                                 .missed = column_int(q, 10) != 0};
        int stop = fn(&b, user);
        backfill_row_fini(&b);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}
