/* Control tasks as they are written. */
#include "coordinator/flow/control.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/kestra_names.h"

#include <string.h>

#define CORE "io.kestra.plugin.core.flow."
#define CONCURRENT_MAX 1000
#define REFUSED_MAX 80
#define NAMES_MAX 32

/* ---- the types ------------------------------------------------------------------------------- */

#define ENDS                                                                                       \
    {"errors", FLOW_ERRORS, false},                                                                \
    {                                                                                              \
        "finally", FLOW_FINALLY, false                                                             \
    }

static const struct control_list of_all[] = {{"tasks", FLOW_TASKS, true}, ENDS, {0}};
static const struct control_list of_if[] = {{"then", FLOW_TASKS, true},
                                            {"else", FLOW_ELSE, false},
                                            ENDS,
                                            {0}};
static const struct control_list of_switch[] = {{"cases", FLOW_CASE, false},
                                                {"defaults", FLOW_DEFAULTS, false},
                                                ENDS,
                                                {0}};
static const struct control_list of_folder[] = {{"tasks", FLOW_TASKS, true}, {0}};
static const struct control_list of_none[] = {{0}};

static const struct control_type types[] = {
    {CORE "Sequential", FLOW_SEQUENTIAL, of_all},
    {CORE "Parallel", FLOW_PARALLEL, of_all},
    {CORE "If", FLOW_IF, of_if},
    {CORE "Switch", FLOW_SWITCH, of_switch},
    {CORE "AllowFailure", FLOW_SEQUENTIAL, of_all},
    {CORE "ForEach", FLOW_FOREACH, of_all},
    {CORE "EachSequential", FLOW_FOREACH, of_all},
    {CORE "EachParallel", FLOW_FOREACH, of_all},
    {CORE "Loop", FLOW_LOOP, of_all},
    {CORE "Subflow", FLOW_SUBFLOW, of_none},
    {CORE "WorkingDirectory", FLOW_WORKING_DIRECTORY, of_folder},
    {CORE "Pause", FLOW_PAUSE, of_none},
};
#define TYPES (sizeof types / sizeof *types)

/* What is read and checked, and not run: shorter with each kind that the engine learns. */
static const struct {
    enum flow_kind kind;
    const char *sentence;
} not_yet[] = {
    {FLOW_SUBFLOW, "Subflow is not supported yet: let a Flow trigger of the other flow start it"},
    {FLOW_WORKING_DIRECTORY, "WorkingDirectory is not supported yet: let one script do it all"},
    {FLOW_PAUSE, "Pause is not supported yet; to wait for a time is " CORE "Sleep"},
};

const char *control_not_yet(enum flow_kind kind)
{
    for (size_t i = 0; i < sizeof not_yet / sizeof *not_yet; i++)
        if (not_yet[i].kind == kind) return not_yet[i].sentence;
    return NULL;
}

const struct control_type *control_find(const char *type)
{
    const char *name = kestra_present_name(type);
    for (size_t i = 0; i < TYPES; i++)
        if (str_eq(types[i].name, name)) return &types[i];
    return NULL;
}

const char *control_type_name(size_t index)
{
    return index < TYPES ? types[index].name : NULL;
}

static bool is(const struct control_type *type, const char *name)
{
    return str_eq(type->name + sizeof CORE - 1, name);
}

/* ---- their keys ------------------------------------------------------------------------------ */

static const char *const common_keys[] = {"id",           "type",         "description", "disabled",
                                          "allowFailure", "allowWarning", "runIf",       "when"};

