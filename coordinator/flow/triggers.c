/* The triggers of a flow. */
#include "coordinator/flow/read.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define INTERVAL_MIN_MS 1000
#define INTERVAL_MS 60000
#define EXIT_CODE_MAX UINT32_MAX
#define EVALUATION_MS 600000 /* Kestra's worker polling-trigger-timeout */

/* ---- what all kinds have --------------------------------------------------------------------- */

static unsigned read_stop_after(const struct node *n)
{
    static const enum job_state states[] = {JOB_SUCCESS, JOB_WARNING, JOB_FAILED, JOB_KILLED,
                                            JOB_CANCELLED};
    const struct json *list = node_list(n, "stopAfter", 5);
    unsigned mask = 0;
    char shown[STR_QUOTE_SIZE];
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        size_t i = 0;
        while (i < 5 && !str_eq(fsm_name(&job_fsm, (int)states[i]), json_str(j, NULL)))
            i++;
        if (i < 5)
            mask |= 1u << states[i];
        else
            read_fail(n->r, j,
                      "%sstopAfter: %s is not one of SUCCESS, WARNING, FAILED, KILLED, CANCELLED",
                      n->at, str_quote(shown, json_str(j, "?")));
    }
    return mask;
}

/* What stands in `trigger`; of none: what the check did set. */
struct own_keys {
    const char *const *names;
    size_t count;
};

static struct own_keys keys_of(enum trigger_kind kind)
{
    static const char *const of_schedule[] = {"date", "next", "previous"};
    static const char *const of_webhook[] = {"body", "headers", "parameters"};
    static const char *const of_flow[] = {"executionId",  "namespace",       "flowId",
                                          "flowRevision", "state",           "startDate",
                                          "endDate",      "executionLabels", "outputs"};
    switch (kind) {
    case TRIGGER_SCHEDULE:
        return (struct own_keys){of_schedule, 3};
    case TRIGGER_WEBHOOK:
        return (struct own_keys){of_webhook, 3};
    case TRIGGER_FLOW:
        return (struct own_keys){of_flow, 9};
    default:
        return (struct own_keys){NULL, 0};
    }
}

/* Of what a trigger gives to the execution: it sees what the trigger sets itself. */
static struct expr_scope given_scope(const struct reader *r, const struct flow_trigger *t,
                                     const char *where)
{
    const struct own_keys own = keys_of(t->kind);
    return (struct expr_scope){.roots = ROOT(TRIGGER) | ROOT(VARS) | ROOT(FLOW),
                               .unread = r->unread,
                               .where = where,
                               .trigger_keys = own.names,
                               .trigger_key_count = r->stored ? 0 : own.count,
                               .vars = r->flow->vars};
}

/* One input that a trigger gives. What is fixed is checked now. */
static void read_given(const struct node *n, const struct json *j, struct flow_trigger *t)
{
    struct reader *r = n->r;
    const struct expr_scope scope = given_scope(r, t, "in the inputs that a trigger gives");
    const struct flow_input *in = flow_find_input(r->flow, json_key(j));
    struct json *value = NULL;
    struct err e = {0};
    if (!in && r->unread & ROOT(INPUTS)) return;
    if (in && r->bad_inputs[in - r->flow->inputs]) return; /* its type is not known */
    if (!in) {
        char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
        str_suggest_nearest(suggestion, json_key(j), r->input_ids, r->flow->input_count);
        node_say(n, j, "there is no input %s%s", str_quote(shown, json_key(j)), suggestion);
        return;
    }
    const char *text = yaml_text(&r->doc, j);
    struct json *given = text && json_type(j) != JSON_BOOL ? json_new_str(text) : json_copy(j);
    size_t problems = r->problems->count;
    read_no_statements(n, j, json_key(j), text);
    if (!text) read_plain_tree(n, j, json_key(j)); /* of a list or a mapping */
    if (text && expr_has(text))
        read_template(n, j, json_key(j), text, &scope);
    else if (r->problems->count == problems && input_value(in, given, &value, &e))
        read_fail(r, j, "%s%s: %s", n->at, json_key(j), err_text(&e));
    json_free(value);
    json_put(t->inputs, json_key(j), given);
}

static void read_given_inputs(const struct node *n, struct flow_trigger *t)
{
    const struct flow *f = n->r->flow;
    struct node inputs = {.j = NULL};
    if (node_object(n, "inputs", &inputs)) {
        t->inputs = json_new(JSON_OBJECT);
        for (const struct json *j = json_first(inputs.j); j; j = json_next(j))
            read_given(&inputs, j, t);
    }
    if (node_has(n, "inputs") && !inputs.j && json_count(json_get(n->j, "inputs")) > 0) return;
    for (size_t i = 0; i < f->input_count; i++) {
        const struct flow_input *in = &f->inputs[i];
        if (in->id && in->required && !n->r->bad_inputs[i] && !json_get(inputs.j, in->id))
            node_fail(n, "inputs", "the input %s has no default, and the trigger does not give it",
                      in->id);
    }
}

