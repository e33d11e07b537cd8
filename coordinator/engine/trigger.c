/* Triggers, and those that poll: when they are evaluated, and what comes of it.
 *
 *      +----------------------------- interval after the end ------------------------------+
 *      v                                                                                   |
 *   waits --due--> a job on its group --ended--> fired (an execution), not fired, error, or skipped
 *      ^                                                     |
 *      +--- the execution has ended (unless allowConcurrent) +
 *
 * An evaluation is a job like any other: its timeout and its lease end it when its agent does not,
 * and with the job ends what holds the trigger back. */
#include "coordinator/engine/trigger.h"

#include "base/duration.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/backfill.h"
#include "coordinator/engine/firing.h"
#include "coordinator/engine/listener.h"
#include "coordinator/engine/news.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/engine/task.h"

#include <string.h>

/* Evaluations begun in one batch: thousands that are due at once must not keep others waiting. */
#define BEGIN_MOST 500

/* Those due within the same short while begin in one batch, and their agents' answers come
 * together, too: it costs them a hundredth of their interval at most, and the disk far fewer
 * commits. */
#define SLOT_PART 100
#define SLOT_MOST_MS 100

/* Over so much time are those spread that became due while there was no coordinator. */
#define SPREAD_MS 60000

/* ---- in memory ---- */

/* Executions of a trigger of this name that are open: it may have been taken out and put back. */
static void adopt(struct trigger *t, const struct execution_list *l)
{
    for (struct execution *x = l->first; x; x = x->next) {
        if (x->row.backfill || !str_eq(x->row.trigger, t->row.name)) continue;
        x->trigger = t;
        t->executions++;
    }
}

/* How long until it is due, whatever the wall clock did meanwhile. */
static int64_t due_in(const struct engine *g, const struct trigger_row *row)
{
    int64_t ms = row->next_ms - g->now.wall_ms;
    return ms < 0 ? 0 : ms > row->interval_ms ? row->interval_ms : ms;
}

struct trigger *trigger_add(struct engine *g, struct flow_entry *f, struct trigger_row *row)
{
    struct trigger *t = mem_alloc(sizeof *t);
    t->row = *row;
    *row = (struct trigger_row){0};
    t->flow = f;
    if (t->row.kind == TRIGGER_SCHEDULE && g->schedules++ == 0) schedules_on_clock_timer(g);
    t->due_ms = g->now.mono_ms + due_in(g, &t->row);
    timer_init(&t->timer, TIMER_TRIGGER, t);
    if (t->row.kind == TRIGGER_FLOW) listener_add(g, t);
    struct trigger **at = &f->triggers;
    while (*at)
        at = &(*at)->next;
    *at = t;
    adopt(t, &f->running);
    adopt(t, &f->queued);
    return t;
}

void trigger_free(struct engine *g, struct trigger *t)
{
    timer_clear(g, &t->timer);
    backfills_clear(g, t);
    if (t->row.kind == TRIGGER_SCHEDULE) g->schedules--;
    zone_free(t->zone);
    listener_remove(g, t);
    trigger_row_fini(&t->row);
    mem_free(t);
}

void triggers_clear(struct engine *g)
{
    size_t place = 0;
    for (struct flow_entry *f; (f = map_next(&g->flows, &place)) != NULL;) {
        for (; f; f = f->next_same) {
            struct trigger *next;
            for (struct trigger *t = f->triggers; t; t = next) {
                next = t->next;
                trigger_free(g, t);
            }
        }
    }
}

/* ---- when ---- */

static bool is_held(const struct trigger *t)
{
    return t->row.disabled || t->flow->deleted || t->row.job != 0 || t->ending != 0 ||
           (!t->row.concurrent && t->executions > 0);
}

void trigger_set_due(struct engine *g, struct trigger *t, int64_t in_ms)
{
    if (t->row.kind == TRIGGER_WEBHOOK || t->row.kind == TRIGGER_FLOW) return; /* never due */
    t->row.next_ms = g->now.wall_ms + in_ms;
    t->due_ms = g->now.mono_ms + in_ms;
}

