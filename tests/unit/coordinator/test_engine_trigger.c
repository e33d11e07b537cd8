/* Polling triggers: evaluated one at a time, never locked, never in a burst. */
#include "flow_world.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_trigger.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define HEAD                                                                                       \
    "id: f\nnamespace: a.b\n"                                                                      \
    "tasks:\n  - {id: one, command: [say, \"{{ trigger.file ?? 'none' }}\"]}\n"
#define TRIGGER                                                                                    \
    "triggers:\n"                                                                                  \
    "  - id: t\n"                                                                                  \
    "    interval: PT30S\n"                                                                        \
    "    command: [test, -e, /data]\n"
#define FLOW HEAD TRIGGER

static struct hand polled(struct world *w, const char *more)
{
    struct hand h = hand_open(w, "a", NULL, 4);
    char *source = str_dupf("%s%s", FLOW, more);
    world_apply_flow(w, source);
    mem_free(source);
    world_live(w, 0);
    return h;
}

/* The evaluation that is under way has to be there. */
static int64_t evaluation(struct world *w)
{
    int64_t job = world_evaluation(w, "f", "t");
    if (job == 0) fail_msg("nothing is being evaluated");
    return job;
}

static void fire(struct hand *h, const char *outputs)
{
    int64_t job = evaluation(h->w);
    hand_start(h, job);
    hand_success(h, job, outputs);
}

static void end_execution(struct hand *h)
{
    int64_t id = 0;
    world_executions(h->w, "f", &id);
    int64_t job = world_execution_job(h->w, id);
    hand_start(h, job);
    hand_success(h, job, NULL);
    assert_string_equal(world_execution_state(h->w, id), "SUCCESS");
}

static void assert_trigger(struct world *w, enum evaluation_result result, int64_t evaluations,
                           const char *message)
{
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.result, result);
    assert_int_equal(t.evaluations, evaluations);
    assert_int_equal(t.job, 0);
    if (message) {
        if (!t.message || !strstr(t.message, message))
            fail_msg("'%s' is not in '%s'", message, t.message ? t.message : "(none)");
    }
    trigger_row_fini(&t);
}

/* ---- who ---- */

static void made_by(struct world *w, int64_t job, const char *name)
{
    struct reader *r;
    struct job_view v;
    struct err e = {0};
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_job(r, job, &v, &e), 0);
    assert_string_equal(v.job.created_by, name);
    job_view_fini(&v);
    reader_close(r);
}

static void what_a_trigger_makes__names_it(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t id = 0;
    made_by(w, evaluation(w), "trigger a.b/f/t");
    fire(&h, NULL);
    world_executions(w, "f", &id);
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.created_by, "trigger a.b/f/t");
    execution_row_fini(&x);
    made_by(w, world_execution_job(w, id), "flow a.b/f");
}

/* An operator's evaluation is the operator's; what comes of it is the trigger's. */
static void evaluation_that_was_asked_for__names_who_did(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = ++w->requests;
    c->u.token = (struct token_row){.role = ROLE_SUBMIT, .uses_left = -1};
    c->u.token.name = mem_strdup("ann");
    world_do(w, c);
    int64_t token = world_reply(w)->id, id = 0;
    hand_start(&h, evaluation(w));
    hand_exit(&h, evaluation(w), 1);
    c = cmd_place(w, CMD_TRIGGER_RUN, "f", "t");
    c->by = (struct principal){.token = token, .role = ROLE_SUBMIT};
    world_do(w, c);
    made_by(w, evaluation(w), "ann");
    fire(&h, NULL);
    world_executions(w, "f", &id);
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.created_by, "trigger a.b/f/t");
    execution_row_fini(&x);
}

/* ---- when ---- */

static void first_evaluation__is_at_once_and_a_job_on_the_group(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_group(w, "g", NULL);
    struct hand other = hand_open(w, "b", "g", 1);
    world_apply_flow(w, FLOW "    workerGroup: {key: g}\n");
    world_live(w, 0);
    assert_int_equal(hand_job(&h), 0);
    int64_t job = hand_job(&other);
    assert_true(job > 0);
    assert_int_equal(evaluation(w), job);
    struct job_row j = world_job(w, job);
    assert_int_equal(j.kind, JOB_TRIGGER);
    assert_string_equal(j.flow, "f");
    assert_string_equal(j.task, "t");
    assert_int_equal(j.timeout_ms, 600000);
    job_row_fini(&j);
}

