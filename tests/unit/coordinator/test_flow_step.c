/* Tasks that the coordinator does itself: what may be written, and what they come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "flow_text.h"

#include <string.h>

#define CORE "io.kestra.plugin.core."

/* One task of the type (the present name, behind the common beginning) with these keys. mem_free */
static char *flow_with(const char *type, const char *keys)
{
    return str_dupf("%sinputs: [{id: x, type: STRING, required: false}]\n"
                    "tasks:\n  - {id: t, type: %s, %s}\n",
                    FLOW_HEAD, type, keys);
}

/* Renders the task; the text ("-": it has none), or the error's sentence. */
static void gives(const char *type, const char *keys, const char *x, const char *wanted)
{
    char *text = flow_with(type, keys);
    struct flow *f = flow_text_parse(text);
    struct json *inputs = json_new(JSON_OBJECT);
    if (x) json_put(inputs, "x", json_new_str(x));
    struct expr_values v = {.inputs = inputs};
    struct flow_job job = {.spec = NULL};
    struct err e = {0};
    flow_values(f, &v);
    int rc = flow_render(f, &f->tasks[0].work, &v, 100, &job, &e);
    const char *found = rc ? err_text(&e) : job.spec ? job.spec : "-";
    if (!str_eq(found, wanted)) print_message("%s, %s gives %s\n", type, keys, found);
    assert_string_equal(found, wanted);
    mem_free(job.spec);
    mem_free(job.row.group);
    json_free(inputs);
    flow_free(f);
    mem_free(text);
}

static void refuses(const char *type, const char *keys, const char *wanted)
{
    char *text = flow_with(type, keys);
    flow_text_refuses(text, wanted);
    mem_free(text);
}

static void return_has_its_text_as_the_output_value(void **state)
{
    (void)state;
    gives(CORE "debug.Return", "format: 'made of {{ inputs.x }}'", "a\"b",
          "{\"value\":\"made of a\\\"b\"}");
    gives("io.kestra.core.tasks.debugs.Return", "format: 010", NULL, "{\"value\":\"010\"}");
    gives(CORE "debug.Return", "workerSelector: {tags: [a]}", NULL, "{\"value\":\"\"}");
    gives(CORE "debug.Return", "retry: {maxAttempts: 2}, timeout: PT1S", NULL, "{\"value\":\"\"}");
    gives(CORE "debug.Return", "format: '{{ taskrun.attempt }}'", NULL, "{\"value\":\"1\"}");
    gives(CORE "debug.Return", "format: '{{ inputs.x }}'", NULL, "{\"value\":\"\"}");
    gives(CORE "debug.Return", "format: '{{ inputs.x.y }}'", NULL,
          "format: inputs.x.y was not given");
    gives(CORE "debug.Return", "format: '{{ inputs.x }}{{ inputs.x }}'",
          "123456789012345678901234567890123456789012345678", "format: is larger than 100 bytes");
    refuses(CORE "debug.Retrun", "format: a",
            "5: task t: type: there is no 'io.kestra.plugin.core.debug.Retrun' here, did you mean "
            "'io.kestra.plugin.core.debug.Return'?");
    refuses(CORE "debug.Fail", "format: a",
            "5: task t: type: 'io.kestra.plugin.core.debug.Fail' is not supported; "
            "docs/from-kestra.md lists what is");
    refuses(
        CORE "debug.Return", "fromat: a, env: {A: b}",
        "5: task t: unknown key 'fromat', did you mean 'format'?\n5: task t: unknown key 'env'");
    refuses(CORE "debug.Return", "format: '{% if a %}'",
            "5: task t: format: {% is a statement to Kestra, and not supported; the text itself is "
            "written {{ '{%' }}");
    gives(CORE "debug.Return", "format: \"{{ '{%' }} a\"", NULL, "{\"value\":\"{% a\"}");
    refuses(CORE "execution.Labels", "labels: {a: '{# x #}'}",
            "5: task t: labels.a: {# is a statement to Kestra, and not supported; the text itself "
            "is written {{ '{#' }}");
    refuses(CORE "debug.Return", "format: '{{ inputs.y }}', runIf: '{{ inputs.x }}'",
            "5: task t: format: '{{ inputs.y }}': there is no input 'y'");
}

static void echo_is_a_line_of_output(void **state)
{
    (void)state;
    gives("io.kestra.core.tasks.debugs.Echo", "format: 'a {{ inputs.x }}', level: WARN", "b",
          "[WARN] a b\n");
    refuses(CORE "debug.Echo", "level: INFO", "5: task t: format: is missing");
}

