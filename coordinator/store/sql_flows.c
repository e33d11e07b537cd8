/* Flows and their executions. */
#include "coordinator/store/sql_store.h"

#include "base/id.h"
#include "base/mem.h"

/* ---- flows ---------------------------------------------------------------------------------- */

int store_flow_put(struct store *s, const struct flow_row *f, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_REVISION_INSERT);
    bind_text(q, 1, f->ns);
    bind_text(q, 2, f->id);
    bind_int(q, 3, f->revision);
    bind_int(q, 4, f->updated_ms);
    bind_text(q, 5, f->source);
    bind_text(q, 6, f->updated_by);
    rc = db_add(&s->queue, q, e);
    if (rc != 0) return rc;
    q = store_queue(s, Q_REVISION_PASSES);
    bind_text(q, 1, f->ns);
    bind_text(q, 2, f->id);
    bind_int(q, 3, f->updated_ms);
    bind_int(q, 4, f->revision);
    rc = db_run(&s->queue, q, e);
    if (rc != 0) return rc;
    q = store_queue(s, Q_FLOW_PUT);
    bind_text(q, 1, f->ns);
    bind_text(q, 2, f->id);
    bind_int(q, 3, f->revision);
    bind_int(q, 4, f->created_ms);
    bind_int(q, 5, f->updated_ms);
    bind_text(q, 6, f->updated_by);
    return db_run(&s->queue, q, e);
}

static int forget_groups(struct store *s, const char *ns, const char *id, struct err *e)
{
    struct stmt *q = store_queue(s, Q_FLOW_GROUPS_DELETE);
    bind_text(q, 1, ns);
    bind_text(q, 2, id);
    return db_run(&s->queue, q, e);
}

int store_flow_groups(struct store *s, const struct flow_row *f, const char *const *keys,
                      size_t count, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc == 0) rc = forget_groups(s, f->ns, f->id, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct stmt *q = store_queue(s, Q_FLOW_GROUP_ADD);
        bind_text(q, 1, f->ns);
        bind_text(q, 2, f->id);
        bind_text(q, 3, keys[i]);
        rc = db_run(&s->queue, q, e);
    }
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_FLOW_GROUPS_KNOWN);
    bind_text(q, 1, f->ns);
    bind_text(q, 2, f->id);
    return db_change(&s->queue, q, e);
}

/* The flow in the first row of q. 1: there is one. */
static int find_flow(struct store *s, struct stmt *q, struct flow_row *out, struct err *e)
{
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    row_flow(q, out);
    db_reset(q);
    return 1;
}

int store_flow_find_naming(struct store *s, const char *group, struct flow_row *out, struct err *e)
{
    struct stmt *q = store_queue(s, Q_FLOW_NAMING);
    bind_text(q, 1, group);
    return find_flow(s, q, out, e);
}

int store_flow_find_unread(struct store *s, struct flow_row *out, struct err *e)
{
    return find_flow(s, store_queue(s, Q_FLOW_UNREAD), out, e);
}

int store_flow_deleted(struct store *s, const char *ns, const char *id, int64_t now_ms,
                       const char *by, struct err *e)
{
    int rc = store_write_queue(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_REVISION_PASSES);
    bind_text(q, 1, ns);
    bind_text(q, 2, id);
    bind_int(q, 3, now_ms);
    bind_int(q, 4, 0);
    rc = db_run(&s->queue, q, e);
    if (rc != 0) return rc;
    rc = forget_groups(s, ns, id, e);
    if (rc != 0) return rc;
    q = store_queue(s, Q_FLOW_DELETED);
    bind_text(q, 1, ns);
    bind_text(q, 2, id);
    bind_int(q, 3, now_ms);
    bind_text(q, 4, by);
    return db_change(&s->queue, q, e);
}

int store_each_flow(struct store *s, int (*fn)(const struct flow_row *f, void *user), void *user,
                    struct err *e)
{
    struct stmt *q = store_queue(s, Q_FLOWS);
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct flow_row f;
        row_flow(q, &f);
        int stop = fn(&f, user);
        flow_row_fini(&f);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int store_flow_source(struct store *s, const char *ns, const char *id, int64_t revision,
                      char **source, struct err *e)
{
    struct stmt *q = store_queue(s, Q_FLOW_SOURCE);
    bind_text(q, 1, ns);
    bind_text(q, 2, id);
    bind_int(q, 3, revision);
    int rc = db_step(&s->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such flow, or revision of it");
    if (rc < 0) return rc;
    *source = column_text(q, 0);
    db_reset(q);
    return 0;
}

/* ---- executions ----------------------------------------------------------------------------- */

/* Does an execution have this id? As with jobs. */
static int has_id(struct store *s, int64_t id, struct err *e)
{
    if (changes_find_execution(&s->changes, id)) return 1;
    if (s->last_execution == 0) {
        int64_t last = 0;
        int rc = store_execution_last_id(s, &last, e);
        if (rc != 0) return rc;
        s->last_execution = last > 0 ? last : 1; /* 0 would not be known */
    }
    if (id > s->last_execution) return 0;
    struct stmt *q = store_queue(s, Q_EXECUTION_GET);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc == 1) db_reset(q);
    return rc;
}

int store_execution_insert(struct store *s, const struct execution_row *x, struct err *e)
{
    int64_t other;
    int rc = store_may_change(s, e);
    if (rc == 0) rc = has_id(s, x->id, e);
    if (rc == 0 && x->unique_key) rc = store_execution_find_key(s, x->unique_key, &other, e);
    if (rc == 1) return err_set(e, ERR_EXISTS, "the execution's id or key is taken");
    if (rc != 0) return rc;
    changes_insert_execution(&s->changes, x);
    if (x->unique_key)
        changes_know_key(&s->changes, &s->changes.execution_keys, x->unique_key, x->id);
    return 0;
}

int store_execution_find(struct store *s, int64_t id, struct execution_row *out, struct err *e)
{
    const struct execution_change *x = changes_find_execution(&s->changes, id);
    if (x && x->fresh) {
        changes_read_execution(x, out);
        return 1;
    }
    struct stmt *q = store_queue(s, Q_EXECUTION_GET);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc != 1) return rc;
    row_execution(q, true, out);
    db_reset(q);
    if (x) changes_read_execution(x, out);
    return 1;
}

