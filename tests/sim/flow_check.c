/* What has to be true of flows and triggers, whatever happens. Looked at after every commit, in
 * what was written. */
#include "tests/sim/flow_sim.h"

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/agent.h"
#include "coordinator/engine/flow.h"
#include "coordinator/engine/job.h"
#include "coordinator/store/reader_run.h"
#include "coordinator/store/reader_trigger.h"

#include <string.h>

/* An evaluation that an agent has: its timeout (20 s) and the grace and slack until the coordinator
 * asks for its end, then its lease (1 min) until it goes without its agent. */
#define HELD_MS (20000 + 2 * 10000 + 30000 + 60000 + 2 * 15000)
/* Beyond its interval, a trigger that nothing holds waits for so long: overdue ones are spread
 * after a start. */
#define IDLE_SLACK_MS 63000
#define SHORT_MS 2000 /* until a free place is taken by a queued execution */

static const char *text(int64_t id, char out[ID_TEXT_SIZE])
{
    id_format(id, out);
    return out;
}

/* ---- flows ---- */

/* The flow in a revision (0: the present one); NULL: there is none. Kept until the end. */
static const struct flow *flow_of(struct flow_sim *s, const char *id, int64_t revision)
{
    struct flow_row row = {0};
    struct flow *f = NULL;
    if (reader_flow(s->reader, flow_ns(id[1] - '0'), id, revision, &row, NULL)) return NULL;
    char *name = str_dupf("%s/%lld", id, (long long)row.revision);
    uint64_t key = map_text_key(name);
    f = map_find(&s->parsed, key);
    if (!f) {
        struct flow_problems p = {0};
        if (flow_parse(id, row.source, strlen(row.source), NULL, &p, &f))
            flow_violation(s, "%s cannot be parsed: %s", name, p.items[0].sentence);
        else
            map_put(&s->parsed, key, f);
        flow_problems_fini(&p);
    }
    mem_free(name);
    flow_row_fini(&row);
    return f;
}

/* ---- executions ---- */

static int64_t evaluation_in(const char *vars)
{
    struct json *tree = NULL;
    int64_t id = 0;
    if (vars && json_parse(vars, strlen(vars), &tree, NULL) == 0)
        (void)id_parse(json_get_str(tree, "job", ""), &id);
    json_free(tree);
    return id;
}

static void count_firing(struct flow_sim *s, const struct execution_row *row)
{
    char id[ID_TEXT_SIZE];
    int64_t job = evaluation_in(row->trigger_vars);
    if (!row->trigger || !row->trigger_vars) return; /* failOnTriggerError has none */
    struct seen_job *j = map_find(&s->jobs, (uint64_t)job);
    if (!j) {
        flow_violation(s, "execution %s was fired by nothing", text(row->id, id));
    } else if (++j->executions > 1) {
        flow_violation(s, "fired twice: evaluation %s started %d executions", text(job, id),
                       j->executions);
    }
    s->fired++;
}

static struct seen_execution *see(struct flow_sim *s, int64_t id, struct execution_row *row)
{
    char name[ID_TEXT_SIZE];
    if (store_execution_get(s->w.store, id, row, NULL)) {
        flow_violation(s, "execution %s changed, but is not there", text(id, name));
        return NULL;
    }
    struct seen_execution *x = map_find(&s->executions, (uint64_t)id);
    if (x) return x;
    x = mem_alloc(sizeof *x);
    x->id = id;
    x->born = s->batches;
    x->revision = row->revision;
    str_copy(x->flow, sizeof x->flow, row->flow);
    str_copy(x->trigger, sizeof x->trigger, row->trigger ? row->trigger : "");
    map_put(&s->executions, (uint64_t)id, x);
    if (*x->trigger == 'a')
        flow_after_born(s, x, row);
    else
        count_firing(s, row);
    return x;
}

static bool takes_place(enum execution_state state)
{
    return state == EXECUTION_RUNNING || state == EXECUTION_KILLING;
}

/* Those of a flow that take a place of its concurrency, and those that wait for one. */
static void census(const struct flow_sim *s, const char *flow, int *running, int *queued)
{
    size_t place = 0;
    *running = *queued = 0;
    for (const struct seen_execution *x; (x = map_next(&s->executions, &place)) != NULL;) {
        if (!str_eq(x->flow, flow)) continue;
        *running += takes_place(x->state);
        *queued += x->state == EXECUTION_QUEUED;
    }
}