void trigger_arm(struct engine *g, struct trigger *t)
{
    int64_t slot = t->row.interval_ms / SLOT_PART, at = t->due_ms;
    if (t->row.kind == TRIGGER_SCHEDULE) {
        schedule_arm(g, t);
        return;
    }
    if (t->row.kind != TRIGGER_POLLING || is_held(t)) {
        timer_clear(g, &t->timer);
        return;
    }
    if (slot > SLOT_MOST_MS) slot = SLOT_MOST_MS;
    if (at <= g->now.mono_ms)
        at = g->now.mono_ms;
    else if (slot > 1)
        at += (slot - at % slot) % slot;
    timer_set(g, &t->timer, at);
}

void trigger_arm_loaded(struct engine *g, struct trigger *t)
{
    backfills_arm(g, t);
    if (t->row.kind != TRIGGER_POLLING) {
        trigger_arm(g, t);
        return;
    }
    int64_t within = t->row.interval_ms < SPREAD_MS ? t->row.interval_ms : SPREAD_MS;
    if (t->due_ms <= g->now.mono_ms)
        t->due_ms = g->now.mono_ms + 1 + (int64_t)rng_below(&g->rng, (uint64_t)within);
    trigger_arm(g, t);
}

/* ---- an evaluation ends ---- */

/* What is known of it. Texts are borrowed. */
struct verdict {
    enum evaluation_result result;
    bool exited;
    int64_t exit_code, job, execution, started_ms;
    const char *message;
    struct err err; /* what message points to, where inputs could not be made */
};

static int64_t *counter_of(struct trigger_row *row, enum evaluation_result result)
{
    switch (result) {
    case EVALUATION_FIRED:
        return &row->fired;
    case EVALUATION_ERROR:
        return &row->errors;
    case EVALUATION_SKIPPED:
        return &row->skipped;
    default:
        return NULL;
    }
}

/* Evaluations are many: an error is worth a warning when it is a new one. */
static enum log_level level_of(const struct trigger_row *row, const struct verdict *v)
{
    bool known = row->result == EVALUATION_ERROR && str_eq(row->message, v->message);
    return v->result == EVALUATION_ERROR && !known ? LOG_WARN : LOG_DEBUG;
}

/* Writes it into the history and sets when the next one is due. */
static bool record(struct engine *g, struct trigger *t, const struct verdict *v)
{
    struct trigger_row *row = &t->row;
    int64_t *counter = counter_of(row, v->result);
    char name[FLOW_NAME_SIZE];
    if (counter) ++*counter;
    log_write(level_of(row, v), "trigger %s of %s: %s%s%s", row->name, flow_name(t->flow, name),
              evaluation_names[v->result], v->message ? ": " : "", v->message ? v->message : "");
    row->evaluations++;
    row->job = 0;
    row->result = v->result;
    mem_free(row->message);
    row->message = mem_strdup(v->message);
    row->ended_ms = g->now.wall_ms;
    trigger_set_due(g, t, row->interval_ms);
    if (v->execution) row->execution = v->execution;
    struct evaluation_row e = {.trigger = row->id,
                               .number = row->evaluations,
                               .result = v->result,
                               .exited = v->exited,
                               .exit_code = v->exit_code,
                               .message = row->message,
                               .job = v->job,
                               .execution = v->execution,
                               .moments = 1,
                               .started_ms = v->started_ms,
                               .ended_ms = row->ended_ms};
    return store_ok(g, store_evaluation_add(g->store, &e, &g->err)) && news_trigger(g, row);
}