static void assert_end(struct world *w, int64_t job, enum job_state state, enum reason reason)
{
    struct job_row j = world_job(w, job);
    assert_int_equal(j.state, state);
    assert_int_equal(j.reason, reason);
    job_row_fini(&j);
}

/* 1 is a check's way to say no, and of no other job, and of no check that was cancelled. */
static void exit_1__is_no_failure_of_an_evaluation_alone(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_exit(&h, job, 1);
    assert_end(w, job, JOB_SUCCESS, REASON_NONE);
    world_live(w, 30000);
    job = evaluation(w);
    hand_exit(&h, job, 2);
    assert_end(w, job, JOB_FAILED, REASON_EXIT_CODE);
    int64_t plain = world_submit(w, NULL, NULL);
    hand_exit(&h, plain, 1);
    assert_end(w, plain, JOB_FAILED, REASON_EXIT_CODE);
}

static void next__is_due_interval_after_the_end(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t first = evaluation(w);
    world_live(w, 100000); /* it takes its time: no other one meanwhile */
    assert_int_equal(evaluation(w), first);
    hand_exit(&h, first, 1);
    assert_trigger(w, EVALUATION_NOT_FIRED, 1, NULL);
    world_live(w, 29999);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_live(w, 1);
    assert_true(evaluation(w) != first);
    assert_int_equal(world_executions(w, "f", NULL), 0);
}

static void exit_0__fires_one_execution_with_outputs(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    fire(&h, "{\"file\":\"a.csv\"}");
    int64_t id = 0;
    assert_int_equal(world_executions(w, "f", &id), 1);
    assert_trigger(w, EVALUATION_FIRED, 1, NULL);
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.trigger, "t");
    assert_string_equal(x.trigger_vars, "{\"file\":\"a.csv\"}");
    assert_non_null(strstr(world_effect_for(w, EFFECT_JOB, world_execution_job(w, id))->u.job.spec,
                           "[\"say\",\"a.csv\"]"));
    execution_row_fini(&x);
    /* none while it runs */
    world_live(w, 200000);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    end_execution(&h);
    world_live(w, 0);
    evaluation(w);
}

/* ---- exitCondition and edge ---- */

static void exit_condition__another_code_fires_and_none_is_an_error(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "    exitCondition: exit 7\n    allowConcurrent: true\n");
    static const struct {
        int64_t code;
        enum evaluation_result result;
    } codes[] = {{0, EVALUATION_NOT_FIRED},
                 {1, EVALUATION_NOT_FIRED},
                 {2, EVALUATION_NOT_FIRED},
                 {7, EVALUATION_FIRED},
                 {7, EVALUATION_FIRED}};
    for (int i = 0; i < 5; i++) {
        int64_t job = evaluation(w);
        hand_start(&h, job);
        if (codes[i].code)
            hand_exit(&h, job, codes[i].code);
        else
            hand_success(&h, job, NULL);
        assert_trigger(w, codes[i].result, i + 1, NULL);
        struct job_row j = world_job(w, job);
        assert_int_equal(shown_state(j.kind, j.state, j.exit_code),
                         codes[i].result == EVALUATION_FIRED ? SHOWN_FIRED : SHOWN_NO);
        assert_int_equal(j.reason, REASON_NONE);
        assert_null(j.message);
        job_row_fini(&j);
        world_live(w, 30000);
    }
    assert_int_equal(world_executions(w, "f", NULL), 2);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.errors, 0);
    trigger_row_fini(&t);
}

