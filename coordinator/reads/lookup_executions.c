/* Looking up executions. */
#include "coordinator/reads/lookup.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/str.h"
#include "coordinator/reads/job_json.h"
#include "coordinator/reads/known.h"
#include "coordinator/reads/run_json.h"

#define RUNS_SHOWN 1000 /* task runs that stand with their execution */

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

/* The task runs of an execution, from number `after` on, as many as fit. */
struct runs {
    struct lookup *l;
    struct reader *r;
    int64_t after, last; /* last: number of the last that was put */
    int64_t under_way;   /* the job that l->waiting is of */
    bool page;           /* of a list; else of the execution itself */
    bool cut;            /* the execution's answer is as large as that of a list may be */
    int rc;
};

/* 0: the object is open. */
static int begin_run(struct runs *runs)
{
    if (runs->page) return list_row(&runs->l->list) ? 0 : 1;
    runs->cut = runs->l->answer.b.len > LIST_BYTES;
    if (runs->cut) return 1;
    jw_object(&runs->l->answer.w, NULL);
    return 0;
}

static int end_run(struct runs *runs, int64_t number)
{
    runs->last = number;
    if (runs->page)
        list_row_end(&runs->l->list, "%lld", (long long)number);
    else
        jw_end(&runs->l->answer.w);
    return runs->rc;
}

static int on_run(const struct run_row *row, const struct job_view *job, void *user)
{
    struct runs *runs = user;
    if (begin_run(runs)) return 1;
    bool under_way = job && job->job.id == runs->under_way;
    runs->rc = run_json(&runs->l->answer.w, runs->r, row, job, under_way ? runs->l->waiting : NULL);
    return end_run(runs, row->number);
}

static int on_old_run(const struct job_view *job, void *user)
{
    struct runs *runs = user;
    if (runs->last < runs->after) { /* of a page before */
        runs->last++;
        return 0;
    }
    if (begin_run(runs)) return 1;
    int64_t number = runs->last + 1;
    runs->rc = old_run_json(&runs->l->answer.w, runs->r, job, number);
    return end_run(runs, number);
}

/* Of an execution that an older coordinator brought to its end there are jobs alone, but few. */
static int put_runs(struct runs *runs, int64_t execution, size_t limit, bool *more, struct err *e)
{
    struct run_filter f = {.execution = execution, .after = runs->after, .limit = limit};
    struct task_run_filter old = {.execution = execution, .limit = limit + (size_t)runs->after};
    int rc = reader_runs(runs->r, &f, on_run, runs, more, e);
    if (!rc && !runs->rc && runs->last == 0 && !*more)
        rc = reader_task_runs(runs->r, &old, on_old_run, runs, more, e);
    return rc ? rc : runs->rc;
}

static int put_first_runs(struct lookup *l, struct reader *r, const struct execution_row *x,
                          struct err *e)
{
    struct runs runs = {.l = l, .r = r, .under_way = x->job};
    char next[24];
    bool more = false;
    jw_array(&l->answer.w, "taskRuns");
    int rc = put_runs(&runs, x->id, RUNS_SHOWN, &more, e);
    jw_end(&l->answer.w);
    (void)str_format(next, sizeof next, "%lld", (long long)runs.last);
    jw_str(&l->answer.w, "taskRunsCursor", more || runs.cut ? next : NULL);
    return rc;
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
    int rc = put_first_runs(l, r, x, e);
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

int lookup_runs(struct lookup *l, struct reader *r, struct err *e)
{
    struct execution_row x;
    bool more = false;
    struct runs runs = {.l = l, .r = r, .page = true};
    if (l->list.after[0] && (str_int64(l->list.after[0], &runs.after) != 0 || runs.after < 0)) {
        problem_field(&l->problem, "cursor", "'%s' is not a cursor of this list", l->list.after[0]);
        return 0;
    }
    int rc = find(l, r, &x, e);
    if (rc) return rc;
    list_begin(&l->list, &l->answer);
    rc = put_runs(&runs, x.id, l->list.limit, &more, e);
    list_end(&l->list, more);
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
