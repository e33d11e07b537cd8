/* A job goes, with all that belongs to it. */
#include "coordinator/store/sql_store.h"

/* At most *budget chunks of the job; what is left of it stays in *budget. */
static int delete_output(struct store *s, enum output_statement chunks, int64_t job, size_t *budget,
                         struct err *e)
{
    int rc = store_write_output(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_output(s, chunks);
    bind_int(q, 1, job);
    bind_int(q, 2, (int64_t)*budget);
    int64_t rows = 0;
    rc = db_count(&s->output, q, &rows, e);
    if (rc != 0) return rc;
    s->output_cut = true;
    changes_forget_outputs(&s->changes);
    *budget -= (size_t)rows;
    if (*budget == 0) return 0;
    q = store_output(s, O_STREAMS_DELETE);
    bind_int(q, 1, job);
    rc = db_run(&s->output, q, e);
    if (rc != 0) return rc;
    q = store_output(s, O_DROPPED_OF_JOB);
    bind_int(q, 1, job);
    return db_run(&s->output, q, e);
}

int purge_output(struct store *s, int64_t job, size_t *budget, struct err *e)
{
    return delete_output(s, O_CHUNKS_DELETE, job, budget, e);
}

int expire_output(struct store *s, int64_t job, size_t *budget, struct err *e)
{
    return delete_output(s, O_CHUNKS_EXPIRE, job, budget, e);
}

/* The job's requires are kept for one job less. */
static int release_requires(struct store *s, int64_t job, struct err *e)
{
    struct stmt *q = store_queue(s, Q_JOB_CLASS);
    bind_int(q, 1, job);
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    tally_keep(s, column_str(q, 1), column_int(q, 2), -1);
    db_reset(q);
    return 0;
}

int purge_job(struct store *s, int64_t job, struct err *e)
{
    static const enum queue_statement statements[] = {Q_JOB_DELETE, Q_STATE_DELETE, Q_KEY_DELETE,
                                                      Q_ATTEMPTS_DELETE};
    int rc = store_write_queue(s, e);
    if (rc == 0) rc = release_requires(s, job, e);
    for (size_t i = 0; rc == 0 && i < sizeof statements / sizeof *statements; i++) {
        struct stmt *q = store_queue(s, statements[i]);
        bind_int(q, 1, job);
        rc = db_run(&s->queue, q, e);
    }
    return rc == 0 ? blocks_leave(s, job, e) : rc;
}

int purge_whole_job(struct store *s, int64_t job, struct err *e)
{
    struct stmt *q = store_output(s, O_STREAMS_HAS);
    bind_int(q, 1, job);
    int rc = db_step(&s->output, q, e);
    db_reset(q);
    size_t all = INT64_MAX;
    if (rc == 1) rc = purge_output(s, job, &all, e);
    return rc != 0 ? rc : purge_job(s, job, e);
}
