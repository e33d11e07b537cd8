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

#include <string.h>

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
    (void)buf_adds(&text, "errors: [{id: e, command: [x]}, {id: g, command: [x]}]\n"
                          "outputs: [{id: o, value: '{{ outputs.g.x }}'}]\n");
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

static void what_failed_is_told_in_errors(void **state)
{
    (void)state;
#define NOTHING_FAILED                                                                             \
    "'{{ errorLogs() }}': errorLogs() is there in the tasks of `errors` alone: nothing has failed"
    applies(TASKS "  - id: s\n    type: " FLOW "Sequential\n    tasks: [" RUN(
        "a") "]\n"
             "    errors: [{id: p, type: " FLOW "Parallel, tasks: [" LOG(
                 "b", "{{ errorLogs() }}") "]}]\n"
                                           "errors: [" LOG("c", "{{ errorLogs() }}") "]\n");
    REFUSES("  - " LOG("a", "{{ errorLogs() }}") "\nfinally: [" LOG(
                "b", "{{ errorLogs() }}") "]\noutputs: [{id: o, value: '{{ errorLogs() }}'}]\n",
            "4: task a: message: " NOTHING_FAILED "\n5: task b: message: " NOTHING_FAILED
            "\n6: output o: value: " NOTHING_FAILED);
}

static void a_task_without_a_job_has_no_attempt(void **state)
{
    (void)state;
#define NO_ATTEMPT(where)                                                                          \
    "'{{ taskrun.attempt }}': there is no taskrun.attempt " where                                  \
    ": it is known when an agent takes the job"
    REFUSES("  - {id: a, command: [x], runIf: '{{ taskrun.attempt }}'}\n"
            "  - {id: b, type: " FLOW
            "If, condition: '{{ taskrun.attempt }}', then: [" RUN("c") "]}\n",
            "4: task a: runIf: " NO_ATTEMPT("in runIf") "\n"
                                                        "5: task b: condition: " NO_ATTEMPT(
                                                            "of a task that has no job"));
}

/* ---- kinds that are read, and not yet run ---------------------------------------------------- */

#define NOT_YET_FOLDER "WorkingDirectory is not supported yet: let one script do it all"
#define NOT_YET_SUBFLOW                                                                            \
    "Subflow is not supported yet: let a Flow trigger of the other flow start it"
#define NOT_YET_PAUSE                                                                              \
    "Pause is not supported yet; to wait for a time is io.kestra.plugin.core.flow.Sleep"

/* As a flow that was applied is read: what is not run yet is no fault there. */
static struct flow *parsed(const char *text)
{
    struct flow_problems p = {0};
    struct flow *f = NULL;
    if (flow_parse("f.yaml", text, strlen(text), &flow_stored, &p, &f))
        fail_msg("%d: %s", p.items[0].line, p.items[0].sentence);
    flow_problems_fini(&p);
    return f;
}

static void values_are_json(const struct flow *f, const char *id, const char *wanted)
{
    char *text = json_text(flow_find_task(f, id)->control->values);
    assert_string_equal(text, wanted);
    mem_free(text);
}

static void iterations_are_read(void **state)
{
    (void)state;
    struct flow *f = parsed(
        TASKS "  - {id: a, type: " FLOW "ForEach, values: [x, {k: '{{ flow.id }}'}], tasks: [" RUN(
            "b") "]}\n"
                 "  - {id: c, type: " FLOW "ForEach, values: '{{ vars.x }}', concurrencyLimit: 0, "
                 "tasks: [" RUN(
                     "d") "]}\n"
                          "  - {id: e, type: io.kestra.core.tasks.flows.EachSequential, value: "
                          "'[\"x\"]', "
                          "tasks: [" RUN("g") ", " RUN(
                              "h") "]}\n"
                                   "  - {id: i, type: io.kestra.core.tasks.flows.EachParallel, "
                                   "value: [x], "
                                   "concurrent: 3, tasks: [" RUN(
                                       "j") "]}\n"
                                            "  - {id: k, type: " FLOW
                                            "Loop, values: {x: 1}, transmitFailed: false, outputs: "
                                            "["
                                            "{id: o, type: STRING, value: '{{ outputs.l.x }}'}], "
                                            "tasks: [" RUN("l") "]}\n"
                                                                "vars: {x: [1]}\n");
    const struct flow_task *k = flow_find_task(f, "k");
    assert_int_equal(f->tasks[0].work.kind, FLOW_FOREACH);
    assert_int_equal(f->tasks[0].control->concurrent, 1);
    values_are_json(f, "a", "[\"x\",{\"k\":\"{{ flow.id }}\"}]");
    assert_int_equal(flow_find_task(f, "c")->control->concurrent, 0);
    values_are_json(f, "c", "\"{{ vars.x }}\"");
    assert_int_equal(flow_find_task(f, "e")->work.kind, FLOW_FOREACH);
    assert_int_equal(flow_find_task(f, "e")->control->concurrent, 1);
    assert_int_equal(flow_find_task(f, "i")->control->concurrent, 3);
    assert_int_equal(k->work.kind, FLOW_LOOP);
    values_are_json(f, "k", "{\"x\":1}");
    assert_false(k->control->transmit_failed);
    assert_int_equal(k->control->output_count, 1);
    assert_string_equal(k->control->outputs[0].id, "o");
    assert_true(k->reads[10]);
    flow_free(f);
}

