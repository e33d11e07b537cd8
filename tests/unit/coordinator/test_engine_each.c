/* ForEach and Loop: each value once, never more at a time than there may be, and what is seen of
 * the others. */
#include "flow_world.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/flow.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_run.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define RETURN(id, text)                                                                           \
    "{id: " id ", type: io.kestra.plugin.core.debug.Return, format: \"" text "\"}"
#define EACH(id, keys, tasks)                                                                      \
    "  - {id: " id ", type: " CORE_FLOW "ForEach, " keys ", tasks: [" tasks "]}\n"
#define LOOP(id, keys, tasks)                                                                      \
    "  - {id: " id ", type: " CORE_FLOW "Loop, " keys ", tasks: [" tasks "]}\n"
#define FAIL "io.kestra.plugin.core.execution.Fail"
/* What it leads to is the flow's output x. */
#define OUTPUT(text) "outputs: [{id: x, value: \"" text "\"}]\n"

static void assert_end(struct world *w, int64_t id, const char *state, const char *message)
{
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.message ? x.message : "none", message);
    assert_string_equal(fsm_name(&execution_fsm, (int)x.state), state);
    execution_row_fini(&x);
}

static void assert_output(struct world *w, const char *flow, const char *expected)
{
    int64_t id = world_run(w, flow);
    world_live(w, 1000);
    struct execution_row x = world_execution(w, id);
    if (!x.outputs) fail_msg("no outputs: %s", x.message ? x.message : "it goes on");
    assert_string_equal(x.outputs, expected);
    execution_row_fini(&x);
}

/* ---- order ---- */

static void for_each__one_value_after_the_other_with_all_its_tasks(void **state)
{
    struct world *w = *state;
    int64_t id =
        world_run(w, "tasks:\n" EACH("e", "values: [x, y]", LOG_TASK("a") "," LOG_TASK("b")));
    assert_end(w, id, "SUCCESS", "none");
    world_assert_runs(w, id,
                      "1 e SUCCESS 0\n2 e SUCCESS 1\n3 a SUCCESS 2\n4 b SUCCESS 2\n5 e SUCCESS 1\n"
                      "6 a SUCCESS 5\n7 b SUCCESS 5\n");
}

static void for_each__so_many_values_at_a_time(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 8);
    int64_t id = world_run(w, "tasks:\n" EACH("e", "concurrencyLimit: 2, values: [x, y, z]",
                                              TRUE_TASK("a") "," TRUE_TASK("b")));
    world_assert_runs(
        w, id, "1 e RUNNING 0\n2 e RUNNING 1\n3 e RUNNING 1\n4 a RUNNING 2\n5 a RUNNING 3\n");
    hand_end_task(&h, id, "a", 0); /* the last one: of y */
    hand_end_task(&h, id, "b", 0);
    world_assert_runs(w, id,
                      "1 e RUNNING 0\n2 e RUNNING 1\n3 e SUCCESS 1\n4 a RUNNING 2\n5 a SUCCESS 3\n"
                      "6 b SUCCESS 3\n7 e RUNNING 1\n8 a RUNNING 7\n");
}

static void for_each__no_limit__all_at_once(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(w, "tasks:\n" EACH("e", "concurrencyLimit: 0, values: [1, 2, 3]",
                                              TRUE_TASK("a")));
    world_live(w, 10);
    assert_int_equal(world_run_count(w, id), 7);
}

static void old_each_sequential_and_parallel__are_the_same(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(
        w, "tasks:\n"
           "  - {id: s, type: io.kestra.core.tasks.flows.EachSequential, value: "
           "'[\"x\", \"y\"]', tasks: [" LOG_TASK(
               "a") "]}\n"
                    "  - {id: p, type: io.kestra.core.tasks.flows.EachParallel, value: [1, 2], "
                    "tasks: [" TRUE_TASK("b") "]}\n");
    world_assert_runs(
        w, id,
        "1 s SUCCESS 0\n2 s SUCCESS 1\n3 a SUCCESS 2\n4 s SUCCESS 1\n5 a SUCCESS 4\n"
        "6 p RUNNING 0\n7 p RUNNING 6\n8 p RUNNING 6\n9 b RUNNING 7\n10 b RUNNING 8\n");
}

