/* Jobs: from the insert to the end. */
#include "coordinator/store/sqlite_store.h"

#include "base/mem.h"

/* ---- insert --------------------------------------------------------------------------------- */

static bool is_watched(const struct job_row *j)
{
    return j->queue_timeout_ms > 0 || j->fallback != FALLBACK_WAIT;
}

static enum open_place open_of(const struct job_row *j)
{
    if (j->state == JOB_CREATED) return is_watched(j) ? OPEN_WATCHED : OPEN_NOT;
    if (job_is_assigned(j->state)) return OPEN_ASSIGNED;
    return j->state == JOB_RETRYING ? OPEN_RETRYING : OPEN_NOT;
}

static int insert_key(struct store *s, const struct job_row *j, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_KEY_INSERT);
    bind_int(q, 1, j->id);
    bind_text(q, 2, j->unique_key);
    return db_run(&s->queue, q, e);
}

static int insert_fixed(struct store *s, const struct job_row *j, const char *spec, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_JOB_INSERT);
    bind_int(q, 1, j->id);
    bind_int(q, 2, j->kind);
    bind_int(q, 3, j->fallback);
    bind_text(q, 4, j->ns);
    bind_text(q, 5, j->name);
    bind_text(q, 6, j->flow);
    bind_text(q, 7, j->execution);
    bind_text(q, 8, j->task);
    bind_int(q, 9, j->submitter);
    bind_int(q, 10, j->created_ms);
    bind_int(q, 11, j->queue_timeout_ms);
    bind_int(q, 12, j->timeout_ms);
    bind_int(q, 13, j->lease_ms);
    bind_int(q, 14, j->kill_grace_ms);
    bind_int(q, 15, j->output_limit);
    bind_int(q, 16, j->retry.type);
    bind_int(q, 17, j->retry.interval_ms);
    bind_int(q, 18, j->retry.max_interval_ms);
    bind_real(q, 19, j->retry.delay_factor);
    bind_int(q, 20, j->retry.max_attempts);
    bind_int(q, 21, j->retry.max_duration_ms);
    bind_text(q, 22, spec);
    bind_text(q, 23, j->created_by);
    return db_run(&s->queue, q, e);
}

static int insert_state(struct store *s, const struct job_row *j, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_STATE_INSERT);
    bind_int(q, 1, j->id);
    bind_int(q, 2, j->state);
    bind_int(q, 3, j->state == JOB_CREATED);
    bind_int(q, 4, open_of(j));
    bind_int(q, 5, job_is_final(j->state) && j->state != JOB_SUCCESS);
    bind_int(q, 6, is_watched(j));
    bind_int(q, 7, j->reason);
    bind_int(q, 8, j->truncated);
    bind_text(q, 9, group_text(j->group));
    bind_int(q, 10, j->requires_id);
    bind_int(q, 11, j->priority);
    bind_int(q, 12, j->attempt);
    bind_int(q, 13, j->agent);
    bind_int(q, 14, j->submitted_ms);
    bind_int(q, 15, j->started_ms);
    bind_int(q, 16, j->ended_ms);
    bind_int(q, 17, j->first_started_ms);
    bind_int(q, 18, j->retry_at_ms);
    bind_exit(q, 19, j->exited, j->exit_code);
    bind_text(q, 20, j->message);
    bind_int(q, 21, j->allow_failure);
    return db_run(&s->queue, q, e);
}

int store_job_insert(struct store *s, const struct job_row *j, const char *spec, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    /* The key first: a refused insert leaves nothing behind in a transaction that goes on. */
    if (j->unique_key) rc = insert_key(s, j, e);
    if (rc != 0) return rc;
    rc = insert_fixed(s, j, spec, e);
    if (rc == ERR_EXISTS && j->unique_key) {
        sqlite3_stmt *q = store_queue(s, Q_KEY_DELETE);
        bind_int(q, 1, j->id);
        int undone = db_run(&s->queue, q, e);
        if (undone != 0) return undone;
    }
    if (rc == 0) rc = insert_state(s, j, e);
    if (rc != 0) return rc;
    tally_move(s, group_text(j->group), j->requires_id, JOB_STATES, (int)j->state);
    tally_keep(s, group_text(j->group), j->requires_id, 1);
    return 0;
}

/* ---- look ----------------------------------------------------------------------------------- */

static int find_key(struct store *s, int64_t id, char **key, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_KEY_OF);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    if (rc == 1) *key = column_text(q, 0);
    db_reset(q);
    return 0;
}

int store_job_find(struct store *s, int64_t id, struct job_row *out, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_JOB_GET);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    struct job_row j;
    row_job(q, &j);
    db_reset(q);
    rc = find_key(s, id, &j.unique_key, e);
    if (rc != 0) {
        job_row_fini(&j);
        return rc;
    }
    *out = j;
    return 1;
}

int store_job_get(struct store *s, int64_t id, struct job_row *out, struct err *e)
{
    int rc = store_job_find(s, id, out, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such job");
    return rc == 1 ? 0 : rc;
}

int store_job_find_key(struct store *s, const char *unique_key, int64_t *id, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_KEY_FIND);
    bind_text(q, 1, unique_key);
    return db_first_id(&s->queue, q, id, e);
}

