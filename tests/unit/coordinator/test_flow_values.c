/* Inputs, outputs and the retry of a flow, and Kestra's old scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "flow_text.h"

#include <string.h>

#define TASK "tasks:\n  - {id: a, command: [ls]}\n"

/* ---- inputs ---- */

/* What an input of this declaration makes of a value (JSON text); or the sentence. */
static void input_gives(const char *declared, const char *given, const char *wanted)
{
    char *text = str_dupf("%sinputs: [{id: x, %s}]\n%s", FLOW_HEAD, declared, TASK);
    struct flow *f = flow_text_parse(text);
    struct json *inputs = json_new(JSON_OBJECT), *value = NULL, *all = NULL;
    struct err e = {0};
    if (given) {
        assert_int_equal(json_parse(given, strlen(given), &value, NULL), 0);
        json_put(inputs, "x", value);
    }
    int rc = flow_resolve_inputs(f, inputs, &all, &e);
    char *found = rc ? mem_strdup(err_text(&e)) : json_text(all);
    if (!str_eq(found, wanted)) print_message("%s given %s\n", declared, given ? given : "nothing");
    assert_string_equal(found, wanted);
    mem_free(found);
    json_free(all);
    json_free(inputs);
    flow_free(f);
    mem_free(text);
}

static void input_refused(const char *declared, const char *wanted)
{
    char *text = str_dupf("%sinputs: [{%s}]\n%s", FLOW_HEAD, declared, TASK);
    flow_text_refuses(text, wanted);
    mem_free(text);
}

static void lists_are_lists_or_their_json(void **state)
{
    (void)state;
    input_gives("type: ARRAY, itemType: INT", "[1, \"2\"]", "{\"x\":[1,2]}");
    input_gives("type: ARRAY, itemType: STRING", "\"[\\\"a\\\"]\"", "{\"x\":[\"a\"]}");
    input_gives("type: ARRAY, itemType: STRING, defaults: [1.10, b]", NULL,
                "{\"x\":[\"1.10\",\"b\"]}");
    input_gives("type: ARRAY, itemType: INT, defaults: '[1]'", NULL, "{\"x\":[1]}");
    input_gives("type: ARRAY, itemType: JSON", "[{\"a\":1}, 2]", "{\"x\":[{\"a\":1},2]}");
    input_gives("type: ARRAY, itemType: INT", "\"1,2\"",
                "inputs.x: is not a list such as [\"a\", \"b\"]");
    input_gives("type: ARRAY, itemType: DATE", "[\"2026-01-31\", \"2026-02-31\"]",
                "inputs.x: [1] is not a date such as 2026-01-31");
    input_gives("type: ARRAY, itemType: INT", "[1.5]", "inputs.x: [0] is not a whole number");
    input_gives("type: MULTISELECT, values: [red, green]", "[\"green\", \"red\"]",
                "{\"x\":[\"green\",\"red\"]}");
    input_gives("type: MULTISELECT, options: [red, green], defaults: [red]", NULL,
                "{\"x\":[\"red\"]}");
    input_gives("type: MULTISELECT, values: [red, green]", "[\"red\", \"grean\"]",
                "inputs.x: [1] is not one of the input's values, did you mean 'green'?");
    input_gives("type: MULTISELECT, values: [red], allowCustomValue: true", "[\"blue\"]",
                "{\"x\":[\"blue\"]}");
    input_gives("type: SELECT, values: [red], allowCustomValue: true", "\"blue\"",
                "{\"x\":\"blue\"}");
    input_refused("id: x, type: ARRAY", "3: input x: itemType: is missing: the type of each value");
    input_refused("id: x, type: ARRAY, itemType: ARRAY",
                  "3: input x: itemType: cannot be a list or a selection");
    input_refused("id: x, type: STRING, itemType: INT",
                  "3: input x: itemType: is for the types ARRAY and MULTISELECT");
    input_refused("id: x, type: MULTISELECT", "3: input x: values: is missing: what may be chosen");
    input_refused("id: x, type: MULTISELECT, values: [a], options: [b]",
                  "3: input x: options: is the same as values: one of the two");
    input_refused(
        "id: x, type: MULTISELECT, values: [a], defaults: [b]",
        "3: input x: defaults: the value [0] is not one of the input's values, such as 'a'");
    input_refused("id: x, type: INT, allowCustomValue: true",
                  "3: input x: allowCustomValue: is for the types SELECT and MULTISELECT");
}