static void look_at_execution(struct flow_sim *s, int64_t id)
{
    char name[ID_TEXT_SIZE];
    struct execution_row row;
    struct seen_execution *x = see(s, id, &row);
    if (!x) return;
    if (x->known && execution_is_final(x->state) && x->state != row.state)
        flow_violation(s, "final is final: execution %s goes from %s to %s", text(id, name),
                       fsm_name(&execution_fsm, (int)x->state),
                       fsm_name(&execution_fsm, (int)row.state));
    if (x->known && x->state == EXECUTION_KILLING && row.state == EXECUTION_RUNNING)
        flow_violation(s, "execution %s was cancelled, and runs on", text(id, name));
    const struct flow *tree = flow_of(s, x->flow, x->revision);
    if (tree) flow_runs_check(s, x, tree, row.state);
    bool enters = row.state == EXECUTION_RUNNING && (!x->known || !takes_place(x->state));
    if (execution_is_final(row.state) && !(x->known && execution_is_final(x->state))) {
        s->ended++;
        x->over = s->batches;
        flow_after_list(&s->ends, x);
    }
    s->cancelled += row.state == EXECUTION_KILLED && x->state != EXECUTION_KILLED;
    x->known = true;
    x->state = row.state;
    execution_row_fini(&row);
    if (!enters) return;
    int running, queued;
    const struct flow *f = flow_of(s, x->flow, 0);
    census(s, x->flow, &running, &queued);
    if (f && f->concurrency_limit > 0 && running > f->concurrency_limit)
        flow_violation(s, "limit: %d executions of %s run at once, %d may", running, x->flow,
                       (int)f->concurrency_limit);
}

/* ---- jobs ---- */

static int find_run(const struct run_row *row, const struct job_view *job, void *user)
{
    (void)job;
    int64_t *wanted = user;
    if (row->job == *wanted) *wanted = 0;
    return 0;
}

/* Is the job that of a task run of the execution? */
static bool has_run(struct flow_sim *s, int64_t execution, int64_t job)
{
    struct run_filter f = {.execution = execution, .limit = 1000};
    bool more;
    return reader_runs(s->reader, &f, find_run, &job, &more, NULL) == 0 && job == 0;
}

static void check_next_task(struct flow_sim *s, struct seen_execution *x, const struct job_row *row)
{
    char id[ID_TEXT_SIZE];
    const struct flow *f = flow_of(s, x->flow, x->revision);
    if (f && flow_is_tree(f)) { /* see flow_runs.c */
        x->last_run = row->id;
        s->tasks++;
        return;
    }
    const struct seen_job *last = map_find(&s->jobs, (uint64_t)x->last_run);
    int64_t at = x->next_task;
    if (x->known && (x->state == EXECUTION_KILLING || execution_is_final(x->state)))
        flow_violation(s, "execution %s is %s, and still runs task %s", text(x->id, id),
                       fsm_name(&execution_fsm, (int)x->state), row->task);
    if (last && last->state != JOB_SUCCESS && last->state != JOB_WARNING)
        flow_violation(s, "order: execution %s begins task %s while the one before is %s",
                       text(x->id, id), row->task, fsm_name(&job_fsm, (int)last->state));
    while (f && at < (int64_t)f->task_count && f->tasks[at].disabled)
        at++;
    if (!f || at >= (int64_t)f->task_count || !str_eq(f->tasks[at].id, row->task))
        flow_violation(s, "order: execution %s begins task %s, not task number %d", text(x->id, id),
                       row->task, (int)at);
    if (!has_run(s, x->id, row->id))
        flow_violation(s, "execution %s does not know of its task %s", text(x->id, id), row->task);
    x->next_task = at + 1;
    x->last_run = row->id;
    s->tasks++;
}

static void look_at_task(struct flow_sim *s, const struct seen_job *j, const struct job_row *row)
{
    char name[ID_TEXT_SIZE];
    int64_t id = 0;
    struct execution_row now;
    if (!row->execution || id_parse(row->execution, &id)) {
        flow_violation(s, "job %s is a task of nothing", text(row->id, name));
        return;
    }
    struct seen_execution *x = see(s, id, &now);
    if (!x) return;
    if (j->id != x->last_run && j->id > x->last_run) check_next_task(s, x, row);
    execution_row_fini(&now);
}

