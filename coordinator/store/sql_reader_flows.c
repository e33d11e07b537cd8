/* Reading flows, executions and triggers. */
#include "coordinator/store/reader_run.h"
#include "coordinator/store/reader_trigger.h"
#include "coordinator/store/sql_reader.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* A page of what is kept by namespace begins here: behind the last row, or where the subtree
 * does. */
static const char *first_ns(const char *ns, const char *after_ns)
{
    return after_ns ? after_ns : or_empty(ns);
}

/* The subtree of a namespace, and what sorts between, lies before this: '/' follows '.'.
 * mem_free */
static char *end_of(const char *ns)
{
    return ns ? str_dupf("%s/", ns) : mem_strdup("\x7f");
}

/* ---- flows ---------------------------------------------------------------------------------- */

int reader_flows(struct reader *r, const struct flow_filter *f,
                 int (*fn)(const struct flow_row *row, int64_t triggers, void *user), void *user,
                 bool *more, struct err *e)
{
    struct stmt *q = from_queue(r, R_FLOWS);
    char *end = end_of(f->ns);
    bind_text(q, 1, first_ns(f->ns, f->after_ns));
    bind_text(q, 2, or_empty(f->after_id));
    bind_text(q, 3, end);
    size_t found = 0, seen = 0;
    int rc;
    if (f->passed) *f->passed = NULL;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        struct flow_row row;
        row_flow(q, &row);
        bool wanted = !f->ns || str_namespace_covers(f->ns, row.ns);
        int stop = wanted && found++ == f->limit;
        if (wanted && !stop) stop = fn(&row, column_int(q, FLOW_COLUMN_COUNT + 1), user);
        bool enough = !stop && ++seen == SCAN_MOST;
        if (enough && f->passed) *f->passed = str_dupf("%s/%s", row.ns, row.id);
        stop = stop || enough;
        flow_row_fini(&row);
        if (stop) break;
    }
    db_reset(q);
    mem_free(end);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

int reader_flow(struct reader *r, const char *ns, const char *id, int64_t revision,
                struct flow_row *out, struct err *e)
{
    struct stmt *q = from_queue(r, R_FLOW);
    bind_text(q, 1, ns);
    bind_text(q, 2, id);
    bind_int(q, 3, revision);
    int rc = db_step(&r->queue, q, e);
    if (rc < 0) return rc;
    if (rc == 0) {
        return revision ? err_set(e, ERR_NOT_FOUND, "there is no revision %lld of the flow %s/%s",
                                  (long long)revision, ns, id)
                        : err_set(e, ERR_NOT_FOUND, "there is no flow %s/%s", ns, id);
    }
    row_flow(q, out);
    db_reset(q);
    return 0;
}

