/* The interpreter: how the task runs of an execution begin and end.
 *
 * A task run is one time that a task runs. Task runs form a tree, in which the flow itself is the
 * root: a control task (Sequential, If, ...) holds the runs of the tasks in it. A task without
 * others in it is a leaf; it has a job, or it sleeps, or it is over as it comes.
 *
 *        flow                        tasks:
 *        |-- 1 build   SUCCESS         - build
 *        |-- 2 both    RUNNING         - both: Parallel
 *        |   |-- 3 left   RUNNING          tasks: [left, right]
 *        |   `-- 4 right  FAILED           errors: [tell]
 *        :   (5 tell)                  - rest
 *        :   (6 rest does not begin)
 *        `-- (7 clean)               finally: [clean]
 *
 * The state of an execution follows from its task runs. Nothing else is kept about where it is: the
 * row of a run tells its parent, its task and its end, and from the rows of its children follows
 * which of its lists is under way, what comes next, and how it ends. In memory are the runs that
 * are open (run.h); a start reads them with one pass over the rows.
 *
 * Each run that holds others is a small machine, the same for all kinds:
 *
 *              children to begin?           none left, none open
 *      begin ----> TASKS ------------------------+------> FINALLY ----> ends as the
 *                    |                           |           ^          worst of its children
 *                    | one FAILED, none open     | cancel    |
 *                    v                           v           |
 *                  ERRORS -------------------------------------
 *
 *   - TASKS is the list that was chosen: of an If `then` or `else`, of a Switch a case. Most run
 *     one child after the other; a Parallel begins all, up to its `concurrent` at a time. When one
 *     does not end well, no further one begins; those that are open go on.
 *   - ERRORS runs when a child is FAILED: not one that was killed or cancelled.
 *   - FINALLY runs once, always, whatever came before.
 *   - An end goes up: it is noted in the parent (children_note), which is looked at then.
 *     allowFailure makes a WARNING of FAILED, allowWarning a SUCCESS of WARNING, on the way.
 *   - A run whose runIf says no is SKIPPED, which counts as well.
 *
 * A cancel moves the execution to KILLING. It cancels the open jobs and ends those that sleep; but
 * not what stands in a `finally`, at whatever depth, for that is there to clean up. From then on
 * nothing begins but `finally`, for each open run from the inside out. When all is over the
 * execution is KILLED.
 *
 * There is no recursion: a run that something happened to is put in a line (run_look), and
 * runs_go_on takes one after the other until the line is empty, or so many runs were begun or woken
 * as one batch may bear. The rest is done in another batch. What ends with these is not counted,
 * and a cancel ends all that is open in one batch: that is little beside what made them. To look at
 * a run once too often does no harm, which is why a start may put all of them in the line.
 *
 * Limits: RUNS_MOST task runs, RUN_DEPTH_MOST from the root down, RUN_BRANCHES below one run. What
 * would be beyond fails with the reason "limit", which no allowFailure takes back. `errors` and
 * `finally` have room beyond the first limit. */
#include "coordinator/engine/runs.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/iteration.h"
#include "coordinator/engine/outcome.h"
#include "coordinator/engine/taskrun.h"

#include <string.h>

/* Runs begun, or over as they come (Log tasks and their like), made in one go: a flow may have
 * hundreds, each with its output. */
#define MADE_MOST 20

struct pass {
    struct engine *g;
    struct execution *x;
    const struct flow *f;
    struct task_context *c;
    int made;
    bool full; /* the rest is for another batch */
};

static const struct flow_task *task_of(const struct flow *f, const struct run *r)
{
    return f && r->task != RUN_NO_TASK ? &f->tasks[r->task] : NULL;
}

/* Nothing may begin in it any more, but `finally`. */
static bool is_cut(const struct run *r)
{
    return r->x->row.state == EXECUTION_KILLING && !r->in_finally;
}

/* ---- rows and ends ---- */

static void put_row(struct engine *g, struct run *r)
{
    int rc = r->stored ? store_run_update(g->store, &r->row, &g->err)
                       : store_run_insert(g->store, &r->row, &g->err);
    r->stored = true;
    r->row.due_changed = false;
    text_set(&r->row.outputs, NULL); /* the store has them */
    (void)store_ok(g, rc);
}

/* How a run ended, and why. message: as the execution would say it; NULL: nothing. */
struct finish {
    enum run_state state;
    enum reason reason;
    const char *message;
};