void trigger_abandon(struct engine *g, struct trigger *t, const char *why)
{
    int64_t job = t->row.job;
    if (job == 0) return;
    struct verdict v = {.result = EVALUATION_SKIPPED,
                        .job = job,
                        .message = why,
                        .started_ms = g->now.wall_ms};
    /* first: what the job's end says then is nobody's any more */
    if (!record(g, t, &v)) return;
    job_cancel_id(g, job);
    if (job_find(g, job)) t->ending = job;
}

void triggers_find_ending(struct engine *g, const struct flow_entry *f)
{
    size_t place = 0;
    for (const struct agent *a; (a = map_next(&g->agents, &place)) != NULL;) {
        for (const struct job *j = a->jobs; j; j = j->next) {
            if (j->row.kind != JOB_TRIGGER) continue;
            const struct flow_entry *at = flow_get(g, j->row.ns, j->row.flow);
            struct trigger *t = at && (!f || at == f) ? trigger_find(at, j->row.task) : NULL;
            if (!t || t->row.job == j->row.id) continue;
            t->ending = j->row.id;
            trigger_arm(g, t);
        }
    }
}

static void put_missing(struct json *object, const char *key, struct json *value)
{
    if (json_add(object, key, value)) json_free(value);
}

/* What expressions find as trigger.*: the check's outputs, and of one with an exitCondition what
 * Kestra tells of it besides, where no output has the name. json_free; NULL: nothing. */
static struct json *trigger_vars(const struct engine *g, const struct flow_trigger *def,
                                 const struct ended_job *j)
{
    struct json *vars = NULL, *all;
    char text[TIME_TEXT_SIZE > 32 ? TIME_TEXT_SIZE : 32];
    if (j->outputs) (void)json_parse(j->outputs, strlen(j->outputs), &vars, NULL);
    if (!def->by_code) return vars;
    all = vars ? json_copy(vars) : json_new(JSON_OBJECT);
    put_missing(all, "vars", vars ? vars : json_new(JSON_OBJECT));
    put_missing(all, "exitCode", json_new_num(j->exited ? (double)j->exit_code : 0));
    str_format(text, sizeof text, "exit %lld", (long long)def->fire_code);
    put_missing(all, "condition", json_new_str(text));
    time_format(g->now.wall_ms, text);
    put_missing(all, "timestamp", json_new_str(text));
    return all;
}

/* The execution that a firing starts; 0: v says why there is none. */
static void fire(struct engine *g, struct trigger *t, const struct flow *f,
                 const struct flow_trigger *def, const struct ended_job *j, struct verdict *v)
{
    struct json *vars = trigger_vars(g, def, j);
    char *by = trigger_maker(g, t);
    const struct firing x = {.flow = f, .def = def, .vars = vars, .by = by};
    v->execution = trigger_start(g, t, &x, &v->err);
    json_free(vars);
    mem_free(by);
    if (v->execution || g->rc) return;
    v->result = EVALUATION_ERROR;
    v->message = err_text(&v->err);
}

static void fail_execution(struct engine *g, struct trigger *t, enum reason reason,
                           struct verdict *v)
{
    char *by = trigger_maker(g, t);
    v->execution = trigger_start_failed(g, t, &(struct firing){.by = by}, reason, v->message);
    mem_free(by);
}

/* The job never got as far as to say anything. */
static bool did_not_run(const struct ended_job *j)
{
    switch (j->reason) {
    case REASON_NO_AGENT:
    case REASON_UNKNOWN_GROUP:
    case REASON_GROUP_DELETED:
    case REASON_QUEUE_TIMEOUT:
    case REASON_CANCELLED:
        return true;
    default:
        return j->state == JOB_CANCELLED || j->state == JOB_KILLED;
    }
}