static void no_value__is_a_success_at_once(void **state)
{
    struct world *w = *state;
    int64_t id =
        world_run(w, "tasks:\n" EACH("e", "values: '[]'", LOG_TASK("a"))
                         LOOP("l", "values: '{}'", LOG_TASK("b")) "  - " LOG_TASK("c") "\n");
    assert_end(w, id, "SUCCESS", "none");
    world_assert_runs(w, id, "1 e SUCCESS 0\n2 l SUCCESS 0\n3 c SUCCESS 0\n");
}

/* ---- values ---- */

static void values__are_texts_and_each_comes_once(void **state)
{
    struct world *w = *state;
    assert_output(w,
                  "vars: {l: [1, 2.50, a, {k: [1]}, true, a, \"1\"]}\ntasks:\n" EACH(
                      "e", "values: '{{ vars.l }}'",
                      RETURN("a", "{{ taskrun.iteration }}={{ taskrun.value }}"))
                      OUTPUT("{{ outputs.a }}"),
                  "{\"x\":\"{\\\"1\\\":{\\\"value\\\":\\\"0=1\\\"},\\\"2.50\\\":{\\\"value\\\":"
                  "\\\"1=2.50\\\"},\\\"a\\\":{\\\"value\\\":\\\"2=a\\\"},\\\"{\\\\\\\"k\\\\\\\":[1]"
                  "}\\\":{\\\"value\\\":\\\"3={\\\\\\\"k\\\\\\\":[1]}\\\"},\\\"true\\\":{\\\"value"
                  "\\\":\\\"4=true\\\"}}\"}");
}

static void values__of_a_list_are_rendered(void **state)
{
    struct world *w = *state;
    assert_output(w,
                  "vars: {v: z}\ntasks:\n" EACH("e",
                                                "values: ['{{ vars.v }}', {k: '{{ vars.v }}'}]",
                                                RETURN("a", "<{{ taskrun.value }}>"))
                      OUTPUT(
                          "{{ outputs.a.z.value }}{{ outputs.a['{\\\"k\\\":\\\"z\\\"}'].value }}"),
                  "{\"x\":\"<z><{\\\"k\\\":\\\"z\\\"}>\"}");
}

static void values__that_are_no_list__fail_the_task(void **state)
{
    static const char *const bad[][2] = {
        {"'{{ vars.n }}'", "task e: values: '5' is not a list, such as [red, green]"},
        {"\"{{ 'abc' }}\"", "task e: values: 'abc' is not a list, such as [red, green]"},
        {"'{{ null }}'", "task e: values: 'null' is not a list, such as [red, green]"},
        {"'{{ vars.m }}'",
         "task e: values: a mapping is not a list: io.kestra.plugin.core.flow.Loop takes one"},
        {"'{{ 1 / 0 }}'", "task e: values: '{{ 1 / 0 }}': a number is divided by 0"},
        {"'{{ vars.nothing }}'", "task e: values: number 2 of them is null: leave it out"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *flow = str_dupf("vars: {n: 5, m: {a: 1}, nothing: [1, null]}\ntasks:\n"
                              "  - {id: e, type: " CORE_FLOW
                              "ForEach, values: %s, tasks: [" LOG_TASK("a") "]}\n",
                              bad[i][0]);
        int64_t id = world_run(w, flow);
        assert_end(w, id, "FAILED", bad[i][1]);
        world_assert_runs(w, id, "1 e FAILED 0\n");
        mem_free(flow);
    }
}

static char *many(int count, const char *keys, const char *tasks)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_addf(&b, "vars:\n  l: [0");
    for (int i = 1; i < count; i++)
        buf_addf(&b, ",%d", i);
    buf_addf(&b,
             "]\ntasks:\n  - {id: e, type: " CORE_FLOW
             "ForEach, %s, values: '{{ vars.l }}', tasks: "
             "[%s]}\n",
             keys, tasks);
    return buf_detach(&b);
}