/* Frees r. */
static void finish(struct engine *g, struct run *r, const struct flow_task *t,
                   const struct finish *how)
{
    struct run *up = r->up;
    struct run_row *row = &r->row;
    row->state = how->state;
    bool may_warn = t && t->allow_warning && !run_is_iteration(r);
    if (may_warn && row->state == RUN_WARNING) row->state = RUN_SUCCESS;
    bool well = row->state == RUN_SUCCESS || row->state == RUN_SKIPPED;
    row->reason = well ? REASON_NONE : how->reason;
    text_set(&row->message, well ? NULL : how->message);
    row->ended_ms = g->now.wall_ms;
    row->due_changed = row->due_ms > 0;
    row->due_ms = 0;
    put_row(g, r);
    outcome_note(r);
    children_note(&up->has, row);
    run_look(up);
    run_remove(g, r);
}

static void sentence(char out[ERR_MSG_MAX], const char *task, const char *message)
{
    if (str_format(out, ERR_MSG_MAX, "task %s: %s", task, message))
        str_copy(out, ERR_MSG_MAX, "a task could not be made");
}

/* A run without a job cannot go on. */
static void fail(struct engine *g, struct run *r, const struct flow_task *t, enum reason reason,
                 const char *why)
{
    char text[ERR_MSG_MAX];
    bool may = t->allow_failure && reason != REASON_LIMIT;
    sentence(text, t->id, why);
    finish(g, r, t, &(struct finish){may ? RUN_WARNING : RUN_FAILED, reason, text});
}

/* ---- limits ---- */

static int64_t runs_most(const struct run *r)
{
    return r->in_spare ? RUNS_MOST + RUNS_SPARE : RUNS_MOST;
}

static void too_many(const struct run *r, char why[ERR_MSG_MAX])
{
    (void)str_format(why, ERR_MSG_MAX, "the execution has %lld task runs, the most there may be",
                     (long long)runs_most(r));
}

/* What runs in the spare may have had numbers beyond RUNS_MOST: that alone refuses nothing. */
static bool is_full(const struct execution *x, bool spare)
{
    return spare ? x->run_count > RUNS_MOST + RUNS_SPARE : x->full;
}

/* false: the run is over. */
static bool within_limits(struct engine *g, struct run *r, const struct flow_task *t)
{
    char why[ERR_MSG_MAX];
    bool beyond = r->row.number > runs_most(r);
    if (beyond && !r->in_spare) r->x->full = true;
    if (beyond)
        too_many(r, why);
    else if (r->depth > RUN_DEPTH_MOST)
        (void)str_format(why, sizeof why, "it is held by %d others, the most there may be",
                         RUN_DEPTH_MOST);
    else
        return true;
    fail(g, r, t, REASON_LIMIT, why);
    return false;
}

/* ---- which task is next ---- */

static bool same_list(const struct flow_task *a, const struct flow_task *b)
{
    return a->parent == b->parent && a->branch == b->branch && a->case_index == b->case_index;
}

static size_t after(const struct flow *f, size_t i)
{
    size_t next = f->tasks[i].end;
    return next < f->task_count && same_list(&f->tasks[next], &f->tasks[i]) ? next : RUN_NO_TASK;
}

static size_t first_of(const struct flow *f, const struct run *r)
{
    size_t i = r->up ? r->task + 1 : 0, end = r->up ? f->tasks[r->task].end : f->task_count;
    bool chosen = r->has.list == FLOW_TASKS && !run_is_iteration(r);
    int64_t list = chosen ? r->row.chosen : RUN_CHOSEN(r->has.list, 0);
    for (; i < end; i = f->tasks[i].end) {
        const struct flow_task *t = &f->tasks[i];
        if (RUN_CHOSEN(t->branch, t->branch == FLOW_CASE ? t->case_index : 0) == list) return i;
    }
    return RUN_NO_TASK;
}

/* Are its children to be iterations? */
static bool is_each(const struct pass *p, const struct run *r)
{
    const struct flow_task *t = task_of(p->f, r);
    bool loops = t && (t->work.kind == FLOW_FOREACH || t->work.kind == FLOW_LOOP);
    return loops && r->has.list == FLOW_TASKS && !run_is_iteration(r);
}