static struct verdict judge(const struct ended_job *j, char text[64])
{
    struct verdict v = {.exited = j->exited,
                        .exit_code = j->exit_code,
                        .job = j->row.id,
                        .started_ms = j->row.created_ms,
                        .message = j->message};
    int state = shown_state(JOB_TRIGGER, j->state, j->exited ? j->exit_code : 0);
    if (state == SHOWN_FIRED || state == SHOWN_NO) {
        v.result = state == SHOWN_FIRED ? EVALUATION_FIRED : EVALUATION_NOT_FIRED;
    } else if (did_not_run(j)) {
        v.result = EVALUATION_SKIPPED;
    } else {
        v.result = EVALUATION_ERROR;
        if (j->reason == REASON_EXIT_CODE && j->exited) {
            str_format(text, 64, "the check ended with exit code %lld", (long long)j->exit_code);
            v.message = text;
        }
    }
    if (!v.message && (v.result == EVALUATION_ERROR || v.result == EVALUATION_SKIPPED))
        v.message = reason_name(j->reason);
    return v;
}

/* The verdict, with what follows from it. */
static void conclude(struct engine *g, struct trigger *t, const struct flow_trigger *def,
                     enum reason reason, struct verdict *v)
{
    if (v->result == EVALUATION_ERROR && def && def->fail_on_trigger_error)
        fail_execution(g, t, reason, v);
    if (g->rc == 0 && record(g, t, v)) trigger_arm(g, t);
}

void trigger_on_evaluation(struct engine *g, const struct ended_job *j)
{
    const struct flow_entry *at = flow_get(g, j->row.ns, j->row.flow);
    struct trigger *t = at ? trigger_find(at, j->row.task) : NULL;
    if (t && t->ending == j->row.id) {
        t->ending = 0;
        trigger_arm(g, t);
        return;
    }
    if (!t || t->row.job != j->row.id) return; /* it was given up before it ended */
    t->row.job = 0;
    char text[64];
    struct verdict v = judge(j, text);
    const struct flow *f = flow_present(g, t->flow);
    const struct flow_trigger *def = f ? flow_find_trigger(f, t->row.name) : NULL;
    if (g->rc) return;
    bool held = t->row.holds;
    if (v.result == EVALUATION_FIRED || v.result == EVALUATION_NOT_FIRED)
        t->row.holds = v.result == EVALUATION_FIRED;
    if (v.result == EVALUATION_FIRED) {
        if (def && def->edge && held) {
            v.result = EVALUATION_NOT_FIRED;
            v.message = "it holds, as it did before (edge)";
        } else if (def) {
            fire(g, t, f, def, j, &v);
            t->row.holds = v.result == EVALUATION_FIRED; /* else it is tried again */
        } else {
            v.result = EVALUATION_ERROR;
            v.message = revision_get(t->flow, t->flow->revision)->broken;
        }
    }
    if (g->rc == 0) conclude(g, t, def, j->reason, &v);
}

/* ---- an evaluation begins ---- */

static bool has_room(const struct group *group, struct flaw *flaw)
{
    char name[96];
    if (group->row.max_queued == 0 || group->queued < group->row.max_queued) return true;
    err_set(&flaw->err, ERR_UNAVAILABLE, "%s holds %lld queued jobs, as many as it may",
            group_name(group, name), (long long)group->queued);
    flaw->reason = REASON_NO_AGENT;
    return false;
}

/* 0: it could not be made; flaw tells. */
static int64_t make_job(struct engine *g, struct trigger *t, const struct flow *f,
                        const struct flow_trigger *def, struct flaw *flaw)
{
    struct expr_values v = {.now_ms = g->now.wall_ms, .zones = g->zones};
    struct flow_job job = {.row = {.kind = JOB_TRIGGER,
                                   .ns = mem_strdup(t->row.ns),
                                   .flow = mem_strdup(t->row.flow),
                                   .task = mem_strdup(t->row.name),
                                   .created_by = trigger_maker(g, t)}};
    flow_values(f, &v);
    if (work_render(g, f, &def->work, &v, &job, flaw) &&
        has_room(group_find(g, job.row.group), flaw))
        return job_create(g, &job.row, job.spec);
    mem_free(job.spec);
    job_row_fini(&job.row);
    return 0;
}

