/* A file from its first key to its last. */
#include "coordinator/flow/read.h"

#include "base/duration.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/defaults.h"

#include <string.h>

#define LABEL_MAX 256
#define CONCURRENCY_MAX 1000000
#define INNER_IDS_MAX 10000

/* ---- tasks ----------------------------------------------------------------------------------- */

/* What another task holds is refused with that task: an expression that names it is no further
 * fault. */
static void collect_inner_ids(struct reader *r, const struct json *inside)
{
    for (const struct json *j = json_first(inside); j; j = json_next(j)) {
        const char *id = json_get(j, "type") ? json_get_str(j, "id", NULL) : NULL;
        if (id && r->inner_count < INNER_IDS_MAX) {
            r->inner_ids = mem_resize(r->inner_ids, r->inner_count + 1, sizeof *r->inner_ids);
            r->inner_ids[r->inner_count++] = id;
        }
        collect_inner_ids(r, j);
    }
}

/* The ids of all, so that an expression can be told from one that comes too early. */
static void collect_task_ids(const struct node *n, const struct json *list)
{
    size_t count = 0;
    for (const struct json *j = json_first(list); j; j = json_next(j))
        collect_inner_ids(n->r, j);
    n->r->task_outputs = mem_array(json_count(list) + 1, sizeof *n->r->task_outputs);
    n->r->task_ids = mem_array(json_count(list) + 1, sizeof *n->r->task_ids);
    for (const struct json *j = json_first(list); j; j = json_next(j))
        n->r->task_ids[count++] = json_get_str(j, "id", "");
}

/* Is it a task of Kestra's but for its type? It is reported, and what follows from that is not. */
static bool lacks_type(const struct node *n)
{
    static const char *const word[] = {"type"};
    static const struct {
        const char *key, *type;
    } of_types[] = {
        {"commands", "io.kestra.plugin.scripts.shell.Commands"},
        {"taskRunner", "io.kestra.plugin.scripts.shell.Script"},
        {"interpreter", "io.kestra.plugin.scripts.shell.Script"},
        {"message", "io.kestra.plugin.core.log.Log"},
        {"format", "io.kestra.plugin.core.debug.Return"},
    };
    char shown[STR_QUOTE_SIZE];
    if (node_has(n, "command") || node_has(n, "script")) return false;
    for (const struct json *j = json_first(n->j); j; j = json_next(j)) {
        if (!str_nearest(json_key(j), word, 1)) continue;
        node_say(n, j, "unknown key %s, did you mean 'type'?", str_quote(shown, json_key(j)));
        return true;
    }
    for (size_t i = 0; i < sizeof of_types / sizeof *of_types; i++) {
        if (!node_has(n, of_types[i].key)) continue;
        node_fail(n, of_types[i].key, "is a property of %s: a type is missing", of_types[i].type);
        return true;
    }
    return false;
}