static void exit_condition__tells_the_code_and_the_outputs(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "    exitCondition: exit 0\n");
    int64_t id = 0;
    fire(&h, "{\"file\":\"a.csv\",\"condition\":\"own\"}");
    world_executions(w, "f", &id);
    struct execution_row x = world_execution(w, id);
    struct json *vars = NULL;
    assert_int_equal(json_parse(x.trigger_vars, strlen(x.trigger_vars), &vars, NULL), 0);
    assert_int_equal(json_get_int(vars, "exitCode", -1), 0);
    assert_string_equal(json_get_str(vars, "condition", ""), "own");
    assert_string_equal(json_get_str(vars, "file", ""), "a.csv");
    assert_string_equal(json_get_str(json_get(vars, "vars"), "file", ""), "a.csv");
    assert_non_null(json_get_str(vars, "timestamp", NULL));
    json_free(vars);
    execution_row_fini(&x);
}

#define EDGE "    exitCondition: exit 3\n    edge: true\n    allowConcurrent: true\n"

/* Does the evaluation that is under way fire when it ends with this code? */
static bool fires(struct hand *h, int64_t code)
{
    if (world_evaluation(h->w, "f", "t") == 0) world_live(h->w, 30000);
    struct trigger_row before = world_trigger(h->w, "f", "t");
    hand_exit(h, evaluation(h->w), code);
    struct trigger_row after = world_trigger(h->w, "f", "t");
    bool fired = after.fired > before.fired;
    assert_int_equal(after.evaluations, before.evaluations + 1);
    trigger_row_fini(&before);
    trigger_row_fini(&after);
    return fired;
}

static void edge__fires_when_it_comes_to_hold_also_after_a_crash(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, EDGE);
    assert_false(fires(&h, 1));
    assert_true(fires(&h, 3));
    assert_false(fires(&h, 3));
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_string_equal(t.message, "it holds, as it did before (edge)");
    trigger_row_fini(&t);
    world_crash(w);
    hand_reopen(&h);
    assert_false(fires(&h, 3));
    assert_false(fires(&h, 1));
    assert_true(fires(&h, 3));
}

static void edge__a_check_that_did_not_take_place_changes_nothing(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, EDGE);
    assert_true(fires(&h, 3));
    world_live(w, 30000);
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_do(w, cmd_gone(h.session));
    world_live(w, 315000 + 1);
    assert_int_equal(world_reason(w, job), REASON_LOST);
    hand_reopen(&h);
    assert_false(fires(&h, 3));
}

static void edge__begins_anew_with_another_check_and_when_enabled(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, EDGE);
    assert_true(fires(&h, 3));
    world_apply_flow(w, FLOW EDGE "    inputs: {}\n"); /* the same check */
    assert_false(fires(&h, 3));
    world_apply_flow(w, FLOW EDGE "    env: {A: b}\n");
    world_live(w, 0);
    assert_true(fires(&h, 3));
    assert_false(fires(&h, 3));
    world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t"));
    world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t"));
    world_live(w, 0);
    assert_true(fires(&h, 3));
}

static void edge__what_could_not_be_started_is_tried_again(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, FLOW EDGE "    inputs: {n: '{{ trigger.n }}'}\n"
                                  "inputs: [{id: n, type: INT}]\n");
    world_live(w, 0);
    assert_false(fires(&h, 3)); /* no output n */
    assert_trigger(w, EVALUATION_ERROR, 1, "n");
    assert_false(fires(&h, 3));
    assert_trigger(w, EVALUATION_ERROR, 2, "n");
}

/* ---- errors ---- */

static void other_exit_code__is_an_error_that_is_counted(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    for (int i = 1; i <= 3; i++) {
        hand_exit(&h, evaluation(w), 2);
        assert_trigger(w, EVALUATION_ERROR, i, "exit code 2");
        world_live(w, 30000);
    }
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.errors, 3);
    trigger_row_fini(&t);
    assert_int_equal(world_executions(w, "f", NULL), 0);
}

static void allow_concurrent__goes_on_while_executions_run(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "    allowConcurrent: true\n");
    fire(&h, NULL);
    world_live(w, 30000);
    fire(&h, NULL);
    assert_int_equal(world_executions(w, "f", NULL), 2);
}

