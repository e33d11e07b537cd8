/* The tree of task runs: what begins, what ends with what, whatever happens in between. */
#include "flow_world.h"

#include "base/buf.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/flow.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define BAD(id) "{id: " id ", type: io.kestra.plugin.core.execution.Fail, errorMessage: no}"
#define NAP(id) "{id: " id ", type: " CORE_FLOW "Sleep, duration: PT1H}"
#define IF(id, condition, then, other)                                                             \
    "{id: " id ", type: " CORE_FLOW "If, condition: \"" condition "\", then: [" then               \
    "], else: [" other "]}"
#define SWITCH(id, value, one, two, rest)                                                          \
    "{id: " id ", type: " CORE_FLOW "Switch, value: " value ", cases: {one: [" one "], two: [" two \
    "]}" rest "}"
#define SEQUENTIAL(id, tasks) "{id: " id ", type: " CORE_FLOW "Sequential, tasks: [" tasks "]}"
#define PARALLEL(id, tasks) "{id: " id ", type: " CORE_FLOW "Parallel, tasks: [" tasks "]}"

static void assert_message(struct world *w, int64_t id, const char *message)
{
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.message ? x.message : "none", message);
    execution_row_fini(&x);
}

/* ---- order ---- */

static void sequential__holds_its_tasks_and_ends_behind_them(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(w, "tasks: [" LOG_TASK("a") "," SEQUENTIAL(
                                  "s", LOG_TASK("b") "," LOG_TASK("c")) "," LOG_TASK("d") "]\n");
    world_assert_state(w, id, "SUCCESS");
    world_assert_runs(w, id,
                      "1 a SUCCESS 0\n2 s SUCCESS 0\n3 b SUCCESS 2\n4 c SUCCESS 2\n"
                      "5 d SUCCESS 0\n");
}

static void parallel__begins_all_at_once_and_waits_for_all(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id =
        world_run(w, "tasks: [" PARALLEL("p", TRUE_TASK("a") "," TRUE_TASK("b") "," LOG_TASK(
                                                  "c")) "," TRUE_TASK("d") "]\n");
    world_assert_runs(w, id, "1 p RUNNING 0\n2 a RUNNING 1\n3 b RUNNING 1\n4 c SUCCESS 1\n");
    hand_end_task(&h, id, "b", 0);
    hand_crash(&h);
    world_assert_runs(w, id, "1 p RUNNING 0\n2 a RUNNING 1\n3 b SUCCESS 1\n4 c SUCCESS 1\n");
    world_assert_state(w, id, "RUNNING");
    world_live(w, 700000); /* the agent did not know of it any more */
    world_assert_state(w, id, "FAILED");
    world_assert_runs(w, id, "1 p FAILED 0\n2 a FAILED 1\n3 b SUCCESS 1\n4 c SUCCESS 1\n");
}

static void parallel__concurrent__so_many_at_a_time(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, "tasks:\n  - {id: p, type: " CORE_FLOW
                              "Parallel, concurrent: 2, tasks: [" TRUE_TASK("a") "," TRUE_TASK(
                                  "b") "," TRUE_TASK("c") "]}\n");
    assert_int_equal(world_run_count(w, id), 3);
    hand_end_task(&h, id, "a", 0);
    assert_int_equal(world_run_count(w, id), 4);
    hand_end_task(&h, id, "b", 0);
    hand_end_task(&h, id, "c", 0);
    world_assert_state(w, id, "SUCCESS");
}

static void parallel__one_fails__no_further_one_begins_and_the_others_go_on(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, "tasks:\n  - {id: p, type: " CORE_FLOW
                              "Parallel, concurrent: 2, tasks: [" TRUE_TASK("a") "," TRUE_TASK(
                                  "b") "," TRUE_TASK("c") "]}\n  - " LOG_TASK("d") "\n");
    hand_end_task(&h, id, "a", 3);
    world_assert_runs(w, id, "1 p RUNNING 0\n2 a FAILED 1\n3 b RUNNING 1\n");
    hand_end_task(&h, id, "b", 0);
    world_assert_state(w, id, "FAILED");
    world_assert_runs(w, id, "1 p FAILED 0\n2 a FAILED 1\n3 b SUCCESS 1\n");
    assert_message(w, id, "task a ended with exit code 3");
}

