/* Executions: begun within the concurrency of their flow, taken on from batch to batch, ended. What
 * their task runs do stands in runs.c. */
#include "coordinator/engine/execution.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/notice_flow.h"
#include "coordinator/engine/outcome.h"
#include "coordinator/engine/principal.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/runs.h"
#include "coordinator/engine/task.h"

#include <string.h>

#define PUMP_MOST 100 /* queued executions begun, or cancelled, in one go */
/* Executions taken on by their timers in a batch. One that another's end started begins so, and its
 * end may start as many as there are flows that listen: of those, too, a batch makes no more than
 * these ends start. */
#define GO_ON_MOST 100

/* ---- in memory ---- */

static struct execution *find_open(const struct engine *g, int64_t id)
{
    return map_find(&g->executions, (uint64_t)id);
}

static void list_add(struct execution_list *l, struct execution *x)
{
    x->list = l;
    x->next = NULL;
    x->prev = l->last;
    if (l->last)
        l->last->next = x;
    else
        l->first = x;
    l->last = x;
    l->count++;
}

static void list_remove(struct execution *x)
{
    struct execution_list *l = x->list;
    if (x->prev)
        x->prev->next = x->next;
    else
        l->first = x->next;
    if (x->next)
        x->next->prev = x->prev;
    else
        l->last = x->prev;
    l->count--;
    x->list = NULL;
}

static struct backfill *find_backfill(const struct trigger *t, int64_t id)
{
    struct backfill *b = t->backfills;
    while (b && b->row.id != id)
        b = b->next;
    return b;
}

struct execution *execution_add(struct engine *g, struct execution_row *row)
{
    struct flow_entry *f = flow_get(g, row->ns, row->flow);
    if (!f) return NULL;
    struct execution *x = mem_alloc(sizeof *x);
    x->row = *row;
    *row = (struct execution_row){0};
    timer_init(&x->timer, TIMER_EXECUTION, x);
    runs_init(x);
    x->revision = revision_get(f, x->row.revision);
    x->revision->executions++;
    struct trigger *t = x->row.trigger ? trigger_find(f, x->row.trigger) : NULL;
    if (x->row.backfill)
        x->backfill = t ? find_backfill(t, x->row.backfill) : NULL;
    else
        x->trigger = t;
    if (x->trigger) x->trigger->executions++;
    if (x->backfill) x->backfill->open++;
    list_add(x->row.state == EXECUTION_QUEUED ? &f->queued : &f->running, x);
    map_put(&g->executions, (uint64_t)x->row.id, x);
    return x;
}

static void execution_free(struct engine *g, struct execution *x)
{
    timer_clear(g, &x->timer);
    runs_free(g, x);
    outcomes_free(x);
    execution_row_fini(&x->row);
    mem_free(x);
}

void executions_clear(struct engine *g)
{
    size_t place = 0;
    for (struct execution *x; (x = map_next(&g->executions, &place)) != NULL;)
        execution_free(g, x);
}

/* ---- from state to state ---- */

static void changed(struct engine *g, const struct execution_row *row)
{
    effects_add(g->out, EFFECT_EXECUTION_CHANGED)->u.changed =
        (struct effect_changed){.id = row->id, .final = execution_is_final(row->state)};
}

static bool write_row(struct engine *g, struct execution *x)
{
    changed(g, &x->row);
    bool good = store_ok(g, store_execution_update(g->store, &x->row, &g->err));
    text_set(&x->row.labels, NULL); /* the store has them */
    text_set(&x->row.outputs, NULL);
    return good;
}

/* When something is left to do, or the first one that sleeps is to wake. */
static void arm(struct engine *g, struct execution *x, int64_t least_ms)
{
    int64_t at_ms = x->look_first || x->old ? g->now.mono_ms + least_ms : NEVER;
    size_t left = at_ms == NEVER ? x->asleep : 0;
    for (const struct run *r = x->runs; r && left > 0; r = r->next) {
        if (r->until_ms == NEVER) continue;
        if (r->until_ms < at_ms) at_ms = r->until_ms;
        left--;
    }
    timer_set(g, &x->timer, at_ms);
}