static void queued_execution__holds_its_trigger_too(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "concurrency: {limit: 1}\n");
    world_start(w, "f", NULL);
    fire(&h, NULL);
    int64_t id = 0;
    assert_int_equal(world_executions(w, "f", &id), 2);
    assert_string_equal(world_execution_state(w, id), "QUEUED");
    world_live(w, 100000);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_crash(w);
    world_live(w, 100000);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_cancel(w, id);
    world_live(w, 0);
    evaluation(w);
}

static void wall_clock_set_back__moves_nothing(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "    allowConcurrent: true\n");
    fire(&h, NULL);
    w->now.wall_ms -= 3600000;
    world_live(w, 20000);
    end_execution(&h); /* looks at the trigger again */
    world_live(w, 9999);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_live(w, 1);
    evaluation(w);
    hand_exit(&h, evaluation(w), 1);
    world_apply_flow(w,
                     HEAD "triggers:\n  - {id: t, interval: PT5S, command: [test, -e, /data]}\n");
    world_live(w, 5000); /* a shorter interval counts from now */
    evaluation(w);
}

/* ---- nothing locks it ---- */

static void lost_agent__is_an_error_and_the_trigger_goes_on(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_do(w, cmd_gone(h.session));
    world_live(w, 315000 + 1);
    assert_int_equal(world_reason(w, job), REASON_LOST);
    assert_trigger(w, EVALUATION_ERROR, 1, "out of touch");
    world_live(w, 30000);
    evaluation(w);
}

static void hang__is_ended_by_the_timeout(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "    timeout: PT20S\n");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    for (int i = 0; i < 60; i++) {
        world_do(w, cmd_heard_on(w, h.session));
        world_live(w, 10000);
    }
    assert_int_equal(world_reason(w, job), REASON_TIMEOUT);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_true(t.errors >= 1);
    trigger_row_fini(&t);
}

static void no_agent__fallback_skips_this_one_and_says_so(void **state)
{
    struct world *w = *state;
    static const char *const fallbacks[] = {"FAIL", "CANCEL"};
    world_group(w, "g", NULL);
    for (int i = 0; i < 2; i++) {
        char *source = str_dupf(FLOW "    workerGroup: {key: g, fallback: %s}\n", fallbacks[i]);
        world_apply_flow(w, source);
        mem_free(source);
        world_live(w, 0);
        struct trigger_row t = world_trigger(w, "f", "t");
        assert_int_equal(t.result, EVALUATION_SKIPPED);
        assert_non_null(strstr(t.message, "no agent online"));
        assert_int_equal(t.job, 0);
        int64_t skipped = t.skipped;
        trigger_row_fini(&t);
        world_live(w, 30000);
        t = world_trigger(w, "f", "t");
        assert_int_equal(t.skipped, skipped + 1);
        assert_int_equal(t.errors, 0);
        trigger_row_fini(&t);
    }
    struct hand h = hand_open(w, "b", "g", 1);
    (void)h;
    world_live(w, 30000);
    evaluation(w);
}

static void unknown_group__skips_this_one_and_says_so(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    world_apply_flow(w, FLOW "    workerGroup: {key: g}\n");
    world_live(w, 0);
    struct command *c = cmd_text(w, CMD_GROUP_DELETE, "g");
    c->flag = true;
    world_do(w, c);
    world_live(w, 0);
    assert_trigger(w, EVALUATION_SKIPPED, 1, "deleted");
    world_live(w, 30000);
    assert_trigger(w, EVALUATION_SKIPPED, 2, "there is no worker group 'g'");
    world_group(w, "g", NULL);
    world_live(w, 30000);
    evaluation(w);
}

static void full_group__skips_this_one_but_takes_task_runs(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_group(w, "g", NULL);
    c->u.group.max_queued = 1;
    world_do(w, c);
    int64_t job = world_submit(w, "g", NULL);
    world_apply_flow(w, FLOW "    workerGroup: {key: g}\nworkerGroup: {key: g}\n");
    assert_trigger(w, EVALUATION_SKIPPED, 1, "group g holds 1 queued jobs, as many as it may");
    int64_t id = world_start(w, "f", NULL);
    assert_string_equal(world_execution_state(w, id), "RUNNING");
    world_cancel(w, id);
    world_do(w, cmd_id(w, CMD_CANCEL, job));
    world_live(w, 30000);
    evaluation(w);
}

