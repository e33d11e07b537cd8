/* The changes of a batch, each in the place of those before it. */
#include "coordinator/store/changes.h"

#include "base/mem.h"

#include <string.h>

void changes_init(struct changes *c)
{
    *c = (struct changes){0};
    changes_written(c);
}

void changes_fini(struct changes *c)
{
    map_fini(&c->jobs);
    map_fini(&c->executions);
    map_fini(&c->runs);
    map_fini(&c->job_keys);
    map_fini(&c->execution_keys);
    map_fini(&c->outputs);
    arena_fini(&c->arena);
}

void changes_written(struct changes *c)
{
    map_clear(&c->jobs);
    map_clear(&c->executions);
    map_clear(&c->runs);
    c->first_job = NULL;
    c->last_job = &c->first_job;
    c->first_execution = NULL;
    c->last_execution = &c->first_execution;
    c->first_run = NULL;
    c->last_run = &c->first_run;
    c->first_evaluation = NULL;
    c->last_evaluation = &c->first_evaluation;
}

void changes_forget_keys(struct changes *c)
{
    map_clear(&c->job_keys);
    map_clear(&c->execution_keys);
}

void changes_clear(struct changes *c)
{
    changes_written(c);
    changes_forget_keys(c);
    changes_forget_outputs(c);
    arena_clear(&c->arena);
}

/* ---- keys ----------------------------------------------------------------------------------- */

struct key_known *changes_key(const struct map *keys, const char *key)
{
    struct key_known *k = map_find(keys, map_text_key(key));
    while (k && strcmp(k->key, key) != 0)
        k = k->next;
    return k;
}

void changes_know_key(struct changes *c, struct map *keys, const char *key, int64_t id)
{
    struct key_known *k = changes_key(keys, key);
    if (!k) {
        k = arena_alloc(&c->arena, sizeof *k);
        k->key = arena_text(&c->arena, key);
        k->next = map_find(keys, map_text_key(key));
        map_put(keys, map_text_key(key), k);
    }
    k->id = id;
}

/* ---- output --------------------------------------------------------------------------------- */

static uint64_t output_number(int64_t job, int64_t attempt)
{
    return (uint64_t)job * 31 + (uint64_t)attempt;
}

struct output_known *changes_output(const struct changes *c, int64_t job, int64_t attempt)
{
    struct output_known *x = map_find(&c->outputs, output_number(job, attempt));
    while (x && (x->job != job || x->attempt != attempt))
        x = x->another;
    return x;
}

struct output_known *changes_of_output(struct changes *c, int64_t job, int64_t attempt)
{
    struct output_known *x = changes_output(c, job, attempt);
    if (x) return x;
    uint64_t number = output_number(job, attempt);
    x = arena_alloc(&c->arena, sizeof *x);
    x->job = job;
    x->attempt = attempt;
    x->another = map_find(&c->outputs, number);
    map_put(&c->outputs, number, x);
    x->next_known = c->first_output;
    c->first_output = x;
    return x;
}

void changes_forget_outputs(struct changes *c)
{
    map_clear(&c->outputs);
    c->first_output = NULL;
}

/* ---- rows ----------------------------------------------------------------------------------- */

struct job_change *changes_find_job(const struct changes *c, int64_t id)
{
    return map_find(&c->jobs, (uint64_t)id);
}

struct execution_change *changes_find_execution(const struct changes *c, int64_t id)
{
    return map_find(&c->executions, (uint64_t)id);
}

struct job_change *changes_of_job(struct changes *c, int64_t id)
{
    struct job_change *x = changes_find_job(c, id);
    if (x) return x;
    x = arena_alloc(&c->arena, sizeof *x);
    x->row.id = id;
    map_put(&c->jobs, (uint64_t)id, x);
    *c->last_job = x;
    c->last_job = &x->next;
    return x;
}

void changes_know_job(struct changes *c, const struct job_row *j)
{
    struct job_change *x = changes_find_job(c, j->id);
    if (x) return;
    x = changes_of_job(c, j->id);
    x->known = true;
    x->was = j->state;
    x->was_group = arena_text(&c->arena, j->group);
    x->row.requires_id = j->requires_id;
}