static void too_many_values__fail_it(void **state)
{
    struct world *w = *state;
    char *flow = many(RUN_BRANCHES + 1, "allowFailure: true", LOG_TASK("a"));
    int64_t id = world_run(w, flow);
    mem_free(flow);
    struct execution_row x = world_execution(w, id);
    assert_int_equal(x.state, EXECUTION_FAILED);
    assert_int_equal(x.reason, REASON_LIMIT);
    assert_string_equal(x.message,
                        "task e: values: there are 1001, the most there may be are 1000: let each "
                        "of them be several, as the filter chunk does");
    execution_row_fini(&x);
    flow = many(RUN_BRANCHES, "concurrencyLimit: 0", LOG_TASK("a"));
    id = world_run(w, flow);
    mem_free(flow);
    for (int i = 0; i < 500 && !str_eq(world_execution_state(w, id), "SUCCESS"); i++)
        world_live(w, 1);
    assert_end(w, id, "SUCCESS", "none");
    assert_int_equal(world_run_count(w, id), 1 + 2 * RUN_BRANCHES);
}

/* ---- what is seen ---- */

static void a_value__is_seen_within_and_those_around_it_too(void **state)
{
    struct world *w = *state;
    assert_output(
        w,
        "tasks:\n" EACH("o", "values: [x, y]",
                        "{id: i, type: " CORE_FLOW
                        "ForEach, values: ['1', '{{ taskrun.value }}'], tasks: [" RETURN(
                            "a", "{{ taskrun.value }}{{ parent.taskrun.value }}{{ parents | length "
                                 "}}") ","
                                       "{id: c, type: " CORE_FLOW
                                       "If, condition: \"{{ taskrun.value == '1' }}\", then: "
                                       "[" RETURN("b", "{{ taskrun.value }}{{ parent.taskrun.value "
                                                       "}}{{ parents[1].taskrun.value }}") "]}]}")
            OUTPUT("{{ outputs.a.x['1'].value }} {{ outputs.a.y.y.value }} {{ "
                   "outputs.b.x['1'].value }} {{ outputs.b.x.x.value ?? 'none' }}"),
        "{\"x\":\"1x1 yy1 11x none\"}");
}

static void outputs__of_the_same_value_and_of_others(void **state)
{
    struct world *w = *state;
    assert_output(
        w,
        "tasks:\n" EACH("e", "values: [x, y]",
                        RETURN("a", "<{{ taskrun.value }}>") "," RETURN(
                            "b", "{{ outputs.a[taskrun.value].value }}{{ outputs.a.x.value }}{{ "
                                 "currentEachOutput(outputs.a).value }}"))
            EACH("g", "values: [y, x]", RETURN("c", "{{ outputs.b[taskrun.value].value }}"))
                OUTPUT("{{ outputs.c.y.value }} {{ outputs.c.x.value }} {{ outputs.a | length }}"),
        "{\"x\":\"<y><x><y> <x><x><x> 2\"}");
}

static void outputs__of_jobs__survive_a_crash(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(
        w, "tasks:\n" EACH("e", "values: [x, y]",
                           TRUE_TASK("a") "," RETURN("b", "{{ outputs.a[taskrun.value].k }}{{ "
                                                          "outputs.a[taskrun.value].exitCode }}"))
               OUTPUT("{{ outputs.b.x.value }}{{ outputs.b.y.value }}"));
    int64_t job = world_task_job(w, id, "a");
    hand_start(&h, job);
    hand_success(&h, job, "{\"k\":\"one\"}");
    hand_crash(&h);
    job = world_task_job(w, id, "a");
    hand_start(&h, job);
    hand_success(&h, job, "{\"k\":\"two\"}");
    assert_end(w, id, "SUCCESS", "none");
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.outputs, "{\"x\":\"one0two0\"}");
    execution_row_fini(&x);
}

