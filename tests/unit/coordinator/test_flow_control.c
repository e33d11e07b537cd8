/* Tasks that hold others: where each stands, what each sees of the others, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "flow_text.h"

#define FLOW "io.kestra.plugin.core.flow."
#define LOG(id, text) "{id: " id ", type: io.kestra.plugin.core.log.Log, message: \"" text "\"}"
#define RUN(id) "{id: " id ", command: [x]}"
/* Names the output x of `of`. */
#define ASK(id, of) "{id: " id ", command: [\"{{ outputs." of ".x }}\"]}"
#define TASKS FLOW_HEAD "tasks:\n"
#define REFUSES(text, problems) flow_text_refuses(TASKS text, problems)

static const char *const branches[] = {"tasks", "else", "case", "defaults", "errors", "finally"};

/* "id>end in parent.branch" of each task, the number of its case behind the branch. */
static void is_tree(const char *text, const char *wanted)
{
    struct flow *f = flow_text_parse(text);
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < f->task_count; i++) {
        const struct flow_task *t = &f->tasks[i];
        (void)buf_addf(&out, "%s%s>%zu %s.%s", i ? ", " : "", t->id, t->end,
                       t->parent ? f->tasks[t->parent - 1].id : "", branches[t->branch]);
        if (t->branch == FLOW_CASE) (void)buf_addf(&out, "%zu", t->case_index);
    }
    assert_string_equal(out.data, wanted);
    buf_fini(&out);
    flow_free(f);
}

/* ---- where they stand ------------------------------------------------------------------------ */

static void tasks_stand_before_those_that_they_hold(void **state)
{
    (void)state;
    is_tree(TASKS "  - id: s\n    type: " FLOW "Sequential\n    tasks:\n"
                  "      - " RUN("a") "\n"
                                      "      - {id: p, type: " FLOW
                                      "Parallel, tasks: [" RUN("b") ", " RUN(
                                          "c") "]}\n"
                                               "    errors: [" RUN("d") "]\n    finally: [" RUN(
                                                   "e") "]\n"
                                                        "  - " RUN("f") "\nerrors: [" RUN(
                                                            "g") "]\nfinally: [" RUN("h") "]\n",
            "s>7 .tasks, a>2 s.tasks, p>5 s.tasks, b>4 p.tasks, c>5 p.tasks, d>6 s.errors, "
            "e>7 s.finally, f>8 .tasks, g>9 .errors, h>10 .finally");
}

static void branches_are_told_apart(void **state)
{
    (void)state;
    is_tree(TASKS "  - {id: i, type: " FLOW "If, condition: x, else: [" RUN("b") "], then: [" RUN(
                "a") "]}\n"
                     "  - id: s\n    type: io.kestra.core.tasks.flows.Switch\n    value: x\n"
                     "    cases: {red: [" RUN("c") "], 1: [" RUN("d") ", " RUN(
                         "e") "]}\n"
                              "    defaults: [" RUN("g") "]\n    errors: []\n",
            "i>3 .tasks, a>2 i.tasks, b>3 i.else, s>8 .tasks, c>5 s.case0, d>6 s.case1, "
            "e>7 s.case1, g>8 s.defaults");
}