static void the_value_of_an_iteration_is_there_in_it(void **state)
{
    (void)state;
    flow_free(parsed(TASKS
                     "  - id: e\n    type: " FLOW "ForEach\n    values: [x]\n    tasks:\n"
                     "      - {id: a, command: ['{{ taskrun.value }}', '{{ taskrun.iteration }}'], "
                     "runIf: '{{ taskrun.value }}', workerGroup: {key: '{{ taskrun.value }}'}}\n"
                     "      - {id: p, type: " FLOW "Parallel, tasks: [{id: b, command: ['{{ "
                     "parent.taskrun.value }}', '{{ outputs.a[parent.taskrun.value].x }}']}]}\n"
                     "  - {id: c, command: ['{{ outputs.a.x.k }}', '{{ outputs.a }}']}\n"));
    REFUSES("  - {id: e, type: " FLOW
            "ForEach, values: ['{{ taskrun.value }}'], tasks: [" RUN("a") "], errors: [" LOG(
                "b", "{{ taskrun.value }}") "]}\n"
                                            "  - {id: c, command: [x], workerGroup: {key: '{{ "
                                            "taskrun.value }}'}}\n",
            "4: task e: values: '{{ taskrun.value }}': there is no taskrun.value outside of "
            "ForEach and Loop\n"
            "4: task b: message: '{{ taskrun.value }}': there is no taskrun.value outside of "
            "ForEach and Loop\n"
            "5: task c: workerGroup.key: '{{ taskrun.value }}': there is no 'taskrun' in a group's "
            "key");
}

static void values_of_iterations_are_checked(void **state)
{
    (void)state;
    REFUSES("  - {id: a, type: " FLOW "ForEach, tasks: [" RUN("b") "]}\n",
            "4: task a: values: is missing, such as [red, green]");
    REFUSES("  - {id: a, type: " FLOW "ForEach, values: [], tasks: [" RUN("b") "]}\n",
            "4: task a: values: is empty");
    REFUSES("  - {id: a, type: " FLOW "ForEach, values: {x: y}, tasks: [" RUN("b") "]}\n",
            "4: task a: values: must be a list, such as [red, green], or an expression that is "
            "one");
    REFUSES("  - {id: a, type: " FLOW
            "ForEach, values: ['{{ inputs.x }}'], tasks: [" RUN("b") "]}\n",
            "4: task a: values: '{{ inputs.x }}': there is no input 'x'");
    REFUSES("  - {id: a, type: " FLOW "ForEach, values: [x], concurrencyLimit: x, value: y, "
            "tasks: [" RUN("b") "]}\n",
            "4: task a: unknown key 'value', did you mean 'values'?\n"
            "4: task a: concurrencyLimit: must be a whole number from 0 to 1000");
    REFUSES("  - {id: a, type: " FLOW
            "EachParallel, value: [x], tasks: [" RUN("b") ", " RUN("c") "]}\n",
            "4: task a: tasks: has several for each value, which run at once in Kestra: put them "
            "into a io.kestra.plugin.core.flow.Parallel, or a Sequential");
    REFUSES("  - {id: a, type: " FLOW "Loop, values: [x], fetchType: STORE, outputs: [{id: o}], "
            "tasks: [" RUN("b") "]}\n",
            "4: task a: fetchType: 'STORE' is not one of AUTO, FETCH\n"
            "4: task a: output o: value: is missing");
}

