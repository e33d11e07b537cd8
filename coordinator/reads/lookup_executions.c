/* Looking up executions. */
#include "coordinator/reads/lookup.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/str.h"
#include "coordinator/reads/job_json.h"
#include "coordinator/reads/known.h"

#define RUNS_AT_ONCE 500 /* task runs of one look at the store */

static int find(struct lookup *l, struct reader *r, struct execution_row *x, struct err *e)
{
    char id[ID_TEXT_SIZE];
    id_format(l->id, id);
    int rc = reader_execution(r, l->id, x, e);
    if (rc == ERR_NOT_FOUND)
        problem_set(&l->problem, 404, "not-found",
                    "finished executions are forgotten after the retention time",
                    "there is no execution %s", id);
    if (rc) return rc;
    if (!lookup_may_see(l->only_ns, x->ns, &l->problem)) {
        execution_row_fini(x);
        return ERR_DENIED;
    }
    l->found = l->id;
    return 0;
}

int lookup_execution_exists(struct lookup *l, struct reader *r, struct err *e)
{
    struct execution_row x;
    int rc = find(l, r, &x, e);
    if (!rc) execution_row_fini(&x);
    return rc;
}

/* ---- one ---- */

struct runs {
    struct lookup *l;
    struct reader *r;
    int64_t last;
    int64_t under_way; /* the job that l->waiting is of */
    int rc;
};

static int on_run(const struct job_view *v, void *user)
{
    struct runs *runs = user;
    struct jw *w = &runs->l->answer.w;
    struct job_json_parts parts = {.with_waiting = true,
                                   .waiting =
                                       v->job.id == runs->under_way ? runs->l->waiting : NULL};
    jw_object(w, NULL);
    runs->rc = job_json(w, runs->r, v, &parts, NULL);
    jw_end(w);
    runs->last = v->job.id;
    return runs->rc;
}

static int put_runs(struct lookup *l, struct reader *r, const struct execution_row *x,
                    struct err *e)
{
    struct runs runs = {.l = l, .r = r, .under_way = x->job};
    bool more = true;
    int rc = 0;
    jw_array(&l->answer.w, "taskRuns");
    while (more && !rc && !runs.rc) {
        struct task_run_filter f = {.execution = x->id,
                                    .after_id = runs.last,
                                    .limit = RUNS_AT_ONCE};
        rc = reader_task_runs(r, &f, on_run, &runs, &more, e);
    }
    jw_end(&l->answer.w);
    return rc ? rc : runs.rc;
}

static int put_execution(struct lookup *l, struct reader *r, const struct execution_row *x,
                         struct err *e)
{
    struct jw *w = &l->answer.w;
    execution_json(w, x);
    if (x->state == EXECUTION_QUEUED) {
        jw_object(w, "waiting");
        jw_str(w, "code", "concurrency");
        jw_str(w, "message", "the flow runs as many executions as its concurrency limit allows");
        jw_end(w);
    } else if (x->wake_ms > 0) {
        char until[TIME_TEXT_SIZE], message[TIME_TEXT_SIZE + 40];
        time_format(x->wake_ms, until);
        (void)str_format(message, sizeof message, "a task sleeps until %s", until);
        jw_object(w, "waiting");
        jw_str(w, "code", "asleep");
        jw_str(w, "message", message);
        jw_end(w);
    } else {
        jw_raw(w, "waiting", l->waiting);
    }
    int rc = put_runs(l, r, x, e);
    if (l->duplicate >= 0) jw_bool(w, "duplicate", l->duplicate != 0);
    return rc;
}

int lookup_execution(struct lookup *l, struct reader *r, struct err *e)
{
    struct execution_row x;
    struct job_view v;
    int rc = find(l, r, &x, e);
    if (rc) return rc;
    if (l->may_wait && x.job && reader_job(r, x.job, &v, NULL) == 0) {
        l->waits = job_json_waits(v.job.state);
        l->found = x.job;
        job_view_fini(&v);
    }
    if (!l->waits) rc = put_execution(l, r, &x, e);
    execution_row_fini(&x);
    return rc;
}

/* ---- list ---- */

static int on_execution(const struct execution_row *x, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    execution_json(&l->answer.w, x);
    list_row_end_id(&l->list, x->id);
    return 0;
}

int lookup_executions(struct lookup *l, struct reader *r, struct err *e)
{
    struct execution_filter f = {.states = l->states,
                                 .ns = l->ns,
                                 .flow = l->flow,
                                 .trigger = l->name,
                                 .labels = l->labels,
                                 .before_id = lookup_before(l),
                                 .from_id = l->from_id,
                                 .limit = l->list.limit};
    int64_t next = 0;
    struct name_asked flow = {.of = NAME_FLOW, .name = l->flow, .ns = l->ns, .exact = true};
    struct name_asked trigger = {.of = NAME_TRIGGER, .name = l->name, .ns = l->ns, .flow = l->flow};
    int rc = l->flow ? known_name(l, r, &flow, e) : 0;
    if (!rc && l->name) rc = known_name(l, r, &trigger, e);
    if (rc) return rc;
    list_begin(&l->list, &l->answer);
    rc = reader_executions(r, &f, on_execution, l, &next, e);
    list_end_id(&l->list, next);
    return rc;
}