static void cancelled_evaluation__is_skipped(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_do(w, cmd_id(w, CMD_CANCEL, job));
    hand_killed(&h, job);
    assert_trigger(w, EVALUATION_SKIPPED, 1, "cancelled");
    world_live(w, 30000);
    evaluation(w);
}

/* ---- restart ---- */

static void restart__keeps_the_evaluation_and_the_due_time(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_crash(w);
    h.session = ++w->sessions;
    struct command *c = cmd_hello(w, h.session, h.agent, NULL, 4);
    cmd_hello_attempt(c, job, 1, false);
    c->u.hello.seq = h.seq;
    world_do(w, c);
    world_do(w, cmd_ready(h.session));
    assert_int_equal(evaluation(w), job);
    hand_exit(&h, job, 1);
    world_live(w, 10000);
    world_crash(w);
    hand_reopen(&h);
    world_live(w, 19999);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_live(w, 1);
    evaluation(w);
}

static void restart__many_overdue__are_spread_over_the_interval(void **state)
{
    struct world *w = *state;
    enum { COUNT = 60 };
    struct hand h = hand_open(w, "a", NULL, 100);
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_adds(&b, HEAD "triggers:\n");
    for (int i = 0; i < COUNT; i++)
        buf_addf(&b, "  - {id: t%d, interval: PT30S, command: [\"true\"]}\n", i);
    world_apply_flow(w, b.data);
    buf_fini(&b);
    world_live(w, 0);
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        str_format(name, sizeof name, "t%d", i);
        hand_exit(&h, world_evaluation(w, "f", name), 1);
    }
    world_die(w);
    world_pass(w, 600000);
    world_rise(w);
    hand_reopen(&h);
    size_t begun[4] = {0}; /* by tens of seconds */
    int64_t from = w->now.mono_ms;
    for (int64_t next; (next = engine_next_ms(w->engine)) <= from + 30000;) {
        if (next > w->now.mono_ms) world_pass(w, next - w->now.mono_ms);
        world_tick(w);
        for (const struct effect *x = w->effects.first; x; x = x->next)
            begun[(w->now.mono_ms - from) / 10000] += x->type == EFFECT_JOB_CHANGED;
    }
    for (int i = 0; i < 3; i++) {
        if (begun[i] < COUNT / 10) fail_msg("%zu in the ten seconds number %d", begun[i], i);
    }
}

static void apply__thousands_at_once__begin_in_steps(void **state)
{
    struct world *w = *state;
    enum { FLOWS = 12, EACH = 100 };
    struct command *c = command_new(CMD_FLOW_APPLY);
    c->request = ++w->requests;
    for (int i = 0; i < FLOWS; i++) {
        struct buf b;
        buf_init(&b, 1 << 20);
        buf_addf(&b, "id: g%d\nnamespace: a.b\ntasks:\n  - {id: one, command: [\"true\"]}\n", i);
        buf_adds(&b, "triggers:\n");
        for (int k = 0; k < EACH; k++)
            buf_addf(&b, "  - {id: t%d, interval: PT30S, command: [\"true\"]}\n", k);
        cmd_apply_more(c, "g", b.data);
        buf_fini(&b);
    }
    world_do(w, c);
    size_t begun = world_effects(w, EFFECT_JOB_CHANGED), batches = 1, most = begun;
    for (; begun < (size_t)FLOWS * EACH; batches++) {
        assert_true(batches < 10);
        world_pass(w, 1);
        world_tick(w);
        size_t n = world_effects(w, EFFECT_JOB_CHANGED);
        if (n > most) most = n;
        begun += n;
    }
    assert_int_equal(begun, FLOWS * EACH);
    assert_in_range(most, 1, 500);
}

/* ---- disable, enable, stopAfter ---- */