/* Behind its value, as elsewhere. */
static void a_return_within_iterations_has_its_value_alone(void **state)
{
    (void)state;
#define IN_EACH(text)                                                                              \
    "  - {id: e, type: " FLOW "ForEach, values: [x], tasks: [{id: r, type: "                       \
    "io.kestra.plugin.core.debug.Return, format: x}, " LOG("l", text) "]}\n"
    applies(TASKS IN_EACH("{{ outputs.r[taskrun.value].value }} {{ outputs.r.x.value }}"));
    applies(TASKS IN_EACH("{{ outputs.r.y }} {{ outputs.r }} {{ outputs.r.x.vars.value }} "
                          "{{ currentEachOutput(outputs.r).value }}"));
    REFUSES(IN_EACH("{{ outputs.r[taskrun.value].exitCode }}"),
            "4: task l: message: '{{ outputs.r[taskrun.value].exitCode }}': the task 'r' has the "
            "output 'value' alone");
}

/* Which values are loaded when it runs: all, or those at hand. */
static void what_is_read_of_all_values_is_known(void **state)
{
    static const struct {
        const char *text;
        bool reads, all;
    } cases[] = {
        {"{{ outputs.a[taskrun.value].x }}", true, false},
        {"{{ currentEachOutput(outputs.a).x }}", true, false},
        {"{{ outputs.a['red'].x }}", true, true},
        {"{{ outputs.a[taskrun.iteration].x }}", true, true},
        {"{{ outputs.a }}", true, true},
        {"{{ outputs[flow.id][taskrun.value].x }}", true, true},
        {"{{ outputs.a[taskrun.value].x }}{{ outputs.a.red.x }}", true, true},
        {"{{ taskrun.value }}", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text =
            str_dupf(TASKS "  - {id: e, type: " FLOW
                           "ForEach, values: [x], tasks: [" RUN("a") ", " LOG("b", "%s") "]}\n",
                     cases[i].text);
        struct flow *f = flow_text_parse(text);
        const struct flow_task *b = flow_find_task(f, "b");
        if (b->reads[1] != cases[i].reads || b->reads_all[1] != cases[i].all)
            fail_msg("%s: %d %d", cases[i].text, b->reads[1], b->reads_all[1]);
        flow_free(f);
        mem_free(text);
    }
}

/* What cannot run is told at apply; what may run is not. */
static void values_that_cannot_be_are_refused(void **state)
{
    (void)state;
#define EACH(values)                                                                               \
    "  - {id: a, type: " FLOW "ForEach, values: " values ", tasks: [" RUN("b") "]}\n"
#define NO_LIST "is not a list, such as [red, green]"
    REFUSES(EACH("abc"), "4: task a: values: 'abc' " NO_LIST);
    REFUSES(EACH("'5'"), "4: task a: values: '5' " NO_LIST);
    REFUSES(EACH("'[1, 2'"), "4: task a: values: '[1, 2' " NO_LIST);
    REFUSES(
        EACH("'{\"a\": 1}'"),
        "4: task a: values: a mapping is not a list: io.kestra.plugin.core.flow.Loop takes one");
    REFUSES(EACH("'[1, null]'"), "4: task a: values: number 2 of them is null: leave it out");
    REFUSES(EACH("[null]"), "4: task a: values: number 1 of them is null: leave it out");
    REFUSES(EACH("['{{ flow.id }}', ~]"),
            "4: task a: values: number 2 of them is null: leave it out");
    REFUSES("  - {id: a, type: " FLOW "EachSequential, value: abc, tasks: [" RUN("b") "]}\n",
            "4: task a: value: 'abc' " NO_LIST);
    REFUSES("  - {id: a, type: " FLOW "Loop, values: {x: }, tasks: [" RUN("b") "]}\n",
            "4: task a: values: number 1 of them is null: leave it out");
    applies(TASKS EACH("'[1, 2]'"));
    applies(TASKS EACH("'[]'"));
    applies(TASKS EACH("'[{{ flow.id }}'"));
    applies(TASKS "  - {id: a, type: " FLOW "Loop, values: '{\"a\": 1}', tasks: [" RUN("b") "]}\n");
}

/* `count` values, the first of which is `first` and the last `last`. */
static char *with_values(int count, const char *first, const char *last)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    (void)buf_addf(&b,
                   TASKS "  - {id: a, type: " FLOW "ForEach, tasks: [" RUN("b") "],\n"
                                                                                "     values: [%s",
                   first);
    for (int i = 1; i < count - 1; i++)
        (void)buf_addf(&b, ",%d", i);
    (void)buf_addf(&b, ",%s]}\n", last);
    return buf_detach(&b);
}