/* ---- polling --------------------------------------------------------------------------------- */

static const unsigned check_roots = ROOT(VARS) | ROOT(FLOW);

/* One of Kestra's checks. false: reported. */
static bool read_check_type(const struct node *n, struct flow_work *w,
                            const struct expr_scope *scope)
{
    char *type = node_text(n, "type", FLOW_FILE_MAX);
    bool good = type && read_kestra_check(n, type, w);
    const char *key = node_has(n, "commands") ? "commands" : "script";
    if (good) read_template(n, json_get(n->j, key), key, w->script, scope);
    mem_free(type);
    return good;
}

/* "exit 1", in any case. false: it is something else. */
static bool read_exit(const char *text, int64_t *code)
{
    static const char word[] = "exit";
    size_t i = 0;
    char *copy = mem_strdup(text);
    const char *s = str_trim(copy);
    while (word[i] && (s[i] | 0x20) == word[i])
        i++;
    size_t blanks = word[i] ? 0 : strspn(s + i, " \t");
    s += i + blanks;
    size_t digits = strspn(s, "0123456789");
    bool good =
        blanks > 0 && digits > 0 && !s[digits] && str_int64(s, code) == 0 && *code <= EXIT_CODE_MAX;
    mem_free(copy);
    return good;
}

static void read_exit_condition(const struct node *n, struct flow_trigger *t, bool kestra)
{
    char shown[STR_QUOTE_SIZE];
    char *text = node_text(n, "exitCondition", FLOW_FILE_MAX);
    t->by_code = text != NULL;
    t->edge = node_bool(n, "edge", kestra);
    if (text && !read_exit(text, &t->fire_code))
        node_fail(n, "exitCondition",
                  "%s is not supported: write \"exit N\", and let the check end with that code",
                  str_quote(shown, text));
    else if (!text && kestra && !node_has(n, "exitCondition"))
        node_fail(n, "exitCondition", "is missing, such as \"exit 0\"");
    mem_free(text);
}

static void read_polling(const struct node *n, struct flow_trigger *t)
{
    const struct expr_scope scope = {.roots = check_roots,
                                     .unread = n->r->unread,
                                     .where = "before an execution has begun",
                                     .vars = n->r->flow->vars};
    bool kestra = node_has(n, "type");
    if (!kestra)
        node_known(n, trigger_keys, trigger_refused);
    else if (!read_check_type(n, &t->work, &scope))
        return; /* its other keys are not the point */
    read_exit_condition(n, t, kestra);
    t->interval_ms = node_duration(n, "interval", INTERVAL_MIN_MS, DURATION_MAX_MS, INTERVAL_MS);
    t->fail_on_trigger_error = node_bool(n, "failOnTriggerError", false);
    read_work(n, &t->work, &scope, kestra);
    if (t->work.timeout_ms == 0) t->work.timeout_ms = EVALUATION_MS;
}

/* A trigger that names no group runs where the flow says, and there are no inputs then. */
static void check_inherited_group(const struct node *n, const struct flow_trigger *t)
{
    const struct flow *f = n->r->flow;
    struct node at = {.r = n->r};
    const struct expr_scope scope = {.roots = check_roots,
                                     .unread = n->r->unread,
                                     .where = "before an execution has begun",
                                     .vars = f->vars};
    if (t->kind != TRIGGER_POLLING) return;
    if (!t->id || t->work.group.key || !f->group.key || n->r->bad_group) return;
    (void)str_format(at.at, sizeof at.at, "trigger %s: names no workerGroup: the flow's ", t->id);
    read_template(&at, json_get(json_get(n->j, "workerGroup"), "key"), "key", f->group.key, &scope);
}

/* ---- kinds ----------------------------------------------------------------------------------- */

/* The reader looks at all keys but those that all kinds have; which keys there are, its node_known
 * says. */
typedef void read_kind_fn(const struct node *n, struct flow_trigger *t);

/* The first that fits. */
static const struct trigger_form {
    const char *type; /* one of Kestra's, or where several begin; NULL: none, our own form */
    const char *mark; /* the key that our own form is known by; NULL: whatever keys there are */
    enum trigger_kind kind;
    read_kind_fn *read;
} forms[] = {
    {"io.kestra.plugin.scripts.", NULL, TRIGGER_POLLING, read_polling},
    {"io.kestra.plugin.core.trigger.Schedule", NULL, TRIGGER_SCHEDULE, read_schedule},
    {"io.kestra.core.models.triggers.types.Schedule", NULL, TRIGGER_SCHEDULE, read_schedule},
    {NULL, "cron", TRIGGER_SCHEDULE, read_schedule},
    {"io.kestra.plugin.core.trigger.Webhook", NULL, TRIGGER_WEBHOOK, read_webhook},
    {"io.kestra.core.models.triggers.types.Webhook", NULL, TRIGGER_WEBHOOK, read_webhook},
    {NULL, "webhook", TRIGGER_WEBHOOK, read_webhook},
    {"io.kestra.plugin.core.trigger.Flow", NULL, TRIGGER_FLOW, read_after},
    {"io.kestra.core.models.triggers.types.Flow", NULL, TRIGGER_FLOW, read_after},
    {NULL, "flow", TRIGGER_FLOW, read_after},
    {NULL, NULL, TRIGGER_POLLING, read_polling},
};