int reader_flow_revisions(struct reader *r, const struct revision_filter *f,
                          int (*fn)(const struct flow_row *row, void *user), void *user, bool *more,
                          struct err *e)
{
    struct stmt *q = from_queue(r, R_REVISIONS);
    bind_text(q, 1, f->ns);
    bind_text(q, 2, f->flow);
    bind_int(q, 3, f->before > 0 ? f->before : INT64_MAX);
    size_t found = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        if (found++ == f->limit) break;
        struct flow_row row;
        row_flow(q, &row);
        int stop = fn(&row, user);
        flow_row_fini(&row);
        if (stop) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

/* ---- executions ----------------------------------------------------------------------------- */

static struct stmt *choose_scan(struct reader *r, const struct execution_filter *f)
{
    const uint32_t final = (UINT32_C(1) << EXECUTION_STATES) - (UINT32_C(1) << EXECUTION_SUCCESS);
    struct stmt *q;
    if (f->flow) {
        q = from_queue(r, R_EXECUTIONS_OF);
        bind_text(q, 3, f->ns);
        bind_text(q, 4, f->flow);
    } else {
        bool open = f->states && (f->states & final) == 0;
        q = from_queue(r, open ? R_EXECUTIONS_OPEN : R_EXECUTIONS);
    }
    bind_int(q, 1, f->before_id ? f->before_id : INT64_MAX);
    bind_int(q, 2, f->from_id);
    return q;
}

static bool is_wanted(const struct execution_filter *f, const struct execution_row *x)
{
    if (f->states && !(f->states >> x->state & 1)) return false;
    if (f->trigger && !str_eq(f->trigger, x->trigger)) return false;
    if (!f->flow && f->ns && !str_namespace_covers(f->ns, x->ns)) return false;
    return !f->labels || row_has_labels(x->labels, f->labels);
}

int reader_executions(struct reader *r, const struct execution_filter *f,
                      int (*fn)(const struct execution_row *x, void *user), void *user,
                      int64_t *next_before, struct err *e)
{
    struct stmt *q = choose_scan(r, f);
    size_t found = 0, seen = 0;
    int64_t last = 0, next = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        if (found == f->limit || seen++ == SCAN_MOST) {
            next = last;
            break;
        }
        struct execution_row x;
        row_execution(q, true, &x);
        last = x.id;
        int stop = 0;
        if (is_wanted(f, &x)) {
            found++;
            stop = fn(&x, user);
        }
        execution_row_fini(&x);
        if (stop) {
            next = last;
            break;
        }
    }
    db_reset(q);
    if (rc < 0) return rc;
    *next_before = next;
    return 0;
}

