/* See run.h. */
#include "coordinator/engine/run.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/flow.h"

/* ---- the tree ---- */

static void children_init(struct children *c)
{
    *c = (struct children){.last = RUN_NO_TASK, .worst = RUN_SUCCESS};
}

static void children_fini(struct children *c)
{
    mem_free(c->last_id);
    mem_free(c->message);
    c->last_id = c->message = NULL;
}

void runs_init(struct execution *x)
{
    x->root = (struct run){.x = x, .task = RUN_NO_TASK, .until_ms = NEVER};
    x->root.row.execution = x->row.id;
    x->root.row.iteration = RUN_NO_ITERATION;
    children_init(&x->root.has);
}

struct run *run_add(struct engine *g, struct execution *x, struct run *up, struct run_row *row)
{
    struct run *r = mem_alloc(sizeof *r);
    r->row = *row;
    *row = (struct run_row){0};
    r->x = x;
    r->up = up;
    r->depth = up->depth + (r->row.iteration == RUN_NO_ITERATION);
    r->task = RUN_NO_TASK;
    r->until_ms = NEVER;
    children_init(&r->has);
    r->prev = x->last_run;
    if (x->last_run)
        x->last_run->next = r;
    else
        x->runs = r;
    x->last_run = r;
    up->has.open++;
    run_has_job(g, r);
    return r;
}

void run_has_job(struct engine *g, struct run *r)
{
    if (r->row.job) map_put(&g->runs, (uint64_t)r->row.job, r);
}

static void unlook(struct run *r)
{
    struct execution *x = r->x;
    struct run *before = NULL;
    if (!r->waits) return;
    for (struct run *i = x->look_first; i != r; i = i->look_next)
        before = i;
    if (before)
        before->look_next = r->look_next;
    else
        x->look_first = r->look_next;
    if (x->look_last == r) x->look_last = before;
}

void run_remove(struct engine *g, struct run *r)
{
    struct execution *x = r->x;
    if (r->row.job && run_of_job(g, r->row.job) == r) map_remove(&g->runs, (uint64_t)r->row.job);
    if (r->until_ms != NEVER) x->asleep--;
    if (r->prev)
        r->prev->next = r->next;
    else
        x->runs = r->next;
    if (r->next)
        r->next->prev = r->prev;
    else
        x->last_run = r->prev;
    r->up->has.open--;
    unlook(r);
    children_fini(&r->has);
    json_free(r->values);
    run_row_fini(&r->row);
    mem_free(r);
}

/* The youngest first: a parent goes after its own. */
void runs_free(struct engine *g, struct execution *x)
{
    while (x->last_run)
        run_remove(g, x->last_run);
    children_fini(&x->root.has);
    x->look_first = x->look_last = NULL;
}

struct run *run_of_job(const struct engine *g, int64_t job)
{
    return map_find(&g->runs, (uint64_t)job);
}

/* ---- looking at them ---- */

void run_look(struct run *r)
{
    struct execution *x = r->x;
    if (r->waits || r->at_hand) return;
    r->waits = true;
    r->look_next = NULL;
    if (x->look_last)
        x->look_last->look_next = r;
    else
        x->look_first = r;
    x->look_last = r;
}

struct run *run_take(struct execution *x)
{
    struct run *r = x->look_first;
    if (!r) return NULL;
    x->look_first = r->look_next;
    if (!x->look_first) x->look_last = NULL;
    r->waits = false;
    return r;
}

/* It sleeps no longer than it was to when the clock was set back meanwhile. */
void run_sleep(const struct engine *g, struct run *r)
{
    int64_t most_ms = r->row.due_ms - r->row.started_ms;
    int64_t ms = r->row.due_ms - g->now.wall_ms;
    if (ms > most_ms) ms = most_ms;
    if (r->until_ms == NEVER) r->x->asleep++;
    r->until_ms = g->now.mono_ms + (ms > 0 ? ms : 0);
}

/* ---- what a parent knows of those that ended ---- */