static bool is_of(const char *type, const char *form)
{
    return str_ends(form, ".") ? str_starts(type ? type : "", form) : str_eq(type, form);
}

/* NULL: there is none. */
static const struct trigger_form *form_of(const struct node *n)
{
    const char *type = json_get_str(n->j, "type", NULL);
    bool typed = node_has(n, "type");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct trigger_form *f = &forms[i];
        if (typed ? f->type && is_of(type, f->type)
                  : !f->type && (!f->mark || node_has(n, f->mark)))
            return f;
    }
    return NULL;
}

static bool is_known(const char *key)
{
    size_t i = 0;
    while (i < trigger_keys.count && !str_eq(trigger_keys.names[i], key))
        i++;
    return i < trigger_keys.count;
}

/* Would it be of another kind but for a slip? That is reported, and what follows from it is not. */
static bool lacks_mark(const struct node *n)
{
    static const char *const marks[] = {"cron", "webhook", "flow", "type"};
    static const char *const of_polling[] = {"command", "script", "interval"};
    char shown[STR_QUOTE_SIZE];
    for (size_t i = 0; i < 3; i++)
        if (node_has(n, of_polling[i])) return false;
    for (const struct json *j = json_first(n->j); j; j = json_next(j)) {
        const char *near = is_known(json_key(j)) ? NULL : str_nearest(json_key(j), marks, 4);
        if (!near) continue;
        node_say(n, j, "unknown key %s, did you mean '%s'?", str_quote(shown, json_key(j)), near);
        return true;
    }
    return false;
}

/* NULL: reported. */
static const struct trigger_form *find_form(const struct node *n)
{
    const struct trigger_form *found = form_of(n);
    char shown[STR_QUOTE_SIZE];
    if (found && found->mark == NULL && !found->type && lacks_mark(n)) return NULL;
    if (found) return found;
    node_fail(
        n, "type",
        "%s is not supported: a trigger has a cron expression, a webhook, another flow, or an "
        "interval and a command or script; docs/from-kestra.md lists the types",
        str_quote(shown, json_get_str(n->j, "type", "?")));
    return NULL;
}

static void add_keys(struct reader *r, struct own_keys own)
{
    for (size_t i = 0; i < own.count && r->trigger_key_count < FLOW_TRIGGER_KEYS_MAX; i++)
        r->trigger_keys[r->trigger_key_count++] = own.names[i];
}

void collect_trigger_keys(const struct node *flow)
{
    const struct json *list = json_get(flow->j, "triggers");
    unsigned kinds = 0;
    if (flow->r->stored || json_type(list) != JSON_ARRAY) return;
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const struct node n = {.r = flow->r, .j = j};
        const struct trigger_form *form = json_type(j) == JSON_OBJECT ? form_of(&n) : NULL;
        if (!form || form->kind == TRIGGER_POLLING) return; /* it may set anything */
        kinds |= 1u << form->kind;
    }
    for (int k = 0; kinds >> k; k++)
        if (kinds >> k & 1) add_keys(flow->r, keys_of((enum trigger_kind)k));
}

static void read_trigger(const struct node *flow, const struct json *j, size_t index)
{
    struct reader *r = flow->r;
    struct flow_trigger *t = &r->flow->triggers[index];
    struct node n;
    t->line = yaml_line(&r->doc, j);
    if (!node_item(flow, j, "trigger", index, &n)) return;
    t->id = node_id(&n, false);
    if (t->id) (void)str_format(n.at, sizeof n.at, "trigger %s: ", t->id);
    const struct trigger_form *form = find_form(&n);
    if (!form) return; /* its other keys are not the point */
    t->kind = form->kind;
    t->description = node_text(&n, "description", FLOW_TEXT_MAX);
    t->allow_concurrent = node_bool(&n, "allowConcurrent", false);
    t->disabled = node_bool(&n, "disabled", false);
    t->stop_after = read_stop_after(&n);
    read_given_inputs(&n, t);
    const struct expr_scope scope = given_scope(r, t, "in the labels that a trigger gives");
    read_trigger_labels(&n, &scope, t);
    form->read(&n, t);
}

void read_triggers(const struct node *n)
{
    struct flow *f = n->r->flow;
    const struct json *list = node_list(n, "triggers", FLOW_TRIGGERS_MAX);
    if (!list) return;
    f->triggers = mem_array(json_count(list) + 1, sizeof *f->triggers);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        size_t index = f->trigger_count++;
        read_trigger(n, j, index);
        const char *id = f->triggers[index].id;
        for (size_t i = 0; id && i < index; i++)
            if (str_eq(f->triggers[i].id, id))
                read_fail(n->r, j, "trigger %s: the id is used in line %d already", id,
                          f->triggers[i].line);
        check_inherited_group(n, &f->triggers[index]);
    }
}