int store_execution_get(struct store *s, int64_t id, struct execution_row *out, struct err *e)
{
    int rc = store_execution_find(s, id, out, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such execution");
    return rc == 1 ? 0 : rc;
}

int store_execution_last_id(struct store *s, int64_t *id, struct err *e)
{
    int written = store_write_changes(s, e);
    if (written != 0) return written;
    struct stmt *q = store_queue(s, Q_EXECUTION_LAST);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    *id = column_int(q, 0);
    db_reset(q);
    return 0;
}

int store_execution_update(struct store *s, const struct execution_row *x, struct err *e)
{
    int rc = store_may_change(s, e);
    if (rc == 0) changes_update_execution(&s->changes, x);
    return rc;
}

int store_each_open_execution(struct store *s, int (*fn)(const struct execution_row *x, void *user),
                              void *user, struct err *e)
{
    int rc = store_write_changes(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_EXECUTIONS_OPEN);
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct execution_row x;
        row_execution(q, false, &x);
        int stop = fn(&x, user);
        execution_row_fini(&x);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int store_run_insert(struct store *s, const struct run_row *r, struct err *e)
{
    int rc = store_may_change(s, e);
    if (rc == 0) changes_insert_run(&s->changes, r);
    return rc;
}

int store_run_update(struct store *s, const struct run_row *r, struct err *e)
{
    int rc = store_may_change(s, e);
    if (rc == 0) changes_update_run(&s->changes, r);
    return rc;
}

static int each_run(struct store *s, struct stmt *q, int (*fn)(const struct run_row *r, void *user),
                    void *user, struct err *e)
{
    int rc;
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct run_row r;
        row_run(q, 0, false, &r);
        int stop = fn(&r, user);
        run_row_fini(&r);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int store_each_open_run(struct store *s, int (*fn)(const struct run_row *r, void *user), void *user,
                        struct err *e)
{
    int rc = store_write_changes(s, e);
    return rc != 0 ? rc : each_run(s, store_queue(s, Q_RUNS_OPEN), fn, user, e);
}

static struct run_row job_run(struct stmt *q, int64_t execution)
{
    return (struct run_row){.execution = execution,
                            .task = column_text(q, 0),
                            .job = column_int(q, 1),
                            .state = run_state_of_job((enum job_state)column_int(q, 2)),
                            .iteration = RUN_NO_ITERATION,
                            .created_ms = column_int(q, 3),
                            .started_ms = column_int(q, 4),
                            .ended_ms = column_int(q, 5),
                            .reason = (enum reason)column_int(q, 6)};
}

int store_each_job_run(struct store *s, int64_t execution,
                       int (*fn)(const struct run_row *r, void *user), void *user, struct err *e)
{
    char id[ID_TEXT_SIZE];
    int rc = store_write_changes(s, e);
    if (rc != 0) return rc;
    id_format(execution, id);
    struct stmt *q = store_queue(s, Q_JOB_RUNS);
    bind_text(q, 1, id);
    while ((rc = db_step(&s->queue, q, e)) == 1) {
        struct run_row r = job_run(q, execution);
        int stop = fn(&r, user);
        run_row_fini(&r);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int store_each_run(struct store *s, int64_t execution,
                   int (*fn)(const struct run_row *r, void *user), void *user, struct err *e)
{
    int rc = store_write_changes(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_RUNS);
    bind_int(q, 1, execution);
    return each_run(s, q, fn, user, e);
}

int store_run_outputs(struct store *s, int64_t execution, int64_t run, char **out, struct err *e)
{
    int rc = store_write_changes(s, e);
    if (rc != 0) return rc;
    struct stmt *q = store_queue(s, Q_RUN_OUTPUTS);
    bind_int(q, 1, execution);
    bind_int(q, 2, run);
    rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    *out = rc == 1 ? column_text(q, 0) : NULL;
    db_reset(q);
    return 0;
}

int store_job_outputs(struct store *s, int64_t id, struct job_left *out, struct err *e)
{
    const struct job_change *x = changes_find_job(&s->changes, id);
    if (x && (x->fresh || x->parts & PART_END)) {
        *out = (struct job_left){mem_strdup(x->outputs), x->row.exited, x->row.exit_code};
        return 0;
    }
    struct stmt *q = store_queue(s, Q_JOB_OUTPUTS);
    bind_int(q, 1, id);
    int rc = db_step(&s->queue, q, e);
    if (rc < 0) return rc;
    *out = (struct job_left){NULL};
    if (rc == 1)
        *out = (struct job_left){column_text(q, 0), !column_is_null(q, 1), column_int(q, 1)};
    db_reset(q);
    return 0;
}