static void there_are_not_more_values_than_so_many(void **state)
{
    (void)state;
    char *text = with_values(1001, "x", "y");
    flow_text_refuses(text,
                      "5: task a: values: there are 1001, the most there may be are 1000: let "
                      "each of them be several, as the filter chunk does");
    mem_free(text);
    static const char *const fine[][2] = {{"x", "x"}, {"'{{ flow.id }}'", "y"}};
    for (size_t i = 0; i < 2; i++) {
        text = with_values(1001, fine[i][0], fine[i][1]);
        flow_free(flow_text_parse(text));
        mem_free(text);
    }
}

/* It was applied before there was the check, and is told when it runs. */
static void a_stored_flow_keeps_its_values(void **state)
{
    (void)state;
    static const char text[] = TASKS EACH("abc");
    struct flow_problems problems = {0};
    struct flow *f = NULL;
    assert_int_equal(flow_parse("f", text, strlen(text), &flow_stored, &problems, &f), 0);
    flow_free(f);
    flow_problems_fini(&problems);
}

static void an_iteration_of_a_loop_is_seen_from_within(void **state)
{
    (void)state;
#define IN_LOOP "is within the Loop 'l', whose outputs alone are seen behind it"
    flow_free(parsed(TASKS "  - " RUN(
        "z") "\n  - id: l\n    type: " FLOW "Loop\n    values: [x]\n"
             "    tasks: [" RUN("a") ", " ASK("b", "a") ", " ASK(
                 "c", "z") "]\n"
                           "    errors: [" ASK("d", "a") "]\n  - " ASK("e", "l") "\n"));
    REFUSES("  - id: l\n    type: " FLOW
            "Loop\n    values: [x]\n    tasks: [" RUN("a") "]\n    finally: [" ASK(
                "b", "a") "]\n"
                          "    outputs: [{id: o, value: '{{ outputs.l.x }}'}]\n"
                          "  - " ASK("c", "a") "\n"
                                               "outputs: [{id: o, value: '{{ outputs.a.x }}'}]\n",
            "8: task b: command[0]: '{{ outputs.a.x }}': the task 'a' " IN_LOOP "\n"
            "9: task l: output o: value: '{{ outputs.l.x }}': the task 'l' holds this one, and has "
            "no outputs before its end\n"
            "10: task c: command[0]: '{{ outputs.a.x }}': the task 'a' " IN_LOOP "\n"
            "11: output o: value: '{{ outputs.a.x }}': the task 'a' " IN_LOOP);
    applies(TASKS "  - {id: l, type: " FLOW "Loop, values: [x], tasks: [" RUN(
        "a") "], finally: [" RUN("f") "]}\n  - " ASK("g", "f") "\n");
    REFUSES("  - {id: l, type: " FLOW
            "Loop, values: [x], tasks: [" RUN("a") "], outputs: [{id: o, "
                                                   "value: '{{ errorLogs() }}'}]}\n",
            "4: task l: output o: value: " NOTHING_FAILED);
    REFUSES("  - id: l\n    type: " FLOW "Loop\n    values: [x]\n    tasks: [" RUN(
                "a") "]\n"
                     "    outputs: [{id: o, value: '{{ outputs.b.x }}'}]\n"
                     "  - {id: b, command: [x, '{{ outputs.b.x }}']}\n",
            "8: task l: output o: value: '{{ outputs.b.x }}': the task 'b' comes later\n"
            "9: task b: command[1]: '{{ outputs.b.x }}': the task 'b' cannot use its own outputs");
}