static void yaml_is_read_as_its_values(void **state)
{
    (void)state;
    input_gives("type: YAML", "\"a: 1\\nb: [x, 1.10]\\n\"", "{\"x\":{\"a\":1,\"b\":[\"x\",1.10]}}");
    input_gives("type: YAML", "\"- yes\\n- ~\\n\"", "{\"x\":[\"yes\",null]}");
    input_gives("type: YAML", "\"word\"", "{\"x\":\"word\"}");
    input_gives("type: YAML", "\"\"", "{\"x\":null}");
    input_gives("type: YAML", "\"# nothing yet\\n\"", "{\"x\":null}");
    input_gives("type: YAML", "\"{}\"", "{\"x\":{}}");
    input_gives("type: YAML", "{\"a\": 1}", "{\"x\":{\"a\":1}}");
    input_gives("type: YAML, defaults: {a: [1, b]}", NULL, "{\"x\":{\"a\":[1,\"b\"]}}");
    input_gives("type: YAML, defaults: 'a: b'", NULL, "{\"x\":{\"a\":\"b\"}}");
    input_gives("type: ARRAY, itemType: YAML", "[\"a: b\", 3]", "{\"x\":[{\"a\":\"b\"},3]}");
    input_gives("type: YAML", "\"a: b\\na: c\"",
                "inputs.x: is not YAML: line 2: duplicate key 'a' (the first is in line 1)");
    input_gives(
        "type: YAML", "\"a: [b\"",
        "inputs.x: is not YAML: line 1: the list that begins here with '[' is not closed properly");
    input_gives("type: YAML", "\"a: &b c\"",
                "inputs.x: is not YAML: line 1: anchors are not supported: write the value out");
    input_refused("id: x, type: YAML, defaults: 'a: [b'",
                  "3: input x: defaults: 'a: [b' is not YAML: line 1: the list that begins here "
                  "with '[' is not closed properly");
    input_refused("id: x, type: yaml",
                  "3: input x: type: 'yaml' is not one of STRING, INT, FLOAT, BOOLEAN, SELECT, "
                  "DATE, DATETIME, TIME, DURATION, JSON, YAML, URI, EMAIL, ARRAY, MULTISELECT");
}

static void texts_of_a_form_are_checked(void **state)
{
    (void)state;
    static const char *const uris[] = {"https://example.com/a?b=c#d", "mailto:a@b", "s3://bucket/k",
                                       "file:///tmp/x"};
    static const char *const no_uris[] = {"example.com", "https://", ":a",        "1a:b",
                                          "a b:c",       "/a:b",     "http://a b"};
    static const char *const mails[] = {"ops@example.com", "a.b+c@x-y.example.org"};
    static const char *const no_mails[] = {"ops",      "@a.b",   "ops@",    "ops@host", "a@b@c.d",
                                           "a..b@c.d", ".a@b.c", "a b@c.d", "a@.b"};
    char given[100], wanted[100];
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        (void)str_format(given, sizeof given, "\"%s\"", uris[i]);
        (void)str_format(wanted, sizeof wanted, "{\"x\":\"%s\"}", uris[i]);
        input_gives("type: URI", given, wanted);
    }
    for (size_t i = 0; i < sizeof no_uris / sizeof *no_uris; i++) {
        (void)str_format(given, sizeof given, "\"%s\"", no_uris[i]);
        input_gives("type: URI", given, "inputs.x: is not a URI such as https://example.com/a");
    }
    for (size_t i = 0; i < sizeof mails / sizeof *mails; i++) {
        (void)str_format(given, sizeof given, "\"%s\"", mails[i]);
        (void)str_format(wanted, sizeof wanted, "{\"x\":\"%s\"}", mails[i]);
        input_gives("type: EMAIL", given, wanted);
    }
    for (size_t i = 0; i < sizeof no_mails / sizeof *no_mails; i++) {
        (void)str_format(given, sizeof given, "\"%s\"", no_mails[i]);
        input_gives("type: EMAIL", given, "inputs.x: is not an address such as ops@example.com");
    }
    input_refused("id: x, type: URI, defaults: here",
                  "3: input x: defaults: 'here' is not a URI such as https://example.com/a");
    input_refused("id: x, type: DURATION, defaults: PT5X",
                  "3: input x: defaults: 'PT5X' is not a duration such as 30s, 1h30m or PT1H30M");
    input_refused("id: x, type: INT, min: a",
                  "3: input x: min: must be a number, of at most 64 bits");
}