/* Does the task ask for files? It is told there, and need not be where they are named. */
static bool asks_for_files(const struct node *n)
{
    static const char *const keys[] = {"outputFiles", "outputsFiles", "outputDirs"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (node_has(n, keys[i]) && !key_says_nothing(keys[i], json_get(n->j, keys[i])))
            return true;
    return false;
}

static enum expr_outputs outputs_of(const struct node *n, enum flow_kind kind)
{
    if (kind < FLOW_LOG) return asks_for_files(n) ? EXPR_OUTPUTS_FILES : EXPR_OUTPUTS_ANY;
    if (kind != FLOW_RETURN) return EXPR_OUTPUTS_NONE;
    return n->r->stored ? EXPR_OUTPUTS_ANY : EXPR_OUTPUTS_VALUE;
}

static void read_task(const struct node *flow, const struct json *j, size_t index)
{
    struct reader *r = flow->r;
    struct flow_task *t = &r->flow->tasks[index];
    struct node n;
    t->line = yaml_line(&r->doc, j);
    t->end = index + 1;
    if (!node_item(flow, j, "task", index, &n)) {
        r->unread |= ROOT(OUTPUTS);
        return;
    }
    t->id = node_id(&n, false);
    if (!t->id) r->unread |= ROOT(OUTPUTS);
    if (t->id) (void)str_format(n.at, sizeof n.at, "task %s: ", t->id);
    t->reads = mem_array(r->flow->task_count, sizeof *t->reads);
    struct expr_scope scope = {.roots = EXPR_FLOW_ROOTS,
                               .unread = r->unread,
                               .vars = r->flow->vars,
                               .inputs = r->input_ids,
                               .input_count = r->flow->input_count,
                               .named = t->reads,
                               .tasks = r->task_ids,
                               .task_count = r->flow->task_count,
                               .earlier_count = index,
                               .outputs = r->task_outputs,
                               .trigger_keys = r->trigger_keys,
                               .trigger_key_count = r->trigger_key_count,
                               .inner = r->inner_ids,
                               .inner_count = r->inner_count};
    bool kestra = node_has(&n, "type");
    r->task_outputs[index] = EXPR_OUTPUTS_WRONG; /* until its type is known */
    if (kestra) {
        char *type = node_text(&n, "type", FLOW_FILE_MAX);
        if (!type || !read_kestra(&n, type, &t->work, &scope)) {
            mem_free(type);
            return;
        }
        mem_free(type);
    } else if (lacks_type(&n)) {
        return; /* its other keys are not the point */
    } else {
        node_known(&n, task_keys, task_refused);
    }
    r->task_outputs[index] = outputs_of(&n, t->work.kind);
    t->description = node_text(&n, "description", FLOW_TEXT_MAX);
    t->allow_failure = node_bool(&n, "allowFailure", false);
    t->disabled = node_bool(&n, "disabled", false);
    read_work(&n, &t->work, &scope, kestra);
    if (!node_has(&n, "retry")) t->work.retry = r->flow->retry;
}

static void read_tasks(const struct node *n)
{
    struct flow *f = n->r->flow;
    const struct json *list = node_list(n, "tasks", FLOW_TASKS_MAX);
    if (!list || json_count(list) == 0) {
        if (list || !node_has(n, "tasks"))
            node_fail(n, "tasks", list ? "is empty" : "is missing: a flow has at least one task");
        n->r->unread |= ROOT(OUTPUTS);
        return;
    }
    collect_task_ids(n, list);
    f->task_count = json_count(list);
    f->tasks = mem_array(f->task_count, sizeof *f->tasks);
    size_t index = 0;
    for (const struct json *j = json_first(list); j; j = json_next(j), index++) {
        read_task(n, j, index);
        const char *id = f->tasks[index].id;
        for (size_t i = 0; id && i < index; i++)
            if (str_eq(f->tasks[i].id, id))
                read_fail(n->r, j, "task %s: the id is used in line %d already", id,
                          f->tasks[i].line);
    }
}

/* ---- the flow -------------------------------------------------------------------------------- */

/* Its expressions are evaluated by render(), and there their names are checked. */
static void read_var(const struct node *n, const char *key, const struct json *j)
{
    const char *text = json_str(j, NULL);
    const struct expr_scope later = {.roots = EXPR_FLOW_ROOTS, .unread = ~0u};
    if (text && expr_has(text)) {
        read_no_statements(n, j, key, text);
        read_template(n, j, key, text, &later);
    } else {
        read_plain(n, j, key, text);
    }
    for (const struct json *c = json_first(j); c; c = json_next(c))
        read_var(n, key, c);
}

static void read_vars(const struct node *n)
{
    const char *key = node_has(n, "variables") ? "variables" : "vars";
    struct flow *f = n->r->flow;
    f->vars = json_new(JSON_OBJECT);
    if (node_has(n, "variables") && node_has(n, "vars"))
        node_fail(n, "variables", "is the same as vars: one of the two");
    const struct json *j = node_get(n, key, JSON_OBJECT, "a mapping");
    if (!j && node_has(n, key)) n->r->unread |= ROOT(VARS);
    if (!j) return;
    if (json_count(j) > FLOW_VARS_MAX) {
        n->r->unread |= ROOT(VARS);
        node_fail(n, key, "there are %zu, at most %d are allowed", json_count(j), FLOW_VARS_MAX);
        return;
    }
    for (const struct json *c = json_first(j); c; c = json_next(c))
        read_var(n, key, c);
    char *text = json_text(j);
    if (strlen(text) > FLOW_VALUES_MAX)
        node_fail(n, key, "has %zu bytes, at most %u are allowed", strlen(text), FLOW_VALUES_MAX);
    mem_free(text);
    json_free(f->vars);
    f->vars = json_copy(j);
}

static void add_label(const struct node *n, const char *key, const struct json *value)
{
    struct flow *f = n->r->flow;
    char name[LABEL_MAX + 16];
    if (!*key || strlen(key) > LABEL_MAX) {
        read_fail(n->r, value, "%slabels: a key has 1 to %d bytes", n->at, LABEL_MAX);
        return;
    }
    (void)str_format(name, sizeof name, "labels.%s", key);
    char *text = item_text(n, value, name, LABEL_MAX);
    if (!text) return;
    if (str_starts(key, "system."))
        read_fail(n->r, value,
                  "%slabels: '%s' is an instruction to Kestra, and not supported: leave it out",
                  n->at, key);
    struct err why;
    if (escape_check(key, &why) != 0 || escape_check(text, &why) != 0)
        read_fail(n->r, value, "%slabels: '%s' %s", n->at, key, err_text(&why));
    read_plain(n, value, name, text);
    struct json *label = json_new_str(text);
    mem_free(text);
    if (json_add(f->labels, key, label) == 0) return;
    json_free(label);
    read_fail(n->r, value, "%slabels: '%s' is there twice", n->at, key);
}

/* {k: v}, or as Kestra has it besides: [{key: k, value: v}]. */
static void read_labels(const struct node *n)
{
    static const char *const names[] = {"key", "value"};
    const struct json *j = json_get(n->j, "labels");
    n->r->flow->labels = json_new(JSON_OBJECT);
    bool list = json_type(j) == JSON_ARRAY, shown = false;
    if (!list) j = node_get(n, "labels", JSON_OBJECT, "a mapping");
    if (json_count(j) > FLOW_LABELS_MAX) {
        node_fail(n, "labels", "there are %zu, at most %d are allowed", json_count(j),
                  FLOW_LABELS_MAX);
        return;
    }
    for (const struct json *c = json_first(j); c; c = json_next(c)) {
        struct node item = {.r = n->r, .j = c, .at = "labels: "};
        if (!list) {
            add_label(n, json_key(c), c);
        } else if (json_type(c) != JSON_OBJECT || !json_get_str(c, "key", NULL) ||
                   !json_get(c, "value")) {
            if (!shown) read_fail(n->r, c, "labels: each must be like {key: team, value: web}");
            shown = true;
        } else {
            node_known(&item, (struct key_list){names, 2}, NULL);
            add_label(n, json_get_str(c, "key", ""), json_get(c, "value"));
        }
    }
}

static void read_concurrency(const struct node *n)
{
    static const char *const names[] = {"QUEUE", "CANCEL", "FAIL"};
    struct flow *f = n->r->flow;
    struct node c;
    if (!node_object(n, "concurrency", &c)) return;
    node_known(&c, concurrency_keys, NULL);
    if (!node_has(&c, "limit")) node_fail(&c, "limit", "is missing");
    f->concurrency_limit = node_int(&c, "limit", 1, CONCURRENCY_MAX, 0);
    f->concurrency_behavior = (enum flow_behavior)node_choice(&c, "behavior", names, 3, FLOW_QUEUE);
}

static void read_names(const struct node *n)
{
    struct flow *f = n->r->flow;
    char shown[STR_QUOTE_SIZE];
    f->id = node_id(n, true);
    f->line = yaml_line(&n->r->doc, json_get(n->j, "id"));
    f->ns = node_text(n, "namespace", FLOW_FILE_MAX);
    if (!f->ns && !node_has(n, "namespace")) node_fail(n, "namespace", "is missing");
    if (f->ns && !str_namespace_valid(f->ns))
        node_fail(n, "namespace",
                  "%s is not a namespace: words of letters, digits, '_' and '-' joined by dots",
                  str_quote(shown, f->ns));
    f->description = node_text(n, "description", FLOW_TEXT_MAX);
    f->disabled = node_bool(n, "disabled", false);
}

/* The flow's outputs, in which all of its tasks may be named. */
static void read_results(const struct node *n)
{
    struct reader *r = n->r;
    struct flow *f = r->flow;
    f->output_reads = mem_array(f->task_count + 1, sizeof *f->output_reads);
    const struct expr_scope scope = {.roots = EXPR_FLOW_ROOTS - ROOT(TASKRUN),
                                     .unread = r->unread,
                                     .where = "in the outputs of a flow",
                                     .vars = f->vars,
                                     .inputs = r->input_ids,
                                     .input_count = f->input_count,
                                     .named = f->output_reads,
                                     .tasks = r->task_ids,
                                     .task_count = f->task_count,
                                     .earlier_count = f->task_count,
                                     .outputs = r->task_outputs,
                                     .trigger_keys = r->trigger_keys,
                                     .trigger_key_count = r->trigger_key_count,
                                     .inner = r->inner_ids,
                                     .inner_count = r->inner_count};
    read_flow_outputs(n, &scope);
}

static void read_flow(struct reader *r)
{
    struct flow *f = r->flow;
    struct node n = {.r = r, .j = r->doc.root};
    if (json_type(n.j) != JSON_OBJECT) {
        read_fail(
            r, n.j,
            "a flow is a mapping with id, namespace and tasks, such as {id: hello, namespace: "
            "company.team, tasks: [...]}");
        return;
    }
    struct json *with_defaults = read_defaults(&n);
    if (with_defaults) n.j = with_defaults;
    node_known(&n, flow_keys, flow_refused);
    if (node_meant(&n, "inputs")) r->unread |= ROOT(INPUTS);
    if (node_meant(&n, "vars") || node_meant(&n, "variables")) r->unread |= ROOT(VARS);
    read_names(&n);
    read_labels(&n);
    read_vars(&n);
    read_inputs(&n);
    const struct expr_scope scope = {.roots = ROOT(INPUTS) | ROOT(VARS) | ROOT(FLOW),
                                     .unread = r->unread,
                                     .where = "in the flow's workerGroup",
                                     .vars = f->vars,
                                     .inputs = r->input_ids,
                                     .input_count = f->input_count};
    size_t before = r->problems->count;
    read_group(&n, &f->group, &scope);
    r->bad_group = r->problems->count > before;
    read_concurrency(&n);
    read_retry(&n, &f->retry);
    collect_trigger_keys(&n);
    read_tasks(&n);
    read_results(&n);
    read_triggers(&n);
    read_notify(&n);
    read_drop_missed(r);
    json_free(with_defaults);
}

/* "f:12: sentence" or "f: sentence", as yaml_parse says it. */
static void add_yaml_problem(struct flow_problems *p, const char *file, const char *message)
{
    const char *s = strchr(message, ':');
    int line = 0;
    s = s ? s + 1 : message;
    while (*s >= '0' && *s <= '9' && line < 100000000)
        line = 10 * line + (*s++ - '0');
    if (*s == ':') s++;
    while (*s == ' ')
        s++;
    flow_problems_add(p, file, line, "%s", s);
}

static void add_duplicate(int line, const char *sentence, void *user)
{
    struct reader *r = user;
    flow_problems_add(r->problems, r->file, line, "%s", sentence);
    r->failed = true;
}

const struct flow_checks flow_stored = {.stored = true};

int flow_parse(const char *file, const char *text, size_t len, const struct flow_checks *checks,
               struct flow_problems *problems, struct flow **out)
{
    struct reader r = {.file = file,
                       .problems = problems,
                       .checks = checks,
                       .stored = checks && checks->stored,
                       .never_steps = FLOW_NEVER_STEPS};
    const struct yaml_duplicates duplicates = {add_duplicate, &r};
    struct err e = {0};
    if (len > FLOW_FILE_MAX) {
        flow_problems_add(problems, file, 0, "the file has %zu bytes, at most %u are allowed", len,
                          FLOW_FILE_MAX);
        return ERR_INVALID;
    }
    if (yaml_parse_all("f", text, len, &duplicates, &r.doc, &e)) {
        add_yaml_problem(problems, file, err_text(&e));
        return ERR_INVALID;
    }
    r.text = mem_strndup(text, len);
    r.flow = mem_alloc(sizeof *r.flow);
    read_flow(&r);
    yaml_doc_fini(&r.doc);
    mem_free(r.text);
    mem_free(r.task_ids);
    mem_free(r.input_ids);
    mem_free(r.inner_ids);
    mem_free(r.bad_inputs);
    mem_free(r.task_outputs);
    mem_free(r.meant);
    mem_free(r.missed);
    if (r.failed) {
        if (checks && checks->group) flow_each_group(r.flow, checks->group, checks->user);
        flow_free(r.flow);
        return ERR_INVALID;
    }
    *out = r.flow;
    return 0;
}
