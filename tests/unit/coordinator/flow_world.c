#include "flow_world.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_run.h"
#include "coordinator/store/reader_trigger.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

/* ---- the agent ---- */

struct hand hand_open(struct world *w, const char *name, const char *group, int64_t slots)
{
    struct hand h = {.w = w, .group = group, .agent = world_agent(w, name, group)};
    h.session = world_connect(w, h.agent, group, slots);
    return h;
}

void hand_reopen(struct hand *h)
{
    h->session = world_connect(h->w, h->agent, h->group, 4);
}

int64_t hand_job(const struct hand *h)
{
    for (const struct effect *x = h->w->effects.first; x; x = x->next) {
        if (x->type == EFFECT_JOB && x->session == h->session) return x->u.job.job;
    }
    return 0;
}

static int64_t attempt_of(struct hand *h, int64_t job)
{
    struct job_row j = world_job(h->w, job);
    int64_t attempt = j.attempt;
    job_row_fini(&j);
    return attempt;
}

void hand_start(struct hand *h, int64_t job)
{
    assert_int_equal(world_do(h->w, cmd_started(h->session, ++h->seq, job, attempt_of(h, job))), 0);
    assert_int_equal(world_state(h->w, job), JOB_RUNNING);
}

static void finish(struct hand *h, int64_t job, enum job_state state, enum reason reason,
                   int64_t code, const char *outputs)
{
    struct command *c = cmd_finished(h->session, ++h->seq, job, attempt_of(h, job), state, reason);
    if (c->u.event.exited) c->u.event.exit_code = code;
    c->u.event.outputs = mem_strdup(outputs);
    assert_int_equal(world_do(h->w, c), 0);
}

void hand_success(struct hand *h, int64_t job, const char *outputs)
{
    finish(h, job, JOB_SUCCESS, REASON_NONE, 0, outputs);
}

void hand_exit(struct hand *h, int64_t job, int64_t code)
{
    if (world_state(h->w, job) == JOB_SUBMITTED) hand_start(h, job);
    finish(h, job, JOB_FAILED, REASON_EXIT_CODE, code, NULL);
}

void hand_killed(struct hand *h, int64_t job)
{
    finish(h, job, JOB_KILLED, REASON_CANCELLED, 0, NULL);
}

void hand_end_task(struct hand *h, int64_t execution, const char *task, int64_t code)
{
    int64_t job = world_task_job(h->w, execution, task);
    if (world_state(h->w, job) == JOB_SUBMITTED) hand_start(h, job);
    if (code)
        hand_exit(h, job, code);
    else
        hand_success(h, job, NULL);
}

void hand_crash(struct hand *h)
{
    world_crash(h->w);
    hand_reopen(h);
    world_live(h->w, 10);
}

/* ---- commands ---- */

void cmd_apply_more(struct command *c, const char *name, const char *source)
{
    struct cmd_apply *a = &c->u.apply;
    a->files = mem_resize(a->files, a->count + 1, sizeof *a->files);
    a->files[a->count++] =
        (struct flow_file){.name = mem_strdup(name), .source = mem_strdup(source)};
}

struct command *cmd_apply(struct world *w, const char *source)
{
    struct command *c = command_new(CMD_FLOW_APPLY);
    c->request = ++w->requests;
    cmd_apply_more(c, "flow.yaml", source);
    return c;
}

void world_apply_flow(struct world *w, const char *source)
{
    assert_int_equal(world_do(w, cmd_apply(w, source)), 0);
    const struct reply *x = world_reply(w);
    if (x->rc) fail_msg("apply: %s", err_text(&x->err));
}

struct command *cmd_place(struct world *w, enum command_type type, const char *flow,
                          const char *trigger)
{
    struct command *c = command_new(type);
    c->request = ++w->requests;
    c->u.place.ns = mem_strdup("a.b");
    c->u.place.flow = mem_strdup(flow);
    c->u.place.trigger = mem_strdup(trigger);
    return c;
}

struct command *cmd_start(struct world *w, const char *flow, const char *inputs)
{
    struct command *c = command_new(CMD_EXECUTION_START);
    struct err e = {0};
    c->request = ++w->requests;
    c->u.start.ns = mem_strdup("a.b");
    c->u.start.flow = mem_strdup(flow);
    if (inputs && json_parse(inputs, strlen(inputs), &c->u.start.inputs, &e) != 0)
        fail_msg("%s: %s", inputs, err_text(&e));
    return c;
}

int64_t world_start(struct world *w, const char *flow, const char *inputs)
{
    assert_int_equal(world_do(w, cmd_start(w, flow, inputs)), 0);
    const struct reply *x = world_reply(w);
    if (x->rc) fail_msg("start: %s", err_text(&x->err));
    return x->id;
}

int64_t world_run(struct world *w, const char *rest)
{
    char *source = str_dupf("id: f\nnamespace: a.b\n%s", rest);
    world_apply_flow(w, source);
    mem_free(source);
    return world_start(w, "f", NULL);
}