static int rank(enum run_state s)
{
    switch (s) {
    case RUN_WARNING:
        return 1;
    case RUN_FAILED:
        return 2;
    case RUN_CANCELLED:
        return 3;
    case RUN_KILLED:
        return 4;
    default:
        return 0;
    }
}

void children_note(struct children *c, const struct run_row *child)
{
    bool counts = child->iteration == RUN_NO_ITERATION || child->chosen != RUN_UNCOUNTED;
    int more = rank(child->state) - rank(c->worst);
    if (!counts && child->reason != REASON_LIMIT) return;
    if (rank(child->state) > rank(RUN_WARNING)) c->stopped = true;
    if (more < 0 || (more == 0 && (c->message == NULL || child->ended_ms >= c->worst_ms))) return;
    c->worst = child->state;
    c->reason = child->reason;
    c->worst_ms = child->ended_ms;
    mem_free(c->message);
    c->message = mem_strdup(child->message);
}

/* ---- from the store ---- */

static struct run *find_number(struct execution *x, int64_t number)
{
    struct run *r = x->last_run;
    if (number == 0) return &x->root;
    while (r && r->row.number != number)
        r = r->prev;
    return r;
}

static struct run_row copy_row(const struct run_row *from)
{
    struct run_row row = *from;
    row.task = mem_strdup(from->task);
    row.value = mem_strdup(from->value);
    row.message = NULL;
    row.outputs = NULL;
    return row;
}

void run_load(struct engine *g, struct execution *x, const struct run_row *row)
{
    struct run *up = find_number(x, row->parent);
    if (row->number > x->run_count) x->run_count = row->number;
    if (row->reason == REASON_LIMIT && row->number > RUNS_MOST) x->full = true;
    if (!up) return; /* it has ended, and so has this one */
    struct children *c = &up->has;
    c->begun++;
    mem_free(c->last_id);
    c->last_id = row->iteration == RUN_NO_ITERATION ? mem_strdup(row->task) : NULL;
    if (!c->last_id) c->iterations++;
    c->stopped = false; /* only the last of a list can have stopped it */
    if (run_is_final(row->state)) {
        children_note(c, row);
        return;
    }
    struct run_row copy = copy_row(row);
    struct run *r = run_add(g, x, up, &copy);
    r->stored = true;
    if (r->row.due_ms > 0) run_sleep(g, r);
}

void runs_loaded(struct execution *x)
{
    if (x->root.has.open == 0) run_look(&x->root);
    for (struct run *r = x->runs; r; r = r->next) {
        bool holds = r->row.job == 0 && r->row.due_ms == 0 && r->row.state == RUN_RUNNING;
        if (holds && r->row.child == 0) run_look(r);
    }
}

static enum flow_branch list_of(const struct flow_task *t)
{
    return t->branch == FLOW_ERRORS || t->branch == FLOW_FINALLY ? t->branch : FLOW_TASKS;
}

static void name_last(struct children *c, const struct flow *f)
{
    const struct flow_task *t = c->last_id ? flow_find_task(f, c->last_id) : NULL;
    mem_free(c->last_id);
    c->last_id = NULL;
    if (!t) return;
    c->last = (size_t)(t - f->tasks);
    c->list = list_of(t);
}

void run_place(struct run *r, const struct flow *f, size_t task)
{
    enum flow_branch list = list_of(&f->tasks[task]);
    r->task = task;
    r->in_finally = r->up->in_finally || list == FLOW_FINALLY;
    r->in_spare = r->up->in_spare || list != FLOW_TASKS;
}

/* A parent comes before its own. */
void runs_name(struct execution *x, const struct flow *f)
{
    if (x->named) return;
    x->named = true;
    name_last(&x->root.has, f);
    for (struct run *r = x->runs; r; r = r->next) {
        const struct flow_task *t = flow_find_task(f, r->row.task);
        if (t) run_place(r, f, (size_t)(t - f->tasks));
        name_last(&r->has, f);
    }
}