static void parallel__several_fail__the_first_is_told(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, "tasks: [" PARALLEL("p", TRUE_TASK("a") "," TRUE_TASK(
                                                           "b") "," TRUE_TASK("c")) "]\n");
    hand_end_task(&h, id, "b", 3);
    world_pass(w, 10);
    hand_end_task(&h, id, "a", 4);
    hand_crash(&h);
    hand_end_task(&h, id, "c", 5);
    assert_message(w, id, "task b ended with exit code 3");
}

static void if_and_switch__take_one_list_and_no_other(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(
        w, "tasks: [" IF("y", "yes", LOG_TASK("a"), LOG_TASK("b")) "," IF(
               "n", "false", LOG_TASK("c"),
               LOG_TASK("d")) ","
                              "{id: no, type: " CORE_FLOW
                              "If, condition: \"0\", then: [" LOG_TASK("e") "]}," SWITCH(
                                  "s", "two", LOG_TASK("g"), LOG_TASK("h"),
                                  ", defaults: [" LOG_TASK(
                                      "i") "]") "," SWITCH("t", "x", LOG_TASK("j"), LOG_TASK("k"),
                                                           ", defaults: [" LOG_TASK(
                                                               "l") "]") "," SWITCH("u", "x",
                                                                                    LOG_TASK("m"),
                                                                                    LOG_TASK("o"),
                                                                                    "") "]\n");
    world_assert_state(w, id, "SUCCESS");
    world_assert_runs(w, id,
                      "1 y SUCCESS 0\n2 a SUCCESS 1\n3 n SUCCESS 0\n4 d SUCCESS 3\n"
                      "5 no SUCCESS 0\n6 s SUCCESS 0\n7 h SUCCESS 6\n8 t SUCCESS 0\n"
                      "9 l SUCCESS 8\n10 u SUCCESS 0\n");
}

static void if__whose_condition_has_no_value__fails(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(w, "tasks:\n  - {id: a, command: [\"true\"], runIf: \"false\"}\n"
                              "  - {id: y, type: " CORE_FLOW
                              "If, condition: \"{{ outputs.a.x }}\", then: [" LOG_TASK(
                                  "b") "]}\n"
                                       "finally: [" LOG_TASK("c") "]\n");
    world_assert_state(w, id, "FAILED");
    world_assert_runs(w, id, "1 a SKIPPED 0\n2 y FAILED 0\n3 c SUCCESS 0\n");
    struct execution_row x = world_execution(w, id);
    assert_non_null(strstr(x.message, "task y: condition: "));
    assert_int_equal(x.reason, REASON_NOT_STARTED);
    execution_row_fini(&x);
}