struct look_up {
    int64_t job;
    enum evaluation_result result;
};

static int find_evaluation(const struct evaluation_row *v, void *user)
{
    struct look_up *u = user;
    if (v->job == u->job) u->result = v->result;
    return 0;
}

/* An evaluation is over: has it come to what its trigger says that it did? */
static void check_outcome(struct flow_sim *s, const struct seen_job *j, const struct job_row *row)
{
    char id[ID_TEXT_SIZE];
    struct trigger_row t;
    struct look_up u = {.job = row->id};
    bool fires = row->state == JOB_SUCCESS && row->exit_code == 0;
    if (reader_trigger(s->reader, row->ns, row->flow, row->task, &t, NULL)) {
        if (j->executions)
            flow_violation(s, "%s fired for a trigger that is gone", text(j->id, id));
        return;
    }
    reader_evaluations(s->reader, t.id, find_evaluation, &u, NULL);
    bool locked = t.job == row->id;
    trigger_row_fini(&t);
    if (locked) flow_violation(s, "a trigger waits for job %s, which is over", text(j->id, id));
    if (j->abandoned || u.result == EVALUATION_SKIPPED || u.result == EVALUATION_NONE) {
        if (j->executions) flow_violation(s, "%s fired, but did not count", text(j->id, id));
    } else if (fires != (j->executions == 1)) {
        flow_violation(s, "evaluation %s ended as %s and started %d executions", text(j->id, id),
                       fsm_name(&job_fsm, (int)row->state), j->executions);
    } else if (fires != (u.result == EVALUATION_FIRED)) {
        flow_violation(s, "evaluation %s ended as %s: the history says otherwise", text(j->id, id),
                       fsm_name(&job_fsm, (int)row->state));
    }
}

static uint64_t trigger_key(const char *flow, const char *name)
{
    char text[24];
    str_format(text, sizeof text, "%s.%s", flow, name);
    return map_text_key(text);
}

static void look_at_job(struct flow_sim *s, int64_t id, bool outcome)
{
    char name[ID_TEXT_SIZE];
    struct job_row row;
    struct seen_job *j = map_find(&s->jobs, (uint64_t)id);
    if (store_job_get(s->w.store, id, &row, NULL)) {
        /* an evaluation that ended goes with a trigger that goes */
        if (j && !j->evaluation)
            flow_violation(s, "job %s changed, but is not there", text(id, name));
        if (j) j->state = JOB_CANCELLED;
        return;
    }
    if (!j) {
        j = mem_alloc(sizeof *j);
        j->id = id;
        j->evaluation = row.kind == JOB_TRIGGER;
        if (j->evaluation) j->trigger = trigger_key(row.flow, row.task);
        map_put(&s->jobs, (uint64_t)id, j);
    }
    flow_selector_check(s, j, &row);
    j->state = row.state;
    if (!job_is_assigned(row.state))
        j->assigned_ms = 0;
    else if (j->assigned_ms == 0 || row.state == JOB_SUBMITTED)
        j->assigned_ms = s->w.now.mono_ms;
    if (!j->evaluation && !outcome) look_at_task(s, j, &row);
    if (j->evaluation && outcome && job_is_final(row.state)) check_outcome(s, j, &row);
    job_row_fini(&row);
}

/* ---- triggers ---- */

static bool has_open_execution(const struct flow_sim *s, const struct trigger_row *t)
{
    size_t place = 0;
    for (const struct seen_execution *x; (x = map_next(&s->executions, &place)) != NULL;) {
        if (!execution_is_final(x->state) && str_eq(x->flow, t->flow) &&
            str_eq(x->trigger, t->name))
            return true;
    }
    return false;
}

/* An evaluation that was given up may still be running. */
static bool has_open_evaluation(const struct flow_sim *s, uint64_t trigger, int64_t but)
{
    size_t place = 0;
    for (const struct seen_job *j; (j = map_next(&s->jobs, &place)) != NULL;) {
        if (j->evaluation && j->trigger == trigger && j->id != but && !job_is_final(j->state))
            return true;
    }
    return false;
}