static void what_a_task_says_is_kept(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        TASKS "  - {id: p, type: " FLOW "Parallel, concurrent: 2, allowFailure: true, "
              "allowWarning: true, disabled: true, description: d, runIf: '{{ flow.id }}', "
              "tasks: [" RUN(
                  "a") "]}\n"
                       "  - {id: i, type: " FLOW "If, condition: '{{ flow.id }}', then: [" RUN(
                           "b") "]}\n"
                                "  - {id: s, type: " FLOW
                                "Switch, value: '{{ flow.id }}', cases: {red: [" RUN(
                                    "c") "], true: [" RUN("d") "]}}\n"
                                                               "  - {id: o, type: "
                                                               "io.kestra.core.tasks.flows."
                                                               "AllowFailure, tasks: [" RUN(
                                                                   "e") "]}\n"
                                                                        "  - {id: w, command: [x], "
                                                                        "when: '{{ flow.id }}'}\n"
                                                                        "  - {id: n, command: [x], "
                                                                        "runIf: false, "
                                                                        "allowWarning: false}\n"
                                                                        "  - {id: y, command: [x], "
                                                                        "runIf: true}\n");
    const struct flow_task *p = flow_find_task(f, "p"), *s = flow_find_task(f, "s");
    assert_int_equal(p->work.kind, FLOW_PARALLEL);
    assert_int_equal(p->control->concurrent, 2);
    assert_true(p->allow_failure && p->allow_warning && p->disabled);
    assert_string_equal(p->run_if, "{{ flow.id }}");
    assert_string_equal(flow_find_task(f, "i")->control->value, "{{ flow.id }}");
    assert_int_equal(s->control->case_count, 2);
    assert_string_equal(s->control->cases[1], "true");
    assert_int_equal(flow_find_task(f, "o")->work.kind, FLOW_SEQUENTIAL);
    assert_true(flow_find_task(f, "o")->allow_failure);
    assert_string_equal(flow_find_task(f, "w")->run_if, "{{ flow.id }}");
    assert_string_equal(flow_find_task(f, "n")->run_if, "false");
    assert_false(flow_find_task(f, "n")->allow_warning);
    assert_null(flow_find_task(f, "y")->run_if);
    flow_free(f);
}

/* A retry of the flow is for what has jobs. */
static void the_flow_s_retry_is_not_for_control_tasks(void **state)
{
    (void)state;
    struct flow *f =
        flow_text_parse(FLOW_HEAD "retry: {maxAttempts: 3, interval: PT1S}\ntasks:\n"
                                  "  - {id: p, type: " FLOW "Parallel, tasks: [" RUN("a") "]}\n");
    assert_int_equal(f->tasks[0].work.retry.max_attempts, 0);
    assert_int_equal(f->tasks[1].work.retry.max_attempts, 3);
    flow_free(f);
}

/* ---- what is wrong with lists ---------------------------------------------------------------- */

static void lists_are_there_and_not_empty(void **state)
{
    (void)state;
    REFUSES("  - {id: a, type: " FLOW "Sequential}\n", "4: task a: tasks: is missing");
    REFUSES("  - {id: a, type: " FLOW "Sequential, tasks: []}\n", "4: task a: tasks: is empty");
    REFUSES("  - {id: a, type: " FLOW "Parallel, tasks: {}}\n", "4: task a: tasks: is empty");
    REFUSES("  - {id: a, type: " FLOW "Parallel, tasks: x}\n",
            "4: task a: tasks: must be a list, such as tasks: [{id: x, command: [echo, hello]}]");
    REFUSES("  - {id: a, type: " FLOW "If, condition: x}\n", "4: task a: then: is missing");
    REFUSES("  - {id: a, type: " FLOW "If, condition: x, then: [], else: []}\n",
            "4: task a: then: is empty\n4: task a: else: is empty");
    REFUSES("  - {id: a, type: " FLOW "If, then: [" RUN("b") "]}\n",
            "4: task a: condition: is missing");
    REFUSES("  - {id: a, type: " FLOW "Sequential, tasks: [x]}\n",
            "4: task a: tasks[0]: must be a mapping with an id, such as {id: hello, command: "
            "[echo, hello]}");
    REFUSES("  - {id: a, type: " FLOW "If, condition: x, then: [{command: [x]}]}\n",
            "4: task a: then[0].id: is missing");
    REFUSES("  - {type: " FLOW "Sequential, tasks: [{command: [x]}]}\n",
            "4: tasks[0].id: is missing\n4: tasks[0].id: is missing");
    REFUSES("  - " RUN("a") "\nerrors: x\n",
            "5: errors: must be a list, such as errors: [{id: x, command: [echo, hello]}]");
    REFUSES("  - " RUN("a") "\nerrors: [{id: b}]\n",
            "5: task b: command: a command or a script is missing");
}