static void texts__that_cannot_be_worked_out__are_named_by_their_key(void **state)
{
    static const char *const bad[][2] = {
        {"If, condition: '{{ 1 / 0 }}', then: [" LOG_TASK("b") "]", "condition"},
        {"Switch, value: '{{ 1 / 0 }}', defaults: [" LOG_TASK("b") "]", "value"},
        {"Sequential, runIf: '{{ 1 / 0 }}', tasks: [" LOG_TASK("b") "]", "runIf"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *flow = str_dupf("tasks: [{id: y, type: " CORE_FLOW "%s}]\n", bad[i][0]);
        char *said = str_dupf("task y: %s: '{{ 1 / 0 }}': a number is divided by 0", bad[i][1]);
        int64_t id = world_run(w, flow);
        world_assert_state(w, id, "FAILED");
        assert_message(w, id, said);
        mem_free(flow);
        mem_free(said);
    }
}

static void run_if__that_says_no__skips_the_task_and_all_that_it_holds(void **state)
{
    struct world *w = *state;
    int64_t id =
        world_run(w, "tasks:\n  - {id: a, command: [\"true\"], runIf: \"false\"}\n"
                     "  - {id: s, type: " CORE_FLOW
                     "Sequential, runIf: \"0\", tasks: [" BAD("b") "], finally: [" LOG_TASK(
                         "c") "]}\n"
                              "  - {id: d, type: io.kestra.plugin.core.log.Log, message: \"{{"
                              " outputs.a.x ?? 'absent' }}\", runIf: \"1\"}\n");
    world_assert_state(w, id, "SUCCESS");
    world_assert_runs(w, id, "1 a SKIPPED 0\n2 s SKIPPED 0\n3 d SUCCESS 0\n");
}

/* ---- errors and finally ---- */

static void errors__run_from_the_inside_out_and_the_end_is_failed(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(
        w, "tasks:\n  - {id: s, type: " CORE_FLOW
           "Sequential, tasks: [" BAD("a") "," LOG_TASK("b") "], errors: [" LOG_TASK(
               "c") "], finally: [" LOG_TASK("d") "]}\n"
                                                  "  - " LOG_TASK("e") "\nerrors: [" LOG_TASK(
                                                      "g") "]\nfinally: [" LOG_TASK("h") "]\n");
    world_assert_state(w, id, "FAILED");
    world_assert_runs(w, id,
                      "1 s FAILED 0\n2 a FAILED 1\n3 c SUCCESS 1\n4 d SUCCESS 1\n"
                      "5 g SUCCESS 0\n6 h SUCCESS 0\n");
    assert_message(w, id, "task a: no");
}

static void finally__runs_alone_when_all_went_well(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(w, "tasks: [" LOG_TASK("a") "]\nerrors: [" LOG_TASK(
                                  "b") "]\nfinally: [" LOG_TASK("c") "]\n");
    world_assert_state(w, id, "SUCCESS");
    world_assert_runs(w, id, "1 a SUCCESS 0\n2 c SUCCESS 0\n");
}

static void crash__during_errors__they_go_on_and_finally_runs(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id =
        world_run(w,
                  "tasks: [" BAD("a") "," LOG_TASK("b") "]\nerrors: [" TRUE_TASK("c") "," LOG_TASK(
                      "d") "]\nfinally: [" TRUE_TASK("e") "," LOG_TASK("g") "]\n");
    hand_crash(&h);
    hand_end_task(&h, id, "c", 0);
    hand_crash(&h);
    hand_end_task(&h, id, "e", 0);
    world_assert_state(w, id, "FAILED");
    world_assert_runs(w, id,
                      "1 a FAILED 0\n2 c SUCCESS 0\n3 d SUCCESS 0\n4 e SUCCESS 0\n5 g SUCCESS 0\n");
    assert_message(w, id, "task a: no");
}

static void errors_that_fail__stop_and_finally_runs(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(w, "tasks: [" BAD("a") "]\nerrors: [" BAD("b") "," LOG_TASK(
                                  "c") "]\nfinally: [" BAD("d") "," LOG_TASK("e") "]\n");
    world_assert_state(w, id, "FAILED");
    world_assert_runs(w, id, "1 a FAILED 0\n2 b FAILED 0\n3 d FAILED 0\n");
    assert_message(w, id, "task a: no");
}

static void finally_that_fails__fails_what_went_well(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(w, "tasks: [" LOG_TASK("a") "]\nfinally: [" BAD("b") "]\n");
    world_assert_state(w, id, "FAILED");
    assert_message(w, id, "task b: no");
}

static void allow_failure__of_what_holds_tasks__is_a_warning_and_goes_on(void **state)
{
    struct world *w = *state;
    int64_t id =
        world_run(w, "tasks:\n  - {id: s, type: " CORE_FLOW "Sequential, allowFailure: true, tasks:"
                     " [" BAD("a") "," LOG_TASK("b") "], errors: [" LOG_TASK(
                         "c") "]}\n  - " LOG_TASK("d") "\n");
    world_assert_state(w, id, "WARNING");
    world_assert_runs(w, id, "1 s WARNING 0\n2 a FAILED 1\n3 c SUCCESS 1\n4 d SUCCESS 0\n");
    id = world_run(
        w, "tasks:\n  - {id: s, type: " CORE_FLOW "Sequential, allowFailure: true,"
           " allowWarning: true, tasks: [" BAD(
               "a") "]}\n"
                    "  - {id: b, type: io.kestra.plugin.core.execution.Fail, allowFailure: true,"
                    " allowWarning: true}\n");
    world_assert_state(w, id, "SUCCESS");
    world_assert_runs(w, id, "1 s SUCCESS 0\n2 a FAILED 1\n3 b SUCCESS 0\n");
}

/* ---- a cancel ---- */

#define BESIDE PARALLEL("p", TRUE_TASK("a") "," TRUE_TASK("b") "," NAP("n"))
#define HOLDS "{id: s, type: " CORE_FLOW "Sequential, tasks: [" BESIDE "], errors: ["
#define CLEANS                                                                                     \
    "tasks:\n  - " HOLDS LOG_TASK("x") "], finally: [" TRUE_TASK(                                  \
        "c") "]}\n"                                                                                \
             "  - " LOG_TASK("d") "\n"                                                             \
                                  "errors: [" LOG_TASK("y") "]\n"                                  \
                                                            "finally: [" TRUE_TASK("e") "]\n"

static void cancel__kills_all_and_runs_finally_from_the_inside_out(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, CLEANS);
    int64_t a = world_task_job(w, id, "a"), b = world_task_job(w, id, "b");
    hand_start(&h, a);
    hand_start(&h, b);
    world_cancel(w, id);
    world_assert_state(w, id, "KILLING");
    assert_int_equal(world_state(w, a), JOB_KILLING);
    assert_int_equal(world_state(w, b), JOB_KILLING);
    world_assert_runs(w, id,
                      "1 s RUNNING 0\n2 p RUNNING 1\n3 a RUNNING 2\n4 b RUNNING 2\n"
                      "5 n KILLED 2\n");
    world_cancel(w, id); /* once more changes nothing */
    hand_killed(&h, a);
    hand_success(&h, b, NULL); /* it ended by itself meanwhile */
    world_assert_runs(w, id,
                      "1 s RUNNING 0\n2 p KILLED 1\n3 a KILLED 2\n4 b SUCCESS 2\n"
                      "5 n KILLED 2\n6 c RUNNING 1\n");
    world_cancel(w, id);
    assert_int_equal(world_state(w, world_task_job(w, id, "c")), JOB_SUBMITTED);
    hand_end_task(&h, id, "c", 0);
    world_assert_state(w, id, "KILLING");
    hand_end_task(&h, id, "e", 0);
    world_assert_state(w, id, "KILLED");
    world_assert_runs(w, id,
                      "1 s KILLED 0\n2 p KILLED 1\n3 a KILLED 2\n4 b SUCCESS 2\n5 n KILLED 2\n"
                      "6 c SUCCESS 1\n7 e SUCCESS 0\n");
}

