/* What expressions may name: outputs of a Return task, what a trigger sets, inputs with dots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "flow_text.h"

#include <string.h>

#define RETURN "  - {id: ret, type: io.kestra.plugin.core.debug.Return, format: a}\n"

/* A flow with these triggers whose task prints the expression. mem_free */
static char *flow_with(const char *triggers, const char *expression)
{
    return str_dupf("%sinputs: [{id: x, type: STRING, defaults: a}]\n"
                    "tasks: [{id: t, command: [echo, \"{{ %s }}\"]}]\ntriggers: [%s]\n",
                    FLOW_HEAD, expression, triggers);
}

static void accepts(const char *triggers, const char *expression)
{
    char *text = flow_with(triggers, expression);
    flow_free(flow_text_parse(text));
    mem_free(text);
}

/* `only`: the names that are there. */
static void refuses(const char *triggers, const char *expression, const char *name,
                    const char *only)
{
    char *text = flow_with(triggers, expression);
    char *wanted =
        str_dupf("4: task t: command[1]: '{{ %s }}': there is no '%s' in trigger, only %s",
                 expression, name, only);
    flow_text_refuses(text, wanted);
    mem_free(wanted);
    mem_free(text);
}

static void a_return_has_the_output_value_alone(void **state)
{
    (void)state;
    flow_free(flow_text_parse(FLOW_HEAD "tasks:\n" RETURN
                                        "  - {id: t, command: [echo, '{{ outputs.ret.value }}', "
                                        "\"{{ outputs['ret']['value'] ?? 'x' }}\"]}\n"
                                        "outputs: [{id: o, value: '{{ outputs.ret.value }}'}]\n"));
    flow_text_refuses(FLOW_HEAD "tasks:\n" RETURN "  - id: t\n"
                                "    script: |\n"
                                "      {{ outputs.ret.valu }}\n"
                                "      {{ outputs.ret.exitCode }}\n"
                                "      {{ outputs.ret.vars.value }}\n"
                                "      {{ outputs.ret.x ?? 'none' }}\n"
                                "outputs:\n  - {id: o, value: '{{ outputs.ret.y }}'}\n",
                      "7: task t: script: '{{ outputs.ret.valu }}': the task 'ret' has the output "
                      "'value' alone\n"
                      "8: task t: script: '{{ outputs.ret.exitCode }}': the task 'ret' has the "
                      "output 'value' alone\n"
                      "9: task t: script: '{{ outputs.ret.vars.value }}': the task 'ret' has the "
                      "output 'value' alone\n"
                      "10: task t: script: '{{ outputs.ret.x ?? 'none' }}': the task 'ret' has "
                      "the output 'value' alone\n"
                      "12: output o: value: '{{ outputs.ret.y }}': the task 'ret' has the output "
                      "'value' alone");
}

#define SCHEDULE "{id: s, cron: '0 3 * * *'}"
#define WEBHOOK "{id: w, webhook: {}}"
#define AFTER "{id: a, flow: {id: b}}"
#define POLLING "{id: p, command: [x]}"
#define OF_SCHEDULE "date, next, previous"
#define OF_WEBHOOK "body, headers, parameters"
#define OF_FLOW                                                                                    \
    "executionId, namespace, flowId, flowRevision, state, startDate, endDate, executionLabels, "   \
    "outputs"

static void what_no_trigger_sets_is_refused(void **state)
{
    (void)state;
    refuses(SCHEDULE, "trigger.dat", "dat", OF_SCHEDULE);
    refuses(SCHEDULE, "trigger.body", "body", OF_SCHEDULE);
    refuses(SCHEDULE, "trigger['Date']", "Date", OF_SCHEDULE);
    refuses(SCHEDULE, "trigger[0]", "0", OF_SCHEDULE);
    refuses(SCHEDULE, "inputs.x ?? trigger.now", "now", OF_SCHEDULE);
    refuses(WEBHOOK, "trigger.date", "date", OF_WEBHOOK);
    refuses(WEBHOOK, "trigger.bdy.name", "bdy", OF_WEBHOOK);
    refuses(AFTER, "trigger.execution.id", "execution", OF_FLOW);
    refuses(SCHEDULE ", " WEBHOOK, "trigger.state", "state", OF_SCHEDULE ", " OF_WEBHOOK);
    refuses(WEBHOOK ", " AFTER ", " SCHEDULE, "trigger.x", "x",
            OF_SCHEDULE ", " OF_WEBHOOK ", " OF_FLOW);
    refuses("{id: k, type: io.kestra.plugin.core.trigger.Schedule, cron: '@daily'}", "trigger.id",
            "id", OF_SCHEDULE);
    refuses("{id: s, cron: '@daily', disabled: true}", "trigger.x", "x", OF_SCHEDULE);
}