static bool is_wide(const struct pass *p, const struct run *r)
{
    const struct flow_task *t = task_of(p->f, r);
    return is_each(p, r) || (t && t->work.kind == FLOW_PARALLEL && r->has.list == FLOW_TASKS);
}

/* The task to begin, of an iteration that of r itself. */
static size_t next_child(const struct pass *p, struct run *r)
{
    const struct children *c = &r->has;
    if (is_cut(r) && c->list != FLOW_FINALLY) return RUN_NO_TASK;
    if (is_wide(p, r) ? c->worst >= RUN_FAILED : c->stopped) return RUN_NO_TASK;
    if (is_full(p->x, r->in_spare || c->list != FLOW_TASKS)) return RUN_NO_TASK;
    if (is_each(p, r)) return iteration_is_left(r) ? r->task : RUN_NO_TASK;
    size_t i = c->last == RUN_NO_TASK ? first_of(p->f, r) : after(p->f, c->last);
    while (i != RUN_NO_TASK && p->f->tasks[i].disabled)
        i = after(p->f, i);
    return i;
}

/* Is there room for one more child beside those that are open? */
static bool has_room(const struct pass *p, const struct run *r)
{
    if (!is_wide(p, r)) return r->has.open == 0;
    int64_t most = p->f->tasks[r->task].control->concurrent;
    return most == 0 || (int64_t)r->has.open < most;
}

/* Of a Loop `errors` belong to the iteration that failed, of a ForEach to the whole. */
static bool has_errors(const struct flow_task *t, const struct run *r)
{
    enum flow_kind kind = t ? t->work.kind : FLOW_SEQUENTIAL;
    return run_is_iteration(r) ? kind == FLOW_LOOP : kind != FLOW_LOOP;
}

/* The list behind the one that is over; false: it was the last. */
static bool next_list(const struct pass *p, struct run *r)
{
    struct children *c = &r->has;
    if (c->list == FLOW_FINALLY) return false;
    bool failed = c->list == FLOW_TASKS && c->worst == RUN_FAILED && !is_cut(r);
    failed = failed && has_errors(task_of(p->f, r), r);
    if (!failed && run_is_iteration(r)) return false;
    c->list = failed ? FLOW_ERRORS : FLOW_FINALLY;
    c->last = RUN_NO_TASK;
    c->stopped = false;
    return true;
}

/* ---- a run begins ---- */

/* What the task says under this key cannot be worked out; or a failure was noted. */
static void fail_key(struct pass *p, struct run *r, const struct flow_task *t, const char *key,
                     struct flaw *flaw)
{
    if (p->g->rc) return;
    (void)err_wrap(&flaw->err, "%s", key);
    fail(p->g, r, t, flaw->reason, err_text(&flaw->err));
}

static void begin_if(struct pass *p, struct run *r, const struct flow_task *t)
{
    struct flaw flaw = {0};
    bool holds = false;
    if (!task_truth(p->g, r, t->control->value, p->c, &holds, &flaw)) {
        fail_key(p, r, t, "condition", &flaw);
        return;
    }
    r->row.chosen = RUN_CHOSEN(holds ? FLOW_TASKS : FLOW_ELSE, 0);
    text_set(&r->row.value, holds ? "true" : "false");
    put_row(p->g, r);
    run_look(r);
}

static void begin_switch(struct pass *p, struct run *r, const struct flow_task *t)
{
    const struct flow_control *k = t->control;
    struct flaw flaw = {0};
    char *value = task_text(p->g, r, k->value, p->c, &flaw);
    if (!value) {
        fail_key(p, r, t, "value", &flaw);
        return;
    }
    size_t i = 0;
    while (i < k->case_count && !str_eq(k->cases[i], value))
        i++;
    r->row.chosen = i == k->case_count ? RUN_CHOSEN(FLOW_DEFAULTS, 0) : RUN_CHOSEN(FLOW_CASE, i);
    struct json *said = json_new_str(value);
    r->row.value = json_text(said);
    json_free(said);
    mem_free(value);
    put_row(p->g, r);
    run_look(r);
}

static void begin_each(struct pass *p, struct run *r, const struct flow_task *t)
{
    struct flaw flaw = {0};
    if (!iteration_begin(p->g, r, p->c, &flaw)) {
        if (p->g->rc == 0) fail(p->g, r, t, flaw.reason, err_text(&flaw.err));
        return;
    }
    put_row(p->g, r);
    text_set(&r->row.value, NULL); /* the store has them */
    run_look(r);
}