/* ---- failures ---- */

static void a_value_that_fails__ends_the_others_and_runs_errors_once(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(
        w, "tasks:\n"
           "  - {id: e, type: " CORE_FLOW
           "ForEach, concurrencyLimit: 2, values: [x, y, z], tasks: [" TRUE_TASK("a") "," LOG_TASK(
               "b") "], errors: [" LOG_TASK("c") "], finally: [" LOG_TASK("d") "]}\n");
    hand_end_task(&h, id, "a", 3);
    world_assert_runs(w, id,
                      "1 e RUNNING 0\n2 e RUNNING 1\n3 e FAILED 1\n4 a RUNNING 2\n5 a FAILED 3\n");
    int64_t job = 0;
    for (struct run *r = ((struct execution *)map_find(&w->engine->executions, (uint64_t)id))->runs;
         r; r = r->next)
        if (r->row.job) job = r->row.job;
    hand_start(&h, job);
    hand_success(&h, job, NULL);
    assert_end(w, id, "FAILED", "task a ended with exit code 3");
    world_assert_runs(w, id,
                      "1 e FAILED 0\n2 e SUCCESS 1\n3 e FAILED 1\n4 a SUCCESS 2\n5 a FAILED 3\n"
                      "6 b SUCCESS 2\n7 c SUCCESS 1\n8 d SUCCESS 1\n");
}

static void allow_failure__of_a_task_goes_on_and_of_the_whole_does_not(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(w, "tasks:\n" EACH("e", "values: [x, y]",
                                              "{id: a, type: io.kestra.plugin.core.execution.Fail, "
                                              "allowFailure: true}"));
    assert_end(w, id, "WARNING", "none");
    assert_int_equal(world_run_count(w, id), 5);
    id = world_run(
        w, "tasks:\n" EACH(
               "e", "allowFailure: true, values: [x, y]",
               "{id: a, type: io.kestra.plugin.core.execution.Fail}") "  - " LOG_TASK("b") "\n");
    assert_end(w, id, "WARNING", "none");
    world_assert_runs(w, id, "1 e WARNING 0\n2 e FAILED 1\n3 a FAILED 2\n4 b SUCCESS 0\n");
}

static void cancel__in_the_middle__kills_and_begins_nothing_more(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id =
        world_run(w, "tasks:\n"
                     "  - {id: e, type: " CORE_FLOW "ForEach, values: [x, y], tasks: [" TRUE_TASK(
                         "a") "], errors: [" LOG_TASK("b") "], finally: [" LOG_TASK("c") "]}\n");
    int64_t job = world_task_job(w, id, "a");
    hand_start(&h, job);
    world_cancel(w, id);
    hand_crash(&h);
    hand_killed(&h, job);
    assert_end(w, id, "KILLED", "none");
    world_assert_runs(w, id, "1 e KILLED 0\n2 e KILLED 1\n3 a KILLED 2\n4 c SUCCESS 1\n");
}

static void crash__between_values__goes_on_with_the_next(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, "tasks:\n" EACH("e", "values: [x, y, z]",
                                              TRUE_TASK("a") "," RETURN("b", "{{ taskrun.value }}"))
                                  OUTPUT("{{ outputs.b | length }}{{ outputs.b.z.value }}"));
    for (int i = 0; i < 3; i++) {
        int64_t job = world_task_job(w, id, "a");
        hand_start(&h, job);
        hand_success(&h, job, NULL);
        hand_crash(&h);
    }
    assert_end(w, id, "SUCCESS", "none");
    assert_int_equal(world_run_count(w, id), 10);
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.outputs, "{\"x\":\"3z\"}");
    execution_row_fini(&x);
}

/* ---- Loop ---- */

