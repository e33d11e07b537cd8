/* Triggers that something outside fires: calls with a key, and the ends of executions. */
#include "flow_world.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/after.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_trigger.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define FLOW(id)                                                                                   \
    "id: " id "\nnamespace: a.b\n"                                                                 \
    "tasks: [{id: one, command: [say, '{{ trigger.body.n ?? 0 }}']}]\n"
#define FLOW_AFTER(id)                                                                             \
    "id: " id "\nnamespace: a.b\n"                                                                 \
    "tasks: [{id: one, command: [say, '{{ trigger.flowId ?? 0 }}']}]\n"
#define LOG(id)                                                                                    \
    "id: " id "\nnamespace: a.b\n"                                                                 \
    "tasks: [{id: one, type: io.kestra.plugin.core.log.Log, message: hello}]\n"
#define KESTRA FLOW("f") "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Webhook, key: k1"
#define OWN FLOW("f") "triggers: [{id: t, webhook: {}"

static void hash(const char *key, char out[65])
{
    snprintf(out, 65, "%064llx", (unsigned long long)map_text_key(key));
}

static const struct reply *call(struct world *w, const char *flow, const char *key,
                                const char *unique)
{
    struct command *c = command_new(CMD_WEBHOOK);
    struct cmd_webhook *h = &c->u.webhook;
    struct json *body = json_new(JSON_OBJECT);
    c->request = ++w->requests;
    h->ns = mem_strdup("a.b");
    h->flow = mem_strdup(flow);
    hash(key, h->key_hash);
    h->vars = json_new(JSON_OBJECT);
    json_put(body, "n", json_new_num(7));
    json_put(h->vars, "body", body);
    h->unique_key = mem_strdup(unique);
    assert_int_equal(world_do(w, c), 0);
    return world_reply(w);
}

static void set_key(struct world *w, const char *key)
{
    struct command *c = cmd_place(w, CMD_TRIGGER_KEY, "f", "t");
    c->text = mem_alloc(65);
    hash(key, c->text);
    assert_int_equal(world_do(w, c), 0);
}

static void is_unknown(struct world *w, const char *flow, const char *key)
{
    const struct reply *x = call(w, flow, key, NULL);
    assert_int_equal(x->rc, ERR_NOT_FOUND);
    assert_string_equal(err_text(&x->err), "there is no such webhook");
}

/* ---- webhooks ---- */

static void call__starts_an_execution_and_is_in_the_history(void **state)
{
    struct world *w = *state;
    struct hand h = hand_open(w, "a", NULL, 4);
    world_apply_flow(w, KESTRA "}]\n");
    int64_t id = call(w, "f", "k1", NULL)->id;
    assert_true(id > 0 && !world_reply(w)->known);
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.trigger, "t");
    assert_string_equal(x.created_by, "trigger a.b/f/t");
    assert_string_equal(x.trigger_vars, "{\"body\":{\"n\":7}}");
    assert_non_null(strstr(world_effect_for(w, EFFECT_JOB, world_execution_job(w, id))->u.job.spec,
                           "[\"say\",\"7\"]"));
    execution_row_fini(&x);
    call(w, "f", "k1", NULL); /* while the first one runs */
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.kind, TRIGGER_WEBHOOK);
    assert_int_equal(t.fired, 2);
    assert_int_equal(t.result, EVALUATION_FIRED);
    assert_int_equal(t.next_ms, 0);
    assert_true(t.execution != id);
    trigger_row_fini(&t);
    (void)h;
}

static void unknown_flow_trigger_and_key__are_told_apart_by_nothing(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, KESTRA "}]\n");
    world_apply_flow(w, FLOW("none"));
    is_unknown(w, "f", "k2");
    is_unknown(w, "f", "");
    is_unknown(w, "g", "k1");
    is_unknown(w, "none", "k1");
    assert_int_equal(world_executions(w, "f", NULL), 0);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.evaluations, 0); /* no stranger writes into the history */
    trigger_row_fini(&t);
    world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL));
    is_unknown(w, "f", "k1");
}

static void idempotency_key__is_the_same_call_also_after_a_crash(void **state)
{
    struct world *w = *state;
    world_apply_flow(w,
                     KESTRA "}, {id: u, type: io.kestra.plugin.core.trigger.Webhook, key: k2}]\n");
    int64_t id = call(w, "f", "k1", "once")->id;
    assert_int_equal(call(w, "f", "k1", "once")->id, id);
    assert_true(world_reply(w)->known);
    world_crash(w);
    assert_int_equal(call(w, "f", "k1", "once")->id, id);
    assert_true(call(w, "f", "k1", "twice")->id != id);
    assert_true(call(w, "f", "k2", "once")->id != id); /* a trigger has keys of its own */
    assert_int_equal(world_executions(w, "f", NULL), 3);
}