/* What a type has besides its lists and the common keys. */
static const struct {
    const char *type;
    const char *keys[10];
} own_keys[] = {
    {"Parallel", {"concurrent"}},
    {"If", {"condition"}},
    {"Switch", {"value"}},
    {"ForEach", {"values", "concurrencyLimit"}},
    {"EachSequential", {"value"}},
    {"EachParallel", {"value", "concurrent"}},
    {"Loop", {"values", "concurrencyLimit", "transmitFailed", "outputs", "fetchType"}},
    {"Subflow",
     {"namespace", "flowId", "inputs", "labels", "wait", "transmitFailed", "inheritLabels",
      "revision"}},
    {"WorkingDirectory",
     {"workerGroup", "workerSelector", "requires", "retry", "queueTimeout", "lease", "priority"}},
    {"Pause", {"delay", "pauseDuration", "timeout", "behavior", "onResume"}},
};

#define RUNS_NOTHING "is not for this task, which runs nothing itself: give it to the tasks in it"

/* Before what is refused of all tasks: these sentences tell of this one. */
static const struct refused_key refused[] = {
    {"workerGroup", RUNS_NOTHING},
    {"workerSelector", RUNS_NOTHING},
    {"requires", RUNS_NOTHING},
    {"env", RUNS_NOTHING},
    {"timeout", RUNS_NOTHING},
    {"retry", RUNS_NOTHING},
    {"queueTimeout", RUNS_NOTHING},
    {"lease", RUNS_NOTHING},
    {"killGrace", RUNS_NOTHING},
    {"priority", RUNS_NOTHING},
    {"errors", "is not supported here: put the task into a " CORE "Sequential that has it"},
    {"finally", "is not supported here: put the task into a " CORE "Sequential that has it"},
    {"scheduleDate", "is not supported: the flow is started at once; " CORE "Sleep waits"},
    {"restartBehavior", "is not supported: a restart makes a new execution"},
    {"cache", "is not supported; keep the files on the agent's machine"},
    {"tasks", "is not for this task: put them behind it"},
    {"outputs", "is for a Loop; those of the flow that a Subflow started are outputs.TASK.outputs"},
    {NULL, NULL},
};

static void check_keys(const struct node *n, const struct control_type *type)
{
    const char *names[NAMES_MAX];
    struct refused_key all[REFUSED_MAX];
    const struct refused_key *const lists[] = {refused, task_refused};
    size_t count = 0, refused_count = 0;
    for (size_t i = 0; i < sizeof common_keys / sizeof *common_keys; i++)
        names[count++] = common_keys[i];
    for (const struct control_list *x = type->lists; x->key; x++)
        names[count++] = x->key;
    for (size_t i = 0; i < sizeof own_keys / sizeof *own_keys; i++)
        for (size_t k = 0; is(type, own_keys[i].type) && own_keys[i].keys[k]; k++)
            names[count++] = own_keys[i].keys[k];
    for (size_t i = 0; i < 2; i++)
        for (const struct refused_key *x = lists[i]; x->name && refused_count < REFUSED_MAX - 1;
             x++)
            all[refused_count++] = *x;
    all[refused_count] = (struct refused_key){NULL, NULL};
    node_known(n, (struct key_list){names, count}, all);
}

/* A text in which values are rendered, and that is needed. mem_free. */
static char *read_text(const struct node *n, const char *key, const struct expr_scope *scope)
{
    char *text = node_text(n, key, FLOW_FILE_MAX);
    if (!node_has(n, key)) node_fail(n, key, "is missing");
    read_no_statements(n, json_get(n->j, key), key, text);
    read_template(n, json_get(n->j, key), key, text, scope);
    return text;
}

/* A mapping from ids to what is rendered. json_free; NULL: absent, or reported. */
static struct json *read_tree(const struct node *n, const char *key, const struct expr_scope *scope)
{
    struct node below;
    if (!node_object(n, key, &below)) return NULL;
    read_template_tree(n, below.j, key, scope);
    return json_copy(below.j);
}