void changes_insert_job(struct changes *c, const struct job_row *j, const char *spec)
{
    struct job_change *x = changes_of_job(c, j->id);
    struct arena *a = &c->arena;
    x->fresh = true;
    x->spec = arena_text(a, spec);
    x->row = *j;
    x->row.ns = arena_text(a, j->ns);
    x->row.name = arena_text(a, j->name);
    x->row.flow = arena_text(a, j->flow);
    x->row.execution = arena_text(a, j->execution);
    x->row.task = arena_text(a, j->task);
    x->row.group = arena_text(a, j->group);
    x->row.message = arena_text(a, j->message);
    x->row.unique_key = arena_text(a, j->unique_key);
    x->row.created_by = arena_text(a, j->created_by);
    x->row.cancelled_by = arena_text(a, j->cancelled_by);
}

static struct execution_change *of_execution(struct changes *c, int64_t id)
{
    struct execution_change *x = changes_find_execution(c, id);
    if (x) return x;
    x = arena_alloc(&c->arena, sizeof *x);
    x->row.id = id;
    map_put(&c->executions, (uint64_t)id, x);
    *c->last_execution = x;
    c->last_execution = &x->next;
    return x;
}

void changes_insert_execution(struct changes *c, const struct execution_row *from)
{
    struct execution_change *x = of_execution(c, from->id);
    struct arena *a = &c->arena;
    x->fresh = true;
    x->row = *from;
    x->row.ns = arena_text(a, from->ns);
    x->row.flow = arena_text(a, from->flow);
    x->row.message = arena_text(a, from->message);
    x->row.trigger = arena_text(a, from->trigger);
    x->row.inputs = arena_text(a, from->inputs);
    x->row.trigger_vars = arena_text(a, from->trigger_vars);
    x->row.labels = arena_text(a, from->labels);
    x->row.outputs = arena_text(a, from->outputs);
    x->row.created_by = arena_text(a, from->created_by);
    x->row.cancelled_by = arena_text(a, from->cancelled_by);
    x->row.unique_key = arena_text(a, from->unique_key);
    x->row.trace = arena_text(a, from->trace);
}

void changes_update_execution(struct changes *c, const struct execution_row *from)
{
    struct execution_row *to = &of_execution(c, from->id)->row;
    to->state = from->state;
    to->reason = from->reason;
    to->message = arena_text(&c->arena, from->message);
    to->position = from->position;
    to->job = from->job;
    to->warned = from->warned;
    to->started_ms = from->started_ms;
    to->ended_ms = from->ended_ms;
    to->asleep_ms = from->asleep_ms;
    to->wake_ms = from->wake_ms;
    to->cancelled_by = arena_text(&c->arena, from->cancelled_by);
    if (from->labels) to->labels = arena_text(&c->arena, from->labels);
    if (from->outputs) to->outputs = arena_text(&c->arena, from->outputs);
}

static void read_text(const char *from, char **to)
{
    if (!from) return;
    mem_free(*to);
    *to = mem_strdup(from);
}

static void read_fixed(const struct execution_row *from, struct execution_row *to)
{
    *to = *from;
    to->ns = mem_strdup(from->ns);
    to->flow = mem_strdup(from->flow);
    to->trigger = mem_strdup(from->trigger);
    to->inputs = mem_strdup(from->inputs);
    to->trigger_vars = mem_strdup(from->trigger_vars);
    to->created_by = mem_strdup(from->created_by);
    to->trace = mem_strdup(from->trace);
    to->unique_key = to->message = to->cancelled_by = to->labels = to->outputs = NULL;
}

void changes_read_execution(const struct execution_change *x, struct execution_row *row)
{
    const struct execution_row *from = &x->row;
    if (x->fresh) read_fixed(from, row);
    mem_free(row->message);
    mem_free(row->cancelled_by);
    row->state = from->state;
    row->reason = from->reason;
    row->message = mem_strdup(from->message);
    row->position = from->position;
    row->job = from->job;
    row->warned = from->warned;
    row->started_ms = from->started_ms;
    row->ended_ms = from->ended_ms;
    row->asleep_ms = from->asleep_ms;
    row->wake_ms = from->wake_ms;
    row->cancelled_by = mem_strdup(from->cancelled_by);
    read_text(from->labels, &row->labels);
    read_text(from->outputs, &row->outputs);
}

/* ---- task runs ------------------------------------------------------------------------------ */

static uint64_t run_key(const struct run_row *r)
{
    return (uint64_t)r->execution ^ (uint64_t)r->number << 49;
}

static struct run_change *find_run(const struct changes *c, const struct run_row *r)
{
    struct run_change *x = map_find(&c->runs, run_key(r));
    while (x && (x->row.execution != r->execution || x->row.number != r->number))
        x = x->same;
    return x;
}