void trigger_evaluate(struct engine *g, struct trigger *t)
{
    struct flaw flaw = {0};
    const struct flow *f = flow_present(g, t->flow);
    const struct flow_trigger *def = f ? flow_find_trigger(f, t->row.name) : NULL;
    int64_t job = 0;
    if (g->rc) return;
    timer_clear(g, &t->timer);
    if (def) {
        job = make_job(g, t, f, def, &flaw);
    } else {
        flaw.reason = REASON_NOT_STARTED;
        err_set(&flaw.err, ERR_INVALID, "%s",
                f ? "the flow has no such trigger"
                  : revision_get(t->flow, t->flow->revision)->broken);
    }
    if (g->rc) return;
    if (job) {
        t->row.job = job;
        store_ok(g, store_trigger_job(g->store, t->row.id, job, &g->err));
        return;
    }
    bool skip = flaw.reason == REASON_UNKNOWN_GROUP || flaw.reason == REASON_NO_AGENT;
    struct verdict v = {.result = skip ? EVALUATION_SKIPPED : EVALUATION_ERROR,
                        .message = err_text(&flaw.err),
                        .started_ms = g->now.wall_ms};
    conclude(g, t, def, flaw.reason, &v);
}

void trigger_on_timer(struct engine *g, struct trigger *t)
{
    if (t->row.kind == TRIGGER_SCHEDULE) {
        schedule_on_timer(g, t);
        return;
    }
    if (is_held(t)) return;
    if (g->begun++ < BEGIN_MOST)
        trigger_evaluate(g, t);
    else
        timer_set(g, &t->timer, g->now.mono_ms + 1);
}

/* ---- its executions ---- */

static unsigned stop_bit(enum execution_state state)
{
    static const enum job_state words[EXECUTION_STATES] = {
        [EXECUTION_SUCCESS] = JOB_SUCCESS,     [EXECUTION_WARNING] = JOB_WARNING,
        [EXECUTION_FAILED] = JOB_FAILED,       [EXECUTION_KILLED] = JOB_KILLED,
        [EXECUTION_CANCELLED] = JOB_CANCELLED,
    };
    return 1u << words[state];
}

void trigger_disable(struct engine *g, struct trigger *t, const char *why)
{
    t->row.disabled = true;
    mem_free(t->row.why);
    t->row.why = mem_strdup(why);
    text_set(&t->row.disabled_by, g->by);
    trigger_abandon(g, t, "the trigger was disabled meanwhile");
    if (g->rc == 0) schedule_drop_backlog(g, t, "missed: the trigger was disabled meanwhile");
    if (g->rc == 0) news_trigger(g, &t->row);
    timer_clear(g, &t->timer);
}

void trigger_enable(struct engine *g, struct trigger *t)
{
    t->row.disabled = false;
    mem_free(t->row.why);
    t->row.why = NULL;
    text_set(&t->row.disabled_by, NULL);
    t->row.holds = false;
    if (t->row.kind == TRIGGER_SCHEDULE)
        schedule_begin(g, t);
    else
        trigger_set_due(g, t, 0);
    if (news_trigger(g, &t->row)) trigger_arm(g, t);
}

void trigger_on_execution(struct engine *g, const struct ended_execution *x)
{
    struct trigger *t = x->trigger ? x->flow->triggers : NULL;
    while (t && t->row.id != x->trigger)
        t = t->next;
    if (!t) return; /* it was removed meanwhile */
    const struct flow *f = flow_present(g, t->flow);
    const struct flow_trigger *def = f ? flow_find_trigger(f, t->row.name) : NULL;
    char why[96];
    if (g->rc) return;
    if (def && def->stop_after & stop_bit(x->state) && !t->row.disabled) {
        str_format(why, sizeof why, "stopAfter: an execution ended as %s",
                   fsm_name(&execution_fsm, (int)x->state));
        trigger_disable(g, t, why);
    }
    if (g->rc == 0) trigger_arm(g, t);
}