static void read_cases(const struct node *n, struct flow_control *c)
{
    const struct json *cases = json_get(n->j, "cases");
    if (!node_has(n, "cases") && !node_has(n, "defaults"))
        node_fail(n, "cases", "is missing, such as {red: [...]}; or write defaults");
    if (json_type(cases) != JSON_OBJECT || json_count(cases) > CONTROL_CASES_MAX) return;
    c->cases = mem_array(json_count(cases) + 1, sizeof *c->cases);
    for (const struct json *j = json_first(cases); j; j = json_next(j)) {
        const char *text = json_key(j);
        read_plain(n, j, "cases", text);
        if (strlen(text) > CONTROL_CASE_MAX)
            read_fail(n->r, j, "%scases: a case has at most %d bytes", n->at, CONTROL_CASE_MAX);
        c->cases[c->case_count++] = mem_strdup(text);
    }
}

/* ---- iterations ------------------------------------------------------------------------------ */

/* Would it fail whenever the task runs? As far as expressions let it be known: two of them may come
 * to the same value. A flow that was applied before is told when it runs. */
static void check_values(const struct node *n, const char *key, const struct flow_control *c,
                         enum flow_kind kind)
{
    bool open = expr_has_within(c->values);
    struct json *list = NULL;
    struct err e = {0};
    if (n->r->stored || (open && json_type(c->values) == JSON_STRING)) return;
    int rc = flow_each_value(kind, c->values, &list, &e);
    json_free(list);
    if (rc && !(open && rc == ERR_TOO_LARGE)) node_fail(n, key, "%s", err_text(&e));
}

static void read_values(const struct node *n, const char *key, struct flow_control *c,
                        const struct expr_scope *scope, enum flow_kind kind)
{
    const struct json *j = json_get(n->j, key);
    enum json_type type = json_type(j);
    if (type == JSON_NULL) {
        node_fail(n, key, "is missing, such as [red, green]");
    } else if (type == JSON_ARRAY || type == JSON_STRING ||
               (type == JSON_OBJECT && kind == FLOW_LOOP)) {
        if (type != JSON_STRING && json_count(j) == 0) node_fail(n, key, "is empty");
        read_template_tree(n, j, key, scope);
        c->values = json_copy(j);
        check_values(n, key, c, kind);
    } else {
        node_fail(n, key, "must be a list, such as [red, green], or an expression that is one");
    }
}

/* Kestra starts all tasks of all values at once; here those of one value follow each other. */
static void check_one_task(const struct node *n)
{
    if (json_count(json_get(n->j, "tasks")) > 1)
        node_fail(n, "tasks",
                  "has several for each value, which run at once in Kestra: put them into a " CORE
                  "Parallel, or a Sequential");
}

static void read_each(const struct node *n, const struct control_type *type, struct flow_control *c,
                      const struct expr_scope *scope)
{
    static const char *const fetches[] = {"AUTO", "FETCH"};
    bool old = is(type, "EachSequential") || is(type, "EachParallel");
    bool at_once = is(type, "EachParallel");
    read_values(n, old ? "value" : "values", c, scope, type->kind);
    c->concurrent = old ? (at_once ? node_int(n, "concurrent", 0, CONCURRENT_MAX, 0) : 1)
                        : node_int(n, "concurrencyLimit", 0, CONCURRENT_MAX, 1);
    if (at_once) check_one_task(n);
    if (type->kind != FLOW_LOOP) return;
    c->transmit_failed = node_bool(n, "transmitFailed", true);
    (void)node_choice(n, "fetchType", fetches, 2, 0);
}

/* ---- others ---------------------------------------------------------------------------------- */

static void read_subflow(const struct node *n, struct flow_task *t, const struct expr_scope *scope)
{
    struct flow_control *c = t->control;
    char shown[STR_QUOTE_SIZE];
    c->ns = read_text(n, "namespace", scope);
    c->flow = read_text(n, "flowId", scope);
    if (c->ns && !expr_has(c->ns) && !str_namespace_valid(c->ns))
        node_fail(n, "namespace", "%s is not a namespace", str_quote(shown, c->ns));
    if (node_has(n, "revision"))
        node_fail(n, "revision", "is not supported: the flow is started as it stands then");
    c->inputs = read_tree(n, "inputs", scope);
    read_label_templates(n, scope, &t->work.env, &t->work.env_count);
    c->wait = node_bool(n, "wait", true);
    c->transmit_failed = node_bool(n, "transmitFailed", true);
    c->inherit_labels = node_bool(n, "inheritLabels", false);
}

