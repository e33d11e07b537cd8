/* Triggers that something outside fires: a call with a key, the end of an execution of another
 * flow. */
#include "coordinator/flow/read.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define KEY_MAX 256 /* bytes, as Kestra has it */

/* ---- a webhook ------------------------------------------------------------------------------- */

static void read_key(const struct node *n, struct flow_trigger *t)
{
    const char *at;
    if (!node_has(n, "key")) {
        node_fail(n, "key", "is missing: the secret at the end of the webhook's address");
        return;
    }
    t->key = node_text(n, "key", KEY_MAX);
    if (!t->key) return;
    if (expr_has(t->key)) {
        node_fail(n, "key",
                  "expressions are not rendered here; a trigger with webhook: {} has a key that "
                  "stands in no file: cadre trigger key makes it");
        return;
    }
    read_plain(n, json_get(n->j, "key"), "key", t->key);
    if (!*t->key || (at = strpbrk(t->key, " \t\r\n/")) != NULL)
        node_fail(n, "key", "must be a text without blanks and slashes");
    const struct flow *f = n->r->flow;
    for (size_t i = 0; i < f->trigger_count; i++)
        if (&f->triggers[i] != t && f->triggers[i].key && str_eq(f->triggers[i].key, t->key))
            node_fail(n, "key", "is that of the trigger %s, too",
                      f->triggers[i].id ? f->triggers[i].id : "before");
}

/* What Kestra would do when it is set. */
static void refuse_unless(const struct node *n, const char *key, bool fine, const char *sentence)
{
    if (node_has(n, key) && node_bool(n, key, fine) != fine) node_fail(n, key, "%s", sentence);
}

void read_webhook(const struct node *n, struct flow_trigger *t)
{
    struct node own;
    if (node_has(n, "type")) {
        static const char *const fetch[] = {"FETCH"};
        node_known(n, kestra_webhook_keys, webhook_refused);
        read_key(n, t);
        refuse_unless(n, "wait", false,
                      "true is not supported: the answer comes at once, with the execution's id");
        refuse_unless(n, "returnOutputs", false,
                      "true is not supported: the answer comes at once, with the execution's id");
        (void)node_choice(n, "fetchType", fetch, 1, 0);
    } else {
        node_known(n, webhook_keys, webhook_refused);
        if (node_object(n, "webhook", &own)) node_known(&own, (struct key_list){NULL, 0}, NULL);
    }
    refuse_unless(n, "allowConcurrent", true,
                  "false is not for webhooks: concurrency of the flow limits its executions");
    t->allow_concurrent = true;
    t->fail_on_trigger_error = node_bool(n, "failOnTriggerError", false);
}

/* ---- the end of another flow's execution ----------------------------------------------------- */

#define ALL_ENDS                                                                                   \
    (1u << EXECUTION_SUCCESS | 1u << EXECUTION_WARNING | 1u << EXECUTION_FAILED |                  \
     1u << EXECUTION_KILLED | 1u << EXECUTION_CANCELLED)

/* Bits 1u << enum execution_state; absent: all of them. */
static unsigned read_states(const struct node *n, const char *key)
{
    const struct json *list = node_list(n, key, 20);
    unsigned mask = 0;
    char shown[STR_QUOTE_SIZE];
    if (!list) return ALL_ENDS;
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        int i = 0;
        while (i < EXECUTION_STATES && !str_eq(fsm_name(&execution_fsm, i), json_str(j, NULL)))
            i++;
        if (i < EXECUTION_STATES && ALL_ENDS >> i & 1)
            mask |= 1u << i;
        else
            read_fail(n->r, j,
                      "%s%s: %s is not one of SUCCESS, WARNING, FAILED, KILLED, CANCELLED: a "
                      "trigger fires when an execution has ended",
                      n->at, key, str_quote(shown, json_str(j, "?")));
    }
    if (json_count(list) == 0) node_fail(n, key, "is empty");
    return mask;
}

static void take_text(const struct node *n, const char *key, char **to)
{
    char *text = node_text(n, key, FLOW_FILE_MAX);
    if (!text) return;
    read_plain(n, json_get(n->j, key), key, text);
    if (*to && !str_eq(*to, text))
        node_fail(n, key, "'%s' is named before: they are never both", *to);
    mem_free(*to);
    *to = text;
}

