/* Flows whose tasks hold others: how such a one may be written, and what has to be true of its task
 * runs after every commit. */
#include "tests/sim/flow_sim.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader_run.h"

#define CORE "io.kestra.plugin.core.flow."
#define NODES_MOST 14
#define RUNS_LOOKED 64

/* ---- writing ---- */

struct writing {
    struct flow_sim *s;
    struct buf *heads, *out;
    int number; /* of the next task */
};

static void write_list(struct writing *w, const char *key, int depth);

static void write_rest(struct writing *w, int depth)
{
    if (flow_random(w->s, 0, 3) == 0) buf_adds(w->out, ", allowFailure: true");
    if (flow_random(w->s, 0, 3) == 0) write_list(w, ", errors", depth + 1);
    if (flow_random(w->s, 0, 2) == 0) write_list(w, ", finally", depth + 1);
    buf_adds(w->out, "}");
}

static void write_node(struct writing *w, int depth)
{
    int kind = depth < 3 && w->number < NODES_MOST ? (int)flow_random(w->s, 0, 7) : 0;
    if (kind < 4) {
        flow_write_leaf(w->s, w->heads, w->out, w->number++);
        return;
    }
    buf_addf(w->out, "{id: t%d", w->number++);
    if (flow_random(w->s, 0, 7) == 0) buf_adds(w->out, ", runIf: \"false\"");
    if (kind == 4) {
        buf_adds(w->out, ", type: " CORE "Sequential");
        write_list(w, ", tasks", depth + 1);
    } else if (kind == 5) {
        buf_addf(w->out, ", type: " CORE "Parallel, concurrent: %d", (int)flow_random(w->s, 0, 2));
        write_list(w, ", tasks", depth + 1);
    } else if (kind == 6) {
        buf_addf(w->out, ", type: " CORE "If, condition: \"%s\"",
                 flow_random(w->s, 0, 1) ? "true" : "false");
        write_list(w, ", then", depth + 1);
        write_list(w, ", else", depth + 1);
    } else {
        buf_addf(w->out,
                 ", type: " CORE "Switch, value: v%d, cases: ", (int)flow_random(w->s, 0, 2));
        write_list(w, "{v0", depth + 1);
        write_list(w, ", v1", depth + 1);
        buf_adds(w->out, "}");
        write_list(w, ", defaults", depth + 1);
    }
    write_rest(w, depth);
}

static void write_list(struct writing *w, const char *key, int depth)
{
    int count = (int)flow_random(w->s, 1, 3);
    buf_addf(w->out, "%s: [", key);
    for (int i = 0; i < count; i++) {
        if (i > 0) buf_adds(w->out, ", ");
        write_node(w, depth);
    }
    buf_adds(w->out, "]");
}

void flow_runs_write(struct flow_sim *s, struct buf *heads, struct buf *out)
{
    struct writing w = {.s = s, .heads = heads, .out = out};
    write_list(&w, "tasks", 0);
    buf_adds(out, "\n");
    if (flow_random(s, 0, 1)) write_list(&w, "errors", 1);
    buf_adds(out, "\n");
    if (flow_random(s, 0, 1)) write_list(&w, "finally", 1);
    buf_adds(out, "\n");
}

bool flow_is_tree(const struct flow *f)
{
    for (size_t i = 0; i < f->task_count; i++) {
        const struct flow_task *t = &f->tasks[i];
        if (t->parent || t->branch != FLOW_TASKS || t->work.kind >= FLOW_CONTROL) return true;
    }
    return false;
}

/* ---- checking ---- */

struct looked_run {
    int64_t number, parent, job;
    enum run_state state;
    size_t task;
    bool fresh; /* it was not there before */
};

struct looking {
    struct flow_sim *s;
    const struct flow *f;
    const struct seen_execution *x;
    char id[ID_TEXT_SIZE];
    enum execution_state now;
    struct looked_run runs[RUNS_LOOKED];
    int count;
};

static int keep(const struct run_row *row, const struct job_view *job, void *user)
{
    struct looking *l = user;
    const struct flow_task *t = flow_find_task(l->f, row->task);
    if (!t || l->count == RUNS_LOOKED) {
        flow_violation(l->s, "runs: execution %s has one of task %s", l->id, row->task);
        return 1;
    }
    if (job && job_is_final(job->job.state) != run_is_final(row->state))
        flow_violation(l->s, "runs: %s of execution %s is %s, its job is not", row->task, l->id,
                       run_state_names[row->state]);
    l->runs[l->count++] = (struct looked_run){.number = row->number,
                                              .parent = row->parent,
                                              .job = row->job,
                                              .state = row->state,
                                              .task = (size_t)(t - l->f->tasks)};
    return 0;
}

/* What was final stays as it was; what is new is marked. */
static void compare(struct looking *l, struct looked_run *r)
{
    uint64_t key = (uint64_t)l->x->id ^ (uint64_t)r->number << 49;
    int64_t *was = map_find(&l->s->runs, key);
    r->fresh = !was;
    if (!was) {
        was = mem_alloc(sizeof *was);
        map_put(&l->s->runs, key, was);
        *was = r->state;
    }
    if (run_is_final((enum run_state) * was) && *was != r->state)
        flow_violation(l->s, "runs: final is final: run %d of execution %s", (int)r->number, l->id);
    *was = r->state;
}

static const struct looked_run *run_of(const struct looking *l, size_t task)
{
    for (int i = 0; i < l->count; i++)
        if (l->runs[i].task == task) return &l->runs[i];
    return NULL;
}