static void labels_are_a_mapping_or_a_list(void **state)
{
    (void)state;
    gives(CORE "execution.Labels", "labels: {a: '{{ inputs.x }}', b: 1.10}", "v",
          "{\"a\":\"v\",\"b\":\"1.10\"}");
    gives("io.kestra.core.tasks.executions.Labels",
          "labels: [{key: a, value: true}, {key: b, value: '-{{ inputs.x }}'}]", "v",
          "{\"a\":\"true\",\"b\":\"-v\"}");
    gives(CORE "execution.Labels", "labels: {a: '{{ inputs.x }}'}", "a\nb",
          "labels: the value of a has a character that is not visible: U+000A (byte 2)");
    refuses(CORE "execution.Labels", "description: none", "5: task t: labels: is missing");
    refuses(CORE "execution.Labels", "labels: '{{ inputs.x }}'",
            "5: task t: labels: must be a mapping, such as labels: {team: web}");
    refuses(CORE "execution.Labels", "labels: [{key: a}, b, {key: a, value: b, c: d}]",
            "5: task t: labels: each must be like {key: team, value: web}\n"
            "5: task t: labels: unknown key 'c'");
    refuses(CORE "execution.Labels",
            "labels: {'': a, system.readOnly: 'true', b: {c: d}, '{{ inputs.x }}': e}",
            "5: task t: labels: a key has 1 to 256 bytes\n"
            "5: task t: labels: 'system.readOnly': labels that begin with system. are orders to "
            "Kestra\n"
            "5: task t: labels.b: must be a string\n"
            "5: task t: labels.{{ inputs.x }}: expressions are not rendered here");
    refuses(CORE "execution.Labels", "labels: [{key: a, value: b}, {key: a, value: c}]",
            "5: task t: labels: 'a' is there twice");
}

static void fail_has_a_condition_that_holds_unless_it_is_empty_or_false(void **state)
{
    (void)state;
    gives(CORE "execution.Fail", "errorMessage: 'no {{ inputs.x }}'", "luck", "no luck");
    gives("io.kestra.core.tasks.executions.Fail", "disabled: false", NULL, "Task failure");
    static const char *const no[] = {"false", "0", "-0", ""}, *const yes[] = {"true", "1", "no",
                                                                              " "};
    for (size_t i = 0; i < 4; i++) {
        gives(CORE "execution.Fail", "condition: '{{ inputs.x }}'", no[i], "-");
        gives(CORE "execution.Fail", "condition: '{{ inputs.x }}'", yes[i], "Task failure");
    }
    gives(CORE "execution.Fail", "condition: false", NULL, "-");
    gives(CORE "execution.Fail", "condition: '{{ inputs.x }}'", NULL, "-");
    gives(CORE "execution.Fail", "condition: \"{{ inputs.x == 'a' }}\"", "a", "Task failure");
    gives(CORE "execution.Fail", "condition: \"{{ inputs.x == 'a' }}\"", "b", "-");
    gives(CORE "execution.Fail", "condition: '{{ inputs.x.y }}'", NULL,
          "condition: inputs.x.y was not given");
    refuses(CORE "execution.Fail", "condition: '{{ inputs.x = 1 }}'",
            "5: task t: condition: '{{ inputs.x = 1 }}': one '=' compares nothing: write ==");
}

static void sleep_has_a_duration(void **state)
{
    (void)state;
    gives(CORE "flow.Sleep", "duration: PT1S", NULL, "");
    gives(CORE "flow.Sleep", "duration: '{{ inputs.x }}'", "1h", "");
    gives(CORE "flow.Sleep", "duration: '{{ inputs.x }}'", "long",
          "duration: 'long' is not a duration: write it like 30s, 5m, 1h30m or PT1H30M");
    refuses(CORE "flow.Sleep", "duration: 5",
            "5: task t: duration: '5' has no unit: write it like 30s, 5m, 1h30m or PT1H30M");
    refuses(CORE "flow.Sleep", "timeout: PT1S", "5: task t: duration: is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(return_has_its_text_as_the_output_value),
        cmocka_unit_test(echo_is_a_line_of_output),
        cmocka_unit_test(labels_are_a_mapping_or_a_list),
        cmocka_unit_test(fail_has_a_condition_that_holds_unless_it_is_empty_or_false),
        cmocka_unit_test(sleep_has_a_duration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