static int look_at_trigger(const struct trigger_row *t, void *user)
{
    struct flow_sim *s = user;
    int64_t now = s->w.now.mono_ms;
    if (t->kind != TRIGGER_POLLING) return 0;
    struct seen_trigger *k = map_find(&s->triggers, (uint64_t)t->id);
    const struct seen_job *j = map_find(&s->jobs, (uint64_t)t->job);
    char name[24];
    str_format(name, sizeof name, "%s.%s", t->flow, t->name);
    if (!k) {
        k = mem_alloc(sizeof *k);
        map_put(&s->triggers, (uint64_t)t->id, k);
    }
    if (!str_eq(k->name, name) || k->look + 1 != s->looks) {
        *k = (struct seen_trigger){0};
        str_copy(k->name, sizeof k->name, name);
    }
    k->look = s->looks;
    if (t->job && (!j || job_is_final(j->state))) {
        flow_violation(s, "trigger %s of %s waits for a job that is over, or never was", t->name,
                       t->flow);
    } else if (t->job && j->assigned_ms) {
        int64_t since = j->assigned_ms > s->risen_ms ? j->assigned_ms : s->risen_ms;
        if (now - since > HELD_MS)
            flow_violation(s, "trigger %s of %s is held by one evaluation for %d s", t->name,
                           t->flow, (int)((now - since) / 1000));
    }
    bool other = has_open_evaluation(s, trigger_key(t->flow, t->name), t->job);
    if (t->job && other)
        flow_violation(s, "trigger %s of %s is evaluated twice at a time", t->name, t->flow);
    bool held = t->disabled || t->job || other || (!t->concurrent && has_open_execution(s, t));
    if (held) {
        k->free_ms = 0;
    } else if (k->free_ms == 0 || t->evaluations != k->evaluations) {
        k->free_ms = now; /* one that is skipped is over as it begins */
    } else if (k->free_ms < s->risen_ms) {
        k->free_ms = s->risen_ms;
    } else if (now - k->free_ms > t->interval_ms + IDLE_SLACK_MS) {
        flow_violation(s, "trigger %s of %s is free, and not evaluated for %d s", t->name, t->flow,
                       (int)((now - k->free_ms) / 1000));
    }
    k->evaluations = t->evaluations;
    return 0;
}

static int keep_waiting(const struct trigger_row *t, void *user)
{
    struct flow_sim *s = user;
    struct seen_job *j = map_find(&s->jobs, (uint64_t)t->job);
    if (j) j->abandoned = false;
    return 0;
}

static void look_at_triggers(struct flow_sim *s)
{
    struct trigger_filter all = {.limit = 1000};
    bool more;
    size_t place = 0;
    s->looks++;
    reader_triggers(s->reader, &all, look_at_trigger, s, &more, NULL);
    for (struct seen_job *j; (j = map_next(&s->jobs, &place)) != NULL;) {
        if (j->evaluation && !job_is_final(j->state)) j->abandoned = true;
    }
    reader_triggers(s->reader, &all, keep_waiting, s, &more, NULL);
}

/* ---- concurrency ---- */

static void look_for_leaks(struct flow_sim *s)
{
    for (int i = 0; i < s->flow_count; i++) {
        char id[8];
        int running, queued;
        str_format(id, sizeof id, "f%d", i);
        census(s, id, &running, &queued);
        const struct flow *f = queued ? flow_of(s, id, 0) : NULL;
        bool room = f && (f->concurrency_limit == 0 || running < f->concurrency_limit);
        if (!room) {
            s->short_since[i] = 0;
        } else if (s->short_since[i] < s->risen_ms) {
            s->short_since[i] = s->w.now.mono_ms;
        } else if (s->w.now.mono_ms - s->short_since[i] > SHORT_MS) {
            flow_violation(s, "leak: %d executions of %s wait, though only %d run", queued, id,
                           running);
        }
    }
}

/* ---- memory ---- */

static void check_list(struct flow_sim *s, const struct execution_list *l, bool queued)
{
    int64_t count = 0;
    for (const struct execution *x = l->first; x; x = x->next) {
        const struct seen_execution *k = map_find(&s->executions, (uint64_t)x->row.id);
        count++;
        if (!k || k->state != x->row.state || (k->state == EXECUTION_QUEUED) != queued)
            flow_violation(s, "memory: an open execution is not what was written");
    }
    if (count != l->count) flow_violation(s, "memory: a list of executions is miscounted");
}

