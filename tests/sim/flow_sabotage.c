/* The linker puts these in front of functions of the engine and the store (--wrap), so that the
 * house can be broken in this program alone. */
#include "tests/sim/flow_sim.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/ended.h"
#include "coordinator/engine/flow.h"

const char *const flow_sabotage_names[FLOW_SABOTAGES] = {
    [BREAK_NOTHING] = "none",
    [BREAK_DOUBLE_FIRE] = "double-fire",
    [BREAK_LOST_FIRE] = "lost-fire",
    [BREAK_STUCK_TRIGGER] = "stuck-trigger",
    [BREAK_SKIPPED_TASK] = "skipped-task",
    [BREAK_DEAF_CANCEL] = "deaf-cancel",
    [BREAK_LEAKED_PLACE] = "leaked-place",
    [BREAK_FORGOTTEN] = "forgotten",
    [BREAK_LOST_UPDATE] = "lost-update",
    [BREAK_LOST_TRIGGER] = "lost-trigger",
    [BREAK_SLEEPER] = "sleeper",
    [BREAK_LOST_START] = "lost-start",
    [BREAK_LOST_FINALLY] = "lost-finally",
    [BREAK_DEAF_TREE] = "deaf-tree",
    [BREAK_TWICE] = "twice",
    [BREAK_LOST_RUN] = "lost-run",
    [BREAK_PAIR] = "pair",
    [BREAK_DOUBLE_AFTER] = "double-after",
    [BREAK_LOST_AFTER] = "lost-after",
    [BREAK_DEPTH] = "depth",
    [BREAK_ONLINE] = "online",
    [BREAK_SHORTEST] = "shortest",
    [BREAK_KEY] = "key",
    [BREAK_MOVED] = "moved",
    [BREAK_REGROUPED] = "regrouped",
};

struct flow_faults flow_faults;

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __real_store_execution_update(struct store *s, const struct execution_row *x, struct err *e);
int __wrap_store_execution_update(struct store *s, const struct execution_row *x, struct err *e);
int __real_store_trigger_update(struct store *s, const struct trigger_row *t, struct err *e);
int __wrap_store_trigger_update(struct store *s, const struct trigger_row *t, struct err *e);
int __real_store_each_open_execution(struct store *s,
                                     int (*fn)(const struct execution_row *x, void *user),
                                     void *user, struct err *e);
int __wrap_store_each_open_execution(struct store *s,
                                     int (*fn)(const struct execution_row *x, void *user),
                                     void *user, struct err *e);
int64_t __real_execution_start(struct engine *g, struct flow_entry *f, struct execution_row *row);
int64_t __wrap_execution_start(struct engine *g, struct flow_entry *f, struct execution_row *row);
void __real_execution_on_task(struct engine *g, const struct ended_job *j);
void __wrap_execution_on_task(struct engine *g, const struct ended_job *j);
void __real_trigger_on_evaluation(struct engine *g, const struct ended_job *j);
void __wrap_trigger_on_evaluation(struct engine *g, const struct ended_job *j);
int __real_store_job_retrying(struct store *s, int64_t id, int64_t next_attempt,
                              int64_t retry_at_ms, struct err *e);
int __wrap_store_job_retrying(struct store *s, int64_t id, int64_t next_attempt,
                              int64_t retry_at_ms, struct err *e);
void __real_children_note(struct children *c, const struct run_row *child);
void __wrap_children_note(struct children *c, const struct run_row *child);
void __real_runs_cancel(struct engine *g, struct execution *x, const struct flow *f);
void __wrap_runs_cancel(struct engine *g, struct execution *x, const struct flow *f);
void __real_runs_loaded(struct execution *x);
void __wrap_runs_loaded(struct execution *x);
int __real_store_run_update(struct store *s, const struct run_row *r, struct err *e);
int __wrap_store_run_update(struct store *s, const struct run_row *r, struct err *e);
void __real_trigger_arm(struct engine *g, struct trigger *t);
void __wrap_trigger_arm(struct engine *g, struct trigger *t);
void __real_flow_pump(struct engine *g, struct flow_entry *f);
void __wrap_flow_pump(struct engine *g, struct flow_entry *f);

/* Is it this sabotage, and one of every `most` calls? */
static bool broken(enum flow_sabotage what, uint64_t most)
{
    return flow_faults.sabotage == what && ++flow_faults.calls % most == 0;
}

int __wrap_store_commit(struct store *s, struct err *e)
{
    if (flow_faults.fail_commit) {
        flow_faults.fail_commit = false;
        store_rollback(s);
        return err_set(e, ERR_FULL, "the disk is full (simulated)");
    }
    return __real_store_commit(s, e);
}

int __wrap_store_execution_update(struct store *s, const struct execution_row *x, struct err *e)
{
    if (broken(BREAK_LOST_UPDATE, 10)) return 0;
    return __real_store_execution_update(s, x, e);
}