static void begin_control(struct pass *p, struct run *r, const struct flow_task *t)
{
    switch (t->work.kind) {
    case FLOW_SEQUENTIAL:
    case FLOW_PARALLEL:
        put_row(p->g, r);
        run_look(r);
        return;
    case FLOW_IF:
        begin_if(p, r, t);
        return;
    case FLOW_SWITCH:
        begin_switch(p, r, t);
        return;
    case FLOW_FOREACH:
    case FLOW_LOOP:
        begin_each(p, r, t);
        return;
    default:
        fail(p->g, r, t, REASON_NOT_STARTED, "this release does not run tasks of its type");
    }
}

static void finish_made(struct pass *p, struct run *r, const struct flow_task *t,
                        const struct job_end *end)
{
    char text[ERR_MSG_MAX];
    sentence(text, t->id, end->message ? end->message : "");
    finish(p->g, r, t, &(struct finish){run_state_of_job(end->state), end->reason, text});
}

static void begin_leaf(struct pass *p, struct run *r, const struct flow_task *t)
{
    struct flaw flaw = {0};
    struct job_end end = {0};
    enum task_made made = task_run(p->g, r, p->c, &flaw, &end);
    if (p->g->rc) return;
    if (made == TASK_OVER) {
        finish_made(p, r, t, &end);
        return;
    }
    if (made == TASK_OPEN)
        run_has_job(p->g, r);
    else
        run_sleep(p->g, r);
    put_row(p->g, r);
}

/* false: it is over, or a failure was noted. */
static bool may_run(struct pass *p, struct run *r, const struct flow_task *t)
{
    struct flaw flaw = {0};
    bool holds = true;
    if (!within_limits(p->g, r, t)) return false;
    if (!t->run_if) return true;
    if (!task_truth(p->g, r, t->run_if, p->c, &holds, &flaw)) {
        fail_key(p, r, t, "runIf", &flaw);
        return false;
    }
    if (!holds) finish(p->g, r, t, &(struct finish){.state = RUN_SKIPPED});
    return holds;
}

static struct run *add_child(struct pass *p, struct run *up, size_t task, int64_t iteration)
{
    struct run_row row = {.execution = p->x->row.id,
                          .number = ++p->x->run_count,
                          .parent = up->row.number,
                          .task = mem_strdup(p->f->tasks[task].id),
                          .iteration = iteration,
                          .created_ms = p->g->now.wall_ms,
                          .started_ms = p->g->now.wall_ms};
    struct run *r = run_add(p->g, p->x, up, &row);
    run_place(r, p->f, task);
    up->has.begun++;
    p->made++;
    return r;
}

static void begin_iteration(struct pass *p, struct run *up)
{
    const struct flow_task *t = &p->f->tasks[up->task];
    struct run *r = add_child(p, up, up->task, up->has.iterations++);
    bool counts = t->work.kind != FLOW_LOOP || t->control->transmit_failed;
    r->row.value = iteration_take(up);
    r->row.chosen = counts ? 0 : RUN_UNCOUNTED;
    if (!within_limits(p->g, r, t)) return;
    put_row(p->g, r);
    run_look(r);
}

static void begin_child(struct pass *p, struct run *up, size_t task)
{
    const struct flow_task *t = &p->f->tasks[task];
    if (is_each(p, up)) {
        begin_iteration(p, up);
        return;
    }
    struct run *r = add_child(p, up, task, RUN_NO_ITERATION);
    up->has.last = task;
    if (!may_run(p, r, t)) return;
    if (t->work.kind >= FLOW_CONTROL)
        begin_control(p, r, t);
    else
        begin_leaf(p, r, t);
}

/* ---- a run is looked at ---- */

/* All iterations of a Loop are over. */
static bool gather(struct pass *p, struct run *r, const struct flow_task *t, struct flaw *flaw)
{
    struct json *left = json_new(JSON_OBJECT), *list = json_new(JSON_ARRAY);
    bool good = t->control->output_count == 0 || outcome_read_iterations(p->g, r, list);
    json_put(left, "iterationCount", json_new_int(r->has.iterations));
    json_put(left, "outputs", list);
    text_set(&r->row.outputs, NULL);
    r->row.outputs = json_text(left);
    json_free(left);
    if (!good || strlen(r->row.outputs) <= EXPR_VALUE_MAX) return good;
    text_set(&r->row.outputs, NULL);
    flaw->reason = REASON_PAYLOAD_TOO_LARGE;
    err_set(&flaw->err, ERR_TOO_LARGE, "its outputs have more than 256 KiB together");
    return false;
}