static void cases_are_checked(void **state)
{
    (void)state;
    REFUSES("  - {id: a, type: " FLOW "Switch, value: x}\n",
            "4: task a: cases: is missing, such as {red: [...]}; or write defaults");
    REFUSES("  - {id: a, type: " FLOW "Switch, cases: {x: [" RUN("b") "]}}\n",
            "4: task a: value: is missing");
    REFUSES("  - {id: a, type: " FLOW "Switch, value: x, cases: {x: [], y: z}}\n",
            "4: task a: cases.x: is empty\n4: task a: cases.y: must be a list of tasks");
    REFUSES("  - {id: a, type: " FLOW
            "Switch, value: x, cases: {'{{ flow.id }}': [" RUN("b") "]}}\n",
            "4: task a: cases: expressions are not rendered here");
    REFUSES("  - {id: a, type: " FLOW "Switch, value: x, cases: [" RUN("b") "]}\n",
            "4: task a: cases: must be a mapping, such as cases: {red: [{id: hello, command: "
            "[echo, hello]}]}");
    struct buf text;
    buf_init(&text, 64 * 1024);
    (void)buf_adds(&text, TASKS "  - id: a\n    type: " FLOW "Switch\n    value: x\n    cases:\n");
    for (int i = 0; i < 101; i++)
        (void)buf_addf(&text, "      c%d: [{id: t%d, command: [x]}]\n", i, i);
    flow_text_refuses(text.data, "7: task a: cases: there are 101, at most 100 are allowed");
    buf_fini(&text);
}

static void ids_are_those_of_the_whole_flow(void **state)
{
    (void)state;
    REFUSES("  - {id: a, type: " FLOW
            "Sequential, tasks: [" RUN("b") "]}\n  - " RUN("b") "\nfinally: [" RUN("a") "]\n",
            "5: task b: the id is used in line 4 already\n"
            "6: task a: the id is used in line 4 already");
    REFUSES("  - id: a\n    type: " FLOW "Sequential\n    tasks:\n      - " RUN("a") "\n",
            "7: task a: the id is used in line 4 already");
}

static void there_are_not_more_than_so_many(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 256 * 1024);
    (void)buf_adds(&text, TASKS "  - id: a\n    type: " FLOW "Parallel\n    tasks:\n");
    for (int i = 0; i < 499; i++)
        (void)buf_addf(&text, "      - {id: t%d, command: [x]}\n", i);
    flow_free(flow_text_parse(text.data));
    (void)buf_adds(&text, "errors: [{id: e, command: [x]}, {id: g, command: [x]}]\n");
    flow_text_refuses(text.data, "506: tasks: with this one there are more than 500, those within "
                                 "others included");
    buf_fini(&text);
}

/* Nested on lines of their own, `depth` of them. */
static void nest(struct buf *text, int depth)
{
    (void)buf_adds(text, TASKS "  - ");
    for (int i = 1; i < depth; i++)
        (void)buf_addf(text, "{id: s%d, type: " FLOW "Sequential, tasks: [", i);
    (void)buf_adds(text, RUN("last"));
    for (int i = 1; i < depth; i++)
        (void)buf_adds(text, "]}");
    (void)buf_adds(text, "\n");
}

