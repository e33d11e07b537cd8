/* pluginDefaults: which tasks get which values, and what is said about those that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/kestra_keys.h"
#include "coordinator/flow/read.h"
#include "flow_text.h"

#define SHELL "type: io.kestra.plugin.scripts.shell.Commands"
#define TASK "tasks:\n  - {id: a, " SHELL ", commands: [ls]}\n"

static const struct flow_task *only_task(const struct flow *f)
{
    assert_int_equal(f->task_count, 1);
    return &f->tasks[0];
}

static void types_are_matched_from_their_beginning(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        FLOW_HEAD "tasks:\n"
                  "  - {id: a, " SHELL ", commands: [ls]}\n"
                  "  - {id: b, type: io.kestra.plugin.scripts.powershell.Script, script: ls}\n"
                  "  - {id: c, type: io.kestra.plugin.core.log.Log, message: hi}\n"
                  "  - {id: d, command: [ls]}\n"
                  "pluginDefaults:\n"
                  "  - {type: io.kestra.plugin.scripts, values: {workerGroup: {key: gpu}}}\n"
                  "  - {type: io.kestra.plugin.scripts.shell.Commands, values: {timeout: PT5M}}\n"
                  "  - {type: io.kestra.plugin.jdbc, values: {url: 'jdbc:x'}}\n");
    assert_string_equal(f->tasks[0].work.group.key, "gpu");
    assert_int_equal(f->tasks[0].work.timeout_ms, 300000);
    assert_string_equal(f->tasks[1].work.group.key, "gpu");
    assert_int_equal(f->tasks[1].work.timeout_ms, 0);
    assert_null(f->tasks[2].work.group.key);
    assert_null(f->tasks[3].work.group.key);
    flow_free(f);
}

static void a_type_s_old_name_and_the_present_one_are_one(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        FLOW_HEAD "tasks:\n"
                  "  - {id: a, type: io.kestra.core.tasks.log.Log, message: hi}\n"
                  "  - {id: b, type: io.kestra.plugin.core.log.Log, message: hi}\n"
                  "taskDefaults:\n"
                  "  - {type: io.kestra.plugin.core.log, values: {level: WARN}}\n"
                  "  - {type: io.kestra.core.tasks.log.Log, values: {allowFailure: true}}\n");
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(f->tasks[i].work.script, "[WARN] hi\n");
        assert_true(f->tasks[i].allow_failure);
    }
    flow_free(f);
}

static void the_task_s_own_value_wins_unless_the_default_is_forced(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        FLOW_HEAD
        "tasks:\n"
        "  - {id: a, " SHELL ", commands: [ls], timeout: PT1M, priority: 3, env: {A: own}}\n"
        "pluginDefaults:\n"
        "  - {type: io.kestra.plugin.scripts, values: {timeout: PT2M, env: {A: x, B: 1.10}}}\n"
        "  - {type: io.kestra, values: {timeout: PT3M, lease: PT1H, env: {B: late, C: c}}}\n"
        "  - {type: io.kestra.plugin, forced: true, values: {priority: 7}}\n"
        "  - {type: io.kestra, forced: true, values: {priority: 8, killGrace: 4s}}\n");
    const struct flow_work *w = &only_task(f)->work;
    assert_int_equal(w->timeout_ms, 60000);
    assert_int_equal(w->lease_ms, 3600000);
    assert_int_equal(w->priority, 7); /* of two the first in the list is the stronger one */
    assert_int_equal(w->kill_grace_ms, 4000);
    assert_int_equal(w->env_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const char *wanted = w->env[i].name[0] == 'A'   ? "own"
                             : w->env[i].name[0] == 'B' ? "1.10"
                                                        : "c";
        assert_string_equal(w->env[i].value, wanted);
    }
    flow_free(f);
}

static void lists_are_joined(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        FLOW_HEAD
        "tasks:\n"
        "  - id: a\n"
        "    " SHELL "\n"
        "    beforeCommands: [echo b, echo c]\n"
        "    commands: [ls]\n"
        "    taskRunner: {type: io.kestra.plugin.core.runner.Process}\n"
        "pluginDefaults:\n"
        "  - {type: io.kestra.plugin.scripts, values: {beforeCommands: [echo a, echo b]}}\n");
    assert_string_equal(only_task(f)->work.script, "echo a\necho b\necho c\nls\n");
    flow_free(f);
}