/* What a Loop or an iteration of it that went well leaves. *how: when that cannot be told. false: a
 * failure was noted. */
static bool loop_leaves(struct pass *p, struct run *r, const struct flow_task *t,
                        struct finish *how, char text[ERR_MSG_MAX])
{
    struct flaw flaw = {0};
    if (!t || t->work.kind != FLOW_LOOP) return true;
    bool good = !run_is_iteration(r)            ? gather(p, r, t, &flaw)
                : t->control->output_count == 0 ? true
                                                : task_loop_outputs(p->g, r, p->c, &flaw);
    if (good || p->g->rc) return good;
    sentence(text, t->id, err_text(&flaw.err));
    *how = (struct finish){RUN_FAILED, flaw.reason, text};
    return true;
}

/* All of its lists are over. Frees r, unless it is the flow. */
static void end_lists(struct pass *p, struct run *r)
{
    struct children *c = &r->has;
    const struct flow_task *t = task_of(p->f, r);
    struct finish how = {.state = c->worst, .reason = c->reason, .message = c->message};
    char text[ERR_MSG_MAX];
    if (is_cut(r)) {
        how = (struct finish){.state = RUN_KILLED, .reason = REASON_CANCELLED};
    } else if (is_full(p->x, r->in_spare) && how.state < RUN_FAILED) {
        too_many(r, text);
        how = (struct finish){RUN_FAILED, REASON_LIMIT, text};
    } else if (how.state < RUN_FAILED && !loop_leaves(p, r, t, &how, text)) {
        return; /* a failure was noted */
    }
    bool may = t && t->allow_failure && !run_is_iteration(r) && how.reason != REASON_LIMIT;
    if (how.state == RUN_FAILED && may) how.state = RUN_WARNING;
    if (r->up) {
        finish(p->g, r, t, &how);
        return;
    }
    c->worst = how.state;
    c->reason = how.reason;
    if (how.message != c->message) text_set(&c->message, how.message);
}

/* Begins children as far as there is room. true: there is nothing left to wait for. */
static bool begin_children(struct pass *p, struct run *r)
{
    while (p->g->rc == 0 && has_room(p, r)) {
        size_t task = next_child(p, r);
        if (task == RUN_NO_TASK) {
            if (r->has.open > 0) return false;
            if (!next_list(p, r)) return true;
        } else if (p->made >= MADE_MOST) {
            p->full = true;
            return false;
        } else {
            begin_child(p, r, task);
        }
    }
    return false;
}

/* true: it is the flow, and all is over. */
static bool look(struct pass *p, struct run *r)
{
    bool flow = !r->up;
    r->at_hand = true;
    bool over = begin_children(p, r);
    r->at_hand = false;
    if (over) end_lists(p, r);
    if (p->full) run_look(r);
    return over && flow;
}

/* Ends those that have slept enough. */
static void wake(struct pass *p)
{
    struct run *next;
    for (struct run *r = p->x->runs; r && p->g->rc == 0 && p->x->asleep > 0; r = next) {
        struct flaw flaw = {0};
        struct job_end end = {0};
        const struct flow_task *t = task_of(p->f, r);
        next = r->next;
        if (r->until_ms > p->g->now.mono_ms || !t) continue;
        if (p->made >= MADE_MOST) {
            p->full = true;
            return;
        }
        p->made++;
        (void)task_run(p->g, r, p->c, &flaw, &end);
        if (p->g->rc == 0) finish_made(p, r, t, &end);
    }
}

bool runs_go_on(struct engine *g, struct execution *x, const struct flow *f, struct task_context *c)
{
    struct pass p = {.g = g, .x = x, .f = f, .c = c};
    struct run *r;
    bool over = false;
    runs_name(x, f);
    wake(&p);
    while (g->rc == 0 && !over && !p.full && (r = run_take(x)) != NULL)
        over = look(&p, r);
    return over && g->rc == 0;
}

/* ---- a job ended ---- */

/* Whether a task may fail stands on its job: where such a job is FAILED all the same, somebody
 * cancelled it. A job that an older coordinator made does not tell, but the flow does. */