static void what_needs_a_file_or_a_secret_is_refused_with_the_way_out(void **state)
{
    (void)state;
    input_refused("id: x, type: FILE",
                  "3: input x: type: 'FILE' is not supported: make it a STRING, the path or URI of "
                  "a file that the task's machine reaches");
    input_refused("id: x, type: ARRAY, itemType: SECRET",
                  "3: input x: itemType: 'SECRET' is not supported: keep secrets on the agent's "
                  "machine, such as in its env");
}

static void name_is_the_old_word_for_id(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(FLOW_HEAD "inputs: [{name: day, type: STRING}]\n"
                                               "tasks: [{id: a, command: ['{{ inputs.day }}']}]\n");
    assert_string_equal(f->inputs[0].id, "day");
    flow_free(f);
    input_refused("id: x, name: y, type: INT",
                  "3: inputs[0].name: is the same as id: one of the two");
    input_refused(
        "name: 'a b', type: INT",
        "3: inputs[0].name: 'a b' is not an id: 1 to 100 letters, digits, '_', '.' and '-', "
        "the first a letter or digit");
    input_refused("type: INT", "3: inputs[0].id: is missing");
}

/* ---- outputs ---- */

static void outputs_have_their_values(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(FLOW_HEAD TASK
                                     "outputs:\n"
                                     "  - {id: n, type: INT, value: '{{ outputs.a.n }}'}\n"
                                     "  - {id: s, type: STRING, value: 1.10}\n"
                                     "  - {id: deep, value: {a: ['{{ outputs.a.n }}', 2, true]}}\n"
                                     "  - {id: no, required: false, value: '{{ outputs.a.no }}'}\n"
                                     "  - {id: l, type: ARRAY, value: '{{ outputs.a.l }}'}\n");
    assert_true(f->output_reads[0]);
    struct json *outputs = NULL, *all = NULL;
    struct err e = {0};
    static const char text[] = "{\"a\":{\"n\":7,\"l\":[1]}}",
                      bad[] = "{\"a\":{\"n\":\"x\",\"l\":[1]}}";
    assert_int_equal(json_parse(text, strlen(text), &outputs, NULL), 0);
    struct expr_values v = {.outputs = outputs};
    flow_values(f, &v);
    assert_int_equal(flow_render_outputs(f, &v, &all, &e), 0);
    char *found = json_text(all);
    assert_string_equal(found,
                        "{\"n\":7,\"s\":\"1.10\",\"deep\":{\"a\":[\"7\",2,true]},\"l\":[1]}");
    mem_free(found);
    json_free(all);
    json_free(outputs);
    v.outputs = NULL;
    assert_int_equal(flow_render_outputs(f, &v, &all, &e), ERR_NOT_FOUND);
    assert_string_equal(err_text(&e),
                        "outputs.n: outputs.a.n has no value: it was not set by the task a");
    assert_int_equal(json_parse(bad, strlen(bad), &outputs, NULL), 0);
    v.outputs = outputs;
    assert_int_equal(flow_render_outputs(f, &v, &all, &e), ERR_INVALID);
    assert_string_equal(err_text(&e), "outputs.n: is not a whole number");
    json_free(outputs);
    flow_free(f);
}

