/* Jobs: from the insert to the end. */
#include "coordinator/store/sql_store.h"

#include "base/mem.h"

/* ---- insert --------------------------------------------------------------------------------- */

static int last_id(struct store *s, int64_t *id, struct err *e)
{
    struct stmt *q = store_queue(s, Q_JOB_LAST);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    *id = column_int(q, 0);
    db_reset(q);
    return 0;
}

/* Does a job have this id? Those that come later than all rows need no look. */
static int has_id(struct store *s, int64_t id, struct err *e)
{
    if (changes_find_job(&s->changes, id)) return 1;
    if (s->last_job == 0) {
        int64_t last = 0;
        int rc = last_id(s, &last, e);
        if (rc != 0) return rc;
        s->last_job = last > 0 ? last : 1; /* 0 would not be known */
    }
    if (id > s->last_job) return 0;
    struct stmt *q = store_queue(s, Q_JOB_CLASS);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc == 1) db_reset(q);
    return rc;
}

int store_job_insert(struct store *s, const struct job_row *j, const char *spec, struct err *e)
{
    int64_t other = 0;
    int rc = store_may_change(s, e);
    if (rc != 0) return rc;
    rc = has_id(s, j->id, e);
    if (rc == 0 && j->unique_key) rc = store_job_find_key(s, j->unique_key, &other, e);
    if (rc == 1) return err_set(e, ERR_EXISTS, "the job's id or key is taken");
    if (rc != 0) return rc;
    changes_insert_job(&s->changes, j, spec);
    if (j->unique_key) changes_know_key(&s->changes, &s->changes.job_keys, j->unique_key, j->id);
    return 0;
}

/* ---- look ----------------------------------------------------------------------------------- */

static int find_key(struct store *s, int64_t id, char **key, struct err *e)
{
    struct stmt *q = store_queue(s, Q_KEY_OF);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    if (rc == 1) *key = column_text(q, 0);
    db_reset(q);
    return 0;
}

int store_job_find(struct store *s, int64_t id, struct job_row *out, struct err *e)
{
    if (changes_find_job(&s->changes, id)) {
        int written = store_write_changes(s, e);
        if (written != 0) return written;
    }
    struct stmt *q = store_queue(s, Q_JOB_GET);
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

int store_job_last_id(struct store *s, int64_t *id, struct err *e)
{
    int rc = store_write_changes(s, e);
    return rc == 0 ? last_id(s, id, e) : rc;
}

int store_job_spec(struct store *s, int64_t id, char **spec, struct err *e)
{
    const struct job_change *x = changes_find_job(&s->changes, id);
    if (x && x->fresh) {
        *spec = mem_strdup(x->spec);
        return 0;
    }
    struct stmt *q = store_queue(s, Q_JOB_SPEC);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such job");
    if (rc < 0) return rc;
    *spec = column_text(q, 0);
    db_reset(q);
    return 0;
}

int store_job_retry_of(struct store *s, int64_t id, int64_t *of, struct err *e)
{
    const struct job_change *x = changes_find_job(&s->changes, id);
    if (x && x->fresh) {
        *of = x->row.retry_of;
        return 0;
    }
    struct stmt *q = store_queue(s, Q_JOB_RETRY_OF);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such job");
    if (rc < 0) return rc;
    *of = column_int(q, 0);
    db_reset(q);
    return 0;
}

int store_jobs_read(struct store *s, const int64_t *ids, size_t count,
                    int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                    struct err *e)
{
    int rc = store_write_changes(s, e);
    if (rc == 0 && s->begun && count > 0) rc = store_write_queue(s, e); /* as above */
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct stmt *q = store_queue(s, Q_JOB_WHOLE);
        bind_int(q, 1, ids[i]);
        rc = db_step(&s->queue, q, e);
        if (rc != 1) continue;
        struct job_row j;
        row_job(q, &j);
        int stop = fn(&j, column_str(q, JOB_COLUMN_COUNT), user);
        db_reset(q);
        job_row_fini(&j);
        if (stop) return 0;
        rc = 0;
    }
    return rc;
}

int store_each_open_job(struct store *s, int (*fn)(const struct job_row *j, void *user), void *user,
                        struct err *e)
{
    int rc = store_write_changes(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_JOBS_OPEN);
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

/* The change of a job that this step is a part of. NULL: outside of store_begin. */
static struct job_change *step(struct store *s, int64_t id, struct err *e)
{
    return store_may_change(s, e) == 0 ? changes_of_job(&s->changes, id) : NULL;
}

void store_job_is(struct store *s, const struct job_row *j)
{
    if (s->begun) changes_know_job(&s->changes, j);
}

int store_job_submitted(struct store *s, int64_t id, int64_t agent, int64_t attempt, int64_t now_ms,
                        struct err *e)
{
    struct job_change *x = step(s, id, e);
    if (!x) return ERR_INTERNAL;
    change_submitted(x, agent, attempt, now_ms);
    return 0;
}

int store_job_running(struct store *s, int64_t id, int64_t now_ms, struct err *e)
{
    struct job_change *x = step(s, id, e);
    if (!x) return ERR_INTERNAL;
    change_running(x, now_ms);
    return 0;
}

int store_job_killing(struct store *s, int64_t id, enum reason why, struct err *e)
{
    struct job_change *x = step(s, id, e);
    if (!x) return ERR_INTERNAL;
    change_killing(x, why);
    return 0;
}

int store_job_requeue(struct store *s, int64_t id, int64_t attempt, struct err *e)
{
    struct job_change *x = step(s, id, e);
    if (!x) return ERR_INTERNAL;
    change_requeue(x, attempt);
    return 0;
}

int store_job_retrying(struct store *s, int64_t id, int64_t next_attempt, int64_t retry_at_ms,
                       struct err *e)
{
    struct job_change *x = step(s, id, e);
    if (!x) return ERR_INTERNAL;
    change_retrying(x, next_attempt, retry_at_ms);
    return 0;
}

int store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e)
{
    if (!job_is_final(end->state)) return err_set(e, ERR_INTERNAL, "a job ends in a final state");
    struct job_change *x = step(s, id, e);
    if (!x) return ERR_INTERNAL;
    change_finish(&s->changes, x, end);
    return 0;
}

int store_job_cancelled_by(struct store *s, int64_t id, const char *by, struct err *e)
{
    struct job_change *x = step(s, id, e);
    if (!x) return ERR_INTERNAL;
    change_cancelled_by(&s->changes, x, by);
    return 0;
}

int store_job_set_group(struct store *s, int64_t id, const char *group, struct err *e)
{
    struct job_change *x = step(s, id, e);
    if (!x) return ERR_INTERNAL;
    change_group(&s->changes, x, group);
    return 0;
}