static bool move(struct engine *g, struct execution *x, enum execution_state to)
{
    char id[ID_TEXT_SIZE], what[128];
    id_format(x->row.id, id);
    const char *from = fsm_name(&execution_fsm, (int)x->row.state);
    const char *name = fsm_name(&execution_fsm, (int)to);
    if (!fsm_may(&execution_fsm, (int)x->row.state, (int)to)) {
        str_format(what, sizeof what, "execution %s: %s may not follow %s", id, name, from);
        engine_broken(g, what);
        return false;
    }
    log_debug("execution %s: %s -> %s", id, from, name);
    x->row.state = to;
    return true;
}

/* Frees x. */
static void end(struct engine *g, struct execution *x, enum execution_state state,
                enum reason reason, const char *message)
{
    struct flow_entry *f = x->revision->flow;
    struct trigger *t = x->trigger;
    struct backfill *b = x->backfill;
    if (!move(g, x, state)) return;
    x->row.reason = reason;
    mem_free(x->row.message);
    x->row.message = mem_strdup(message);
    x->row.ended_ms = g->now.wall_ms;
    if (!write_row(g, x)) return;
    notice_execution(g, f, x->revision->parsed, &x->row);
    if (g->rc) return;
    struct ended_execution ended = {.flow = f,
                                    .trigger = t ? t->row.id : 0,
                                    .state = state,
                                    .id = x->row.id,
                                    .depth = x->row.depth};
    map_remove(&g->executions, (uint64_t)x->row.id);
    list_remove(x);
    x->revision->executions--;
    revision_release(x->revision);
    execution_free(g, x);
    if (t) t->executions--;
    if (b) b->open--;
    ended_execution_note(g, &ended);
    /* Not from here: what begins may end at once, and its end begin the next. */
    if (b) timer_set(g, &b->timer, g->now.mono_ms);
    if (f->queued.count > 0) timer_set(g, &f->timer, g->now.mono_ms);
}

/* ---- from task to task ---- */

/* All tasks are over, and well. Frees x. */
static void complete(struct engine *g, struct execution *x, struct task_context *c)
{
    struct flaw flaw = {0};
    const struct flow *f = x->revision->parsed;
    bool warned = x->root.has.worst == RUN_WARNING;
    if (f->output_count > 0) {
        if (!task_context_need(g, x->row.id, c)) return;
        bool good = task_flow_outputs(g, x, c, &flaw);
        if (g->rc) return;
        if (!good) {
            end(g, x, EXECUTION_FAILED, flaw.reason, err_text(&flaw.err));
            return;
        }
    }
    end(g, x, warned ? EXECUTION_WARNING : EXECUTION_SUCCESS, REASON_NONE, NULL);
}

/* All task runs are over. Frees x. */
static void end_as_runs(struct engine *g, struct execution *x, struct task_context *c)
{
    const struct children *runs = &x->root.has;
    static const enum execution_state states[RUN_STATES] = {
        [RUN_FAILED] = EXECUTION_FAILED,
        [RUN_KILLED] = EXECUTION_KILLED,
        [RUN_CANCELLED] = EXECUTION_CANCELLED,
    };
    char message[ERR_MSG_MAX];
    if (x->row.state == EXECUTION_KILLING) {
        end(g, x, EXECUTION_KILLED, REASON_CANCELLED, NULL);
    } else if (runs->worst < RUN_FAILED) {
        complete(g, x, c);
    } else {
        str_copy(message, sizeof message, runs->message ? runs->message : "a task failed");
        end(g, x, states[runs->worst], runs->reason, message);
    }
}

/* The flow cannot be read any more: no task can begin. Frees x, unless killed jobs are to end. */
static void advance_broken(struct engine *g, struct execution *x)
{
    bool killing = x->row.state == EXECUTION_KILLING;
    for (const struct run *r = x->runs; r && killing; r = r->next)
        if (r->row.job) return;
    runs_abandon(g, x);
    if (g->rc) return;
    if (killing)
        end(g, x, EXECUTION_KILLED, REASON_CANCELLED, NULL);
    else
        end(g, x, EXECUTION_FAILED, REASON_NOT_STARTED, x->revision->broken);
}