static void outputs_of_another_shape_are_refused(void **state)
{
    (void)state;
    flow_text_refuses(FLOW_HEAD TASK "outputs: {a: b}\n",
                      "5: outputs: must be a list, such as outputs: [{id: a, value: \"{{ "
                      "outputs.export.file }}\"}]");
    flow_text_refuses(FLOW_HEAD TASK "outputs:\n"
                                     "  - x\n"
                                     "  - {id: a, type: FILE, value: x}\n"
                                     "  - {id: a, value: '{{ outputs.b.c }}', typ: INT}\n"
                                     "  - {id: c, type: INTEGER}\n"
                                     "  - {id: d, value: ['{{ taskrun.attempt }}']}\n",
                      "6: outputs[0]: must be a mapping, such as {id: file, type: STRING, value: "
                      "\"{{ outputs.export.file }}\"}\n"
                      "7: output a: type: 'FILE' is not supported: make it a STRING, the path or "
                      "URI of a file that the task's machine reaches\n"
                      "8: output a: unknown key 'typ', did you mean 'type'?\n"
                      "8: output a: value: '{{ outputs.b.c }}': there is no earlier task 'b'\n"
                      "8: output a: the id is used twice\n"
                      "9: output c: type: 'INTEGER' is no type of an output\n"
                      "9: output c: value: is missing\n"
                      "10: output d: value: '{{ taskrun.attempt }}': there is no 'taskrun' in the "
                      "outputs of a flow");
}

/* ---- retry ---- */

static void retry_of_the_flow_is_for_tasks_without_one(void **state)
{
    (void)state;
    struct flow *f =
        flow_text_parse(FLOW_HEAD "retry: {type: constant, interval: PT1S, maxAttempts: 4}\n"
                                  "tasks:\n"
                                  "  - {id: a, command: [ls]}\n"
                                  "  - {id: b, command: [ls], retry: {maxAttempts: 2}}\n");
    assert_int_equal(f->tasks[0].work.retry.max_attempts, 4);
    assert_int_equal(f->tasks[1].work.retry.max_attempts, 2);
    flow_free(f);
    flow_text_refuses(FLOW_HEAD TASK "retry: {maxAttempt: 0}\n",
                      "5: retry.maxAttempt: must be a whole number from 1 to 1000000");
}

/* ---- old scripts ---- */

#define OLD "io.kestra.core.tasks.scripts."

static void old_scripts_are_lines_for_a_shell(void **state)
{
    (void)state;
    struct flow *f = flow_text_parse(
        FLOW_HEAD "tasks:\n"
                  "  - {id: a, type: " OLD "Bash, commands: [echo a, 'echo {{ flow.id }}'],\n"
                  "     runner: PROCESS, exitOnFailed: true, env: {A: b}, interpreter: /bin/sh}\n"
                  "  - {id: b, type: " OLD "Python, commands: [python3 x.py], args: [-v, '1'],\n"
                  "     virtualEnv: false, workerSelector: {tags: [a]}}\n"
                  "  - {id: c, type: " OLD "Bash, commands: [ls], interpreter: /usr/bin/bash,\n"
                  "     interpreterArgs: [-c]}\n");
    assert_string_equal(f->tasks[0].work.script, "echo a\necho {{ flow.id }}\n");
    assert_string_equal(f->tasks[0].work.shell, "sh");
    assert_int_equal(f->tasks[0].work.env_count, 1);
    assert_string_equal(f->tasks[1].work.script, "python3 x.py -v 1\n");
    assert_string_equal(f->tasks[2].work.script, "set +o pipefail; ls\n");
    assert_string_equal(f->tasks[2].work.shell, "bash");
    flow_free(f);
}