static void disable__kills_what_is_under_way_and_nothing_brings_it_back(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t"));
    assert_int_equal(world_reply(w)->rc, 0);
    assert_non_null(world_effect_for(w, EFFECT_KILL, job));
    assert_trigger(w, EVALUATION_SKIPPED, 1, "disabled meanwhile");
    hand_success(&h, job, NULL); /* too late to fire */
    assert_int_equal(world_executions(w, "f", NULL), 0);
    world_live(w, 100000);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_true(t.disabled);
    assert_string_equal(t.why, "disabled by an operator");
    assert_int_equal(t.job, 0);
    trigger_row_fini(&t);
    world_do(w, cmd_place(w, CMD_TRIGGER_RUN, "f", "t"));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    world_crash(w);
    hand_reopen(&h);
    world_live(w, 100000);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t"));
    world_live(w, 0);
    evaluation(w);
}

static void disabled_by_an_operator__survives_an_apply_that_says_nothing_new(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t first = evaluation(w);
    world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t"));
    hand_killed(&h, first);
    world_apply_flow(w, FLOW "    timeout: PT1M\n");
    world_live(w, 0);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_apply_flow(w, FLOW "    disabled: true\n");
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_string_equal(t.why, "disabled in the flow");
    trigger_row_fini(&t);
    world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t"));
    world_live(w, 0);
    int64_t second = evaluation(w);
    world_apply_flow(w, FLOW "    disabled: true\n    timeout: PT2M\n");
    hand_killed(&h, second);
    world_live(w, 0);
    evaluation(w); /* the operator spoke last */
    world_apply_flow(w, FLOW);
    world_apply_flow(w, FLOW "    disabled: true\n");
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
}

/* A disabled flow starts no executions: neither an operator nor what one said before keeps a
 * trigger of it on. */
static void disabled_flow__has_no_trigger_that_is_on(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "    disabled: true\n");
    world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t"));
    world_live(w, 0);
    int64_t job = evaluation(w);
    world_apply_flow(w, FLOW "    disabled: true\ndisabled: true\n");
    hand_success(&h, job, NULL);
    world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t"));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    assert_non_null(strstr(world_reply(w)->err.msg, "the flow a.b/f is disabled"));
    world_live(w, 100000);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    assert_int_equal(world_executions(w, "f", NULL), 0);
    world_apply_flow(w, FLOW);
    world_live(w, 0);
    evaluation(w);
}

static void stop_after__disables_it(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "    stopAfter: [FAILED]\n");
    fire(&h, NULL);
    end_execution(&h);
    world_live(w, 30000);
    fire(&h, NULL);
    int64_t id = 0;
    world_executions(w, "f", &id);
    hand_exit(&h, world_execution_job(w, id), 9);
    assert_string_equal(world_execution_state(w, id), "FAILED");
    world_live(w, 100000);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_true(t.disabled);
    assert_string_equal(t.why, "stopAfter: an execution ended as FAILED");
    assert_int_equal(t.job, 0);
    trigger_row_fini(&t);
}

static void fail_on_trigger_error__is_seen_among_the_executions(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "    failOnTriggerError: true\n");
    hand_exit(&h, evaluation(w), 5);
    int64_t id = 0;
    assert_int_equal(world_executions(w, "f", &id), 1);
    struct execution_row x = world_execution(w, id);
    assert_int_equal(x.state, EXECUTION_FAILED);
    assert_string_equal(x.message, "trigger t: the check ended with exit code 5");
    execution_row_fini(&x);
    world_live(w, 30000);
    hand_exit(&h, evaluation(w), 1);
    assert_int_equal(world_executions(w, "f", NULL), 1);
}

/* ---- the flow changes ---- */

static void changed_flow__kills_an_evaluation_that_it_changes(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_apply_flow(w, FLOW "description: other words\n"); /* nothing that it depends on */
    assert_null(world_effect_for(w, EFFECT_KILL, job));
    assert_int_equal(evaluation(w), job);
    world_apply_flow(w, FLOW "    env: {A: b}\n");
    assert_non_null(world_effect_for(w, EFFECT_KILL, job));
    world_live(w, 5000);
    assert_int_equal(world_evaluation(w, "f", "t"), 0); /* not two at a time */
    hand_success(&h, job, NULL);
    assert_int_equal(world_executions(w, "f", NULL), 0);
    world_live(w, 0);
    assert_true(evaluation(w) != job);
}

