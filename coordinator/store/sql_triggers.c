/* Triggers, the moments that they missed, and the last evaluations of each. */
#include "coordinator/store/sql_store.h"

static void bind_changing(struct stmt *q, const struct trigger_row *t)
{
    bind_int(q, 2, t->file_disabled);
    bind_int(q, 3, t->disabled);
    bind_int(q, 4, t->concurrent);
    bind_int(q, 5, t->interval_ms);
    bind_int(q, 6, t->next_ms);
    bind_int(q, 7, t->job);
    bind_int(q, 8, t->result);
    bind_int(q, 9, t->ended_ms);
    bind_int(q, 10, t->execution);
    bind_int(q, 11, t->evaluations);
    bind_int(q, 12, t->fired);
    bind_int(q, 13, t->errors);
    bind_int(q, 14, t->skipped);
    bind_text(q, 15, t->why);
    bind_text(q, 16, t->message);
    bind_text(q, 17, t->disabled_by);
    bind_int(q, 18, t->planned_ms);
    bind_int(q, 19, t->missed);
    bind_int(q, 20, t->backlog);
    bind_text(q, 21, t->cron);
    bind_text(q, 22, t->zone);
    bind_text(q, 23, t->key_hash);
    bind_int(q, 24, t->holds);
}

int store_trigger_insert(struct store *s, const struct trigger_row *t, int64_t *id, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_TRIGGER_INSERT);
    bind_changing(q, t);
    bind_text(q, 1, t->ns);
    bind_text(q, 25, t->flow);
    bind_text(q, 26, t->name);
    bind_int(q, 27, t->kind);
    rc = db_first_id(&s->queue, q, id, e);
    return rc < 0 ? rc : 0;
}

int store_trigger_update(struct store *s, const struct trigger_row *t, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_TRIGGER_UPDATE);
    bind_int(q, 1, t->id);
    bind_changing(q, t);
    return db_alter(&s->queue, q, e);
}

int store_trigger_job(struct store *s, int64_t id, int64_t job, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_TRIGGER_JOB);
    bind_int(q, 1, id);
    bind_int(q, 2, job);
    return db_alter(&s->queue, q, e);
}

int store_trigger_delete(struct store *s, int64_t id, struct err *e)
{
    int rc = store_write_changes(s, e);
    if (rc == 0) rc = store_write_queue(s, e);
    if (rc == 0) rc = drop_evaluations(s, id, INT64_MAX, e);
    if (rc == 0) rc = store_missed_clear(s, id, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_FIRED_CLEAR);
    bind_int(q, 1, id);
    rc = db_run(&s->queue, q, e);
    if (rc != 0) return rc;
    q = store_queue(s, Q_TRIGGER_DELETE);
    bind_int(q, 1, id);
    return db_change(&s->queue, q, e);
}

int store_each_trigger(struct store *s, int (*fn)(const struct trigger_row *t, void *user),
                       void *user, struct err *e)
{
    struct stmt *q = store_queue(s, Q_TRIGGERS);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct trigger_row t;
        row_trigger(q, &t);
        int stop = fn(&t, user);
        trigger_row_fini(&t);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int store_evaluation_add(struct store *s, const struct evaluation_row *v, struct err *e)
{
    int rc = store_may_change(s, e);
    if (rc == 0) changes_add_evaluation(&s->changes, v);
    return rc;
}

/* ---- moments that a schedule missed ---- */

static int change_missed(struct store *s, int which, int64_t trigger, int64_t planned_ms,
                         struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, which);
    bind_int(q, 1, trigger);
    if (which != Q_MISSED_CLEAR) bind_int(q, 2, planned_ms);
    return db_run(&s->queue, q, e);
}

int store_missed_add(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e)
{
    return change_missed(s, Q_MISSED_ADD, trigger, planned_ms, e);
}

int store_missed_remove(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e)
{
    return change_missed(s, Q_MISSED_REMOVE, trigger, planned_ms, e);
}

int store_missed_clear(struct store *s, int64_t trigger, struct err *e)
{
    return change_missed(s, Q_MISSED_CLEAR, trigger, 0, e);
}

int store_missed_find(struct store *s, int64_t trigger, int64_t *planned_ms, struct err *e)
{
    struct stmt *q = store_queue(s, Q_MISSED_FIRST);
    bind_int(q, 1, trigger);
    int rc = db_step(&s->queue, q, e);
    int64_t first = rc == 1 ? column_int(q, 0) : -1;
    db_reset(q);
    if (rc < 0) return rc;
    if (first < 0) return 0;
    *planned_ms = first;
    return 1;
}

int store_missed_has(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e)
{
    struct stmt *q = store_queue(s, Q_MISSED_HAS);
    bind_int(q, 1, trigger);
    bind_int(q, 2, planned_ms);
    int rc = db_step(&s->queue, q, e);
    db_reset(q);
    return rc;
}

/* ---- moments that have an execution ---- */

int store_fired_put(struct store *s, int64_t trigger, const struct fired_range *f, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_FIRED_PUT);
    bind_int(q, 1, trigger);
    bind_int(q, 2, f->first_ms);
    bind_int(q, 3, f->last_ms);
    return db_run(&s->queue, q, e);
}

int store_fired_remove(struct store *s, int64_t trigger, int64_t first_ms, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_FIRED_REMOVE);
    bind_int(q, 1, trigger);
    bind_int(q, 2, first_ms);
    return db_change(&s->queue, q, e);
}

static int find_fired(struct store *s, int which, int64_t trigger, int64_t at_ms,
                      struct fired_range *out, struct err *e)
{
    struct stmt *q = store_queue(s, which);
    bind_int(q, 1, trigger);
    bind_int(q, 2, at_ms);
    int rc = db_step(&s->queue, q, e);
    if (rc == 1)
        *out = (struct fired_range){.first_ms = column_int(q, 0), .last_ms = column_int(q, 1)};
    db_reset(q);
    return rc;
}

int store_fired_find(struct store *s, int64_t trigger, int64_t at_ms, struct fired_range *out,
                     struct err *e)
{
    return find_fired(s, Q_FIRED_FIND, trigger, at_ms, out, e);
}

int store_fired_after(struct store *s, int64_t trigger, int64_t at_ms, struct fired_range *out,
                      struct err *e)
{
    return find_fired(s, Q_FIRED_AFTER, trigger, at_ms, out, e);
}

int store_fired_count(struct store *s, int64_t trigger, int64_t *count, struct err *e)
{
    struct stmt *q = store_queue(s, Q_FIRED_COUNT);
    bind_int(q, 1, trigger);
    int rc = db_step(&s->queue, q, e);
    if (rc == 1) *count = column_int(q, 0);
    db_reset(q);
    return rc < 0 ? rc : 0;
}
