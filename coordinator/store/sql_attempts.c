/* Attempts that are over while their job goes on.
 *
 * A job that may be retried for ever has attempts without end. So the first few and the last
 * hundred are kept. Each new attempt pushes one out of the hundred, whose row goes at once, and its
 * output with it as far as a batch should carry; what is too much for that is noted in `dropped`
 * and goes in the steps of the housekeeping. The number of the present attempt tells how many
 * there were. */
#include "coordinator/store/sql_store.h"

#define CHUNKS_AT_ONCE 256 /* of output, deleted in the step that adds an attempt */
/* One is pushed out by each that comes. A second one lets jobs catch up that had more attempts
 * before there was a bound. */
#define ATTEMPTS_AT_ONCE 2

static int insert_attempt(struct store *s, const struct attempt_row *a, struct err *e)
{
    struct stmt *q = store_queue(s, Q_ATTEMPT_INSERT);
    bind_int(q, 1, a->job);
    bind_int(q, 2, a->attempt);
    bind_int(q, 3, a->agent);
    bind_int(q, 4, a->state);
    bind_int(q, 5, a->reason);
    bind_exit(q, 6, a->exited, a->exit_code);
    bind_int(q, 7, a->submitted_ms);
    bind_int(q, 8, a->started_ms);
    bind_int(q, 9, a->ended_ms);
    bind_text(q, 10, a->message);
    return db_run(&s->queue, q, e);
}

/* ---- its output ----------------------------------------------------------------------------- */

/* Between which cursors the chunks of an attempt are. 1: there are some. */
static int chunks_of(struct store *s, int64_t job, int64_t attempt, int64_t *first, int64_t *last,
                     struct err *e)
{
    struct stmt *q = store_output(s, O_ATTEMPT_RANGE);
    bind_int(q, 1, job);
    bind_int(q, 2, attempt);
    int rc = db_step(&s->output, q, e);
    if (rc < 0) return rc;
    rc = !column_is_null(q, 0);
    *first = column_int(q, 0);
    *last = column_int(q, 1);
    db_reset(q);
    return rc;
}

static int run_for_attempt(struct store *s, enum output_statement which, int64_t job,
                           int64_t attempt, struct err *e)
{
    struct stmt *q = store_output(s, which);
    bind_int(q, 1, job);
    bind_int(q, 2, attempt);
    return db_run(&s->output, q, e);
}

/* At most *budget chunks; what is left of it stays in *budget. 0 left: there may be more. */
static int drop_output(struct store *s, int64_t job, int64_t attempt, size_t *budget, struct err *e)
{
    int64_t first, last;
    int rc = chunks_of(s, job, attempt, &first, &last, e);
    if (rc <= 0) return rc;
    rc = store_write_output(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_output(s, O_ATTEMPT_CHUNKS_DELETE);
    bind_int(q, 1, job);
    bind_int(q, 2, attempt);
    bind_int(q, 3, first);
    bind_int(q, 4, last);
    bind_int(q, 5, (int64_t)*budget);
    int64_t rows = 0;
    rc = db_count(&s->output, q, &rows, e);
    if (rc != 0) return rc;
    s->output_cut = true;
    changes_forget_outputs(&s->changes);
    *budget -= (size_t)rows;
    return *budget ? run_for_attempt(s, O_ATTEMPT_STREAMS_DELETE, job, attempt, e) : 0;
}

/* ---- adding --------------------------------------------------------------------------------- */

/* The oldest that is kept neither as one of the first nor as one of the last. 1: there is one. */
static int surplus(struct store *s, const struct attempt_row *newest, int64_t *attempt,
                   struct err *e)
{
    if (newest->attempt <= ATTEMPTS_FIRST + ATTEMPTS_LAST) return 0;
    struct stmt *q = store_queue(s, Q_ATTEMPT_SURPLUS);
    bind_int(q, 1, newest->job);
    bind_int(q, 2, ATTEMPTS_FIRST);
    bind_int(q, 3, newest->attempt - ATTEMPTS_LAST);
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    *attempt = column_int(q, 0);
    db_reset(q);
    return 1;
}

static int drop_attempt(struct store *s, int64_t job, int64_t attempt, size_t *budget,
                        struct err *e)
{
    struct stmt *q = store_queue(s, Q_ATTEMPT_DELETE);
    bind_int(q, 1, job);
    bind_int(q, 2, attempt);
    int rc = db_run(&s->queue, q, e);
    if (rc == 0 && *budget > 0) rc = drop_output(s, job, attempt, budget, e);
    if (rc != 0 || *budget > 0) return rc;
    rc = store_write_output(s, e);
    return rc != 0 ? rc : run_for_attempt(s, O_DROPPED_ADD, job, attempt, e);
}

int store_attempt_add(struct store *s, const struct attempt_row *a, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc == 0) rc = insert_attempt(s, a, e);
    size_t budget = CHUNKS_AT_ONCE;
    for (int i = 0; rc == 0 && i < ATTEMPTS_AT_ONCE; i++) {
        int64_t old;
        rc = surplus(s, a, &old, e);
        if (rc != 1) break;
        rc = drop_attempt(s, a->job, old, &budget, e);
    }
    return rc;
}

/* ---- looking -------------------------------------------------------------------------------- */

int store_attempt_agents(struct store *s, int64_t job, int64_t from, struct attempt_agents *out,
                         struct err *e)
{
    struct stmt *q = store_queue(s, Q_ATTEMPT_AGENTS);
    bind_int(q, 1, job);
    bind_int(q, 2, from);
    bind_int(q, 3, ATTEMPT_AGENTS);
    struct attempt_agents a = {0};
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1)
        a.ids[a.count++] = column_int(q, 0);
    if (rc == 0) *out = a;
    return rc;
}

/* ---- housekeeping --------------------------------------------------------------------------- */

int purge_dropped(struct store *s, size_t *budget, struct err *e)
{
    while (*budget > 0) {
        struct stmt *q = store_output(s, O_DROPPED_FIRST);
        int rc = db_step(&s->output, q, e);
        if (rc <= 0) return rc;
        int64_t job = column_int(q, 0), attempt = column_int(q, 1);
        db_reset(q);
        rc = drop_output(s, job, attempt, budget, e);
        if (rc == 0 && *budget > 0) {
            rc = store_write_output(s, e);
            if (rc == 0) rc = run_for_attempt(s, O_DROPPED_DELETE, job, attempt, e);
            (*budget)--;
        }
        if (rc != 0) return rc;
    }
    return 0;
}