/* A store where each look-up costs a round trip, as far as the engine can tell. */
static bool far;
static int asked;
bool __real_store_is_far(const struct store *s);
bool __wrap_store_is_far(const struct store *s);
bool __wrap_store_is_far(const struct store *s)
{
    return far || __real_store_is_far(s);
}

int __real_store_ask_job(struct store *s, int64_t id, struct err *e);
int __wrap_store_ask_job(struct store *s, int64_t id, struct err *e);
int __wrap_store_ask_job(struct store *s, int64_t id, struct err *e)
{
    asked++;
    return __real_store_ask_job(s, id, e);
}

static void cancel__of_many_jobs__asks_for_them_together(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(w, "tasks: [" PARALLEL("p", TRUE_TASK("a") "," TRUE_TASK("b") "," NAP(
                                                           "n") "," TRUE_TASK("c")) "]\n");
    world_restart(w); /* memory has none of the jobs */
    far = true;
    world_begin(w);
    asked = 0;
    world_apply(w, cmd_id(w, CMD_EXECUTION_CANCEL, id));
    far = false;
    assert_int_equal(world_commit(w), 0);
    assert_int_equal(asked, 3);
    world_assert_state(w, id, "KILLED");
}

static void cancel__during_finally__lets_it_end(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, "tasks: [" LOG_TASK("a") "]\nfinally: [" SEQUENTIAL(
                                  "s", TRUE_TASK("b") "," LOG_TASK("c")) "]\n");
    world_cancel(w, id);
    world_assert_state(w, id, "KILLING");
    assert_int_equal(world_state(w, world_task_job(w, id, "b")), JOB_SUBMITTED);
    hand_end_task(&h, id, "b", 0);
    world_assert_state(w, id, "KILLED");
    world_assert_runs(w, id, "1 a SUCCESS 0\n2 s SUCCESS 0\n3 b SUCCESS 2\n4 c SUCCESS 2\n");
}