int __wrap_store_trigger_update(struct store *s, const struct trigger_row *t, struct err *e)
{
    if (broken(BREAK_LOST_TRIGGER, 10)) return 0;
    return __real_store_trigger_update(s, t, e);
}

/* A job that is tried again goes to the other group with the tag gpu, where the engine has it in
 * the one that it picked. */
int __wrap_store_job_retrying(struct store *s, int64_t id, int64_t next_attempt,
                              int64_t retry_at_ms, struct err *e)
{
    struct job_row row;
    int rc = __real_store_job_retrying(s, id, next_attempt, retry_at_ms, e);
    if (rc || flow_faults.sabotage != BREAK_REGROUPED) return rc;
    if ((rc = store_job_get(s, id, &row, e)) != 0) return rc;
    if (!str_is_default_group(row.group))
        rc = store_job_set_group(s, id, str_eq(row.group, "alpha") ? "beta" : "alpha", e);
    job_row_fini(&row);
    return rc;
}

static int nothing(const struct execution_row *x, void *user)
{
    (void)x;
    (void)user;
    return 0;
}

int __wrap_store_each_open_execution(struct store *s,
                                     int (*fn)(const struct execution_row *x, void *user),
                                     void *user, struct err *e)
{
    if (flow_faults.sabotage == BREAK_FORGOTTEN) fn = nothing;
    return __real_store_each_open_execution(s, fn, user, e);
}

int64_t __wrap_execution_start(struct engine *g, struct flow_entry *f, struct execution_row *row)
{
    bool after = row->trigger && *row->trigger == 'a', fires = row->trigger && !after;
    if ((fires && broken(BREAK_DOUBLE_FIRE, 5)) || (after && broken(BREAK_DOUBLE_AFTER, 5))) {
        struct execution_row twin = {.ns = mem_strdup(row->ns),
                                     .flow = mem_strdup(row->flow),
                                     .trigger = mem_strdup(row->trigger),
                                     .inputs = mem_strdup(row->inputs),
                                     .trigger_vars = mem_strdup(row->trigger_vars),
                                     .depth = row->depth};
        (void)__real_execution_start(g, f, &twin);
    }
    if (after && flow_faults.sabotage == BREAK_DEPTH) row->depth = 1;
    if ((fires && broken(BREAK_LOST_FIRE, 5)) || (after && broken(BREAK_LOST_AFTER, 5))) {
        execution_row_fini(row);
        return 1;
    }
    return __real_execution_start(g, f, row);
}

void __wrap_execution_on_task(struct engine *g, const struct ended_job *j)
{
    struct run *r = run_of_job(g, j->row.id);
    struct execution *x = r ? r->x : NULL;
    if (broken(BREAK_LOST_START, 20)) return;
    bool deaf = flow_faults.sabotage == BREAK_DEAF_CANCEL, skip = broken(BREAK_SKIPPED_TASK, 5);
    if (x && deaf && x->row.state == EXECUTION_KILLING && j->state == JOB_SUCCESS)
        x->row.state = EXECUTION_RUNNING;
    if (x && skip && x->revision->parsed && r->task + 1 < x->revision->parsed->task_count)
        r->up->has.last = r->task + 1;
    __real_execution_on_task(g, j);
}

void __wrap_trigger_on_evaluation(struct engine *g, const struct ended_job *j)
{
    if (!broken(BREAK_STUCK_TRIGGER, 20)) __real_trigger_on_evaluation(g, j);
}

void __wrap_trigger_arm(struct engine *g, struct trigger *t)
{
    if (flow_faults.sabotage == BREAK_PAIR) t->ending = 0;
    if (flow_faults.sabotage != BREAK_SLEEPER) __real_trigger_arm(g, t);
}

void __wrap_flow_pump(struct engine *g, struct flow_entry *f)
{
    if (flow_faults.sabotage != BREAK_LEAKED_PLACE) __real_flow_pump(g, f);
}

void __wrap_children_note(struct children *c, const struct run_row *child)
{
    __real_children_note(c, child);
    if (child->state == RUN_FAILED && broken(BREAK_LOST_FINALLY, 5)) c->list = FLOW_FINALLY;
}

void __wrap_runs_cancel(struct engine *g, struct execution *x, const struct flow *f)
{
    for (struct run *r = x->runs; r && flow_faults.sabotage == BREAK_DEAF_TREE; r = r->next)
        r->in_finally = true;
    x->root.in_finally = flow_faults.sabotage == BREAK_DEAF_TREE;
    __real_runs_cancel(g, x, f);
}

void __wrap_runs_loaded(struct execution *x)
{
    struct children *c = &x->root.has;
    if (flow_faults.sabotage == BREAK_TWICE && c->last_id) {
        mem_free(c->last_id);
        c->last_id = NULL;
    }
    __real_runs_loaded(x);
}

int __wrap_store_run_update(struct store *s, const struct run_row *r, struct err *e)
{
    if (broken(BREAK_LOST_RUN, 10)) return 0;
    return __real_store_run_update(s, r, e);
}
