/* Tasks that the coordinator does itself, in executions. */
#include "flow_world.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define CORE "io.kestra.plugin.core."
#define HEAD "id: f\nnamespace: a.b\nlabels: {own: '1', team: web}\n"

/* The run of a task, as the API reads it; job_view_fini. */
struct looked {
    const char *task;
    struct job_view view;
    bool found;
};

static int take_run(const struct job_view *v, void *user)
{
    struct looked *l = user;
    if (!str_eq(v->job.task, l->task)) return 0;
    l->found = true;
    l->view.job = v->job;
    l->view.job.message = mem_strdup(v->job.message);
    l->view.outputs = mem_strdup(v->outputs);
    return 1;
}

static struct looked run_of(struct world *w, int64_t execution, const char *task)
{
    struct looked l = {.task = task};
    struct reader *r;
    struct err e = {0};
    bool more;
    struct task_run_filter f = {.execution = execution, .limit = 100};
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_task_runs(r, &f, take_run, &l, &more, &e), 0);
    reader_close(r);
    return l;
}

static void looked_fini(struct looked *l)
{
    mem_free(l->view.job.message);
    mem_free(l->view.outputs);
}

static void assert_run(struct world *w, int64_t execution, const char *task, enum job_state state)
{
    struct looked l = run_of(w, execution, task);
    assert_true(l.found);
    assert_int_equal(l.view.job.state, state);
    looked_fini(&l);
}

static void assert_labels(struct world *w, int64_t id, const char *labels)
{
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.labels, labels);
    execution_row_fini(&x);
}

static void return_hands_its_value_on(void **state)
{
    struct world *w = *state;
    world_apply_flow(w,
                     HEAD "tasks:\n"
                          "  - {id: a, type: " CORE "debug.Return, format: one}\n"
                          "  - {id: b, type: " CORE
                          "debug.Return, format: '{{ outputs.a.value }} two'}\n"
                          "  - {id: c, type: " CORE "log.Log, message: '{{ outputs.b.value }}'}\n");
    int64_t id = world_start(w, "f", NULL);
    world_assert_state(w, id, "SUCCESS");
    struct looked l = run_of(w, id, "b");
    assert_string_equal(l.view.outputs, "{\"value\":\"one two\"}");
    assert_int_equal(l.view.job.state, JOB_SUCCESS);
    assert_int_equal(l.view.job.ended_ms, l.view.job.started_ms);
    looked_fini(&l);
}

/* Outputs of a run of an agent's job before are known already when the value comes. */
static void return_between_jobs_is_found_by_the_job_after(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, HEAD
                     "tasks:\n"
                     "  - {id: a, command: [one]}\n"
                     "  - {id: b, type: " CORE "debug.Return, format: '{{ outputs.a.k }}+'}\n"
                     "  - {id: c, command: [say, '{{ outputs.b.value }}', '{{ outputs.a.k }}']}\n");
    int64_t id = world_start(w, "f", NULL);
    int64_t job = hand_job(&h);
    hand_start(&h, job);
    hand_success(&h, job, "{\"k\":\"v\"}");
    job = hand_job(&h);
    const struct effect *x = world_effect_for(w, EFFECT_JOB, job);
    assert_non_null(strstr(x->u.job.spec, "[\"say\",\"v+\",\"v\"]"));
    hand_start(&h, job);
    hand_success(&h, job, NULL);
    world_assert_state(w, id, "SUCCESS");
}

static void labels_go_over_those_of_the_flow(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, HEAD "inputs: [{id: x, type: STRING}]\n"
                             "tasks:\n"
                             "  - {id: a, type: " CORE
                             "execution.Labels, labels: {team: '{{ inputs.x }}'}}\n"
                             "  - {id: b, type: " CORE
                             "execution.Labels, labels: [{key: n, value: 2}]}\n"
                             "  - {id: wait, command: [x]}\n");
    int64_t id = world_start(w, "f", "{\"x\":\"db\"}");
    assert_labels(w, id, "{\"own\":\"1\",\"team\":\"db\",\"n\":\"2\"}");
    world_crash(w);
    world_assert_state(w, id, "RUNNING");
    world_cancel(w, id);
    assert_labels(w, id, "{\"own\":\"1\",\"team\":\"db\",\"n\":\"2\"}");
}