static void check_memory(struct flow_sim *s)
{
    struct engine *g = s->w.engine;
    size_t place = 0;
    for (const struct flow_entry *f; (f = map_next(&g->flows, &place)) != NULL;) {
        check_list(s, &f->running, false);
        check_list(s, &f->queued, true);
        for (const struct trigger *t = f->triggers; t; t = t->next) {
            int64_t open = 0;
            for (const struct execution *x = f->running.first; x; x = x->next)
                open += x->trigger == t;
            for (const struct execution *x = f->queued.first; x; x = x->next)
                open += x->trigger == t;
            if (open != t->executions)
                flow_violation(s, "memory: trigger %s miscounts its executions", t->row.name);
        }
    }
    if (g->ended) flow_violation(s, "memory: an end was not looked at");
}

/* ---- all of it ---- */

static void check_hand_out(struct flow_sim *s, int64_t job)
{
    char id[ID_TEXT_SIZE];
    struct job_row row;
    int64_t execution;
    if (store_job_get(s->w.store, job, &row, NULL)) return;
    if (row.kind == JOB_TASK && row.execution && id_parse(row.execution, &execution) == 0) {
        const struct seen_execution *x = map_find(&s->executions, (uint64_t)execution);
        const struct flow *f = x ? flow_of(s, x->flow, x->revision) : NULL;
        if (!x || !flow_may_run(f, row.task, x->state))
            flow_violation(s, "execution %s is %s, and a task of it is handed out",
                           text(execution, id), x ? fsm_name(&execution_fsm, (int)x->state) : "?");
    }
    job_row_fini(&row);
}

void flow_check_batch(struct flow_sim *s)
{
    s->ends.count = s->followers.count = 0;
    if (*flow_faults.wrong) flow_violation(s, "%s", flow_faults.wrong);
    for (const struct effect *x = s->w.effects.first; x; x = x->next) {
        if (x->type == EFFECT_JOB_CHANGED) look_at_job(s, x->u.changed.id, false);
    }
    for (const struct effect *x = s->w.effects.first; x; x = x->next) {
        if (x->type == EFFECT_EXECUTION_CHANGED) look_at_execution(s, x->u.changed.id);
    }
    for (const struct effect *x = s->w.effects.first; x && !*s->violation; x = x->next) {
        if (x->type == EFFECT_JOB_CHANGED) look_at_job(s, x->u.changed.id, true);
        if (x->type == EFFECT_JOB) check_hand_out(s, x->u.job.job);
    }
    if (!*s->violation) flow_after_check(s);
    if (!*s->violation) look_at_triggers(s);
    if (!*s->violation) look_for_leaks(s);
    if (!*s->violation && s->batches % 8 == 0) check_memory(s);
}

bool flow_check_over(struct flow_sim *s)
{
    size_t place = 0;
    for (const struct seen_execution *x; (x = map_next(&s->executions, &place)) != NULL;) {
        if (!execution_is_final(x->state)) return false;
    }
    for (int i = 0; i < s->start_count; i++) {
        if (!s->starts[i].id && !s->starts[i].over) return false;
    }
    return true;
}

void flow_check_end(struct flow_sim *s)
{
    char id[ID_TEXT_SIZE];
    size_t place = 0;
    for (const struct seen_execution *x; (x = map_next(&s->executions, &place)) != NULL;) {
        struct execution_row row;
        if (store_execution_get(s->w.store, x->id, &row, NULL)) {
            flow_violation(s, "lost: execution %s is not there", text(x->id, id));
            continue;
        }
        if (!execution_is_final(row.state))
            flow_violation(s, "execution %s does not end: it is %s", text(x->id, id),
                           fsm_name(&execution_fsm, (int)row.state));
        execution_row_fini(&row);
    }
    for (int i = 0; i < s->start_count; i++) {
        const struct seen_start *t = &s->starts[i];
        if (t->id && !map_find(&s->executions, (uint64_t)t->id))
            flow_violation(s, "lost: %s was acknowledged and is not there", t->key);
    }
    check_memory(s);
}

static void free_all(struct map *m)
{
    size_t place = 0;
    for (void *x; (x = map_next(m, &place)) != NULL;)
        mem_free(x);
    map_fini(m);
}

void flow_check_fini(struct flow_sim *s)
{
    size_t place = 0;
    for (struct flow *f; (f = map_next(&s->parsed, &place)) != NULL;)
        flow_free(f);
    map_fini(&s->parsed);
    free_all(&s->executions);
    free_all(&s->jobs);
    free_all(&s->runs);
    free_all(&s->triggers);
}