void world_cancel(struct world *w, int64_t execution)
{
    assert_int_equal(world_do(w, cmd_id(w, CMD_EXECUTION_CANCEL, execution)), 0);
    const struct reply *x = world_reply(w);
    if (x->rc) fail_msg("cancel: %s", err_text(&x->err));
}

/* ---- looking ---- */

struct execution_row world_execution(struct world *w, int64_t id)
{
    struct execution_row x = {0};
    struct err e = {0};
    if (store_execution_get(w->store, id, &x, &e) != 0) fail_msg("execution: %s", err_text(&e));
    return x;
}

const char *world_execution_state(struct world *w, int64_t id)
{
    struct execution_row x = world_execution(w, id);
    const char *name = fsm_name(&execution_fsm, (int)x.state);
    execution_row_fini(&x);
    return name;
}

void world_assert_state(struct world *w, int64_t id, const char *state)
{
    assert_string_equal(world_execution_state(w, id), state);
}

struct execution_row world_shown(struct world *w, int64_t id)
{
    struct execution_row x = {0};
    struct reader *r;
    struct err e = {0};
    if (world_reader(w, &r, &e) != 0 || reader_execution(r, id, &x, &e) != 0)
        fail_msg("execution: %s", err_text(&e));
    reader_close(r);
    return x;
}

int64_t world_execution_job(struct world *w, int64_t id)
{
    struct execution_row x = world_shown(w, id);
    int64_t job = x.job;
    execution_row_fini(&x);
    return job;
}

/* "1 build SUCCESS 0" a line: number, task, state, parent. */
static int add_run(const struct run_row *row, const struct job_view *job, void *user)
{
    (void)job;
    struct buf *b = user;
    buf_addf(b, "%lld %s %s %lld\n", (long long)row->number, row->task, run_state_names[row->state],
             (long long)row->parent);
    return 0;
}

char *world_runs(struct world *w, int64_t id)
{
    struct reader *r;
    struct err e = {0};
    struct buf b;
    bool more;
    struct run_filter f = {.execution = id, .limit = 100000};
    buf_init(&b, 1 << 20);
    if (world_reader(w, &r, &e) != 0 || reader_runs(r, &f, add_run, &b, &more, &e) != 0)
        fail_msg("task runs: %s", err_text(&e));
    reader_close(r);
    return buf_detach(&b);
}

void world_assert_runs(struct world *w, int64_t id, const char *expected)
{
    char *text = world_runs(w, id);
    assert_string_equal(text, expected);
    mem_free(text);
}

struct wanted_run {
    const char *task;
    int64_t job;
};

static int find_task(const struct run_row *row, const struct job_view *job, void *user)
{
    (void)job;
    struct wanted_run *x = user;
    if (str_eq(row->task, x->task)) x->job = row->job;
    return 0;
}

int64_t world_task_job(struct world *w, int64_t id, const char *task)
{
    struct reader *r;
    struct err e = {0};
    bool more;
    struct wanted_run x = {.task = task};
    struct run_filter f = {.execution = id, .limit = 100000};
    if (world_reader(w, &r, &e) != 0 || reader_runs(r, &f, find_task, &x, &more, &e) != 0)
        fail_msg("task runs: %s", err_text(&e));
    reader_close(r);
    if (x.job == 0) fail_msg("task %s has no job", task);
    return x.job;
}

int world_run_count(struct world *w, int64_t id)
{
    int count = 0;
    char *text = world_runs(w, id);
    for (const char *s = text; s && (s = strchr(s, '\n')) != NULL; s++)
        count++;
    mem_free(text);
    return count;
}

struct trigger_row world_trigger(struct world *w, const char *flow, const char *name)
{
    struct trigger_row t = {0};
    struct reader *r;
    struct err e = {0};
    if (world_reader(w, &r, &e) != 0 || reader_trigger(r, "a.b", flow, name, &t, &e) != 0)
        fail_msg("trigger: %s", err_text(&e));
    reader_close(r);
    return t;
}

int64_t world_evaluation(struct world *w, const char *flow, const char *name)
{
    struct trigger_row t = world_trigger(w, flow, name);
    int64_t job = t.job;
    trigger_row_fini(&t);
    return job;
}

struct tally {
    int count;
    int64_t last;
};

static int count_one(const struct execution_row *x, void *user)
{
    struct tally *t = user;
    if (t->count++ == 0) t->last = x->id;
    return 0;
}

int world_executions(struct world *w, const char *flow, int64_t *last)
{
    struct reader *r;
    struct err e = {0};
    struct tally t = {0};
    int64_t next;
    struct execution_filter f = {.ns = "a.b", .flow = flow, .limit = 1000};
    if (world_reader(w, &r, &e) != 0 || reader_executions(r, &f, count_one, &t, &next, &e) != 0)
        fail_msg("executions: %s", err_text(&e));
    reader_close(r);
    if (last) *last = t.last;
    return t.count;
}