static void another_flow_is_named(void **state)
{
    (void)state;
    struct flow *f =
        parsed(TASKS "  - {id: a, type: io.kestra.core.tasks.flows.Flow, namespace: company.team, "
                     "flowId: '{{ vars.x }}', inputs: {i: ['{{ vars.x }}', 1]}, labels: {k: v}, "
                     "wait: false, transmitFailed: false, inheritLabels: true}\n"
                     "  - {id: b, type: " FLOW "Subflow, namespace: a, flowId: b}\n"
                     "  - {id: c, command: ['{{ outputs.b.outputs.x }}']}\nvars: {x: y}\n");
    const struct flow_control *c = f->tasks[0].control, *d = f->tasks[1].control;
    assert_int_equal(f->tasks[0].work.kind, FLOW_SUBFLOW);
    assert_string_equal(c->ns, "company.team");
    assert_string_equal(c->flow, "{{ vars.x }}");
    assert_int_equal(json_count(json_get(c->inputs, "i")), 2);
    assert_string_equal(f->tasks[0].work.env[0].value, "v");
    assert_true(!c->wait && !c->transmit_failed && c->inherit_labels);
    assert_true(d->wait && d->transmit_failed && !d->inherit_labels && !d->inputs);
    flow_free(f);
    REFUSES("  - {id: a, type: " FLOW "Subflow, revision: 3, tasks: [x], outputs: {x: y}}\n",
            "4: task a: tasks: is not for this task: put them behind it\n"
            "4: task a: outputs: is for a Loop; those of the flow that a Subflow started are "
            "outputs.TASK.outputs\n"
            "4: task a: namespace: is missing\n4: task a: flowId: is missing\n"
            "4: task a: revision: is not supported: the flow is started as it stands then\n"
            "4: task a: type: " NOT_YET_SUBFLOW);
    REFUSES("  - {id: a, type: " FLOW "Subflow, namespace: a/b, flowId: x, wait: maybe, "
            "inputs: {x: '{{ outputs.b.x }}'}, errors: [" RUN("c") "]}\n",
            "4: task a: errors: is not supported here: put the task into a "
            "io.kestra.plugin.core.flow.Sequential that has it\n"
            "4: task a: namespace: 'a/b' is not a namespace\n"
            "4: task a: inputs: '{{ outputs.b.x }}': there is no earlier task 'b'\n"
            "4: task a: wait: must be true or false\n4: task a: type: " NOT_YET_SUBFLOW);
}

static void a_folder_is_on_one_machine(void **state)
{
    (void)state;
    struct flow *f = parsed(
        FLOW_HEAD "pluginDefaults: [{type: io.kestra, values: {workerGroup: {key: linux}}}]\n"
                  "tasks:\n  - id: w\n    type: io.kestra.core.tasks.flows.Worker\n"
                  "    retry: {maxAttempts: 2, interval: PT1S}\n    requires: {os: linux}\n"
                  "    tasks: [{id: a, type: io.kestra.plugin.scripts.shell.Commands, commands: "
                  "[x]}, " ASK("b", "a") "]\n");
    assert_int_equal(f->tasks[0].work.kind, FLOW_WORKING_DIRECTORY);
    assert_int_equal(f->tasks[0].work.retry.max_attempts, 2);
    assert_string_equal(f->tasks[0].work.group.key, "linux");
    assert_string_equal(json_get_str(f->tasks[0].work.require, "os", ""), "linux");
    assert_null(f->tasks[1].work.group.key); /* a default for many types is no fault */
    flow_free(f);
#define ELSEWHERE                                                                                  \
    "is not for a task of a WorkingDirectory, which runs where that one is: give it to that"
    REFUSES("  - id: w\n    type: " FLOW "WorkingDirectory\n    tasks:\n"
            "      - {id: a, command: [x], workerGroup: {key: x}, requires: {os: linux}}\n"
            "      - {id: p, type: " FLOW "Parallel, tasks: [" RUN(
                "b") "]}\n"
                     "    inputFiles: {a: b}\n    finally: [" RUN("c") "]\n    timeout: PT1S\n",
            "5: task w: type: " NOT_YET_FOLDER "\n"
            "7: task a: workerGroup: " ELSEWHERE "\n7: task a: requires: " ELSEWHERE "\n"
            "8: task p: type: is not supported in a WorkingDirectory, whose tasks run one after "
            "the other on one machine\n"
            "9: task w: inputFiles: is not supported; let the script write or fetch its files\n"
            "10: task w: finally: is not supported here: put the task into a "
            "io.kestra.plugin.core.flow.Sequential that has it\n"
            "11: task w: timeout: is not for this task, which runs nothing itself: give it to the "
            "tasks in it");
}