static int read_open_job(struct reader *r, struct execution_row *x, struct err *e)
{
    if (x->job || execution_is_final(x->state)) return 0;
    struct stmt *q = from_queue(r, R_OPEN_RUN);
    bind_int(q, 1, x->id);
    int rc = db_step(&r->queue, q, e);
    if (rc == 1) x->job = column_int(q, 0);
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int reader_execution(struct reader *r, int64_t id, struct execution_row *out, struct err *e)
{
    struct stmt *q = from_queue(r, R_EXECUTION);
    bind_int(q, 1, id);
    int rc = db_step(&r->queue, q, e);
    if (rc == 0) return err_set(e, ERR_NOT_FOUND, "there is no such execution");
    if (rc < 0) return rc;
    row_execution(q, true, out);
    db_reset(q);
    rc = read_open_job(r, out, e);
    if (rc) execution_row_fini(out);
    return rc;
}

int reader_task_runs(struct reader *r, const struct task_run_filter *f,
                     int (*fn)(const struct job_view *v, void *user), void *user, bool *more,
                     struct err *e)
{
    char id[ID_TEXT_SIZE];
    id_format(f->execution, id);
    struct stmt *q = from_queue(r, R_TASK_RUNS);
    bind_text(q, 1, id);
    bind_int(q, 2, f->after_id);
    size_t found = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        if (found++ == f->limit) break;
        struct job_view v;
        reader_row_view(q, &v);
        int stop = fn(&v, user);
        job_view_fini(&v);
        if (stop) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

int reader_runs(struct reader *r, const struct run_filter *f,
                int (*fn)(const struct run_row *row, const struct job_view *job, void *user),
                void *user, bool *more, struct err *e)
{
    struct stmt *q = from_queue(r, R_RUNS);
    bind_int(q, 1, f->execution);
    bind_int(q, 2, f->after);
    size_t found = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        if (found++ == f->limit) break;
        struct run_row row;
        struct job_view v = {0};
        row_run(q, VIEW_COLUMN_COUNT, true, &row);
        bool job = !column_is_null(q, 0);
        if (job) reader_row_view(q, &v);
        int stop = fn(&row, job ? &v : NULL, user);
        if (job) job_view_fini(&v);
        run_row_fini(&row);
        if (stop) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

/* ---- triggers ------------------------------------------------------------------------------- */

int reader_triggers(struct reader *r, const struct trigger_filter *f,
                    int (*fn)(const struct trigger_row *t, void *user), void *user, bool *more,
                    struct err *e)
{
    struct stmt *q = from_queue(r, R_TRIGGERS);
    char *end = end_of(f->ns);
    bind_text(q, 1, first_ns(f->ns, f->after_ns));
    bind_text(q, 2, or_empty(f->after_flow));
    bind_text(q, 3, or_empty(f->after_name));
    bind_text(q, 4, end);
    size_t found = 0, seen = 0;
    int rc;
    if (f->passed) *f->passed = NULL;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        struct trigger_row t;
        row_trigger(q, &t);
        bool wanted =
            (!f->ns || str_namespace_covers(f->ns, t.ns)) && (!f->flow || str_eq(f->flow, t.flow));
        int stop = wanted && found++ == f->limit;
        if (wanted && !stop) stop = fn(&t, user);
        bool enough = !stop && ++seen == SCAN_MOST;
        if (enough && f->passed) *f->passed = str_dupf("%s/%s/%s", t.ns, t.flow, t.name);
        stop = stop || enough;
        trigger_row_fini(&t);
        if (stop) break;
    }
    db_reset(q);
    mem_free(end);
    if (rc < 0) return rc;
    *more = rc == 1;
    return 0;
}

int reader_upcoming(struct reader *r, const struct upcoming_filter *f,
                    int (*fn)(const struct trigger_row *t, void *user), void *user,
                    struct upcoming_place *next, struct err *e)
{
    struct stmt *q = from_queue(r, R_UPCOMING);
    size_t found = 0, seen = 0;
    struct upcoming_place last = {0};
    int rc;
    bind_int(q, 1, f->after.ms);
    bind_int(q, 2, f->after.id);
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        if (found == f->limit || seen++ == SCAN_MOST) break;
        struct trigger_row t;
        row_trigger(q, &t);
        bool wanted =
            (!f->ns || str_namespace_covers(f->ns, t.ns)) && (!f->flow || str_eq(f->flow, t.flow));
        int stop = wanted && fn(&t, user);
        if (!stop) {
            found += wanted;
            last = (struct upcoming_place){t.next_ms, t.id};
        }
        trigger_row_fini(&t);
        if (stop) break;
    }
    db_reset(q);
    if (rc < 0) return rc;
    *next = rc == 1 ? last : (struct upcoming_place){0};
    return 0;
}

int reader_trigger(struct reader *r, const char *ns, const char *flow, const char *name,
                   struct trigger_row *out, struct err *e)
{
    struct stmt *q = from_queue(r, R_TRIGGER);
    bind_text(q, 1, ns);
    bind_text(q, 2, flow);
    bind_text(q, 3, name);
    int rc = db_step(&r->queue, q, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "the flow %s/%s has no trigger %s", ns, flow, name);
    if (rc < 0) return rc;
    row_trigger(q, out);
    db_reset(q);
    return 0;
}

int reader_each_webhook(struct reader *r, const char *ns, const char *flow,
                        int (*fn)(int64_t trigger, const char *key_hash, void *user), void *user,
                        struct err *e)
{
    struct stmt *q = from_queue(r, R_WEBHOOKS);
    bind_text(q, 1, ns);
    bind_text(q, 2, flow);
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        const char *hash = column_str(q, 1);
        if (fn(column_int(q, 0), hash ? hash : "", user)) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}

int reader_evaluations(struct reader *r, int64_t trigger,
                       int (*fn)(const struct evaluation_row *v, void *user), void *user,
                       struct err *e)
{
    struct stmt *q = from_queue(r, R_EVALUATIONS);
    bind_int(q, 1, trigger);
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1) {
        struct evaluation_row v;
        row_evaluation(q, &v);
        int stop = fn(&v, user);
        evaluation_row_fini(&v);
        if (stop) break;
    }
    db_reset(q);
    return rc < 0 ? rc : 0;
}