#define RUNNER "taskRunner: {type: io.kestra.plugin.core.runner.Process}"

/* Tasks and triggers have defaults, and nothing inside them. */
static void a_type_inside_a_task_has_no_defaults(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        FLOW_HEAD "tasks:\n"
                  "  - {id: a, " SHELL ", commands: [ls], " RUNNER "}\n"
                  "triggers:\n"
                  "  - id: b\n"
                  "    type: io.kestra.plugin.core.trigger.Schedule\n"
                  "    cron: '@daily'\n"
                  "    conditions: [{type: io.kestra.plugin.core.condition.Weekend}]\n"
                  "pluginDefaults:\n"
                  "  - {type: io.kestra, values: {timeout: PT5M, description: all}}\n"
                  "  - {type: io.kestra.plugin.core.runner, values: {pullPolicy: NEVER}}\n"
                  "  - {type: io.kestra.plugin.core.condition, forced: true, values: {date: x}}\n");
    assert_int_equal(only_task(f)->work.timeout_ms, 300000);
    assert_string_equal(f->triggers[0].description, "all");
    flow_free(f);
}

#define CORE "io.kestra.plugin.core."

/* What a type does not have is left out of a default for many types, and of no other. */
static void a_default_for_many_types_keeps_to_the_keys_of_each(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        FLOW_HEAD
        "tasks:\n"
        "  - {id: a, " SHELL ", commands: [ls]}\n"
        "  - {id: b, type: io.kestra.plugin.scripts.python.Script, script: x}\n"
        "  - {id: c, type: " CORE "log.Log, message: hi}\n"
        "  - {id: d, type: " CORE "debug.Return, format: hi}\n"
        "  - {id: e, type: io.kestra.core.tasks.scripts.Bash, commands: [ls]}\n"
        "  - {id: g, type: " CORE "flow.Sleep, duration: PT1S}\n"
        "triggers:\n"
        "  - {id: t, type: " CORE "trigger.Schedule, cron: '@daily'}\n"
        "  - {id: u, type: io.kestra.core.models.triggers.types.Webhook, key: k}\n"
        "  - {id: v, type: " CORE "trigger.Flow}\n"
        "  - {id: w, type: io.kestra.plugin.scripts.shell.ScriptTrigger, script: x, "
        "exitCondition: exit 0}\n"
        "pluginDefaults:\n"
        "  - type: io.kestra\n"
        "    values: {env: {A: b}, timeout: PT1M, level: WARN, timezone: UTC, interval: PT7S,\n"
        "             failFast: true, retry: {maxAttempts: 2}, " RUNNER ", states: [FAILED]}\n"
        "  - {type: io.kestra, forced: true, values: {priority: 4}}\n");
    assert_int_equal(f->tasks[0].work.env_count, 1);
    assert_int_equal(f->tasks[1].work.priority, 4);
    assert_string_equal(f->tasks[2].work.script, "[WARN] hi\n");
    assert_int_equal(f->tasks[3].work.env_count, 0);
    assert_int_equal(f->tasks[4].work.retry.max_attempts, 2);
    assert_int_equal(f->tasks[5].work.timeout_ms, 60000);
    assert_string_equal(flow_trigger_zone(&f->triggers[0]), "UTC");
    assert_int_equal(f->triggers[2].after.states, 1u << EXECUTION_FAILED);
    assert_int_equal(f->triggers[3].interval_ms, 7000);
    assert_int_equal(f->triggers[3].work.env_count, 1);
    flow_free(f);
}