int store_job_last_id(struct store *s, int64_t *id, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_JOB_LAST);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    *id = sqlite3_column_int64(q, 0);
    db_reset(q);
    return 0;
}

int store_job_spec(struct store *s, int64_t id, char **spec, struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_JOB_SPEC);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such job");
    if (rc < 0) return rc;
    *spec = column_text(q, 0);
    db_reset(q);
    return 0;
}

int store_each_open_job(struct store *s, int (*fn)(const struct job_row *j, void *user), void *user,
                        struct err *e)
{
    sqlite3_stmt *q = store_queue(s, Q_JOBS_OPEN);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct job_row j;
        row_job(q, &j);
        int stop = fn(&j, user);
        job_row_fini(&j);
        if (stop) {
            db_reset(q);
            return 0;
        }
    }
    return rc;
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* Begins the transaction and notes in the tallies that job `id` leaves state *from. */
static int job_leaves(struct store *s, int64_t id, enum job_state to, enum job_state *from,
                      struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_JOB_CLASS);
    bind_int(q, 1, id);
    rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such job");
    if (rc < 0) return rc;
    *from = (enum job_state)sqlite3_column_int(q, 0);
    tally_move(s, (const char *)sqlite3_column_text(q, 1), sqlite3_column_int64(q, 2), (int)*from,
               (int)to);
    db_reset(q);
    return 0;
}

static int job_moves(struct store *s, int64_t id, enum job_state to, struct err *e)
{
    enum job_state from;
    return job_leaves(s, id, to, &from, e);
}

int store_job_submitted(struct store *s, int64_t id, int64_t agent, int64_t attempt, int64_t now_ms,
                        struct err *e)
{
    int rc = job_moves(s, id, JOB_SUBMITTED, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_JOB_SUBMITTED);
    bind_int(q, 1, id);
    bind_int(q, 2, agent);
    bind_int(q, 3, attempt);
    bind_int(q, 4, now_ms);
    return db_run(&s->queue, q, e);
}

int store_job_running(struct store *s, int64_t id, int64_t now_ms, struct err *e)
{
    int rc = job_moves(s, id, JOB_RUNNING, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_JOB_RUNNING);
    bind_int(q, 1, id);
    bind_int(q, 2, now_ms);
    return db_run(&s->queue, q, e);
}

int store_job_killing(struct store *s, int64_t id, enum reason why, struct err *e)
{
    int rc = job_moves(s, id, JOB_KILLING, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_JOB_KILLING);
    bind_int(q, 1, id);
    bind_int(q, 2, why);
    return db_run(&s->queue, q, e);
}

int store_job_requeue(struct store *s, int64_t id, int64_t attempt, struct err *e)
{
    int rc = job_moves(s, id, JOB_CREATED, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_JOB_REQUEUE);
    bind_int(q, 1, id);
    bind_int(q, 2, attempt);
    return db_run(&s->queue, q, e);
}

int store_job_retrying(struct store *s, int64_t id, int64_t next_attempt, int64_t retry_at_ms,
                       struct err *e)
{
    int rc = job_moves(s, id, JOB_RETRYING, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_JOB_RETRYING);
    bind_int(q, 1, id);
    bind_int(q, 2, next_attempt);
    bind_int(q, 3, retry_at_ms);
    return db_run(&s->queue, q, e);
}

int store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e)
{
    if (!job_is_final(end->state)) return err_set(e, ERR_INTERNAL, "a job ends in a final state");
    enum job_state from;
    int rc = job_leaves(s, id, end->state, &from, e);
    if (rc != 0) return rc;
    bool usual = end->state == JOB_SUCCESS && job_is_assigned(from);
    sqlite3_stmt *q = store_queue(s, usual ? Q_JOB_SUCCESS : Q_JOB_FINISH);
    bind_int(q, 1, id);
    bind_int(q, 2, end->state);
    bind_int(q, 3, end->reason);
    bind_text(q, 4, end->message);
    bind_exit(q, 5, end->exited, end->exit_code);
    bind_int(q, 6, end->truncated);
    bind_text(q, 7, end->outputs);
    bind_int(q, 8, end->ended_ms);
    return db_run(&s->queue, q, e);
}

int store_job_cancelled_by(struct store *s, int64_t id, const char *by, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_JOB_CANCELLED_BY);
    bind_int(q, 1, id);
    bind_text(q, 2, by);
    return db_change(&s->queue, q, e);
}

int store_job_set_group(struct store *s, int64_t id, const char *group, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    sqlite3_stmt *q = store_queue(s, Q_JOB_CLASS);
    bind_int(q, 1, id);
    rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such job");
    if (rc < 0) return rc;
    int state = sqlite3_column_int(q, 0);
    int64_t requires_id = sqlite3_column_int64(q, 2);
    tally_move(s, (const char *)sqlite3_column_text(q, 1), requires_id, state, JOB_STATES);
    tally_move(s, group_text(group), requires_id, JOB_STATES, state);
    db_reset(q);
    q = store_queue(s, Q_JOB_GROUP);
    bind_int(q, 1, id);
    bind_text(q, 2, group_text(group));
    return db_run(&s->queue, q, e);
}