/* An evaluation was given up, and its agent has not ended it yet: whatever else is said, another
 * one waits. */
static void given_up_evaluation__is_over_before_the_next_one(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t"));
    world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t"));
    world_live(w, 0);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_do(w, cmd_place(w, CMD_TRIGGER_RUN, "f", "t"));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    world_apply_flow(w, HEAD);
    world_apply_flow(w, FLOW); /* taken out and put back */
    world_live(w, 0);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_crash(w);
    world_live(w, 60000);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    h.session = ++w->sessions;
    struct command *c = cmd_hello(w, h.session, h.agent, NULL, 4);
    cmd_hello_attempt(c, job, 1, false);
    c->u.hello.seq = h.seq;
    world_do(w, c);
    world_do(w, cmd_ready(h.session));
    hand_killed(&h, job);
    world_live(w, 60000);
    assert_true(evaluation(w) != job);
}

/* Its agent is gone for good: the lease ends it, and nothing stays locked. */
static void given_up_evaluation__of_a_lost_agent__holds_nothing_for_ever(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_apply_flow(w, FLOW "    env: {A: b}\n");
    world_do(w, cmd_gone(h.session));
    world_live(w, 300000);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    world_live(w, 60000);
    assert_true(evaluation(w) != job);
}

static void removed_trigger__kills_its_evaluation_and_is_gone(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_apply_flow(w, HEAD);
    assert_non_null(world_effect_for(w, EFFECT_KILL, job));
    hand_success(&h, job, NULL);
    assert_int_equal(world_executions(w, "f", NULL), 0);
    world_do(w, cmd_place(w, CMD_TRIGGER_RUN, "f", "t"));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
    world_crash(w);
    world_apply_flow(w, FLOW);
    world_live(w, 0);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.evaluations, 0);
    trigger_row_fini(&t);
}

static void removed_trigger__executions_that_it_started_go_on(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    fire(&h, NULL);
    world_apply_flow(w, HEAD);
    world_apply_flow(w, FLOW); /* put back: its execution still holds it */
    world_live(w, 100000);
    assert_int_equal(world_evaluation(w, "f", "t"), 0);
    end_execution(&h);
    world_live(w, 0);
    evaluation(w);
}

static void deleted_flow__ends_its_triggers(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t job = evaluation(w);
    hand_start(&h, job);
    world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL));
    assert_non_null(world_effect_for(w, EFFECT_KILL, job));
    hand_success(&h, job, NULL);
    assert_int_equal(world_executions(w, "f", NULL), 0);
    world_live(w, 100000);
}

/* ---- run now, history ---- */

static void run__evaluates_now_and_once(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    hand_exit(&h, evaluation(w), 1);
    world_live(w, 1000);
    world_do(w, cmd_place(w, CMD_TRIGGER_RUN, "f", "t"));
    int64_t job = evaluation(w);
    assert_int_equal(world_reply(w)->id, job);
    world_do(w, cmd_place(w, CMD_TRIGGER_RUN, "f", "t"));
    assert_int_equal(world_reply(w)->id, job);
    hand_start(&h, job);
    hand_success(&h, job, NULL);
    assert_int_equal(world_executions(w, "f", NULL), 1);
    world_do(w, cmd_place(w, CMD_TRIGGER_RUN, "f", "t"));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    world_do(w, cmd_place(w, CMD_TRIGGER_RUN, "f", "tt"));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
}

static int count_evaluation(const struct evaluation_row *v, void *user)
{
    int64_t *expected = user;
    assert_int_equal(v->number, *expected);
    --*expected;
    return 0;
}