static void a_default_s_slip_and_what_is_refused_are_told(void **state)
{
    (void)state;
    flow_text_refuses(FLOW_HEAD "tasks: [{id: a, type: " CORE "log.Log, message: hi}]\n"
                                "pluginDefaults:\n"
                                "  - {type: io.kestra, values: {levle: WARN}}\n",
                      "5: task a: unknown key 'levle', did you mean 'level'? (from the flow's "
                      "defaults)");
    flow_text_refuses(FLOW_HEAD "tasks: [{id: a, type: " CORE "log.Log, message: hi}]\n"
                                "pluginDefaults:\n"
                                "  - {type: " CORE "log.Log, values: {interpreter: [bash]}}\n",
                      "5: task a: interpreter: is not a property of io.kestra.plugin.core.log.Log "
                      "(from the flow's defaults)");
    flow_text_refuses(FLOW_HEAD TASK "pluginDefaults:\n"
                                     "  - {type: io.kestra, values: {inputFiles: {a: b}}}\n",
                      "6: task a: inputFiles: is not supported; let the script write or fetch its "
                      "files (from the flow's defaults)");
    flow_text_refuses(FLOW_HEAD "tasks: [{id: a, type: " CORE
                                "log.Log, message: hi, env: {A: b}}]\n"
                                "pluginDefaults: [{type: io.kestra, values: {env: {B: c}}}]\n",
                      "3: task a: env: is not a property of io.kestra.plugin.core.log.Log");
}

static void what_is_wrong_with_a_default_is_told_once_at_its_line(void **state)
{
    (void)state;
    flow_text_refuses(FLOW_HEAD "tasks:\n"
                                "  - {id: a, " SHELL ", commands: [ls], timeout: PT2X}\n"
                                "  - {id: b, " SHELL ", commands: [ls]}\n"
                                "pluginDefaults:\n"
                                "  - type: io.kestra.plugin.scripts\n"
                                "    values:\n"
                                "      containerImage: ubuntu\n"
                                "      timeout: PT1X\n",
                      "4: task a: timeout: 'PT2X' is not a duration: write it like 30s, "
                      "5m, 1h30m or PT1H30M\n"
                      "9: task a: containerImage: is not supported: a task runs on the agent's "
                      "machine, in no container; it may stand beside taskRunner: {type: "
                      "io.kestra.plugin.core.runner.Process} (from the flow's defaults)\n"
                      "10: task b: timeout: 'PT1X' is not a duration: write it like 30s, "
                      "5m, 1h30m or PT1H30M (from the flow's defaults)");
    flow_text_refuses(FLOW_HEAD TASK "pluginDefaults:\n"
                                     "  - type: io.kestra\n"
                                     "    values:\n"
                                     "      env:\n"
                                     "        A: '{{ inputs.nowhere }}'\n",
                      "9: task a: env.A: '{{ inputs.nowhere }}': there is no input 'nowhere' (from "
                      "the flow's defaults)");
}

/* A group for all types has nothing to act on in a trigger that needs no agent. */
static void a_group_for_all_types_leaves_schedules_alone(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        FLOW_HEAD "tasks:\n  - {id: a, type: io.kestra.plugin.scripts.shell.Commands, commands: "
                  "[x]}\n"
                  "triggers:\n"
                  "  - {id: b, type: io.kestra.plugin.core.trigger.Schedule, cron: '@daily'}\n"
                  "pluginDefaults:\n  - {type: io.kestra, values: {workerGroup: {key: gpu}}}\n");
    assert_string_equal(f->tasks[0].work.group.key, "gpu");
    flow_free(f);
}

static void defaults_of_another_shape_are_refused(void **state)
{
    (void)state;
    flow_text_refuses(FLOW_HEAD TASK "pluginDefaults: {type: x, values: {}}\n",
                      "5: pluginDefaults: must be a list, such as pluginDefaults: [{type: "
                      "io.kestra.plugin.scripts, values: {workerGroup: {key: linux}}}]");
    flow_text_refuses(FLOW_HEAD TASK "pluginDefaults: [x, {type: a}, {values: {}}]\n",
                      "5: pluginDefaults[0]: must be a mapping, such as {type: "
                      "io.kestra.plugin.scripts, values: {workerGroup: {key: linux}}}\n"
                      "5: pluginDefaults[1].values: is missing: what the tasks get\n"
                      "5: pluginDefaults[2].type: is missing: a task type, or the beginning of "
                      "several");
    flow_text_refuses(FLOW_HEAD TASK "taskDefaults:\n"
                                     "  - {type: '', values: {id: b, type: c}, force: true}\n"
                                     "  - {type: io.kestra, values: [x], forced: 1}\n"
                                     "pluginDefaults: [{type: x, values: {}}]\n",
                      "5: taskDefaults: is the same as pluginDefaults: one of the two\n"
                      "6: taskDefaults[0]: unknown key 'force', did you mean 'forced'?\n"
                      "6: taskDefaults[0].type: is missing: a task type, or the beginning of "
                      "several\n"
                      "6: taskDefaults[0].values.id: every task has its own\n"
                      "6: taskDefaults[0].values.type: every task has its own\n"
                      "7: taskDefaults[1].forced: must be true or false\n"
                      "7: taskDefaults[1].values: must be a mapping");
}