/* The number of a row may be that of a trigger that was deleted. */
static void idempotency_key__is_not_that_of_another_flow(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, KESTRA "}]\n");
    int64_t id = call(w, "f", "k1", "once")->id;
    world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL));
    world_apply_flow(w, FLOW("g") "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Webhook, "
                                  "key: k1}]\n");
    assert_int_equal(call(w, "g", "k1", "once")->rc, 0);
    assert_false(world_reply(w)->known);
    assert_true(world_reply(w)->id != id);
    assert_int_equal(world_executions(w, "g", NULL), 1);
}

static void key_of_the_flow__follows_the_flow(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, KESTRA "}]\n");
    set_key(w, "other");
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    world_apply_flow(w, FLOW("f") "triggers: [{id: t, type: "
                                  "io.kestra.plugin.core.trigger.Webhook, key: k9}]\n");
    is_unknown(w, "f", "k1");
    assert_int_equal(call(w, "f", "k9", NULL)->rc, 0);
    world_apply_flow(w, OWN "}]\n"); /* whoever read the flow knows the key that stood there */
    is_unknown(w, "f", "k9");
}

static void own_key__is_kept_over_revisions_and_replaced_by_the_next(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, OWN "}]\n");
    is_unknown(w, "f", "x1");
    set_key(w, "x1");
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(call(w, "f", "x1", NULL)->rc, 0);
    world_apply_flow(w, OWN ", description: other words}]\n");
    world_crash(w);
    assert_int_equal(call(w, "f", "x1", NULL)->rc, 0);
    set_key(w, "x2");
    is_unknown(w, "f", "x1");
    assert_int_equal(call(w, "f", "x2", NULL)->rc, 0);
    world_apply_flow(w, FLOW("f") "triggers: [{id: t, interval: 1h, command: [x]}]\n");
    set_key(w, "x3");
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    is_unknown(w, "f", "x3");
    world_apply_flow(w, OWN "}]\n"); /* another trigger of that name */
    is_unknown(w, "f", "x2");
}

static void disabled__is_told_to_who_has_the_key(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, KESTRA "}]\n");
    world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t"));
    const struct reply *x = call(w, "f", "k1", NULL);
    assert_int_equal(x->rc, ERR_CONFLICT);
    assert_string_equal(x->code, "disabled");
    is_unknown(w, "f", "k2");
    world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t"));
    assert_int_equal(call(w, "f", "k1", NULL)->rc, 0);
    world_apply_flow(w, KESTRA "}]\ndisabled: true\n");
    assert_int_equal(call(w, "f", "k1", NULL)->rc, ERR_CONFLICT);
    assert_int_equal(world_executions(w, "f", NULL), 1);
}

static void inputs__that_cannot_be_made_are_an_error_in_the_history(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, KESTRA ", inputs: {n: '{{ trigger.body.m }}'}, failOnTriggerError: true}]\n"
                               "inputs: [{id: n, type: INT}]\n");
    const struct reply *x = call(w, "f", "k1", "once");
    assert_int_equal(x->rc, ERR_INVALID);
    assert_non_null(strstr(err_text(&x->err), "n"));
    int64_t id = 0;
    assert_int_equal(world_executions(w, "f", &id), 1);
    assert_string_equal(world_execution_state(w, id), "FAILED");
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.errors, 1);
    assert_int_equal(t.execution, id);
    trigger_row_fini(&t);
    world_apply_flow(w, KESTRA ", inputs: {n: '{{ trigger.body.n }}'}}]\n"
                               "inputs: [{id: n, type: INT}]\n");
    assert_int_equal(call(w, "f", "k1", NULL)->rc, 0);
}

static void stop_after__ends_a_webhook_too(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, LOG("f") "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Webhook, "
                                 "key: k1, stopAfter: [SUCCESS]}]\n");
    assert_int_equal(call(w, "f", "k1", NULL)->rc, 0);
    assert_int_equal(call(w, "f", "k1", NULL)->rc, ERR_CONFLICT);
}

static void run__is_for_checks_alone(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, KESTRA "}]\n");
    world_do(w, cmd_place(w, CMD_TRIGGER_RUN, "f", "t"));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
}

/* ---- after another flow ---- */

#define AFTER(flow) "triggers: [{id: t, flow: {id: " flow "}}]\n"