static void what_old_scripts_had_and_we_have_not_is_refused(void **state)
{
    (void)state;
    flow_text_refuses(FLOW_HEAD "tasks:\n"
                                "  - id: a\n"
                                "    type: " OLD "Bash\n"
                                "    commands: []\n"
                                "    interpreter: fish\n"
                                "    interpreterArgs: [-c, -x]\n"
                                "    runner: DOCKER\n"
                                "    exitOnFailed: false\n"
                                "    warningOnStdErr: true\n"
                                "    inputFiles: {a: b}\n"
                                "    args: [a]\n",
                      "6: task a: commands: is empty\n"
                      "7: task a: interpreter: must be sh or bash; other shells have types of "
                      "their own, and io.kestra.plugin.scripts.shell.Commands takes a path\n"
                      "8: task a: interpreterArgs: is not supported but for -c\n"
                      "9: task a: runner: 'DOCKER' is not supported: use PROCESS\n"
                      "10: task a: exitOnFailed: false is not supported: scripts end at the first "
                      "failed command\n"
                      "11: task a: warningOnStdErr: true is not supported: the exit code alone "
                      "decides\n"
                      "12: task a: inputFiles: is not supported; let the script write, fetch and "
                      "store its files\n"
                      "13: task a: args: is not a property of " OLD "Bash");
    flow_text_refuses(FLOW_HEAD "tasks:\n"
                                "  - {id: a, type: " OLD "Python, virtualEnv: true}\n"
                                "  - {id: b, type: " OLD "Python, commands: [./bin/python x.py],\n"
                                "     requirements: [requests]}\n",
                      "4: task a: commands: is missing: inputFiles with main.py are not supported\n"
                      "4: task a: virtualEnv: true is not supported: the agent's machine has its "
                      "Python\n"
                      "5: task b: commands: there is no virtual environment: write python3 for "
                      "./bin/python\n"
                      "6: task b: requirements: is not supported; install them on the agent's "
                      "machine");
}

/* ---- labels that triggers give ---- */

/* What the labels of the execution come to, or the error. */
static void labels_give(const char *trigger, const char *vars, const char *wanted)
{
    char *text = str_dupf(FLOW_HEAD "labels: {team: web, of: flow}\nvars: {v: 1.10}\n" TASK
                                    "triggers: [{id: t, %s}]\n",
                          trigger);
    struct flow *f = flow_text_parse(text);
    struct json *given = NULL, *all = NULL;
    struct err e = {0};
    assert_int_equal(json_parse(vars, strlen(vars), &given, NULL), 0);
    struct expr_values v = {.trigger = given};
    flow_values(f, &v);
    int rc = flow_trigger_labels(f, &f->triggers[0], &v, &all, &e);
    char *found = rc ? mem_strdup(err_text(&e)) : json_text(all);
    if (!str_eq(found, wanted)) print_message("%s gives %s\n", trigger, found);
    assert_string_equal(found, wanted);
    mem_free(found);
    json_free(all);
    json_free(given);
    flow_free(f);
    mem_free(text);
}

static void a_trigger_s_labels_are_put_over_the_flow_s(void **state)
{
    (void)state;
    labels_give("cron: '@daily'", "{}", "{\"team\":\"web\",\"of\":\"flow\"}");
    labels_give("cron: '@daily', labels: {}", "{}", "{\"team\":\"web\",\"of\":\"flow\"}");
    labels_give("cron: '@daily', labels: {of: '{{ trigger.date }} {{ vars.v }}', n: 010}",
                "{\"date\":\"d\"}", "{\"team\":\"web\",\"of\":\"d 1.10\",\"n\":\"010\"}");
    labels_give("webhook: {}, labels: [{key: who, value: '{{ trigger.body.who ?? flow.id }}'}]",
                "{}", "{\"team\":\"web\",\"of\":\"flow\",\"who\":\"f\"}");
    labels_give("flow: {id: g}, labels: {from: '{{ trigger.flowId }}'}", "{\"flowId\":\"g\"}",
                "{\"team\":\"web\",\"of\":\"flow\",\"from\":\"g\"}");
    labels_give("command: [x], labels: {file: '{{ trigger.file }}'}", "{\"file\":\"a\"}",
                "{\"team\":\"web\",\"of\":\"flow\",\"file\":\"a\"}");
    labels_give("command: [x], labels: {file: '{{ trigger.file }}'}", "{}",
                "labels: trigger.file was not set by the trigger's check");
    labels_give("command: [x], labels: {file: '{{ trigger.file }}'}", "{\"file\":\"a\\u202eb\"}",
                "labels: the value of file has a character that is not visible: U+202E (byte 2)");
    char *file = mem_alloc(400);
    (void)str_format(file, 400, "{\"file\":\"%0257d\"}", 0);
    labels_give("command: [x], labels: {file: '{{ trigger.file }}'}", file,
                "labels: file has 257 bytes, at most 256 are allowed");
    mem_free(file);
}