static void loop__has_outputs_of_its_own_in_each_iteration(void **state)
{
    struct world *w = *state;
    assert_output(
        w,
        "tasks:\n" LOOP("l",
                        "concurrencyLimit: 0, values: [x, y], outputs: [{id: o, value: '{{ "
                        "outputs.b.value }}'}]",
                        RETURN("a", "<{{ taskrun.value }}>") "," RETURN(
                            "b", "{{ outputs.a.value }}{{ taskrun.iteration }}"))
            OUTPUT("{{ outputs.l.iterationCount }} {{ outputs.l.outputs[1].outputs.o }} {{ "
                   "outputs.l.outputs[0].item.value }}"),
        "{\"x\":\"2 <y>1 x\"}");
}

static void loop__of_a_mapping__has_keys(void **state)
{
    struct world *w = *state;
    assert_output(
        w,
        "vars: {m: {a: 1, b: {c: d}}}\ntasks:\n" LOOP(
            "l", "values: '{{ vars.m }}', outputs: [{id: o, value: '{{ taskrun.value }}'}]",
            LOG_TASK("a")) OUTPUT("{{ outputs.l.outputs }}"),
        "{\"x\":\"[{\\\"item\\\":{\\\"value\\\":\\\"1\\\",\\\"iteration\\\":0,\\\"key\\\":"
        "\\\"a\\\"},\\\"outputs\\\":{\\\"o\\\":\\\"1\\\"}},{\\\"item\\\":{\\\"value\\\":"
        "\\\"{\\\\\\\"c\\\\\\\":\\\\\\\"d\\\\\\\"}\\\",\\\"iteration\\\":1,\\\"key\\\":"
        "\\\"b\\\"},\\\"outputs\\\":{\\\"o\\\":\\\"{\\\\\\\"c\\\\\\\":\\\\\\\"d\\\\\\\"}"
        "\\\"}}]\"}");
}

static void loop__that_does_not_transmit_failures__goes_on(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(
        w, "tasks:\n"
           "  - {id: l, type: " CORE_FLOW "Loop, values: [x, y], transmitFailed: false, "
           "tasks: [{id: a, type: io.kestra.plugin.core.execution.Fail}], errors: [" LOG_TASK(
               "b") "], finally: [" LOG_TASK("c") "]}\n");
    assert_end(w, id, "SUCCESS", "none");
    world_assert_runs(w, id,
                      "1 l SUCCESS 0\n2 l FAILED 1\n3 a FAILED 2\n4 b SUCCESS 2\n5 l FAILED 1\n"
                      "6 a FAILED 5\n7 b SUCCESS 5\n8 c SUCCESS 1\n");
}

static void loop__whose_iteration_fails__runs_its_errors_and_ends(void **state)
{
    struct world *w = *state;
    int64_t id = world_run(
        w, "tasks:\n"
           "  - {id: l, type: " CORE_FLOW "Loop, values: [x, y], outputs: [{id: o, value: "
           "'{{ outputs.d.value }}'}], tasks: [{id: d, type: "
           "io.kestra.plugin.core.debug.Return, format: '1', runIf: 'false'}], errors: [" LOG_TASK(
               "b") "], finally: [" LOG_TASK("c") "]}\n");
    assert_end(w, id, "FAILED",
               "task l: outputs.o: outputs.d.value has no value: it was not "
               "set by the task d");
    world_assert_runs(w, id, "1 l FAILED 0\n2 l FAILED 1\n3 d SKIPPED 2\n4 c SUCCESS 1\n");
}

static void too_many_task_runs__end_the_iterations(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t id = world_run(w, "tasks:\n" LOOP("l", "transmitFailed: false, values: [x, y, z]",
                                              TRUE_TASK("a")));
    struct execution *x = map_find(&w->engine->executions, (uint64_t)id);
    x->run_count = RUNS_MOST;
    hand_end_task(&h, id, "a", 0);
    assert_end(w, id, "FAILED", "task l: the execution has 10000 task runs, the most there may be");
    world_assert_runs(w, id, "1 l FAILED 0\n2 l SUCCESS 1\n3 a SUCCESS 2\n10001 l FAILED 1\n");
}

/* ---- what failed ---- */

#define SEQUENTIAL_THAT_MAY_FAIL                                                                   \
    "tasks:\n  - id: s\n    type: " CORE_FLOW "Sequential\n    allowFailure: true\n    tasks:\n"