/* "company", "company.", "comp": how namespaces may begin. */
static bool is_beginning(const char *s)
{
    char *whole = str_dupf("%sx", s);
    bool good = *s && str_namespace_valid(whole);
    mem_free(whole);
    return good;
}

/* One of several that hold together: an end has to fit all of them, so the narrower one stays. */
static void take_namespace(const struct node *n, struct flow_after *a, bool prefix)
{
    char *ns = node_text(n, "namespace", FLOW_FILE_MAX), shown[STR_QUOTE_SIZE];
    if (!ns) return;
    if (prefix ? !is_beginning(ns) : !str_namespace_valid(ns)) {
        node_fail(n, "namespace",
                  "%s is not %s namespace: words of letters, digits, '_' and '-' joined by dots",
                  str_quote(shown, ns), prefix ? "the beginning of a" : "a");
    } else if (!a->ns || (a->prefix && str_starts(ns, a->ns))) {
        mem_free(a->ns);
        a->ns = ns;
        a->prefix = prefix;
        return;
    } else if (!str_eq(a->ns, ns) && !(prefix && str_starts(a->ns, ns))) {
        node_fail(n, "namespace", "'%s' is named before: they are never both", a->ns);
    }
    mem_free(ns);
}

static void read_condition_namespace(const struct node *n, struct flow_after *a)
{
    static const char *const names[] = {"type", "namespace", "comparison", "prefix"};
    static const char *const comparisons[] = {"EQUALS", "PREFIX"};
    node_known(n, (struct key_list){names, 4}, NULL);
    if (!node_has(n, "namespace")) node_fail(n, "namespace", "is missing");
    bool short_form = node_bool(n, "prefix", false); /* without a comparison alone, as there */
    take_namespace(n, a, node_choice(n, "comparison", comparisons, 2, short_form) == 1);
}

static void read_condition_flow(const struct node *n, struct flow_after *a)
{
    static const char *const names[] = {"type", "namespace", "flowId"};
    node_known(n, (struct key_list){names, 3}, NULL);
    if (!node_has(n, "flowId")) node_fail(n, "flowId", "is missing");
    take_namespace(n, a, false);
    take_text(n, "flowId", &a->flow);
}

static void read_condition_status(const struct node *n, struct flow_after *a)
{
    static const char *const names[] = {"type", "in", "notIn"};
    node_known(n, (struct key_list){names, 3}, NULL);
    if (node_has(n, "in")) a->states &= read_states(n, "in");
    if (node_has(n, "notIn")) a->states &= ~read_states(n, "notIn");
}

static const struct {
    const char *name;
    void (*read)(const struct node *n, struct flow_after *a);
} conditions[] = {
    {"ExecutionNamespace", read_condition_namespace},
    {"ExecutionFlow", read_condition_flow},
    {"ExecutionStatus", read_condition_status},
};

static bool is_condition(const char *type, const char *name)
{
    static const char *const places[] = {"io.kestra.plugin.core.condition.",
                                         "io.kestra.core.models.conditions.types."};
    char text[160];
    for (size_t i = 0; i < 4; i++) {
        (void)str_format(text, sizeof text, "%s%s%s", places[i / 2], name,
                         i & 1 ? "Condition" : "");
        if (str_eq(text, type)) return true;
    }
    return false;
}

static void read_condition(const struct node *n, const struct json *j, size_t index,
                           struct flow_after *a)
{
    struct node c = {.r = n->r, .j = j};
    const char *type = json_get_str(j, "type", NULL);
    char shown[STR_QUOTE_SIZE];
    (void)str_format(c.at, sizeof c.at, "%sconditions[%zu].", n->at, index);
    if (json_type(j) != JSON_OBJECT || !type) {
        read_fail(n->r, j, "%sconditions[%zu]: must be a mapping with a type", n->at, index);
        return;
    }
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        if (!is_condition(type, conditions[i].name)) continue;
        conditions[i].read(&c, a);
        return;
    }
    node_fail(&c, "type",
              "%s is not supported here: ExecutionFlow, ExecutionNamespace and ExecutionStatus are",
              str_quote(shown, type));
}