/* How often the trigger t of the flow fired. */
static int64_t fired(struct world *w, const char *flow)
{
    struct trigger_row t = world_trigger(w, flow, "t");
    int64_t n = t.fired;
    trigger_row_fini(&t);
    return n;
}

static void end_of_an_execution__starts_the_next_flow_once(void **state)
{
    struct world *w = *state;
    int64_t second = 0;
    world_apply_flow(w, LOG("one") "labels: {team: web}\n");
    world_apply_flow(w,
                     FLOW_AFTER("two") "triggers: [{id: t, flow: {id: one, states: [SUCCESS]}}]\n");
    int64_t first = world_start(w, "one", NULL);
    world_crash(w);
    world_live(w, 0);
    world_crash(w);
    world_live(w, 0);
    assert_int_equal(world_executions(w, "two", &second), 1);
    struct execution_row x = world_execution(w, second);
    struct json *vars = NULL;
    char id[ID_TEXT_SIZE];
    id_format(first, id);
    assert_int_equal(json_parse(x.trigger_vars, strlen(x.trigger_vars), &vars, NULL), 0);
    assert_string_equal(json_get_str(vars, "executionId", ""), id);
    assert_string_equal(json_get_str(vars, "namespace", ""), "a.b");
    assert_string_equal(json_get_str(vars, "flowId", ""), "one");
    assert_string_equal(json_get_str(vars, "state", ""), "SUCCESS");
    assert_int_equal(json_get_int(vars, "flowRevision", 0), 1);
    assert_string_equal(json_get_str(json_get(vars, "executionLabels"), "team", ""), "web");
    assert_non_null(json_get_str(vars, "startDate", NULL));
    assert_non_null(json_get_str(vars, "endDate", NULL));
    json_free(vars);
    assert_int_equal(x.depth, 1);
    assert_string_equal(x.created_by, "trigger a.b/two/t");
    assert_true(world_execution_job(w, x.id) != 0); /* its first task waits for an agent */
    execution_row_fini(&x);
    assert_int_equal(fired(w, "two"), 1);
}

/* They go to the execution, over those of the flow; one that cannot be made starts none. */
static void labels__of_the_trigger__are_the_execution_s(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, KESTRA ", labels: {team: ops, n: '{{ trigger.body.n }}'}}]\n"
                               "labels: {team: web, of: flow}\n");
    const struct reply *x = call(w, "f", "k1", NULL);
    assert_int_equal(x->rc, 0);
    struct execution_row row = world_execution(w, x->id);
    assert_string_equal(row.labels, "{\"of\":\"flow\",\"team\":\"ops\",\"n\":\"7\"}");
    execution_row_fini(&row);
    world_apply_flow(w, KESTRA ", labels: {n: '{{ trigger.body.none }}'}}]\n");
    x = call(w, "f", "k1", NULL);
    assert_int_equal(x->rc, ERR_INVALID);
    assert_non_null(strstr(err_text(&x->err), "labels: trigger.body.none"));
}