#define TELL "type: io.kestra.plugin.core.debug.Return, format: "

/* Of what failed, what only holds it is left out; one that was allowed to is told, too. */
static void errors__know_what_failed(void **state)
{
    struct world *w = *state;
    static const char flow[] = {
        SEQUENTIAL_THAT_MAY_FAIL
        "      - {id: m, type: " FAIL ", errorMessage: may, allowFailure: true}\n"
        "      - id: f\n"
        "        type: " CORE_FLOW "ForEach\n"
        "        values: [1, 2]\n"
        "        tasks: [{id: a, type: " FAIL ", errorMessage: no}]\n"
        "    errors:\n"
        "      - {id: e, " TELL "\"{{ errorLogs() | jq('.[].message') }}\"}\n"
        "      - {id: r, " TELL "\"{{ (errorLogs() | first).taskId }}\"}\n"
        "      - {id: n, type: " FAIL ", runIf: '{{ errorLogs() is empty }}'}\n"
        "outputs: [{id: x, value: '{{ outputs.e.value }} {{ outputs.r.value }}'}]\n"};
    assert_output(w, flow, "{\"x\":\"[\\\"task m: may\\\",\\\"task a: no\\\"] m\"}");
}

static void errors__know_the_first_that_failed(void **state)
{
    struct world *w = *state;
    static const char flow[] = {
        SEQUENTIAL_THAT_MAY_FAIL
        "      - id: f\n"
        "        type: " CORE_FLOW "ForEach\n"
        "        values: '{{ range(1, 150) }}'\n"
        "        tasks:\n"
        "          - id: a\n"
        "            type: " FAIL "\n"
        "            errorMessage: '{{ taskrun.value }}'\n"
        "            allowFailure: true\n"
        "      - {id: b, type: " FAIL "}\n"
        "    errors:\n"
        "      - {id: e, " TELL "\"{{ errorLogs() | length }}\"}\n"
        "      - {id: r, " TELL "\"{{ (errorLogs() | last).message }}\"}\n"
        "outputs: [{id: x, value: '{{ outputs.e.value }}, {{ outputs.r.value }}'}]\n"};
    assert_output(w, flow, "{\"x\":\"100, task a: 100\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(for_each__one_value_after_the_other_with_all_its_tasks),
        WORLD_TEST(for_each__so_many_values_at_a_time),
        WORLD_TEST(for_each__no_limit__all_at_once),
        WORLD_TEST(old_each_sequential_and_parallel__are_the_same),
        WORLD_TEST(no_value__is_a_success_at_once),
        WORLD_TEST(values__are_texts_and_each_comes_once),
        WORLD_TEST(values__of_a_list_are_rendered),
        WORLD_TEST(values__that_are_no_list__fail_the_task),
        WORLD_TEST(too_many_values__fail_it),
        WORLD_TEST(a_value__is_seen_within_and_those_around_it_too),
        WORLD_TEST(outputs__of_the_same_value_and_of_others),
        WORLD_TEST(outputs__of_jobs__survive_a_crash),
        WORLD_TEST(a_value_that_fails__ends_the_others_and_runs_errors_once),
        WORLD_TEST(allow_failure__of_a_task_goes_on_and_of_the_whole_does_not),
        WORLD_TEST(cancel__in_the_middle__kills_and_begins_nothing_more),
        WORLD_TEST(crash__between_values__goes_on_with_the_next),
        WORLD_TEST(loop__has_outputs_of_its_own_in_each_iteration),
        WORLD_TEST(loop__of_a_mapping__has_keys),
        WORLD_TEST(loop__that_does_not_transmit_failures__goes_on),
        WORLD_TEST(loop__whose_iteration_fails__runs_its_errors_and_ends),
        WORLD_TEST(too_many_task_runs__end_the_iterations),
        WORLD_TEST(errors__know_what_failed),
        WORLD_TEST(errors__know_the_first_that_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