static void add_items(struct buf *text, char letter, int count)
{
    for (int i = 0; i < count; i++)
        (void)buf_addf(text, "%s%c%d", i ? "," : "", letter, i);
}

/* Items of two lists are compared each with each: what that takes has the same bound. */
static void lists_that_take_too_long_to_compare_are_refused(void **state)
{
    (void)state;
    struct flow_problems p = {0};
    struct flow *f = NULL;
    struct buf text;
    buf_init(&text, 256 * 1024);
    (void)buf_adds(&text, FLOW_HEAD "pluginDefaults: [{type: io, values: {commands: [");
    add_items(&text, 'a', 10000);
    (void)buf_adds(&text, "]}}]\ntasks: [{id: t, " SHELL ", commands: [");
    add_items(&text, 'b', 10000);
    (void)buf_adds(&text, "]}]\n");
    assert_int_equal(flow_parse("f", text.data, text.len, NULL, &p, &f), ERR_INVALID);
    assert_string_equal(p.items[0].sentence, "pluginDefaults: with these values in all tasks the "
                                             "flow has more than 4194304 bytes");
    flow_problems_fini(&p);
    buf_fini(&text);
}

/* Each task gets its own copy: a short file must not become a large flow. */
static void values_that_grow_beyond_measure_are_refused(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 256 * 1024);
    (void)buf_adds(&text,
                   FLOW_HEAD "pluginDefaults:\n  - type: io.kestra\n    values:\n      env:\n");
    for (int i = 0; i < 1000; i++)
        (void)buf_addf(&text, "        V%d: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", i);
    (void)buf_adds(&text, "tasks:\n");
    for (int i = 0; i < 500; i++)
        (void)buf_addf(&text, "  - {id: t%d, " SHELL ", commands: [ls]}\n", i);
    struct flow_problems p = {0};
    struct flow *f = NULL;
    assert_int_equal(flow_parse("f", text.data, text.len, NULL, &p, &f), ERR_INVALID);
    assert_int_equal(p.items[0].line, 3);
    assert_string_equal(p.items[0].sentence, "pluginDefaults: with these values in all tasks the "
                                             "flow has more than 4194304 bytes");
    flow_problems_fini(&p);
    buf_fini(&text);
}

/* ---- the two lists of keys ---- */

#define RETURN "io.kestra.plugin.core.debug.Return"

static bool is_among(const char *const *list, const char *key)
{
    while (*list && !str_eq(*list, key))
        list++;
    return *list != NULL;
}

static bool is_refused_of_tasks(const char *key)
{
    const struct refused_key *x = task_refused;
    while (x->name && !str_eq(x->name, key))
        x++;
    return x->name != NULL;
}

/* Each key that the type may have has to be one of its properties, and what a Return may not have
 * one that a default for many types does not bring to it. but: keys of other forms. */
static void keys_belong_to(const char *type, const struct key_list *known, const char *const *but)
{
    static const char *const of_all[] = {"id",          "type",    "description",
                                         "disabled",    "timeout", "allowFailure",
                                         "workerGroup", "retry",   "workerSelector",
                                         "runIf",       "when",    "allowWarning",
                                         NULL};
    for (size_t i = 0; i < known->count; i++) {
        const char *key = known->names[i];
        if (is_among(but, key)) continue;
        if (kestra_key_is_foreign(type, key))
            fail_msg("%s is no property of %s in kestra_keys.c", key, type);
        if (!is_among(of_all, key) && !is_refused_of_tasks(key) &&
            !kestra_key_is_foreign(RETURN, key))
            fail_msg("%s of %s is not in kestra_keys.c", key, type);
    }
}