static void read_pause(const struct node *n, struct flow_task *t, const struct expr_scope *scope)
{
    static const char *const ends[] = {"RESUME", "WARN", "CANCEL", "FAIL"};
    const char *key = node_has(n, "pauseDuration") ? "pauseDuration" : "delay";
    struct err e = {0};
    int64_t ms;
    if (node_has(n, "pauseDuration") && node_has(n, "delay"))
        node_fail(n, "delay", "is the same as pauseDuration: one of the two");
    if (node_has(n, key)) t->work.script = read_text(n, key, scope);
    if (t->work.script && !expr_has(t->work.script) && duration_parse(t->work.script, &ms, &e))
        node_fail(n, key, "%s", err_text(&e));
    t->work.timeout_ms = node_duration(n, "timeout", 1, DURATION_MAX_MS, 0);
    t->control->resume_count = read_input_list(n, "onResume", &t->control->resume, NULL);
    t->control->pause_end = (enum flow_pause_end)node_choice(n, "behavior", ends, 4, 0);
}

/* The tasks of a WorkingDirectory run where it is: on one machine, one after the other. */
static void check_folder_task(const struct node *folder, const struct json *j, size_t index)
{
    static const char *const places[] = {"workerGroup", "workerSelector", "requires"};
    struct node n = {.r = folder->r, .j = j};
    const char *id = json_get_str(j, "id", NULL);
    if (id)
        (void)str_format(n.at, sizeof n.at, "task %.*s: ", FLOW_ID_MAX, id);
    else
        (void)str_format(n.at, sizeof n.at, "%stasks[%zu].", folder->at, index);
    for (size_t i = 0; i < 3; i++)
        if (node_has(&n, places[i]) && !node_is_default(&n, places[i]))
            node_fail(&n, places[i],
                      "is not for a task of a WorkingDirectory, which runs where that one is: give "
                      "it to that");
    if (control_find(json_get_str(j, "type", "")))
        node_fail(&n, "type",
                  "is not supported in a WorkingDirectory, whose tasks run one after the other on "
                  "one machine");
}

static void read_folder(const struct node *n, struct flow_work *w, const struct expr_scope *scope)
{
    size_t index = 0;
    read_work(n, w, scope, true);
    for (const struct json *j = json_first(json_get(n->j, "tasks")); j; j = json_next(j))
        check_folder_task(n, j, index++);
}

void read_control(const struct node *n, const struct control_type *type, struct flow_task *t,
                  const struct expr_scope *scope)
{
    struct flow_control *c = t->control = mem_alloc(sizeof *c);
    t->work.kind = type->kind;
    t->allow_failure = is(type, "AllowFailure");
    check_keys(n, type);
    switch (type->kind) {
    case FLOW_PARALLEL:
        c->concurrent = node_int(n, "concurrent", 0, CONCURRENT_MAX, 0);
        break;
    case FLOW_IF:
        c->value = read_text(n, "condition", scope);
        break;
    case FLOW_SWITCH:
        c->value = read_text(n, "value", scope);
        read_cases(n, c);
        break;
    case FLOW_FOREACH:
    case FLOW_LOOP:
        read_each(n, type, c, scope);
        break;
    case FLOW_SUBFLOW:
        read_subflow(n, t, scope);
        break;
    case FLOW_WORKING_DIRECTORY:
        read_folder(n, &t->work, scope);
        break;
    case FLOW_PAUSE:
        read_pause(n, t, scope);
        break;
    default:
        break;
    }
}