static void labels_refused(const char *trigger, const char *wanted)
{
    char *text = str_dupf("%s%striggers: [{id: t, %s}]\n", FLOW_HEAD, TASK, trigger);
    flow_text_refuses(text, wanted);
    mem_free(text);
}

static void labels_of_triggers_are_checked(void **state)
{
    (void)state;
    labels_refused("cron: '@daily', labels: {a: '{{ trigger.body }}'}",
                   "5: trigger t: labels.a: '{{ trigger.body }}': there is no 'body' in trigger, "
                   "only date, next, previous");
    labels_refused("webhook: {}, labels: {a: '{{ inputs.x }}'}",
                   "5: trigger t: labels.a: '{{ inputs.x }}': there is no 'inputs' in the labels "
                   "that a trigger gives");
    labels_refused("command: [x], labels: {system.a: b, '': c}",
                   "5: trigger t: labels: 'system.a': labels that begin with system. are orders to "
                   "Kestra\n5: trigger t: labels: a key has 1 to 256 bytes");
    labels_refused("cron: '@daily', labels: [{key: a, value: b}, {key: a, value: c}, {a: b}]",
                   "5: trigger t: labels: 'a' is there twice\n"
                   "5: trigger t: labels: each must be like {key: team, value: web}");
    labels_refused("cron: '@daily', labels: x",
                   "5: trigger t: labels: must be a mapping, such as labels: {team: x}");
    labels_refused("cron: '@daily', labels: {a: '{% if %}', b: [c]}",
                   "5: trigger t: labels.a: {% is a statement to Kestra, and not supported; the "
                   "text itself is written {{ '{%' }}\n"
                   "5: trigger t: labels.b: must be a string");
    struct buf b;
    buf_init(&b, 10000);
    (void)buf_adds(&b, "cron: '@daily', labels: {");
    for (int i = 0; i < 64; i++)
        (void)buf_addf(&b, "%sk%d: v", i ? ", " : "", i);
    (void)buf_adds(&b, "}}]\nlabels: {k0: same, other: x");
    char *text = str_dupf("%s%striggers: [{id: t, %s}\n", FLOW_HEAD, TASK, b.data);
    flow_text_refuses(text, "5: trigger t: labels: with those of the flow there are 65, at most 64 "
                            "are allowed");
    mem_free(text);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_lists_or_their_json),
        cmocka_unit_test(yaml_is_read_as_its_values),
        cmocka_unit_test(a_trigger_s_labels_are_put_over_the_flow_s),
        cmocka_unit_test(labels_of_triggers_are_checked),
        cmocka_unit_test(texts_of_a_form_are_checked),
        cmocka_unit_test(what_needs_a_file_or_a_secret_is_refused_with_the_way_out),
        cmocka_unit_test(name_is_the_old_word_for_id),
        cmocka_unit_test(outputs_have_their_values),
        cmocka_unit_test(outputs_of_another_shape_are_refused),
        cmocka_unit_test(retry_of_the_flow_is_for_tasks_without_one),
        cmocka_unit_test(old_scripts_are_lines_for_a_shell),
        cmocka_unit_test(what_old_scripts_had_and_we_have_not_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