static void states_and_places__have_to_fit(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *conditions;
        int64_t fires; /* after a SUCCESS of a.b/one, and a CANCELLED of it */
    } cases[] = {
        {"", 2},
        {", states: [SUCCESS]", 1},
        {", states: [FAILED, KILLED]", 0},
        {", conditions: [{type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: a.b, "
         "flowId: one}]",
         2},
        {", conditions: [{type: io.kestra.plugin.core.condition.ExecutionFlowCondition, namespace: "
         "a, flowId: one}]",
         0},
        {", conditions: [{type: io.kestra.core.models.conditions.types.ExecutionStatusCondition, "
         "in: [CANCELLED]}]",
         1},
        {", conditions: [{type: io.kestra.plugin.core.condition.ExecutionStatus, notIn: "
         "[SUCCESS]}, "
         "{type: io.kestra.plugin.core.condition.ExecutionNamespace, namespace: a, prefix: true}]",
         1},
        {", conditions: [{type: io.kestra.plugin.core.condition.ExecutionNamespace, namespace: a}]",
         0},
        {", conditions: [{type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: a.b, "
         "flowId: one}, {type: io.kestra.plugin.core.condition.ExecutionNamespace, namespace: a, "
         "comparison: PREFIX}]",
         2},
        {", conditions: [{type: io.kestra.plugin.core.condition.ExecutionNamespace, namespace: "
         "a., prefix: true}]",
         2},
        {", conditions: [{type: io.kestra.plugin.core.condition.ExecutionNamespace, namespace: "
         "a.bc, prefix: true}]",
         0},
        {", preconditions: {id: p, flows: [{namespace: a.b, flowId: one, states: [SUCCESS]}]}", 1},
        {", dependsOn: [{namespace: a.b, flowId: two}]", 0},
    };
    size_t count = sizeof cases / sizeof *cases;
    world_group(w, "idle", NULL); /* so that no other flow ends */
    world_apply_flow(w, FLOW("one") "concurrency: {limit: 1}\n");
    for (size_t i = 0; i < count; i++) {
        char *source = str_dupf("id: l%zu\nnamespace: a.c\nworkerGroup: {key: idle}\n"
                                "tasks: [{id: a, command: [x]}]\n"
                                "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Flow%s}]\n"
                                "disabled: %s\n",
                                i, cases[i].conditions, i == 0 ? "true" : "false");
        world_apply_flow(w, source);
        mem_free(source);
    }
    struct hand h = hand_open(w, "a", NULL, 4);
    int64_t first = world_start(w, "one", NULL), second = world_start(w, "one", NULL);
    world_cancel(w, second);
    world_live(w, 0);
    int64_t job = world_execution_job(w, first);
    hand_start(&h, job);
    hand_success(&h, job, NULL);
    world_live(w, 1000);
    for (size_t i = 1; i < count; i++) {
        struct reader *r;
        struct trigger_row t;
        struct err e = {0};
        char flow[16];
        str_format(flow, sizeof flow, "l%zu", i);
        assert_int_equal(world_reader(w, &r, &e), 0);
        assert_int_equal(reader_trigger(r, "a.c", flow, "t", &t, &e), 0);
        if (t.fired != cases[i].fires)
            fail_msg("%s: fired %lld times", cases[i].conditions, (long long)t.fired);
        trigger_row_fini(&t);
        reader_close(r);
    }
}

/* Flows that need no agent would start each other within one transaction, without an end. */
static void circle__ends_and_the_history_says_why(void **state)
{
    struct world *w = *state;
    int64_t last = 0;
    world_apply_flow(w, LOG("one") AFTER("two"));
    world_apply_flow(w, LOG("two") AFTER("one"));
    world_start(w, "one", NULL);
    assert_int_equal(world_executions(w, "two", NULL), 1); /* the others in batches of their own */
    for (int i = 0; i < 2 * AFTER_DEPTH_MAX; i++) {
        if (i % 7 == 0) world_crash(w);
        world_live(w, 0);
    }
    int all = world_executions(w, "one", &last) + world_executions(w, "two", NULL);
    assert_int_equal(all, 1 + AFTER_DEPTH_MAX);
    assert_int_equal(fired(w, "one") + fired(w, "two"), AFTER_DEPTH_MAX);
    struct trigger_row t = world_trigger(w, "two", "t");
    assert_int_equal(t.skipped, 1);
    assert_non_null(strstr(t.message, "in a circle"));
    trigger_row_fini(&t);
    struct execution_row x = world_execution(w, last);
    assert_int_equal(x.depth, AFTER_DEPTH_MAX);
    assert_int_equal(x.state, EXECUTION_SUCCESS);
    execution_row_fini(&x);
}

/* Each of them starts two: without a limit there would be 2^32. */
static void circle_that_multiplies__has_an_end(void **state)
{
    struct world *w = *state;
    static const char twice[] = LOG("%s") "triggers: [{id: t, flow: {id: %s}}, {id: u, flow: {id: "
                                          "%s}}]\n";
    const char *const ids[] = {"one", "two"};
    for (int i = 0; i < 2; i++) {
        char *source = str_dupf(twice, ids[i], ids[1 - i], ids[1 - i]);
        world_apply_flow(w, source);
        mem_free(source);
    }
    world_start(w, "one", NULL);
    for (int i = 0; i < 2 * AFTER_DEPTH_MAX; i++)
        world_live(w, 0);
    int all = world_executions(w, "one", NULL) + world_executions(w, "two", NULL);
    assert_in_range(all, 4 * AFTER_OPEN_MAX, 4 * AFTER_OPEN_MAX * AFTER_DEPTH_MAX);
    struct trigger_row t = world_trigger(w, "two", "u");
    assert_true(t.skipped > 0);
    assert_non_null(strstr(t.message, "in a circle"));
    trigger_row_fini(&t);
}

/* Two flows with this body, of which each starts two of the other; more: keys of the triggers. What
 * ends as it comes is never open, and all of it is one transaction. */