static void cancel__and_a_crash__go_on_to_finally_once(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, CLEANS);
    world_cancel(w, id);
    world_crash(w);
    world_live(w, 700000); /* the agent is gone: what it had ends as killed */
    world_assert_state(w, id, "KILLING");
    hand_reopen(&h);
    hand_end_task(&h, id, "c", 0);
    world_crash(w);
    hand_reopen(&h);
    world_live(w, 700000);
    world_assert_state(w, id, "KILLED");
    char *text = world_runs(w, id);
    assert_non_null(strstr(text, "6 c SUCCESS 1\n7 e "));
    assert_null(strstr(text, "\n8 "));
    mem_free(text);
}

/* As a coordinator finds it that does not know the flow's language any more. */
static void lose_flow(struct world *w, int64_t id)
{
    const struct execution *x = map_find(&w->engine->executions, (uint64_t)id);
    flow_free(x->revision->parsed);
    x->revision->parsed = NULL;
    x->revision->broken = mem_strdup("it is lost");
}

static void cancel__of_a_flow_that_cannot_be_read__ends_with_its_jobs(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id =
        world_run(w, "tasks: [" PARALLEL("p", TRUE_TASK("a") "," TRUE_TASK("b") "," NAP(
                                                  "n")) "]\nfinally: [" LOG_TASK("c") "]\n");
    int64_t a = world_task_job(w, id, "a"), b = world_task_job(w, id, "b");
    hand_start(&h, a);
    hand_start(&h, b);
    lose_flow(w, id);
    world_cancel(w, id);
    hand_killed(&h, a);
    world_assert_state(w, id, "KILLING");
    hand_killed(&h, b);
    world_assert_state(w, id, "KILLED");
    world_assert_runs(w, id, "1 p KILLED 0\n2 a KILLED 1\n3 b KILLED 1\n4 n KILLED 1\n");
}

static void flow_that_cannot_be_read__cancels_its_jobs_and_fails(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, "tasks: [" PARALLEL("p", TRUE_TASK("a") "," TRUE_TASK("b")) "]\n");
    int64_t b = world_task_job(w, id, "b");
    hand_start(&h, b);
    lose_flow(w, id);
    hand_end_task(&h, id, "a", 0);
    world_assert_state(w, id, "FAILED");
    assert_message(w, id, "it is lost");
    assert_int_equal(world_state(w, b), JOB_KILLING);
    world_assert_runs(w, id, "1 p KILLED 0\n2 a SUCCESS 1\n3 b KILLED 1\n");
    hand_killed(&h, b);
}

static void killed_job__skips_errors_and_runs_finally(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, "tasks: [" TRUE_TASK("a") "," LOG_TASK("b") "]\nerrors: [" LOG_TASK(
                                  "c") "]\nfinally: [" LOG_TASK("d") "]\n");
    int64_t job = world_task_job(w, id, "a");
    hand_start(&h, job);
    world_do(w, cmd_id(w, CMD_CANCEL, job));
    hand_killed(&h, job);
    world_assert_state(w, id, "KILLED");
    world_assert_runs(w, id, "1 a KILLED 0\n2 d SUCCESS 0\n");
}

/* ---- time, much, limits ---- */