/* As far as a batch may go; or its end, which frees x. */
static void advance(struct engine *g, struct execution *x)
{
    const struct flow *f = revision_parsed(g, x->revision);
    struct task_context c = {0};
    if (g->rc) return;
    if (x->old) {
        runs_adopt(g, x, f);
        if (g->rc || !write_row(g, x)) return;
    }
    if (!f) {
        advance_broken(g, x);
        return;
    }
    if (runs_go_on(g, x, f, &c)) {
        end_as_runs(g, x, &c);
    } else if (g->rc == 0) {
        if (x->row.labels)
            (void)write_row(g, x);
        else
            changed(g, &x->row);
        if (g->rc == 0) arm(g, x, 1);
    }
    task_context_free(&c);
}

/* ---- the beginning ---- */

static void begin(struct engine *g, struct execution *x)
{
    if (!move(g, x, EXECUTION_RUNNING)) return;
    x->row.started_ms = g->now.wall_ms;
    run_look(&x->root);
    if (write_row(g, x)) advance(g, x);
}

/* In another batch: see after.c. */
static void begin_later(struct engine *g, struct execution *x)
{
    if (!move(g, x, EXECUTION_RUNNING)) return;
    x->row.started_ms = g->now.wall_ms;
    run_look(&x->root);
    if (write_row(g, x)) timer_set(g, &x->timer, g->now.mono_ms);
}

/* The flow was deleted: what waits will not begin. */
static void cancel_queued(struct engine *g, struct flow_entry *f)
{
    for (int n = 0; g->rc == 0 && n < PUMP_MOST && f->queued.count > 0; n++)
        end(g, f->queued.first, EXECUTION_CANCELLED, REASON_CANCELLED, "its flow was deleted");
    if (g->rc == 0) timer_set(g, &f->timer, f->queued.count > 0 ? g->now.mono_ms + 1 : NEVER);
}

void flow_pump(struct engine *g, struct flow_entry *f)
{
    if (f->deleted) {
        cancel_queued(g, f);
        return;
    }
    const struct flow *present = f->queued.count > 0 ? flow_present(g, f) : NULL;
    int64_t limit = present ? present->concurrency_limit : 0;
    for (int n = 0; g->rc == 0 && f->queued.count > 0; n++) {
        if (limit > 0 && f->running.count >= limit) return;
        if (n == PUMP_MOST) {
            timer_set(g, &f->timer, g->now.mono_ms + 1);
            return;
        }
        struct execution *x = f->queued.first;
        list_remove(x);
        list_add(&f->running, x);
        begin(g, x);
    }
}

static bool insert(struct engine *g, struct execution_row *row)
{
    for (int tries = 0; tries < 100; tries++) {
        row->id = engine_new_id(g);
        int rc = store_execution_insert(g->store, row, &g->err);
        if (rc != ERR_EXISTS) return store_ok(g, rc);
        g->err = (struct err){0};
    }
    engine_broken(g, "no free execution id was found");
    return false;
}

/* What is in the store alone once it is there. */
static void drop_texts(struct execution_row *row)
{
    char **texts[] = {&row->inputs, &row->trigger_vars, &row->labels, &row->unique_key,
                      &row->trace};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mem_free(*texts[i]);
        *texts[i] = NULL;
    }
}

int64_t execution_start_ended(struct engine *g, struct flow_entry *f, struct execution_row *row)
{
    row->ended_ms = g->now.wall_ms;
    int64_t id = insert(g, row) ? row->id : 0;
    if (id) {
        changed(g, row);
        struct trigger *t = row->trigger ? trigger_find(f, row->trigger) : NULL;
        struct ended_execution ended = {.flow = f,
                                        .trigger = t ? t->row.id : 0,
                                        .state = row->state,
                                        .id = id,
                                        .depth = row->depth};
        ended_execution_note(g, &ended);
    }
    execution_row_fini(row);
    return id;
}

/* What the flow's concurrency makes of one more. */
static enum execution_state place(const struct flow *f, const struct flow_entry *e)
{
    /* those that wait go first */
    if (f->concurrency_limit == 0 ||
        (e->running.count < f->concurrency_limit && e->queued.count == 0))
        return EXECUTION_RUNNING;
    switch (f->concurrency_behavior) {
    case FLOW_CANCEL:
        return EXECUTION_CANCELLED;
    case FLOW_FAIL:
        return EXECUTION_FAILED;
    default:
        return EXECUTION_QUEUED;
    }
}