static void too_many_labels_fail_the_task(void **state)
{
    struct world *w = *state;
    struct buf text;
    buf_init(&text, 10000);
    (void)buf_adds(&text,
                   HEAD "tasks:\n  - id: a\n    type: " CORE "execution.Labels\n    labels:\n");
    for (int i = 0; i < 63; i++)
        (void)buf_addf(&text, "      k%d: v\n", i);
    world_apply_flow(w, text.data);
    buf_fini(&text);
    int64_t id = world_start(w, "f", NULL);
    world_assert_state(w, id, "FAILED");
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.message, "task a: with these the execution has 65 labels, at most 64 are "
                                   "allowed");
    execution_row_fini(&x);
    assert_labels(w, id, "{\"own\":\"1\",\"team\":\"web\"}");
}

static void fail_ends_the_execution_when_its_condition_holds(void **state)
{
    struct world *w = *state;
    world_apply_flow(w,
                     HEAD "inputs: [{id: x, type: STRING}]\n"
                          "tasks:\n"
                          "  - {id: a, type: " CORE "execution.Fail, condition: '{{ inputs.x }}',\n"
                          "     errorMessage: 'not {{ inputs.x }}'}\n"
                          "  - {id: b, type: " CORE "log.Log, message: hi}\n");
    int64_t good = world_start(w, "f", "{\"x\":\"false\"}"),
            bad = world_start(w, "f", "{\"x\":\"so\"}");
    const struct effect *out = world_effect(w, EFFECT_OUTPUT); /* people look there */
    assert_non_null(out);
    world_assert_state(w, good, "SUCCESS");
    world_assert_state(w, bad, "FAILED");
    struct execution_row x = world_execution(w, bad);
    assert_string_equal(x.message, "task a: not so");
    assert_int_equal(x.reason, REASON_FAIL);
    execution_row_fini(&x);
    assert_run(w, good, "a", JOB_SUCCESS);
    assert_run(w, bad, "a", JOB_FAILED);
}

static void fail_that_may_fail_is_a_warning(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, HEAD "tasks:\n"
                             "  - {id: a, type: " CORE "execution.Fail, allowFailure: true}\n"
                             "  - {id: b, type: " CORE "log.Log, message: hi}\n");
    int64_t id = world_start(w, "f", NULL);
    world_assert_state(w, id, "WARNING");
    assert_run(w, id, "a", JOB_WARNING);
    assert_run(w, id, "b", JOB_SUCCESS);
}

/* ---- outputs of a flow ---- */

static void outputs_come_with_the_end(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, HEAD "tasks:\n"
                             "  - {id: a, type: " CORE "debug.Return, format: '7'}\n"
                             "  - {id: b, type: " CORE "log.Log, message: hi}\n"
                             "outputs:\n"
                             "  - {id: n, type: INT, value: '{{ outputs.a.value }}'}\n"
                             "  - {id: who, value: '{{ flow.id }}'}\n");
    int64_t id = world_start(w, "f", NULL);
    world_assert_state(w, id, "SUCCESS");
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.outputs, "{\"n\":7,\"who\":\"f\"}");
    execution_row_fini(&x);
}

static void outputs_that_cannot_be_rendered_fail_the_execution(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, HEAD "tasks:\n"
                             "  - {id: a, type: " CORE "debug.Return, format: x}\n"
                             "outputs:\n"
                             "  - {id: n, type: INT, value: '{{ outputs.a.value }}'}\n");
    int64_t id = world_start(w, "f", NULL);
    world_assert_state(w, id, "FAILED");
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.message, "outputs.n: is not a whole number");
    assert_null(x.outputs);
    execution_row_fini(&x);
}

/* ---- sleep ---- */

#define SLEEPS                                                                                     \
    HEAD "tasks:\n"                                                                                \
         "  - {id: nap, type: " CORE "flow.Sleep, duration: PT1H}\n"                               \
         "  - {id: b, type: " CORE "log.Log, message: hi}\n"

static void sleep_takes_its_time_and_nothing_else(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, SLEEPS);
    int64_t from = w->now.wall_ms, id = world_start(w, "f", NULL);
    world_assert_state(w, id, "RUNNING");
    struct execution_row x = world_shown(w, id);
    assert_int_equal(x.wake_ms, from + 3600000);
    execution_row_fini(&x);
    world_live(w, 3599999);
    world_assert_state(w, id, "RUNNING");
    world_live(w, 1);
    world_assert_state(w, id, "SUCCESS");
    struct looked l = run_of(w, id, "nap");
    assert_int_equal(l.view.job.started_ms, from);
    assert_int_equal(l.view.job.ended_ms, from + 3600000);
    looked_fini(&l);
    x = world_shown(w, id);
    assert_int_equal(x.wake_ms, 0);
    execution_row_fini(&x);
}