static void sleeps_beside_each_other__end_in_their_order(void **state)
{
    struct world *w = *state;
    int64_t id =
        world_run(w, "tasks: [" PARALLEL("p",
                                         NAP("a") ",{id: b, type: " CORE_FLOW
                                                  "Sleep, duration: PT10M}," LOG_TASK("c")) "]\n");
    struct execution_row x = world_shown(w, id);
    assert_int_equal(x.wake_ms, w->now.wall_ms + 600000);
    execution_row_fini(&x);
    world_live(w, 599999);
    world_assert_runs(w, id, "1 p RUNNING 0\n2 a RUNNING 1\n3 b RUNNING 1\n4 c SUCCESS 1\n");
    world_crash(w);
    world_live(w, 1);
    world_assert_runs(w, id, "1 p RUNNING 0\n2 a RUNNING 1\n3 b SUCCESS 1\n4 c SUCCESS 1\n");
    world_live(w, 3000000);
    world_assert_state(w, id, "SUCCESS");
}

static char *many(int count, const char *head)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_adds(&b, head);
    for (int i = 0; i < count; i++)
        buf_addf(&b, "      - {id: t%d, type: io.kestra.plugin.core.log.Log, message: x}\n", i);
    return buf_detach(&b);
}

static void many_beside_each_other__a_bounded_number_in_one_batch(void **state)
{
    struct world *w = *state;
    char *rest = many(90, "tasks:\n  - id: p\n    type: " CORE_FLOW "Parallel\n    tasks:\n");
    int64_t id = world_run(w, rest);
    mem_free(rest);
    assert_int_equal(world_run_count(w, id), 20);
    world_pass(w, 1);
    world_tick(w);
    assert_int_equal(world_run_count(w, id), 40);
    world_crash(w);
    world_live(w, 100);
    world_assert_state(w, id, "SUCCESS");
    assert_int_equal(world_run_count(w, id), 91);
}

static struct execution *in_memory(struct world *w, int64_t id)
{
    return map_find(&w->engine->executions, (uint64_t)id);
}

static void many_that_wake_at_once__a_bounded_number_in_one_batch(void **state)
{
    struct world *w = *state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_adds(&b, "tasks:\n  - id: p\n    type: " CORE_FLOW "Parallel\n    tasks:\n");
    for (int i = 0; i < 50; i++)
        buf_addf(&b, "      - {id: t%d, type: " CORE_FLOW "Sleep, duration: PT1H}\n", i);
    char *rest = buf_detach(&b);
    int64_t id = world_run(w, rest);
    mem_free(rest);
    world_live(w, 100);
    assert_int_equal(in_memory(w, id)->asleep, 50);
    world_pass(w, 3600000);
    world_tick(w);
    assert_int_equal(in_memory(w, id)->asleep, 30);
    world_live(w, 100);
    world_assert_state(w, id, "SUCCESS");
}

static void too_many_task_runs__fail_it_and_finally_has_room(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id =
        world_run(w,
                  "tasks:\n  - {id: s, type: " CORE_FLOW "Sequential, allowFailure: true, tasks:"
                  " [" TRUE_TASK("a") "," LOG_TASK("b") "]}\n  - " LOG_TASK(
                      "c") "\nfinally: [" LOG_TASK("d") "," SEQUENTIAL("e", LOG_TASK("g")) "]\n");
    in_memory(w, id)->run_count = RUNS_MOST;
    hand_end_task(&h, id, "a", 0);
    world_assert_state(w, id, "FAILED");
    world_assert_runs(w, id,
                      "1 s FAILED 0\n2 a SUCCESS 1\n10001 b FAILED 1\n10002 d SUCCESS 0\n"
                      "10003 e SUCCESS 0\n10004 g SUCCESS 10003\n");
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.message,
                        "task b: the execution has 10000 task runs, the most there may be");
    assert_int_equal(x.reason, REASON_LIMIT);
    execution_row_fini(&x);
}

static int take_message(const struct run_row *row, void *user)
{
    char **message = user;
    if (!str_eq(row->task, "t")) return 0;
    mem_free(*message);
    *message = mem_strdup(row->message);
    return 0;
}