static void they_are_not_deeper_than_so_much(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 64 * 1024);
    nest(&text, FLOW_DEPTH_MAX);
    flow_free(flow_text_parse(text.data));
    buf_fini(&text);
    buf_init(&text, 64 * 1024);
    nest(&text, FLOW_DEPTH_MAX + 1);
    flow_text_refuses(text.data, "4: task s30: tasks are at most 30 levels deep within others");
    buf_fini(&text);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void keys_that_mean_nothing_here_are_refused(void **state)
{
    (void)state;
#define NOTHING "is not for this task, which runs nothing itself: give it to the tasks in it"
    REFUSES("  - {id: a, type: " FLOW
            "Parallel, tasks: [" RUN("b") "], timeout: PT1S, "
                                          "retry: {maxAttempts: 2}, workerGroup: {key: x}}\n",
            "4: task a: timeout: " NOTHING "\n4: task a: retry: " NOTHING
            "\n4: task a: workerGroup: " NOTHING);
    REFUSES("  - {id: a, type: " FLOW "Parallel, concurent: 2, tasks: [" RUN("b") "]}\n",
            "4: task a: unknown key 'concurent', did you mean 'concurrent'?");
    REFUSES("  - {id: a, type: " FLOW "Parallel, concurrent: -1, tasks: [" RUN("b") "]}\n",
            "4: task a: concurrent: must be a whole number from 0 to 1000");
    REFUSES("  - {id: a, type: " FLOW "Sequential, concurrent: 2, tasks: [" RUN("b") "]}\n",
            "4: task a: unknown key 'concurrent'");
    REFUSES("  - {id: a, type: " FLOW "Paralel, tasks: [" RUN("b") "]}\n",
            "4: task a: type: there is no 'io.kestra.plugin.core.flow.Paralel' here, did you mean "
            "'io.kestra.plugin.core.flow.Parallel'?");
    REFUSES("  - {id: a, type: " FLOW "Dag, tasks: [{task: " RUN("b") "}]}\n",
            "4: task a: type: 'io.kestra.plugin.core.flow.Dag' is not supported; "
            "docs/from-kestra.md lists what is");
    REFUSES("  - {id: a, command: [x], errors: [" RUN("b") "]}\n",
            "4: task a: errors: is for the flow, and for tasks that hold others");
    REFUSES("  - {id: a, command: [x], then: [" RUN("b") "]}\n",
            "4: task a: then: is for io.kestra.plugin.core.flow.If");
    REFUSES("  - {id: a, command: [x], runIf: '{{ inputs.x }}'}\n",
            "4: task a: runIf: '{{ inputs.x }}': there is no input 'x'");
    REFUSES("  - {id: a, command: [x], runIf: ' '}\n", "4: task a: runIf: is empty");
    REFUSES("  - {id: a, command: [x], runIf: [x]}\n", "4: task a: runIf: must be a string");
    REFUSES("  - {id: a, command: [x], runIf: 'x', when: 'y'}\n",
            "4: task a: when: is the same as runIf: one of the two");
    REFUSES("  - {id: a, command: [x], allowWarning: maybe}\n",
            "4: task a: allowWarning: must be true or false");
    REFUSES("  - " RUN("a") "\ntriggers: [{id: t, command: [x], runIf: 'x'}]\n",
            "5: trigger t: runIf: is for tasks; let the command or script check");
}

/* ---- what is seen ---------------------------------------------------------------------------- */

static void applies(const char *text)
{
    flow_free(flow_text_parse(text));
}

static void earlier_tasks_are_seen(void **state)
{
    (void)state;
    applies(TASKS "  - {id: s, type: " FLOW
                  "Sequential, tasks: [" RUN("a") ", " ASK("b", "a") "]}\n"
                                                                     "  - " ASK("c", "a") "\n");
    applies(TASKS
            "  - id: p\n    type: " FLOW "Parallel\n"
            "    tasks: [" RUN("a") ", " RUN(
                "b") "]\n"
                     "    errors: [" ASK(
                         "c",
                         "a") "]\n"
                              "    finally: [" ASK("d", "b") ", " ASK(
                                  "e",
                                  "c") "]\n"
                                       "  - " ASK("g",
                                                  "b") "\n"
                                                       "errors: [" ASK(
                                                           "h",
                                                           "a") "]\n"
                                                                "finally: [" ASK("k", "g") ", " ASK(
                                                                    "l", "h") "]\n");
    struct flow *f = flow_text_parse(TASKS "  - {id: s, type: " FLOW "Sequential, tasks: [" RUN(
        "a") "]}\n  - " ASK("b", "a") "\n");
    assert_true(f->tasks[2].reads[1]);
    assert_false(f->tasks[2].reads[0]);
    flow_free(f);
}

