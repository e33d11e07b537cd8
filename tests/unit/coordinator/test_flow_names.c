/* What expressions may name: outputs of a Return task, what a trigger sets. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_return_has_the_output_value_alone),
        cmocka_unit_test(what_no_trigger_sets_is_refused),
        cmocka_unit_test(what_any_trigger_may_set_is_read),
        cmocka_unit_test(a_trigger_s_inputs_see_its_own),
        cmocka_unit_test(a_bad_trigger_is_one_problem),
        cmocka_unit_test(a_stored_flow_is_read_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