static void sleep_goes_on_after_a_crash_and_ends_when_it_would_have(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, SLEEPS);
    int64_t id = world_start(w, "f", NULL);
    world_pass(w, 1000000);
    world_crash(w);
    world_live(w, 2599999);
    world_assert_state(w, id, "RUNNING");
    world_live(w, 1);
    world_assert_state(w, id, "SUCCESS");
    id = world_start(w, "f", NULL);
    world_die(w);
    world_pass(w, 7200000); /* it was over meanwhile */
    world_rise(w);
    world_live(w, 1);
    world_assert_state(w, id, "SUCCESS");
}

static void sleep_is_not_longer_when_the_clock_was_set_back(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, SLEEPS);
    int64_t id = world_start(w, "f", NULL);
    w->now.wall_ms -= 86400000;
    world_crash(w);
    world_live(w, 3600001);
    world_assert_state(w, id, "SUCCESS");
}

static void sleep_is_cancelled_at_once(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, SLEEPS);
    int64_t id = world_start(w, "f", NULL);
    world_pass(w, 5000);
    world_cancel(w, id);
    world_assert_state(w, id, "KILLED");
    assert_run(w, id, "nap", JOB_KILLED);
    world_live(w, 7200000);
    assert_false(run_of(w, id, "b").found);
    world_assert_state(w, id, "KILLED");
}

static void sleep_ends_at_its_timeout(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, HEAD "tasks:\n"
                             "  - {id: nap, type: " CORE "flow.Sleep, duration: PT1H,\n"
                             "     timeout: PT1M, allowFailure: true}\n"
                             "  - {id: again, type: " CORE "flow.Sleep, duration: 0s}\n"
                             "  - {id: last, type: " CORE "flow.Sleep, duration: PT1H,\n"
                             "     timeout: PT2M}\n");
    int64_t id = world_start(w, "f", NULL);
    world_live(w, 60000);
    assert_run(w, id, "nap", JOB_WARNING);
    assert_run(w, id, "again", JOB_SUCCESS);
    world_assert_state(w, id, "RUNNING");
    world_live(w, 120000);
    world_assert_state(w, id, "FAILED");
    struct execution_row x = world_execution(w, id);
    assert_int_equal(x.reason, REASON_TIMEOUT);
    assert_string_equal(x.message, "task last: it was to sleep longer than its timeout");
    execution_row_fini(&x);
}

static void sleep_within_its_timeout_succeeds_and_one_beyond_it_fails_after_a_crash_too(
    void **state)
{
    struct world *w = *state;
    world_apply_flow(w, HEAD "tasks:\n"
                             "  - {id: short, type: " CORE "flow.Sleep, duration: PT59S,\n"
                             "     timeout: PT1M}\n"
                             "  - {id: long, type: " CORE "flow.Sleep, duration: PT61S,\n"
                             "     timeout: PT1M}\n"
                             "  - {id: b, type: " CORE "log.Log, message: hi}\n");
    int64_t id = world_start(w, "f", NULL);
    world_die(w);
    world_pass(w, 3600000); /* longer than either: what counts is what was to be slept */
    world_rise(w);
    world_live(w, 1);
    assert_run(w, id, "short", JOB_SUCCESS);
    world_assert_state(w, id, "RUNNING");
    world_crash(w);
    world_live(w, 59000);
    world_assert_state(w, id, "RUNNING");
    world_live(w, 1000);
    assert_run(w, id, "long", JOB_FAILED);
    world_assert_state(w, id, "FAILED");
    assert_false(run_of(w, id, "b").found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(return_hands_its_value_on),
        WORLD_TEST(return_between_jobs_is_found_by_the_job_after),
        WORLD_TEST(labels_go_over_those_of_the_flow),
        WORLD_TEST(too_many_labels_fail_the_task),
        WORLD_TEST(fail_ends_the_execution_when_its_condition_holds),
        WORLD_TEST(fail_that_may_fail_is_a_warning),
        WORLD_TEST(outputs_come_with_the_end),
        WORLD_TEST(outputs_that_cannot_be_rendered_fail_the_execution),
        WORLD_TEST(sleep_takes_its_time_and_nothing_else),
        WORLD_TEST(sleep_goes_on_after_a_crash_and_ends_when_it_would_have),
        WORLD_TEST(sleep_is_not_longer_when_the_clock_was_set_back),
        WORLD_TEST(sleep_is_cancelled_at_once),
        WORLD_TEST(sleep_ends_at_its_timeout),
        WORLD_TEST(sleep_within_its_timeout_succeeds_and_one_beyond_it_fails_after_a_crash_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