static void of_one_that_never_ran_nothing_is_seen(void **state)
{
    (void)state;
#define OTHER "is in another branch of 'i': it has not run here"
    REFUSES("  - {id: i, type: " FLOW
            "If, condition: x, then: [" RUN("a") "], else: [" ASK("b", "a") "]}\n",
            "4: task b: command[0]: '{{ outputs.a.x }}': the task 'a' " OTHER);
    REFUSES("  - {id: i, type: " FLOW "Switch, value: x, cases: {x: [" RUN(
                "a") "], y: [" ASK("b", "a") "]}, defaults: [" ASK("c", "b") "]}\n",
            "4: task b: command[0]: '{{ outputs.a.x }}': the task 'a' " OTHER
            "\n4: task c: command[0]: '{{ outputs.b.x }}': the task 'b' " OTHER);
    /* however deep within them */
    REFUSES("  - {id: i, type: " FLOW "If, condition: x, then: [{id: s, type: " FLOW
            "Sequential, tasks: [" RUN("a") "]}], else: [{id: u, type: " FLOW
                                            "Parallel, tasks: [" ASK("b", "a") "]}]}\n",
            "4: task b: command[0]: '{{ outputs.a.x }}': the task 'a' " OTHER);
    REFUSES("  - {id: a, type: " FLOW "Sequential, tasks: [" ASK("b", "c") ", " RUN("c") "]}\n",
            "4: task b: command[0]: '{{ outputs.c.x }}': the task 'c' comes later");
    REFUSES("  - " RUN("a") "\nerrors: [" ASK("b", "c") "]\nfinally: [" RUN("c") "]\n",
            "5: task b: command[0]: '{{ outputs.c.x }}': the task 'c' comes later");
    REFUSES("  - {id: a, type: " FLOW "Parallel, tasks: [" RUN("b") "]}\n  - " ASK("c", "a") "\n",
            "5: task c: command[0]: '{{ outputs.a.x }}': the task 'a' never sets an output");
}

static void what_runs_at_the_same_time_is_not_seen(void **state)
{
    (void)state;
#define AT_ONCE "runs at the same time, in 'p': it may have no outputs yet"
    REFUSES("  - {id: p, type: " FLOW "Parallel, tasks: [" RUN("a") ", " ASK("b", "a") "]}\n",
            "4: task b: command[0]: '{{ outputs.a.x }}': the task 'a' " AT_ONCE);
    REFUSES("  - {id: p, type: " FLOW "Parallel, tasks: [{id: s, type: " FLOW
            "Sequential, tasks: [" RUN("a") ", " ASK("ok", "a") "]}, " ASK("b", "a") "]}\n",
            "4: task b: command[0]: '{{ outputs.a.x }}': the task 'a' " AT_ONCE);
    REFUSES("  - {id: p, type: " FLOW
            "Parallel, runIf: '{{ outputs.p.x }}', tasks: [" ASK("b", "p") "]}\n",
            "4: task p: runIf: '{{ outputs.p.x }}': the task 'p' cannot use its own outputs\n"
            "4: task b: command[0]: '{{ outputs.p.x }}': the task 'p' holds this one, and has no "
            "outputs before its end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_stand_before_those_that_they_hold),
        cmocka_unit_test(branches_are_told_apart),
        cmocka_unit_test(what_a_task_says_is_kept),
        cmocka_unit_test(the_flow_s_retry_is_not_for_control_tasks),
        cmocka_unit_test(lists_are_there_and_not_empty),
        cmocka_unit_test(cases_are_checked),
        cmocka_unit_test(ids_are_those_of_the_whole_flow),
        cmocka_unit_test(there_are_not_more_than_so_many),
        cmocka_unit_test(they_are_not_deeper_than_so_much),
        cmocka_unit_test(keys_that_mean_nothing_here_are_refused),
        cmocka_unit_test(earlier_tasks_are_seen),
        cmocka_unit_test(of_one_that_never_ran_nothing_is_seen),
        cmocka_unit_test(what_runs_at_the_same_time_is_not_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
