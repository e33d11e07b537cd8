/* Housekeeping in steps: each call does so much and says whether more is left, so that the writer
 * is never away for long. */
#include "coordinator/store/sql_store.h"

#include "base/id.h"

/* Free pages of output.db that stay for the next output: 16 MiB. */
#define SPARE_PAGES 4096

int store_forget_keys(struct store *s, int64_t created_before_ms, size_t most, bool *more,
                      struct err *e)
{
    int rc = store_write_changes(s, e);
    changes_forget_keys(&s->changes);
    if (rc == 0) rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_KEYS_FORGET);
    bind_int(q, 1, id_floor(created_before_ms));
    bind_int(q, 2, (int64_t)most);
    int64_t rows = 0;
    rc = db_count(&s->queue, q, &rows, e);
    if (rc != 0) return rc;
    bool jobs = (size_t)rows == most;
    q = store_queue(s, Q_EXECUTION_KEYS_FORGET);
    bind_int(q, 1, id_floor(created_before_ms));
    bind_int(q, 2, (int64_t)most);
    rc = db_count(&s->queue, q, &rows, e);
    if (rc == 0) *more = jobs || (size_t)rows == most;
    return rc;
}

/* *after_ms: where to look from; moves on, because task runs are passed by. */
static int oldest_ended(struct store *s, int64_t ended_before_ms, int64_t *after_ms, int64_t *job,
                        struct err *e)
{
    struct stmt *q = store_queue(s, Q_ENDED);
    bind_int(q, 1, ended_before_ms);
    bind_int(q, 2, *after_ms);
    int rc = db_step(&s->queue, q, e);
    if (rc == 1) {
        *job = column_int(q, 0);
        *after_ms = column_int(q, 1);
        db_reset(q);
    }
    return rc;
}

/* One job, as far as the budget goes. */
static int purge_one(struct store *s, int64_t job, size_t *budget, struct err *e)
{
    int rc = expire_output(s, job, budget, e);
    if (rc != 0 || *budget == 0) return rc; /* the job goes when all its output went */
    rc = purge_job(s, job, e);
    (*budget)--;
    return rc;
}

static int purge_execution(struct store *s, int64_t execution, size_t *budget, struct err *e)
{
    char text[ID_TEXT_SIZE];
    id_format(execution, text);
    int64_t job;
    int rc = 0;
    struct stmt *q = store_queue(s, Q_EXECUTION_JOB);
    while (*budget > 0) {
        bind_text(q, 1, text);
        rc = db_first_id(&s->queue, q, &job, e);
        if (rc == 1)
            rc = purge_one(s, job, budget, e);
        else
            break;
        if (rc != 0) return rc;
    }
    if (rc < 0 || *budget == 0) return rc;
    static const enum queue_statement statements[] = {Q_EXECUTION_DELETE, Q_EXECUTION_KEY_DELETE,
                                                      Q_EXECUTION_RUNS_DELETE};
    rc = store_write_queue(s, e);
    for (size_t i = 0; rc == 0 && i < sizeof statements / sizeof *statements; i++) {
        q = store_queue(s, statements[i]);
        bind_int(q, 1, execution);
        rc = db_run(&s->queue, q, e);
    }
    (*budget)--;
    return rc;
}

static int output_number(struct store *s, enum output_statement which, int64_t *n, struct err *e)
{
    struct stmt *q = store_output(s, which);
    int rc = db_step(&s->output, q, e);
    if (rc < 0) return rc;
    *n = column_int(q, 0);
    db_reset(q);
    return 0;
}

/* Gives 1 MiB of output.db back to the file system when much more than that lies fallow. */
static int shrink_output(struct store *s, struct err *e)
{
    int64_t fallow, pages;
    int rc = output_number(s, O_FREE_PAGES, &fallow, e);
    if (rc == 0) rc = output_number(s, O_PAGES, &pages, e);
    if (rc != 0 || fallow < SPARE_PAGES || fallow < pages / 4) return rc;
    rc = store_write_output(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_output(s, O_SHRINK);
    while ((rc = db_step(&s->output, q, e)) == 1) {
        /* a row for every page moved, without content */
    }
    return rc;
}

int store_tidy(struct store *s, size_t most, const struct store_gone *gone, bool *more,
               struct err *e)
{
    size_t budget = most;
    int rc = store_write_changes(s, e);
    if (rc == 0) rc = purge_dropped(s, &budget, e);
    if (rc == 0 && budget < most) rc = shrink_output(s, e);
    if (rc == 0) rc = purge_requires(s, &budget, gone, e);
    if (rc == 0) *more = budget == 0;
    return rc;
}

int store_purge(struct store *s, int64_t ended_before_ms, size_t most, bool *more, struct err *e)
{
    int64_t id, after_ms = 0;
    int rc = store_write_changes(s, e);
    size_t budget = most;
    changes_forget_keys(&s->changes);
    while (rc == 0 && budget > 0) {
        struct stmt *q = store_queue(s, Q_EXECUTION_ENDED);
        bind_int(q, 1, ended_before_ms);
        rc = db_first_id(&s->queue, q, &id, e);
        if (rc != 1) break;
        rc = purge_execution(s, id, &budget, e);
        if (rc != 0) return rc;
    }
    while (rc == 0 && budget > 0 &&
           (rc = oldest_ended(s, ended_before_ms, &after_ms, &id, e)) == 1) {
        rc = purge_one(s, id, &budget, e);
        if (rc != 0) return rc;
    }
    if (rc < 0) return rc;
    bool left = budget == 0;
    rc = budget < most ? shrink_output(s, e) : 0;
    if (rc == 0 && !left && s->begun && db_in_transaction(&s->queue)) {
        rc = db_run(&s->queue, store_queue(s, Q_COUNT_TIDY), e);
    }
    if (rc == 0) *more = left;
    return rc;
}
