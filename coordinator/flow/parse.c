/* A file from its first key to its last. */
#include "coordinator/flow/read.h"

#include "base/duration.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/control.h"
#include "coordinator/flow/defaults.h"
#include "coordinator/flow/tree.h"

#include <string.h>

#define LABEL_MAX 256
#define CONCURRENCY_MAX 1000000

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
    struct expr_scope scope = tree_scope(r, f->task_count);
    scope.roots -= ROOT(TASKRUN);
    scope.where = "in the outputs of a flow";
    f->output_count = read_outputs(n, &f->outputs, &scope);
}

/* A flow that was applied before has none of these. */
static void refuse_not_yet(struct reader *r)
{
    for (size_t i = 0; i < r->flow->task_count && !r->stored; i++) {
        const char *sentence = control_not_yet(r->flow->tasks[i].work.kind);
        struct node n = {.r = r, .j = r->places[i].j};
        if (!sentence || !r->flow->tasks[i].id) continue;
        (void)str_format(n.at, sizeof n.at, "task %s: ", r->flow->tasks[i].id);
        node_fail(&n, "type", "%s", sentence);
    }
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
    refuse_not_yet(r);
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
    mem_free(r.places);
    mem_free(r.sights);
    mem_free(r.iterated);
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