static struct run_change *add_run(struct changes *c, const struct run_row *r)
{
    struct run_change *x = arena_alloc(&c->arena, sizeof *x);
    x->same = map_find(&c->runs, run_key(r));
    map_put(&c->runs, run_key(r), x);
    *c->last_run = x;
    c->last_run = &x->next;
    return x;
}

void changes_insert_run(struct changes *c, const struct run_row *from)
{
    struct run_change *x = add_run(c, from);
    struct arena *a = &c->arena;
    x->fresh = true;
    x->row = *from;
    x->row.task = arena_text(a, from->task);
    x->row.value = arena_text(a, from->value);
    x->row.message = arena_text(a, from->message);
    x->row.outputs = arena_text(a, from->outputs);
}

void changes_update_run(struct changes *c, const struct run_row *from)
{
    struct run_change *x = find_run(c, from);
    if (!x) {
        x = add_run(c, from);
        x->row.execution = from->execution;
        x->row.number = from->number;
    }
    struct run_row *to = &x->row;
    to->state = from->state;
    to->chosen = from->chosen;
    to->job = from->job;
    to->child = from->child;
    to->reason = from->reason;
    to->started_ms = from->started_ms;
    to->ended_ms = from->ended_ms;
    to->message = arena_text(&c->arena, from->message);
    if (from->outputs) to->outputs = arena_text(&c->arena, from->outputs);
    x->due = x->due || from->due_changed;
    to->due_ms = from->due_ms;
}

void changes_add_evaluation(struct changes *c, const struct evaluation_row *v)
{
    struct evaluation_change *x = arena_alloc(&c->arena, sizeof *x);
    x->row = *v;
    x->row.message = arena_text(&c->arena, v->message);
    *c->last_evaluation = x;
    c->last_evaluation = &x->next;
}

/* ---- steps of a job ------------------------------------------------------------------------- */

static void attempt(struct job_change *x, enum job_state state, int64_t agent, int64_t number,
                    int64_t submitted_ms)
{
    x->row.state = state;
    x->row.agent = agent;
    x->row.attempt = number;
    x->row.submitted_ms = submitted_ms;
    x->row.started_ms = 0;
    x->row.retry_at_ms = 0;
    x->parts |= PART_STATE | PART_ATTEMPT | PART_STARTED;
}

/* What is said of an end that is not the job's. */
static void say_nothing(struct job_change *x)
{
    x->row.reason = REASON_NONE;
    x->row.message = NULL;
    x->parts |= PART_REASON | PART_MESSAGE;
}

void change_submitted(struct job_change *x, int64_t agent, int64_t number, int64_t now_ms)
{
    attempt(x, JOB_SUBMITTED, agent, number, now_ms);
}

void change_running(struct job_change *x, int64_t now_ms)
{
    x->row.state = JOB_RUNNING;
    x->row.started_ms = now_ms;
    if (x->row.first_started_ms == 0) x->row.first_started_ms = now_ms;
    x->parts |= PART_STATE | PART_STARTED | PART_FIRST;
}

void change_killing(struct job_change *x, enum reason why)
{
    x->row.state = JOB_KILLING;
    x->row.reason = why;
    x->parts |= PART_STATE | PART_REASON;
}

void change_requeue(struct job_change *x, int64_t number)
{
    attempt(x, JOB_CREATED, 0, number, 0);
    say_nothing(x);
}

void change_retrying(struct job_change *x, int64_t number, int64_t retry_at_ms)
{
    attempt(x, JOB_RETRYING, 0, number, 0);
    x->row.retry_at_ms = retry_at_ms;
    say_nothing(x);
}

void change_finish(struct changes *c, struct job_change *x, const struct job_end *end)
{
    x->row.state = end->state;
    x->row.reason = end->reason;
    x->row.message = arena_text(&c->arena, end->message);
    x->row.exited = end->exited;
    x->row.exit_code = end->exit_code;
    x->row.truncated = end->truncated;
    x->row.ended_ms = end->ended_ms;
    x->row.retry_at_ms = 0;
    x->outputs = arena_text(&c->arena, end->outputs);
    x->parts |= PART_STATE | PART_REASON | PART_MESSAGE | PART_END;
}

void change_cancelled_by(struct changes *c, struct job_change *x, const char *by)
{
    x->row.cancelled_by = arena_text(&c->arena, by);
    x->parts |= PART_CANCELLED;
}

void change_group(struct changes *c, struct job_change *x, const char *group)
{
    x->row.group = arena_text(&c->arena, group);
    x->parts |= PART_GROUP;
}