static bool in_finally(const struct flow *f, size_t task)
{
    for (size_t i = task + 1; i > 0; i = f->tasks[i - 1].parent)
        if (f->tasks[i - 1].branch == FLOW_FINALLY) return true;
    return false;
}

static bool is_good(enum run_state s)
{
    return s == RUN_SUCCESS || s == RUN_WARNING || s == RUN_SKIPPED;
}

/* The one before it in its list; NULL: it is the first, or those before are disabled. */
static const struct looked_run *before(const struct looking *l, size_t task)
{
    const struct flow_task *t = &l->f->tasks[task], *o;
    const struct looked_run *last = NULL;
    for (size_t i = 0; i < task; i++) {
        o = &l->f->tasks[i];
        if (o->parent == t->parent && o->branch == t->branch && o->case_index == t->case_index &&
            !o->disabled)
            last = run_of(l, i);
    }
    return last;
}

/* Did one of the parent's list of tasks fail? */
static bool has_failed(const struct looking *l, size_t parent)
{
    for (int i = 0; i < l->count; i++) {
        const struct flow_task *t = &l->f->tasks[l->runs[i].task];
        bool tasks = t->branch != FLOW_ERRORS && t->branch != FLOW_FINALLY;
        if (t->parent == parent && tasks && l->runs[i].state == RUN_FAILED) return true;
    }
    return false;
}

static void check_place(const struct looking *l, const struct looked_run *r)
{
    struct flow_sim *s = l->s;
    const struct flow_task *t = &l->f->tasks[r->task];
    const struct looked_run *up = t->parent ? run_of(l, t->parent - 1) : NULL;
    bool wide =
        up && l->f->tasks[t->parent - 1].work.kind == FLOW_PARALLEL && t->branch == FLOW_TASKS;
    if (run_of(l, r->task) != r)
        flow_violation(s, "runs: execution %s runs task %s twice", l->id, t->id);
    if (r->parent != (up ? up->number : 0))
        flow_violation(s, "runs: task %s of execution %s has another parent", t->id, l->id);
    if (up && run_is_final(up->state) && !run_is_final(r->state))
        flow_violation(s, "runs: task %s of execution %s is over, not what it holds",
                       l->f->tasks[t->parent - 1].id, l->id);
    const struct looked_run *last = before(l, r->task);
    if (!wide && last && !is_good(last->state))
        flow_violation(s, "runs: task %s of execution %s began before the one before was over",
                       t->id, l->id);
    if (t->branch == FLOW_ERRORS && !has_failed(l, t->parent))
        flow_violation(s, "runs: errors of execution %s run, and nothing failed", l->id);
    if (r->fresh && l->x->known && l->x->state == EXECUTION_KILLING && !in_finally(l->f, r->task))
        flow_violation(s, "runs: execution %s is cancelled, and begins task %s", l->id, t->id);
    for (int i = 0; i < l->count; i++) {
        const struct flow_task *o = &l->f->tasks[l->runs[i].task];
        bool lists = o->branch < FLOW_ERRORS && t->branch < FLOW_ERRORS;
        if (o->parent == t->parent && lists &&
            (o->branch != t->branch || o->case_index != t->case_index))
            flow_violation(s, "runs: task %s and %s of execution %s are of two lists", o->id, t->id,
                           l->id);
    }
}

/* What ended has had its finally: the first task of it, and so on as far as it went. */
static void check_finally(const struct looking *l, size_t parent)
{
    for (size_t i = 0; i < l->f->task_count; i++) {
        const struct flow_task *t = &l->f->tasks[i];
        if (t->parent != parent || t->branch != FLOW_FINALLY || t->disabled) continue;
        if (!run_of(l, i))
            flow_violation(l->s, "runs: finally of %s of execution %s did not run",
                           parent ? l->f->tasks[parent - 1].id : "the flow", l->id);
        return;
    }
}

static void check_ends(const struct looking *l)
{
    bool over = execution_is_final(l->now);
    for (int i = 0; i < l->count; i++) {
        const struct looked_run *r = &l->runs[i];
        bool holds = l->f->tasks[r->task].work.kind >= FLOW_CONTROL;
        if (over && !run_is_final(r->state))
            flow_violation(l->s, "runs: execution %s is over, run %d is not", l->id,
                           (int)r->number);
        if (holds && run_is_final(r->state) && r->state != RUN_SKIPPED)
            check_finally(l, r->task + 1);
    }
    if (over && l->count > 0) check_finally(l, 0);
}

void flow_runs_check(struct flow_sim *s, const struct seen_execution *x, const struct flow *f,
                     enum execution_state now)
{
    struct looking l = {.s = s, .f = f, .x = x, .now = now};
    struct run_filter all = {.execution = x->id, .limit = RUNS_LOOKED + 1};
    bool more;
    id_format(x->id, l.id);
    if (reader_runs(s->reader, &all, keep, &l, &more, NULL)) return;
    for (int i = 0; i < l.count; i++)
        compare(&l, &l.runs[i]);
    for (int i = 0; i < l.count && !*s->violation; i++)
        check_place(&l, &l.runs[i]);
    if (!*s->violation) check_ends(&l);
}

bool flow_may_run(const struct flow *f, const char *task, enum execution_state state)
{
    const struct flow_task *t = f ? flow_find_task(f, task) : NULL;
    if (state == EXECUTION_RUNNING) return true;
    return state == EXECUTION_KILLING && t && in_finally(f, (size_t)(t - f->tasks));
}