int64_t execution_start(struct engine *g, struct flow_entry *f, struct execution_row *row)
{
    const struct flow *present = flow_present(g, f);
    if (!present) {
        execution_row_fini(row);
        return 0;
    }
    row->revision = f->revision;
    row->created_ms = g->now.wall_ms;
    enum execution_state state = place(present, f);
    row->state = state == EXECUTION_RUNNING ? EXECUTION_CREATED : state;
    if (execution_is_final(state)) {
        row->message = str_dupf("the flow has %lld executions under way, as many as its "
                                "concurrency limit lets it",
                                (long long)present->concurrency_limit);
        return execution_start_ended(g, f, row);
    }
    if (!insert(g, row)) {
        execution_row_fini(row);
        return 0;
    }
    drop_texts(row);
    int64_t id = row->id;
    struct execution *x = execution_add(g, row);
    if (state == EXECUTION_QUEUED)
        changed(g, &x->row);
    else if (x->row.depth > 0)
        begin_later(g, x);
    else
        begin(g, x);
    return g->rc ? 0 : id;
}

/* ---- a task run ended ---- */

/* The execution that the job is a task run of, while it is open. */
static struct execution *execution_of(const struct engine *g, const struct job_row *row)
{
    int64_t id;
    if (row->kind != JOB_TASK || !row->execution || id_parse(row->execution, &id)) return NULL;
    return find_open(g, id);
}

void execution_on_task(struct engine *g, const struct ended_job *j)
{
    struct run *r = run_of_job(g, j->row.id);
    struct execution *x = r ? r->x : execution_of(g, &j->row);
    if (!x || (!r && !x->old)) return;
    const struct flow *f = revision_parsed(g, x->revision);
    if (g->rc) return;
    if (!r) {
        runs_adopt(g, x, f);
        r = g->rc == 0 && write_row(g, x) ? run_of_job(g, j->row.id) : NULL;
        if (!r) return;
    }
    runs_on_job(g, r, f, j);
    if (g->rc == 0) advance(g, x);
}

static bool under_way(const struct execution *x)
{
    return x->row.state == EXECUTION_RUNNING || x->row.state == EXECUTION_KILLING;
}

void execution_load_run(struct engine *g, const struct run_row *row)
{
    struct execution *x = find_open(g, row->execution);
    if (x) run_load(g, x, row);
}

void execution_resume(struct engine *g, struct execution *x)
{
    const struct execution_row *row = &x->row;
    if (!under_way(x)) return;
    x->old = x->run_count == 0 && (row->position > 0 || row->job > 0 || row->wake_ms > 0);
    if (!x->old) runs_loaded(x);
    arm(g, x, 0);
}

void execution_on_timer(struct engine *g, struct execution *x)
{
    if (!under_way(x)) return;
    if (g->gone_on++ < GO_ON_MOST)
        advance(g, x);
    else
        timer_set(g, &x->timer, g->now.mono_ms + 1);
}

/* ---- commands ---- */

/* A key is the submitter's own, for all flows: the execution of another flow is not what is asked
 * for. */
static bool check_flow(struct engine *g, const struct cmd_start *s, int64_t id, struct reply *r)
{
    struct execution_row row;
    int rc = store_execution_find(g->store, id, &row, &g->err);
    if (rc == 0) return true;
    if (!store_ok(g, rc)) return false;
    bool same = str_eq(row.ns, s->ns) && str_eq(row.flow, s->flow);
    if (!same)
        reply_error(r, ERR_CONFLICT, NULL, "use another key",
                    "the key belongs to an execution of %s/%s, not of %s/%s", row.ns, row.flow,
                    s->ns, s->flow);
    execution_row_fini(&row);
    return same;
}

/* The same start again, with its key. */
static bool answer_known(struct engine *g, const struct cmd_start *s, const char *key,
                         struct reply *r)
{
    int64_t id;
    if (!key) return false;
    int rc = store_execution_find_key(g->store, key, &id, &g->err);
    if (rc == 0) {
        return false;
    }
    if (!store_ok(g, rc) || !check_flow(g, s, id, r)) return true;
    r->id = id;
    r->known = true;
    return true;
}