static void what_a_type_may_have_is_a_property_of_it(void **state)
{
    (void)state;
#define SCRIPTS "io.kestra.plugin.scripts."
#define TRIGGERS "io.kestra.plugin.core.trigger."
    static const char *const no_script[] = {"commands", "message", "level", NULL};
    static const char *const no_commands[] = {"script", "message", "level", NULL};
    static const char *const none[] = {NULL};
    keys_belong_to(SCRIPTS "shell.Script", &kestra_keys, no_script);
    keys_belong_to(SCRIPTS "shell.Commands", &kestra_keys, no_commands);
    keys_belong_to(SCRIPTS "shell.ScriptTrigger", &kestra_check_keys, no_script);
    keys_belong_to(SCRIPTS "shell.CommandsTrigger", &kestra_check_keys, no_commands);
    keys_belong_to(TRIGGERS "Schedule", &schedule_keys, none);
    keys_belong_to(TRIGGERS "Webhook", &kestra_webhook_keys, none);
    keys_belong_to(TRIGGERS "Flow", &kestra_after_keys, none);
    static const char *const of_control[] = {"tasks",  "then",    "else", "cases",
                                             "errors", "finally", NULL};
    for (const struct refused_key *x = task_refused; x->name; x++)
        if (!is_among(of_control, x->name) &&
            kestra_key_is_foreign(SCRIPTS "shell.Script", x->name))
            fail_msg("%s is refused of tasks, and no property of scripts", x->name);
}

/* What tasks hold gets defaults as those of the flow do. */
static void tasks_within_tasks_get_defaults(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        FLOW_HEAD
        "pluginDefaults:\n"
        "  - {type: io.kestra.plugin.scripts, values: {timeout: PT9S}}\n"
        "  - {type: io.kestra, values: {workerGroup: {key: linux}}}\n"
        "  - {type: io.kestra.plugin.core.flow.Parallel, values: {concurrent: 3}}\n"
        "tasks:\n"
        "  - id: p\n    type: io.kestra.plugin.core.flow.Parallel\n    tasks:\n"
        "      - {id: a, " SHELL ", commands: [x]}\n"
        "      - id: s\n        type: io.kestra.core.tasks.flows.Switch\n        value: x\n"
        "        cases:\n          x: [{id: b, " SHELL ", commands: [x]}]\n"
        "        defaults: [{id: c, " SHELL ", commands: [x], timeout: PT1S}]\n"
        "errors: [{id: e, " SHELL ", commands: [x]}]\n"
        "finally: [{id: g, " SHELL ", commands: [x]}]\n");
    assert_int_equal(flow_find_task(f, "p")->control->concurrent, 3);
    assert_null(flow_find_task(f, "p")->work.group.key);
    static const char *const ids[] = {"a", "b", "e", "g"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(flow_find_task(f, ids[i])->work.timeout_ms, 9000);
        assert_string_equal(flow_find_task(f, ids[i])->work.group.key, "linux");
    }
    assert_int_equal(flow_find_task(f, "c")->work.timeout_ms, 1000);
    flow_free(f);
    flow_text_refuses(
        FLOW_HEAD "pluginDefaults:\n  - {type: io.kestra.plugin.scripts, values: {tineout: 1}}\n"
                  "tasks:\n"
                  "  - {id: p, type: io.kestra.plugin.core.flow.Parallel, tasks: [{id: a, " SHELL
                  ", commands: [x]}]}\n",
        "4: task a: unknown key 'tineout', did you mean 'timeout'? (from the flow's "
        "defaults)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_matched_from_their_beginning),
        cmocka_unit_test(a_type_s_old_name_and_the_present_one_are_one),
        cmocka_unit_test(the_task_s_own_value_wins_unless_the_default_is_forced),
        cmocka_unit_test(lists_are_joined),
        cmocka_unit_test(a_type_inside_a_task_has_no_defaults),
        cmocka_unit_test(a_default_for_many_types_keeps_to_the_keys_of_each),
        cmocka_unit_test(a_default_s_slip_and_what_is_refused_are_told),
        cmocka_unit_test(what_is_wrong_with_a_default_is_told_once_at_its_line),
        cmocka_unit_test(a_group_for_all_types_leaves_schedules_alone),
        cmocka_unit_test(defaults_of_another_shape_are_refused),
        cmocka_unit_test(values_that_grow_beyond_measure_are_refused),
        cmocka_unit_test(lists_that_take_too_long_to_compare_are_refused),
        cmocka_unit_test(what_a_type_may_have_is_a_property_of_it),
        cmocka_unit_test(tasks_within_tasks_get_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