static void history__keeps_the_last_ones_and_their_jobs(void **state)
{
    struct world *w = *state;
    struct hand h = polled(w, "");
    int64_t jobs[25];
    for (int i = 0; i < 25; i++) {
        jobs[i] = evaluation(w);
        hand_start(&h, jobs[i]);
        world_do(w, cmd_output(h.session, ++h.seq, jobs[i], 1, 0, "hm\n"));
        hand_exit(&h, jobs[i], 1);
        world_live(w, 30000);
    }
    struct reader *r;
    struct err e = {0};
    struct trigger_row t = world_trigger(w, "f", "t");
    int64_t expected = 25;
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_evaluations(r, t.id, count_evaluation, &expected, &e), 0);
    assert_int_equal(expected, 25 - TRIGGER_HISTORY);
    trigger_row_fini(&t);
    for (int i = 0; i < 25; i++) {
        struct job_view v;
        bool kept = i >= 25 - TRIGGER_HISTORY;
        int64_t remarks, bytes = 0;
        int rc = reader_job(r, jobs[i], &v, &e);
        assert_int_equal(rc, kept ? 0 : ERR_NOT_FOUND);
        if (rc == 0) job_view_fini(&v);
        assert_int_equal(store_output_bytes(w->store, jobs[i], 1, &bytes, &remarks, NULL), 0);
        assert_int_equal(bytes, kept ? 3 : 0);
    }
    reader_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_a_trigger_makes__names_it),
        WORLD_TEST(evaluation_that_was_asked_for__names_who_did),
        WORLD_TEST(first_evaluation__is_at_once_and_a_job_on_the_group),
        WORLD_TEST(exit_1__is_no_failure_of_an_evaluation_alone),
        WORLD_TEST(next__is_due_interval_after_the_end),
        WORLD_TEST(exit_0__fires_one_execution_with_outputs),
        WORLD_TEST(exit_condition__another_code_fires_and_none_is_an_error),
        WORLD_TEST(exit_condition__tells_the_code_and_the_outputs),
        WORLD_TEST(edge__fires_when_it_comes_to_hold_also_after_a_crash),
        WORLD_TEST(edge__a_check_that_did_not_take_place_changes_nothing),
        WORLD_TEST(edge__begins_anew_with_another_check_and_when_enabled),
        WORLD_TEST(edge__what_could_not_be_started_is_tried_again),
        WORLD_TEST(other_exit_code__is_an_error_that_is_counted),
        WORLD_TEST(allow_concurrent__goes_on_while_executions_run),
        WORLD_TEST(queued_execution__holds_its_trigger_too),
        WORLD_TEST(wall_clock_set_back__moves_nothing),
        WORLD_TEST(lost_agent__is_an_error_and_the_trigger_goes_on),
        WORLD_TEST(hang__is_ended_by_the_timeout),
        WORLD_TEST(no_agent__fallback_skips_this_one_and_says_so),
        WORLD_TEST(unknown_group__skips_this_one_and_says_so),
        WORLD_TEST(full_group__skips_this_one_but_takes_task_runs),
        WORLD_TEST(cancelled_evaluation__is_skipped),
        WORLD_TEST(restart__keeps_the_evaluation_and_the_due_time),
        WORLD_TEST(restart__many_overdue__are_spread_over_the_interval),
        WORLD_TEST(apply__thousands_at_once__begin_in_steps),
        WORLD_TEST(disable__kills_what_is_under_way_and_nothing_brings_it_back),
        WORLD_TEST(disabled_by_an_operator__survives_an_apply_that_says_nothing_new),
        WORLD_TEST(disabled_flow__has_no_trigger_that_is_on),
        WORLD_TEST(stop_after__disables_it),
        WORLD_TEST(fail_on_trigger_error__is_seen_among_the_executions),
        WORLD_TEST(changed_flow__kills_an_evaluation_that_it_changes),
        WORLD_TEST(given_up_evaluation__is_over_before_the_next_one),
        WORLD_TEST(given_up_evaluation__of_a_lost_agent__holds_nothing_for_ever),
        WORLD_TEST(removed_trigger__kills_its_evaluation_and_is_gone),
        WORLD_TEST(removed_trigger__executions_that_it_started_go_on),
        WORLD_TEST(deleted_flow__ends_its_triggers),
        WORLD_TEST(run__evaluates_now_and_once),
        WORLD_TEST(history__keeps_the_last_ones_and_their_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