static void a_pause_has_an_end(void **state)
{
    (void)state;
    struct flow *f = parsed(
        TASKS "  - {id: a, type: " FLOW "Pause}\n"
              "  - {id: b, type: " FLOW "Pause, pauseDuration: PT5M, behavior: CANCEL}\n"
              "  - {id: c, type: io.kestra.core.tasks.flows.Pause, delay: '{{ vars.x }}', "
              "timeout: PT1H, onResume: [{id: ok, type: BOOLEAN}, {id: n, type: INT, defaults: 3}]}"
              "\n  - {id: d, command: ['{{ outputs.c.onResume.ok }}']}\nvars: {x: PT1S}\n");
    struct json *given = json_new(JSON_OBJECT), *out = NULL;
    assert_null(f->tasks[0].work.script);
    assert_int_equal(f->tasks[0].control->pause_end, FLOW_PAUSE_RESUME);
    assert_string_equal(f->tasks[1].work.script, "PT5M");
    assert_int_equal(f->tasks[1].control->pause_end, FLOW_PAUSE_CANCEL);
    assert_int_equal(f->tasks[2].work.timeout_ms, 3600000);
    assert_int_equal(f->tasks[2].control->resume_count, 2);
    assert_int_equal(flow_resume_inputs(&f->tasks[2], given, &out, NULL), ERR_INVALID);
    json_put(given, "ok", json_new_str("true"));
    assert_int_equal(flow_resume_inputs(&f->tasks[2], given, &out, NULL), 0);
    assert_true(json_get_bool(out, "ok", false));
    assert_int_equal(json_get_int(out, "n", 0), 3);
    json_free(out);
    json_free(given);
    flow_free(f);
    REFUSES("  - {id: a, type: " FLOW "Pause, delay: soon, pauseDuration: PT1S, behavior: GO}\n",
            "4: task a: delay: is the same as pauseDuration: one of the two\n"
            "4: task a: behavior: 'GO' is not one of RESUME, WARN, CANCEL, FAIL\n"
            "4: task a: type: " NOT_YET_PAUSE);
    REFUSES("  - {id: a, type: " FLOW "Pause, delay: 5 minutes, onResume: [{id: x, type: FILE}, x, "
            "{id: x, type: INT}], tasks: [" RUN("b") "]}\n",
            "4: task a: tasks: is not for this task: put them behind it\n"
            "4: task a: delay: '5 minutes': ' minutes' is not a unit of time (w, d, h, m, s, ms): "
            "write it like 30s, 5m, 1h30m or PT1H30M\n"
            "4: task a: input x: type: 'FILE' is not supported: make it a STRING, the path or URI "
            "of a file that the task's machine reaches\n"
            "4: task a: onResume[1]: must be a mapping with id and type, such as {id: day, type: "
            "STRING}\n"
            "4: task a: input x: the id is used in line 4 already\n"
            "4: task a: type: " NOT_YET_PAUSE);
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
        cmocka_unit_test(what_failed_is_told_in_errors),
        cmocka_unit_test(a_task_without_a_job_has_no_attempt),
        cmocka_unit_test(iterations_are_read),
        cmocka_unit_test(the_value_of_an_iteration_is_there_in_it),
        cmocka_unit_test(values_of_iterations_are_checked),
        cmocka_unit_test(a_return_within_iterations_has_its_value_alone),
        cmocka_unit_test(what_is_read_of_all_values_is_known),
        cmocka_unit_test(values_that_cannot_be_are_refused),
        cmocka_unit_test(there_are_not_more_values_than_so_many),
        cmocka_unit_test(a_stored_flow_keeps_its_values),
        cmocka_unit_test(an_iteration_of_a_loop_is_seen_from_within),
        cmocka_unit_test(another_flow_is_named),
        cmocka_unit_test(a_folder_is_on_one_machine),
        cmocka_unit_test(a_pause_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