/* One task run was refused: what begins none for that has failed, too, and says why. */
static void too_many_elsewhere__fails_what_can_not_go_on(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    struct err e = {0};
    char *message = NULL;
    int64_t id = world_run(
        w,
        "tasks: [" PARALLEL("p", SEQUENTIAL("s", TRUE_TASK("a") "," LOG_TASK("b")) "," SEQUENTIAL(
                                     "t", TRUE_TASK("c") "," LOG_TASK(
                                              "d"))) "]\nfinally: [" LOG_TASK("e") "]\n");
    in_memory(w, id)->run_count = RUNS_MOST;
    hand_end_task(&h, id, "a", 0);
    hand_crash(&h);
    hand_end_task(&h, id, "c", 0);
    world_assert_state(w, id, "FAILED");
    world_assert_runs(w, id,
                      "1 p FAILED 0\n2 s FAILED 1\n3 t FAILED 1\n4 a SUCCESS 2\n5 c SUCCESS 3\n"
                      "10001 b FAILED 2\n10002 e SUCCESS 0\n");
    assert_message(w, id, "task b: the execution has 10000 task runs, the most there may be");
    assert_int_equal(store_each_run(w->store, id, take_message, &message, &e), 0);
    assert_string_equal(message, "the execution has 10000 task runs, the most there may be");
    mem_free(message);
}

static void as_many_task_runs_as_there_may_be__and_finally__is_well(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id =
        world_run(w,
                  "tasks: [" TRUE_TASK("a") "," LOG_TASK("b") "]\nfinally: [" TRUE_TASK("c") "]\n");
    in_memory(w, id)->run_count = RUNS_MOST - 1;
    hand_end_task(&h, id, "a", 0);
    hand_crash(&h);
    hand_end_task(&h, id, "c", 0);
    world_assert_state(w, id, "SUCCESS");
    world_assert_runs(w, id, "1 a SUCCESS 0\n10000 b SUCCESS 0\n10001 c SUCCESS 0\n");
}

static void too_deep__fails_it(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, "tasks: [" SEQUENTIAL("s", TRUE_TASK("a") "," LOG_TASK("b")) "]\n");
    run_of_job(w->engine, world_task_job(w, id, "a"))->up->depth = RUN_DEPTH_MOST;
    hand_end_task(&h, id, "a", 0);
    world_assert_state(w, id, "FAILED");
    assert_message(w, id, "task b: it is held by 32 others, the most there may be");
}

/* ---- of an older coordinator ---- */

/* What an older coordinator left: an execution and the job of its first task, both like those of
 * an execution that there is, and no task runs. Its second task has slept for half of its hour.
 * The next coordinator comes after away_ms. */
static int64_t left_asleep(struct world *w, int64_t like, int64_t away_ms)
{
    char text[ID_TEXT_SIZE];
    struct err e = {0};
    struct execution_row x = world_execution(w, like);
    struct job_row j = world_job(w, world_task_job(w, like, "first"));
    x.id = id_make(x.created_ms, 7);
    x.state = EXECUTION_RUNNING;
    x.ended_ms = x.job = 0;
    x.position = 1;
    x.asleep_ms = w->now.wall_ms - 1800000;
    x.wake_ms = w->now.wall_ms + 1800000;
    j.id = id_make(j.created_ms, 7);
    id_format(x.id, text);
    text_set(&j.execution, text);
    int64_t id = x.id;
    if (store_begin(w->store, &e) || store_execution_insert(w->store, &x, &e) ||
        store_job_insert(w->store, &j, "{}", &e) || store_commit(w->store, &e))
        fail_msg("of an older coordinator: %s", err_text(&e));
    execution_row_fini(&x);
    job_row_fini(&j);
    world_die(w);
    world_pass(w, away_ms);
    world_rise(w);
    world_live(w, 1000);
    return id;
}

#define THREE(rest) "tasks: [" LOG_TASK("first") "," NAP("nap") "," LOG_TASK("last") "]\n" rest