static void what_any_trigger_may_set_is_read(void **state)
{
    (void)state;
    accepts("", "trigger.anything"); /* the flow may get a trigger later */
    accepts(SCHEDULE, "trigger.previous");
    accepts(WEBHOOK, "trigger.body.name.first");
    accepts(WEBHOOK, "trigger.headers['X-Event'][0]");
    accepts(AFTER, "trigger.outputs.rows");
    accepts(SCHEDULE ", " WEBHOOK, "trigger.body");
    accepts(SCHEDULE ", " AFTER, "trigger.date ?? trigger.startDate");
    accepts(POLLING, "trigger.file");
    accepts(SCHEDULE ", " POLLING, "trigger.file");
}

/* The inputs that a trigger gives see what it sets itself, and not what others do. */
static void a_trigger_s_inputs_see_its_own(void **state)
{
    (void)state;
    accepts("{id: w, webhook: {}, inputs: {x: '{{ trigger.body.x }}'}}, " SCHEDULE, "inputs.x");
    accepts("{id: p, command: [x], inputs: {x: '{{ trigger.any }}'}}, " SCHEDULE, "inputs.x");
    char *text = flow_with(WEBHOOK ", {id: s, cron: '@daily', inputs: {x: '{{ trigger.body }}'}}",
                           "inputs.x");
    flow_text_refuses(text, "5: trigger s: inputs.x: '{{ trigger.body }}': there is no 'body' in "
                            "trigger, only " OF_SCHEDULE);
    mem_free(text);
}

/* A trigger that cannot be read may set anything: that it cannot is told, and nothing else. */
static void a_bad_trigger_is_one_problem(void **state)
{
    (void)state;
    char *text = flow_with(SCHEDULE ", {id: t, corn: '@daily'}", "trigger.x");
    flow_text_refuses(text, "5: trigger t: unknown key 'corn', did you mean 'cron'?");
    mem_free(text);
    text = flow_with(SCHEDULE ", 7", "trigger.x");
    flow_text_refuses(text, "5: triggers[1]: must be a mapping with an id, such as {id: hello, "
                            "command: [echo, hello], interval: PT1M}");
    mem_free(text);
}

/* What an older coordinator took goes on. */
static void a_stored_flow_is_read_as_before(void **state)
{
    (void)state;
    static const char text[] = FLOW_HEAD
        "tasks:\n" RETURN "  - {id: t, script: \"{{ trigger.x ?? outputs.ret.x ?? 'd' }}\"}\n"
        "triggers: [{id: s, cron: '@daily'}]\n";
    struct flow_problems p = {0};
    struct flow *f = NULL;
    assert_int_equal(flow_parse("f", text, strlen(text), &flow_stored, &p, &f), 0);
    assert_int_equal(p.count, 0);
    flow_free(f);
    assert_int_equal(flow_parse("f", text, strlen(text), NULL, &p, &f), ERR_INVALID);
    flow_problems_fini(&p);
}

/* ---- inputs whose ids have dots ---- */

#define INPUTS                                                                                     \
    "inputs:\n  - {id: db.host, type: STRING, defaults: h}\n"                                      \
    "  - {id: db.more, type: JSON, required: false}\n"                                             \
    "  - {id: plain, type: JSON, required: false}\n"

/* What the message comes to with these inputs (JSON), or the error. */
static void gives(const char *message, const char *inputs, const char *wanted)
{
    char *text = str_dupf("%s%stasks:\n  - {id: t, type: io.kestra.plugin.core.debug.Return, "
                          "format: \"%s\"}\n",
                          FLOW_HEAD, INPUTS, message);
    struct flow *f = flow_text_parse(text);
    struct json *given = NULL, *all = NULL;
    struct err e = {0};
    assert_int_equal(json_parse(inputs, strlen(inputs), &given, NULL), 0);
    assert_int_equal(flow_resolve_inputs(f, given, &all, &e), 0);
    struct expr_values v = {.inputs = all};
    struct flow_job job = {.spec = NULL};
    int rc = flow_render(f, &f->tasks[0].work, &v, 1000, &job, &e);
    const char *found = rc ? err_text(&e) : job.spec;
    if (!str_eq(found, wanted)) print_message("%s gives %s\n", message, found);
    assert_string_equal(found, wanted);
    mem_free(job.spec);
    json_free(all);
    json_free(given);
    flow_free(f);
    mem_free(text);
}