static enum run_state state_of(const struct ended_job *j, const struct flow_task *t)
{
    bool may = j->state == JOB_FAILED && !j->row.allow_failure && t && t->allow_failure;
    return may ? RUN_WARNING : run_state_of_job(j->state);
}

static void job_sentence(char out[ERR_MSG_MAX], const struct ended_job *j)
{
    const char *text = j->message ? j->message : reason_name(j->reason);
    if (j->exited && j->reason == REASON_EXIT_CODE)
        (void)str_format(out, ERR_MSG_MAX, "task %s ended with exit code %lld", j->row.task,
                         (long long)j->exit_code);
    else if (str_format(out, ERR_MSG_MAX, "task %s: %s", j->row.task, text ? text : "failed"))
        str_copy(out, ERR_MSG_MAX, "a task failed");
}

void runs_on_job(struct engine *g, struct run *r, const struct flow *f, const struct ended_job *j)
{
    char text[ERR_MSG_MAX];
    if (f) runs_name(r->x, f);
    const struct flow_task *t = task_of(f, r);
    job_sentence(text, j);
    finish(g, r, t, &(struct finish){state_of(j, t), j->reason, text});
}

/* ---- a cancel ---- */

void runs_cancel(struct engine *g, struct execution *x, const struct flow *f)
{
    struct run *next;
    if (f) runs_name(x, f);
    for (struct run *r = x->runs; r && g->rc == 0; r = next) {
        const struct finish killed = {.state = RUN_KILLED, .reason = REASON_CANCELLED};
        next = r->next;
        if (r->in_finally) continue;
        if (r->row.job) {
            job_cancel_id(g, r->row.job); /* its end, now or later, is the run's */
        } else if (r->until_ms != NEVER || r->row.state == RUN_PAUSED) {
            const struct flow_task *t = task_of(f, r);
            if (t && t->work.kind == FLOW_SLEEP) task_interrupt(g, r);
            if (g->rc == 0) finish(g, r, task_of(f, r), &killed);
        } else {
            run_look(r);
        }
    }
    run_look(&x->root);
}

/* The youngest first: a parent goes after its own. */
void runs_abandon(struct engine *g, struct execution *x)
{
    const struct finish how = {.state = RUN_KILLED, .reason = REASON_NOT_STARTED};
    while (x->last_run && g->rc == 0) {
        if (x->last_run->row.job) job_cancel_id(g, x->last_run->row.job);
        if (g->rc == 0) finish(g, x->last_run, NULL, &how);
    }
}

/* ---- of an older coordinator ---- */

struct adopting {
    struct engine *g;
    struct execution *x;
};

static int adopt_job(const struct run_row *row, void *user)
{
    struct adopting *a = user;
    struct run_row copy = *row;
    copy.number = a->x->run_count + 1;
    if (copy.job == a->x->row.job) {
        copy.state = RUN_RUNNING;
        copy.ended_ms = 0;
    } else if (copy.state == RUN_FAILED) {
        copy.state = RUN_WARNING; /* or the execution would not have gone on */
    }
    run_load(a->g, a->x, &copy);
    return !store_ok(a->g, store_run_insert(a->g->store, &copy, &a->g->err));
}

/* The task that slept has no job yet. */
static void adopt_asleep(struct engine *g, struct execution *x, const struct flow *f)
{
    struct run_row row = {.execution = x->row.id,
                          .number = x->run_count + 1,
                          .task = f->tasks[x->row.position].id,
                          .iteration = RUN_NO_ITERATION,
                          .created_ms = x->row.asleep_ms,
                          .started_ms = x->row.asleep_ms,
                          .due_ms = x->row.wake_ms};
    run_load(g, x, &row);
    (void)store_ok(g, store_run_insert(g->store, &row, &g->err));
}

void runs_adopt(struct engine *g, struct execution *x, const struct flow *f)
{
    struct adopting a = {.g = g, .x = x};
    x->old = false;
    if (!store_ok(g, store_each_job_run(g->store, x->row.id, adopt_job, &a, &g->err))) return;
    if (x->row.wake_ms > 0 && f && x->row.position < (int64_t)f->task_count) adopt_asleep(g, x, f);
    x->row.position = x->row.job = 0;
    x->row.asleep_ms = x->row.wake_ms = 0;
    x->named = false;
    runs_loaded(x);
}