static void two_that_multiply(struct world *w, const char *body, const char *more)
{
    const char *const ids[] = {"one", "two"};
    for (int i = 0; i < 2; i++) {
        char *source = str_dupf("id: %s\nnamespace: a.b\n%striggers:\n"
                                "  - {id: t, flow: {id: %s}%s}\n  - {id: u, flow: {id: %s}%s}\n",
                                ids[i], body, ids[1 - i], more, ids[1 - i], more);
        world_apply_flow(w, source);
        mem_free(source);
        world_start(w, ids[i], NULL);
    }
    world_start(w, "one", NULL);
    int all = world_executions(w, "one", NULL) + world_executions(w, "two", NULL);
    assert_in_range(all, 4 * AFTER_OPEN_MAX, 8 * AFTER_OPEN_MAX + 3);
    struct trigger_row t = world_trigger(w, "two", "u");
    assert_true(t.skipped > 0);
    assert_non_null(strstr(t.message, "in a circle"));
    trigger_row_fini(&t);
}

static void circle_that_multiplies_at_the_limit__has_an_end(void **state)
{
    two_that_multiply(*state,
                      "concurrency: {limit: 1, behavior: FAIL}\n"
                      "tasks: [{id: one, command: [wait]}]\n", /* the first takes the place */
                      "");
}

static void circle_that_multiplies_by_errors__has_an_end(void **state)
{
    two_that_multiply(*state,
                      "inputs: [{id: n, type: INT, defaults: 1}]\n"
                      "tasks: [{id: one, type: io.kestra.plugin.core.log.Log, message: hello}]\n",
                      ", inputs: {n: '{{ trigger.flowId }}'}, failOnTriggerError: true");
}

static void any_flow__but_not_its_own(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, LOG("one"));
    world_apply_flow(w,
                     LOG("all") "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Flow}]\n");
    world_start(w, "one", NULL);
    world_live(w, 0);
    world_start(w, "all", NULL);
    world_live(w, 1000);
    assert_int_equal(world_executions(w, "all", NULL), 2);
    world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "all", "t"));
    world_start(w, "one", NULL);
    world_live(w, 1000);
    assert_int_equal(world_executions(w, "all", NULL), 2);
}

static void inputs__come_from_what_ended(void **state)
{
    struct world *w = *state;
    int64_t id = 0;
    world_apply_flow(w, LOG("one"));
    world_apply_flow(w, LOG("two") "inputs: [{id: from, type: STRING}]\n"
                                   "triggers: [{id: t, flow: {id: one}, inputs: {from: '{{ "
                                   "trigger.flowId }}'}}]\n");
    world_apply_flow(w, LOG("bad") "inputs: [{id: from, type: STRING}]\n"
                                   "triggers: [{id: t, flow: {id: one}, inputs: {from: '{{ "
                                   "trigger.outputs.none }}'}}]\n");
    world_start(w, "one", NULL);
    world_live(w, 1000);
    assert_int_equal(world_executions(w, "two", &id), 1);
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.inputs, "{\"from\":\"one\"}");
    execution_row_fini(&x);
    assert_int_equal(world_executions(w, "bad", NULL), 0);
    struct trigger_row t = world_trigger(w, "bad", "t");
    assert_int_equal(t.errors, 1);
    assert_non_null(strstr(t.message, "trigger.outputs.none"));
    trigger_row_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(call__starts_an_execution_and_is_in_the_history),
        WORLD_TEST(unknown_flow_trigger_and_key__are_told_apart_by_nothing),
        WORLD_TEST(idempotency_key__is_the_same_call_also_after_a_crash),
        WORLD_TEST(idempotency_key__is_not_that_of_another_flow),
        WORLD_TEST(key_of_the_flow__follows_the_flow),
        WORLD_TEST(own_key__is_kept_over_revisions_and_replaced_by_the_next),
        WORLD_TEST(disabled__is_told_to_who_has_the_key),
        WORLD_TEST(inputs__that_cannot_be_made_are_an_error_in_the_history),
        WORLD_TEST(stop_after__ends_a_webhook_too),
        WORLD_TEST(run__is_for_checks_alone),
        WORLD_TEST(end_of_an_execution__starts_the_next_flow_once),
        WORLD_TEST(states_and_places__have_to_fit),
        WORLD_TEST(labels__of_the_trigger__are_the_execution_s),
        WORLD_TEST(circle__ends_and_the_history_says_why),
        WORLD_TEST(circle_that_multiplies__has_an_end),
        WORLD_TEST(circle_that_multiplies_at_the_limit__has_an_end),
        WORLD_TEST(circle_that_multiplies_by_errors__has_an_end),
        WORLD_TEST(any_flow__but_not_its_own),
        WORLD_TEST(inputs__come_from_what_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