static void older_one_that_sleeps__wakes_when_it_was_to_and_goes_on(void **state)
{
    struct world *w = *state;
    int64_t like = world_run(w, THREE(""));
    int64_t id = left_asleep(w, like, 60000);
    world_assert_runs(w, id, "1 first SUCCESS 0\n2 nap RUNNING 0\n");
    world_live(w, 1737000);
    world_crash(w);
    world_live(w, 1000);
    world_assert_runs(w, id, "1 first SUCCESS 0\n2 nap RUNNING 0\n");
    world_live(w, 2000);
    world_assert_runs(w, id, "1 first SUCCESS 0\n2 nap SUCCESS 0\n3 last SUCCESS 0\n");
    world_assert_state(w, id, "SUCCESS");
    world_assert_state(w, like, "RUNNING"); /* has slept for half of its hour */
}

static void older_one_that_sleeps__when_its_time_is_over__wakes_at_once(void **state)
{
    struct world *w = *state;
    int64_t id = left_asleep(w, world_run(w, THREE("")), 7200000);
    world_assert_runs(w, id, "1 first SUCCESS 0\n2 nap SUCCESS 0\n3 last SUCCESS 0\n");
    world_assert_state(w, id, "SUCCESS");
}

static void older_one_that_sleeps__is_cancelled(void **state)
{
    struct world *w = *state;
    int64_t id = left_asleep(w, world_run(w, THREE("finally: [" LOG_TASK("clean") "]\n")), 10);
    world_cancel(w, id);
    world_assert_state(w, id, "KILLED");
    world_assert_runs(w, id, "1 first SUCCESS 0\n2 nap KILLED 0\n3 clean SUCCESS 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(sequential__holds_its_tasks_and_ends_behind_them),
        WORLD_TEST(parallel__begins_all_at_once_and_waits_for_all),
        WORLD_TEST(parallel__concurrent__so_many_at_a_time),
        WORLD_TEST(parallel__one_fails__no_further_one_begins_and_the_others_go_on),
        WORLD_TEST(parallel__several_fail__the_first_is_told),
        WORLD_TEST(if_and_switch__take_one_list_and_no_other),
        WORLD_TEST(if__whose_condition_has_no_value__fails),
        WORLD_TEST(texts__that_cannot_be_worked_out__are_named_by_their_key),
        WORLD_TEST(run_if__that_says_no__skips_the_task_and_all_that_it_holds),
        WORLD_TEST(errors__run_from_the_inside_out_and_the_end_is_failed),
        WORLD_TEST(finally__runs_alone_when_all_went_well),
        WORLD_TEST(crash__during_errors__they_go_on_and_finally_runs),
        WORLD_TEST(errors_that_fail__stop_and_finally_runs),
        WORLD_TEST(finally_that_fails__fails_what_went_well),
        WORLD_TEST(allow_failure__of_what_holds_tasks__is_a_warning_and_goes_on),
        WORLD_TEST(cancel__kills_all_and_runs_finally_from_the_inside_out),
        WORLD_TEST(cancel__of_many_jobs__asks_for_them_together),
        WORLD_TEST(cancel__during_finally__lets_it_end),
        WORLD_TEST(cancel__and_a_crash__go_on_to_finally_once),
        WORLD_TEST(cancel__of_a_flow_that_cannot_be_read__ends_with_its_jobs),
        WORLD_TEST(flow_that_cannot_be_read__cancels_its_jobs_and_fails),
        WORLD_TEST(killed_job__skips_errors_and_runs_finally),
        WORLD_TEST(sleeps_beside_each_other__end_in_their_order),
        WORLD_TEST(many_beside_each_other__a_bounded_number_in_one_batch),
        WORLD_TEST(many_that_wake_at_once__a_bounded_number_in_one_batch),
        WORLD_TEST(too_many_task_runs__fail_it_and_finally_has_room),
        WORLD_TEST(too_many_elsewhere__fails_what_can_not_go_on),
        WORLD_TEST(as_many_task_runs_as_there_may_be__and_finally__is_well),
        WORLD_TEST(too_deep__fails_it),
        WORLD_TEST(older_one_that_sleeps__wakes_when_it_was_to_and_goes_on),
        WORLD_TEST(older_one_that_sleeps__when_its_time_is_over__wakes_at_once),
        WORLD_TEST(older_one_that_sleeps__is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
