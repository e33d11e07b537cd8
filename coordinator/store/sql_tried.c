/* Which agents could not start the present attempt of a job. Few jobs have any. */
#include "coordinator/store/sql_store.h"

int store_tried_add(struct store *s, const struct tried_row *t, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_TRIED_INSERT);
    bind_int(q, 1, t->job);
    bind_int(q, 2, t->place);
    bind_int(q, 3, t->agent);
    bind_text(q, 4, t->message);
    return db_add(&s->queue, q, e);
}

int store_tried_clear(struct store *s, int64_t job, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_TRIED_DELETE);
    bind_int(q, 1, job);
    return db_run(&s->queue, q, e);
}

int store_each_tried(struct store *s,
                     int (*fn)(const struct tried_row *t, const struct job_row *j, void *user),
                     void *user, struct err *e)
{
    int rc = store_write_changes(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_TRIED);
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct tried_row t = {.job = column_int(q, 0),
                              .place = column_int(q, 1),
                              .agent = column_int(q, 2),
                              .message = column_text(q, 3)};
        struct job_row j = {.id = t.job,
                            .state = (enum job_state)column_int(q, 4),
                            .group = column_group(q, 5),
                            .requires_id = column_int(q, 6),
                            .priority = column_int(q, 7),
                            .attempt = column_int(q, 8)};
        int stop = fn(&t, &j, user);
        tried_row_fini(&t);
        job_row_fini(&j);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}
