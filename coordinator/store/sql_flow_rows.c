/* Executions and evaluations become rows. */
#include "coordinator/store/sql_store.h"

/* ---- executions ----------------------------------------------------------------------------- */

static int insert_key(struct store *s, const struct execution_row *x, struct err *e)
{
    struct stmt *q = store_queue(s, Q_EXECUTION_KEY_INSERT);
    bind_int(q, 1, x->id);
    bind_text(q, 2, x->unique_key);
    return db_run(&s->queue, q, e);
}

static int insert_row(struct store *s, const struct execution_row *x, struct err *e)
{
    struct stmt *q = store_queue(s, Q_EXECUTION_INSERT);
    bind_int(q, 1, x->id);
    bind_int(q, 2, x->state);
    bind_int(q, 3, !execution_is_final(x->state));
    bind_int(q, 4, x->reason);
    bind_int(q, 5, x->position);
    bind_int(q, 6, x->job);
    bind_int(q, 7, x->warned);
    bind_int(q, 8, x->created_ms);
    bind_int(q, 9, x->started_ms);
    bind_int(q, 10, x->ended_ms);
    bind_text(q, 11, x->ns);
    bind_text(q, 12, x->flow);
    bind_int(q, 13, x->revision);
    bind_int(q, 14, x->submitter);
    bind_text(q, 15, x->trigger);
    bind_text(q, 16, x->message);
    bind_text(q, 17, x->labels);
    bind_text(q, 18, x->inputs);
    bind_text(q, 19, x->trigger_vars);
    bind_text(q, 20, x->created_by);
    bind_text(q, 21, x->cancelled_by);
    bind_int(q, 22, x->asleep_ms);
    bind_int(q, 23, x->wake_ms);
    bind_text(q, 24, x->outputs);
    bind_int(q, 25, x->depth);
    bind_int(q, 26, x->backfill);
    bind_text(q, 27, x->trace);
    return db_run(&s->queue, q, e);
}

int execution_insert(struct store *s, const struct execution_row *x, struct err *e)
{
    int rc = x->unique_key ? insert_key(s, x, e) : 0;
    if (s->last_execution != 0 && x->id > s->last_execution) s->last_execution = x->id;
    return rc == 0 ? insert_row(s, x, e) : rc;
}

int execution_update(struct store *s, const struct execution_row *x, struct err *e)
{
    struct stmt *q = store_queue(s, Q_EXECUTION_UPDATE);
    bind_int(q, 1, x->id);
    bind_int(q, 2, x->state);
    bind_int(q, 3, !execution_is_final(x->state));
    bind_int(q, 4, x->reason);
    bind_int(q, 5, x->position);
    bind_int(q, 6, x->job);
    bind_int(q, 7, x->warned);
    bind_int(q, 8, x->started_ms);
    bind_int(q, 9, x->ended_ms);
    bind_text(q, 10, x->message);
    bind_text(q, 11, x->cancelled_by);
    bind_int(q, 12, x->asleep_ms);
    bind_int(q, 13, x->wake_ms);
    bind_text(q, 14, x->labels);
    bind_text(q, 15, x->outputs);
    return db_alter(&s->queue, q, e);
}

/* ---- task runs ------------------------------------------------------------------------------ */

int run_insert(struct store *s, const struct run_row *r, struct err *e)
{
    struct stmt *q = store_queue(s, Q_RUN_INSERT);
    bind_int(q, 1, r->execution);
    bind_int(q, 2, r->number);
    bind_int(q, 3, r->parent);
    bind_int(q, 4, r->state);
    bind_int(q, 5, r->iteration);
    bind_int(q, 6, r->chosen);
    bind_int(q, 7, r->job);
    bind_int(q, 8, r->child);
    bind_int(q, 9, r->reason);
    bind_int(q, 10, r->created_ms);
    bind_int(q, 11, r->started_ms);
    bind_int(q, 12, r->ended_ms);
    bind_int(q, 13, r->due_ms);
    bind_text(q, 14, r->task);
    bind_text(q, 15, r->value);
    bind_text(q, 16, r->message);
    bind_text(q, 17, r->outputs);
    return db_run(&s->queue, q, e);
}

int run_update(struct store *s, const struct run_row *r, bool due, struct err *e)
{
    struct stmt *q = store_queue(s, Q_RUN_UPDATE);
    bind_int(q, 1, r->execution);
    bind_int(q, 2, r->number);
    bind_int(q, 3, r->state);
    bind_int(q, 4, r->chosen);
    bind_int(q, 5, r->job);
    bind_int(q, 6, r->child);
    bind_int(q, 7, r->reason);
    bind_int(q, 8, r->started_ms);
    bind_int(q, 9, r->ended_ms);
    bind_text(q, 10, r->message);
    bind_text(q, 11, r->outputs);
    int rc = db_alter(&s->queue, q, e);
    if (rc != 0 || !due) return rc;
    q = store_queue(s, Q_RUN_DUE);
    bind_int(q, 1, r->execution);
    bind_int(q, 2, r->number);
    bind_int(q, 3, r->due_ms);
    return db_alter(&s->queue, q, e);
}

/* ---- evaluations ---------------------------------------------------------------------------- */

/* Drops what the history has up to `number`, with the jobs that have ended. One that has not,
 * because it is still being killed, goes when everything of its age does. */
int drop_evaluations(struct store *s, int64_t trigger, int64_t number, struct err *e)
{
    for (;;) {
        struct stmt *q = store_queue(s, Q_EVALUATION_OLD);
        bind_int(q, 1, trigger);
        bind_int(q, 2, number);
        int rc = db_step(&s->queue, q, e);
        if (rc <= 0) return rc;
        int64_t old = column_int(q, 0), job = column_int(q, 1);
        db_reset(q);
        q = store_queue(s, Q_EVALUATION_DELETE);
        bind_int(q, 1, trigger);
        bind_int(q, 2, old);
        rc = db_run(&s->queue, q, e);
        if (rc == 0 && job) rc = purge_whole_job(s, job, e);
        if (rc != 0) return rc;
    }
}

int evaluation_insert(struct store *s, const struct evaluation_row *v, struct err *e)
{
    struct stmt *q = store_queue(s, Q_EVALUATION_INSERT);
    bind_int(q, 1, v->trigger);
    bind_int(q, 2, v->number);
    bind_int(q, 3, v->result);
    bind_exit(q, 4, v->exited, v->exit_code);
    bind_int(q, 5, v->job);
    bind_int(q, 6, v->execution);
    bind_int(q, 7, v->started_ms);
    bind_int(q, 8, v->ended_ms);
    bind_text(q, 9, v->message);
    bind_int(q, 10, v->planned_ms);
    bind_int(q, 11, v->moments);
    int64_t kept = v->planned_ms > 0 ? SCHEDULE_HISTORY : TRIGGER_HISTORY;
    int rc = db_run(&s->queue, q, e);
    return rc != 0 ? rc : drop_evaluations(s, v->trigger, v->number - kept, e);
}