/* The labels of the flow, with those given over them. mem_free; NULL: none. */
static char *merge_labels(const struct flow *f, const struct json *given)
{
    struct json *all = json_copy(f->labels);
    for (const struct json *l = json_first(given); l; l = json_next(l)) {
        json_remove(all, json_key(l));
        json_put(all, json_key(l), json_copy(l));
    }
    char *text = json_count(all) > 0 ? json_text(all) : NULL;
    json_free(all);
    return text;
}

/* The flow, when it can be run. NULL: answered, or a failure was noted. */
static const struct flow *find_to_run(struct engine *g, const struct cmd_start *s,
                                      struct flow_entry *f, struct reply *r)
{
    if (!f || f->deleted) {
        flow_reply_unknown(g, s->ns, s->flow, r);
        return NULL;
    }
    const struct flow *present = flow_present(g, f);
    if (g->rc) return NULL;
    if (!present) {
        reply_error(r, ERR_CONFLICT, NULL, "apply the flow anew", "%s",
                    revision_get(f, f->revision)->broken);
        return NULL;
    }
    if (present->disabled) {
        reply_error(r, ERR_CONFLICT, NULL, "apply it without 'disabled'",
                    "the flow %s/%s is disabled", f->ns, f->id);
        return NULL;
    }
    return present;
}

void apply_execution_start(struct engine *g, const struct command *c, struct reply *r)
{
    const struct cmd_start *s = &c->u.start;
    char *key = scoped_key(s->submitter, s->unique_key);
    struct flow_entry *f = flow_get(g, s->ns, s->flow);
    const struct flow *present = NULL;
    struct json *inputs = NULL;
    struct err e = {0};
    if (!answer_known(g, s, key, r) && (present = find_to_run(g, s, f, r)) != NULL &&
        flow_resolve_inputs(present, s->inputs, &inputs, &e)) {
        reply_err(r, &e, NULL, NULL);
        present = NULL;
    }
    if (present) {
        struct execution_row row = {.ns = mem_strdup(f->ns),
                                    .flow = mem_strdup(f->id),
                                    .inputs = json_text(inputs),
                                    .labels = merge_labels(present, s->labels),
                                    .submitter = s->submitter,
                                    .created_by = mem_strdup(g->by),
                                    .unique_key = mem_strdup(key),
                                    .trace = mem_strdup(s->trace)};
        int64_t id = execution_start(g, f, &row);
        r->id = id;
    }
    json_free(inputs);
    mem_free(key);
}

static void answer_not_open(struct engine *g, int64_t id, struct reply *r)
{
    struct execution_row row;
    int rc = store_execution_find(g->store, id, &row, &g->err);
    if (rc == 0) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "there is no such execution");
    } else if (store_ok(g, rc)) {
        if (principal_sees(g, row.ns, r))
            reply_error(r, ERR_CONFLICT, NULL, "what has ended stays as it is",
                        "the execution has ended already: %s",
                        fsm_name(&execution_fsm, (int)row.state));
        execution_row_fini(&row);
    }
}

/* Ends what is open; what follows is `finally`, or the end, which frees x. */
static void kill_runs(struct engine *g, struct execution *x)
{
    const struct flow *f = revision_parsed(g, x->revision);
    if (g->rc) return;
    if (x->old) runs_adopt(g, x, f);
    if (g->rc || !move(g, x, EXECUTION_KILLING) || !write_row(g, x)) return;
    runs_cancel(g, x, f);
    if (g->rc == 0) advance(g, x);
}

void apply_execution_cancel(struct engine *g, const struct command *c, struct reply *r)
{
    struct execution *x = find_open(g, c->u.id);
    if (!x) {
        answer_not_open(g, c->u.id, r);
        return;
    }
    if (!principal_sees(g, x->row.ns, r)) return;
    if (!x->row.cancelled_by) x->row.cancelled_by = mem_strdup(g->by);
    if (x->row.state == EXECUTION_QUEUED) {
        end(g, x, EXECUTION_CANCELLED, REASON_CANCELLED, NULL);
    } else if (x->row.state == EXECUTION_RUNNING) {
        kill_runs(g, x);
        if (g->rc) return;
    }
    r->id = c->u.id;
}