static void ids_of_inputs_may_have_dots(void **state)
{
    (void)state;
    gives("{{ inputs.db.host }}", "{}", "{\"value\":\"h\"}");
    gives("{{ inputs['db.host'] }} {{ inputs['db']['host'] }}", "{\"db.host\":\"x\"}",
          "{\"value\":\"x x\"}");
    gives("{{ inputs.db.more.a[0] }}", "{\"db.more\":{\"a\":[7]}}", "{\"value\":\"7\"}");
    gives("[{{ inputs.db.more }}]", "{}", "{\"value\":\"[]\"}"); /* null, as any optional one */
    gives("{{ inputs.db.more ?? 'none' }}", "{}", "{\"value\":\"none\"}");
    gives("{{ inputs.db.more.a }}", "{}", "format: inputs.db.more.a was not given");
    gives("{{ inputs.db.more.a }}", "{\"db.more\":{}}", "format: inputs.db.more.a was not given");
    gives("{{ inputs.plain.a }}", "{\"plain\":{}}", "format: inputs.plain.a was not given");
    gives("{{ inputs.plain }}", "{\"plain\":{\"a\":null}}", "{\"value\":\"{\\\"a\\\":null}\"}");
}

static void ids_of_inputs_with_dots_are_checked(void **state)
{
    (void)state;
    static const char head[] = FLOW_HEAD INPUTS;
    static const char *const bad[][2] = {
        {"inputs.db", "there is no input 'db'"},
        {"inputs.db.hos", "there is no input 'db.hos', did you mean 'db.host'?"},
        {"inputs.host", "there is no input 'host'"},
        {"inputs.db[0]", "there is no input 'db'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = str_dupf("%stasks: [{id: t, command: ['{{ %s }}']}]\n", head, bad[i][0]);
        char *wanted = str_dupf("7: task t: command[0]: '{{ %s }}': %s", bad[i][0], bad[i][1]);
        flow_text_refuses(text, wanted);
        mem_free(wanted);
        mem_free(text);
    }
#define OF(ids) FLOW_HEAD "inputs: [" ids "]\ntasks: [{id: t, command: [x]}]\n"
#define NO_WORD ": a word is missing between its dots, or behind the last"
    flow_text_refuses(OF("{id: a..b, type: INT}, {id: a., type: INT}"),
                      "3: inputs[0].id" NO_WORD "\n3: inputs[1].id" NO_WORD);
    flow_text_refuses(OF("{id: .a, type: INT}"),
                      "3: inputs[0].id: '.a' is not an id: 1 to 100 letters, digits, '_', '.' and "
                      "'-', the first a letter or digit");
    flow_text_refuses(OF("{id: a, type: INT}, {id: a.b, type: INT}"),
                      "3: input a.b: a is an input, too: with both, inputs.a.b is not clear");
    flow_text_refuses(OF("{id: a.b.c, type: INT}, {id: a.b, type: INT}"),
                      "3: input a.b: a.b.c is an input, too: with both, inputs.a.b.c is not clear");
    flow_text_refuses(OF("{id: a.b, type: INT}, {id: a.b, type: INT}"),
                      "3: input a.b: the id is used in line 3 already");
    flow_free(
        flow_text_parse(OF("{id: a.b, type: INT}, {id: a.c, type: INT}, {id: ab, type: INT}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_return_has_the_output_value_alone),
        cmocka_unit_test(what_no_trigger_sets_is_refused),
        cmocka_unit_test(what_any_trigger_may_set_is_read),
        cmocka_unit_test(a_trigger_s_inputs_see_its_own),
        cmocka_unit_test(a_bad_trigger_is_one_problem),
        cmocka_unit_test(a_stored_flow_is_read_as_before),
        cmocka_unit_test(ids_of_inputs_may_have_dots),
        cmocka_unit_test(ids_of_inputs_with_dots_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