/* The one flow of `preconditions.flows`, or of `dependsOn`. */
static void read_one_flow(const struct node *n, const char *key, struct flow_after *a)
{
    static const char *const names[] = {"namespace", "flowId", "states"};
    static const struct refused_key refused[] = {
        {"labels", "is not supported: let the flow look at {{ trigger.executionLabels }}"},
        {"when", "is not supported: let the flow look at {{ trigger }}"},
        {NULL, NULL},
    };
    const struct json *list = node_list(n, key, 100);
    if (!list) return;
    if (json_count(list) == 1 && json_type(json_first(list)) != JSON_OBJECT) {
        read_fail(n->r, json_first(list),
                  "%s%s[0]: must be a mapping, such as {namespace: company.team, flowId: extract}",
                  n->at, key);
        return;
    }
    if (json_count(list) != 1) {
        node_fail(
            n, key,
            "has %zu flows, one is supported: a trigger fires after one flow; write a trigger "
            "for each when any of them is to fire",
            json_count(list));
        return;
    }
    struct node f = {.r = n->r, .j = json_first(list)};
    (void)str_format(f.at, sizeof f.at, "%s%s[0].", n->at, key);
    node_known(&f, (struct key_list){names, 3}, refused);
    take_namespace(&f, a, false);
    take_text(&f, "flowId", &a->flow);
    if (node_has(&f, "states")) a->states &= read_states(&f, "states");
}

static void read_preconditions(const struct node *n, struct flow_after *a)
{
    static const char *const names[] = {"id", "flows"};
    static const struct refused_key refused[] = {
        {"where", "is not supported: let the flow look at {{ trigger }}"},
        {"timeWindow", "is not supported: a trigger fires after one flow, when that ends"},
        {"resetOnSuccess", "is not supported: a trigger fires after one flow, when that ends"},
        {NULL, NULL},
    };
    struct node p;
    if (!node_object(n, "preconditions", &p)) return;
    node_known(&p, (struct key_list){names, 2}, refused);
    if (!node_has(&p, "flows")) node_fail(&p, "flows", "is missing");
    read_one_flow(&p, "flows", a);
}

static void read_kestra_flow(const struct node *n, struct flow_after *a)
{
    size_t index = 0;
    node_known(n, kestra_after_keys, after_refused);
    if (node_has(n, "states")) a->states = read_states(n, "states");
    const struct json *list = node_list(n, "conditions", 20);
    for (const struct json *j = json_first(list); j; j = json_next(j))
        read_condition(n, j, index++, a);
    read_preconditions(n, a);
    read_one_flow(n, "dependsOn", a);
}

static void read_own_flow(const struct node *n, struct flow_after *a)
{
    struct node own;
    node_known(n, after_keys, after_refused);
    if (!node_object(n, "flow", &own)) return;
    node_known(&own, after_flow_keys, NULL);
    take_namespace(&own, a, false);
    take_text(&own, "id", &a->flow);
    if (!a->flow && !node_has(&own, "id")) node_fail(&own, "id", "is missing");
    if (!a->ns && !node_has(&own, "namespace")) a->ns = mem_strdup(n->r->flow->ns);
    if (node_has(&own, "states")) a->states = read_states(&own, "states");
}

void read_after(const struct node *n, struct flow_trigger *t)
{
    const struct flow *f = n->r->flow;
    struct flow_after *a = &t->after;
    size_t before = n->r->problems->count;
    a->states = ALL_ENDS;
    if (node_has(n, "type"))
        read_kestra_flow(n, a);
    else
        read_own_flow(n, a);
    refuse_unless(n, "allowConcurrent", true,
                  "false is not for these triggers: concurrency of the flow limits its executions");
    t->allow_concurrent = true;
    t->fail_on_trigger_error = node_bool(n, "failOnTriggerError", false);
    if (n->r->problems->count > before) return;
    if (a->states == 0) node_fail(n, "type", "there is no state that all of the conditions allow");
    if (a->flow && a->ns && str_eq(a->flow, f->id) && str_eq(a->ns, f->ns) && !a->prefix)
        node_fail(n, node_has(n, "flow") ? "flow" : "type",
                  "is the flow itself: a flow is not started by the end of its own executions");
}
