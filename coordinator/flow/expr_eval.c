/* Evaluates the tree of an expression. Every node costs a step, and what is made on the way costs
 * more of them, so that no text keeps the coordinator busy. */
#include "coordinator/flow/expr_eval.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* ---- paths: where values stand, and what is said of one that is missing --------------------- */

const char *const expr_root_names[EXPR_ROOTS] = {"inputs",    "outputs", "vars",    "trigger",
                                                 "execution", "flow",    "taskrun", "task",
                                                 "parent",    "parents", "event"};

int expr_root_find(const char *name)
{
    for (int i = 0; i < EXPR_ROOTS; i++)
        if (str_eq(expr_root_names[i], name)) return i;
    return -1;
}

/* A path whose names are all known. */
struct path {
    enum expr_root root;
    const struct expr_step *steps;
    size_t count;
};

static const struct json *go(const struct json *j, const struct expr_step *steps, size_t count)
{
    for (size_t i = 0; i < count && j; i++)
        j = value_at(j, &steps[i]);
    return j;
}

/* The names of the headers of a call are in lower case, however somebody writes them. */
static const struct json *go_trigger(const struct json *j, const struct path *p)
{
    char lower[EXPR_NAME_MAX + 1];
    struct expr_step steps[EXPR_STEPS_MAX];
    const struct json *found = go(j, p->steps, p->count);
    if (found || p->count < 2 || !str_eq(p->steps[0].name, "headers")) return found;
    if (str_copy(lower, sizeof lower, p->steps[1].name)) return NULL;
    for (char *s = lower; *s; s++)
        if (*s >= 'A' && *s <= 'Z') *s = (char)(*s | 0x20);
    memcpy(steps, p->steps, p->count * sizeof *steps);
    steps[1].name = lower;
    return go(j, steps, p->count);
}

/* ---- inputs: their ids may have dots ---- */

bool expr_join_steps(const struct expr_step *steps, size_t count, char out[EXPR_NAME_MAX + 1])
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (steps[i].is_index || steps[i].dynamic) return false;
        if (str_format(out + len, EXPR_NAME_MAX + 1 - len, "%s%s", i ? "." : "", steps[i].name))
            return false;
        len += strlen(out + len);
    }
    return count > 0;
}

/* The input that the path begins with, null included; *steps: how many its id takes. NULL: none. */
static const struct json *find_input(const struct json *inputs, const struct path *p, size_t *steps)
{
    char id[EXPR_NAME_MAX + 1];
    for (*steps = 1; *steps <= p->count; ++*steps) {
        const struct json *j = expr_join_steps(p->steps, *steps, id) ? json_get(inputs, id) : NULL;
        if (j) return j;
    }
    return NULL;
}

/* *whole: it is an input by itself, and not a part of one. */
static const struct json *go_input(const struct json *inputs, const struct path *p, bool *whole)
{
    size_t n;
    const struct json *j = p->count > 0 ? find_input(inputs, p, &n) : inputs;
    *whole = p->count == 1 || (p->count > 0 && j && n == p->count);
    if (p->count == 0) return inputs;
    return j ? go(j, p->steps + n, p->count - n) : NULL;
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* The path without one of its steps. */
static const struct json *go_without(const struct json *j, const struct path *p, size_t step)
{
    return go(go(j, p->steps, step), p->steps + step + 1, p->count - step - 1);
}

/* outputs.TASK.vars.KEY is outputs.TASK.KEY, and outputs.TASK.exitCode the exit code; of a task
 * within loops their values stand between the task and the key. */
static const struct json *go_output(const struct expr_values *v, const struct path *p)
{
    const struct json *found = go(v->outputs, p->steps, p->count);
    if (found || p->count < 2) return found;
    if (str_eq(p->steps[p->count - 1].name, "exitCode")) {
        const struct json *code = go(v->exit_codes, p->steps, p->count - 1);
        if (json_type(code) == JSON_NUMBER) return code;
    }
    for (size_t i = 1; i < p->count && !found; i++)
        if (str_eq(p->steps[i].name, "vars")) found = go_without(v->outputs, p, i);
    return found;
}

/* ---- the other roots ------------------------------------------------------------------------- */

static const struct json *find_value(const struct expr_values *v, const struct path *p, bool *whole)
{
    const char *first = p->count > 0 ? p->steps[0].name : "";
    *whole = false;
    switch (p->root) {
    case EXPR_INPUTS:
        return go_input(v->inputs, p, whole);
    case EXPR_OUTPUTS:
        return go_output(v, p);
    case EXPR_VARS:
        return go(v->vars, p->steps, p->count);
    case EXPR_TRIGGER:
        return go_trigger(v->trigger, p);
    case EXPR_EXECUTION:
        return str_eq(first, "id") ? NULL : go(v->execution, p->steps, p->count);
    case EXPR_TASKRUN:
        return str_eq(first, "attempt") ? NULL : go(v->taskrun, p->steps, p->count);
    case EXPR_PARENT:
    case EXPR_PARENTS:
        return go(json_get(v->taskrun, expr_root_names[p->root]), p->steps, p->count);
    case EXPR_EVENT:
        return go(v->event, p->steps, p->count);
    default:
        return NULL;
    }
}

static const char *fixed_text(const struct expr_values *v, const struct path *p)
{
    if (p->count != 1) return NULL;
    bool id = str_eq(p->steps[0].name, "id");
    if (p->root == EXPR_EXECUTION && id) return v->execution_id;
    if (p->root == EXPR_FLOW && id) return v->flow_id;
    if (p->root == EXPR_TASK && id) return v->task_id;
    if (p->root == EXPR_FLOW && str_eq(p->steps[0].name, "namespace")) return v->flow_namespace;
    if (p->root == EXPR_TASKRUN && str_eq(p->steps[0].name, "attempt")) return v->attempt;
    return NULL;
}

/* ---- what is missing ------------------------------------------------------------------------- */

static void path_text(const char *root, const struct expr_step *steps, size_t count, char *out,
                      size_t size)
{
    (void)str_copy(out, size, root);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(out);
        (void)str_format(out + len, size - len, steps[i].is_index ? "[%s]" : ".%s", steps[i].name);
    }
}

static void note(struct eval *ev, const struct expr_node *n, const struct path *p)
{
    char text[200];
    const char *why = "has no value", *task = "";
    if (ev->noted) return;
    ev->noted = true;
    path_text(n->text ? n->text : "(...)", p->steps, p->count, text, sizeof text);
    if (n->text && p->root == EXPR_INPUTS) why = "was not given";
    if (n->text && p->root == EXPR_TRIGGER)
        why = ev->v->trigger ? "was not set by the trigger's check"
                             : "has no value: this execution was not started by a trigger";
    if (n->text && p->root == EXPR_OUTPUTS && p->count > 0) {
        why = "has no value: it was not set by the task ";
        task = p->steps[0].name;
    }
    expr_say(ev->missing, "%s %s%s", text, why, task);
}

/* ---- evaluation ------------------------------------------------------------------------------ */

/* The value of a step in brackets, as a name or an index. */
static int resolve(struct eval *ev, struct expr_step *step)
{
    const struct json *value;
    int rc = eval_node(ev, step->dynamic, false, &value);
    if (rc) return rc;
    if (json_type(value) != JSON_STRING && json_type(value) != JSON_NUMBER)
        return eval_fail(ev, "a text or a number must stand between [ and ], and not %s",
                         value_name(value));
    step->is_index = value_is_int(value);
    step->index = json_int(value, -1);
    step->dynamic = NULL;
    return value_text(ev, value, &step->name);
}

static int give_attempt(struct eval *ev, bool insert, const struct json **out)
{
    if (!insert)
        return eval_fail(ev, "taskrun.attempt can only be inserted: it is known when an agent "
                             "takes the job, which finds it in the variable CADRE_ATTEMPT");
    if (ev->v->attempts_used) ++*ev->v->attempts_used;
    return eval_give_text(ev, ev->v->attempt, out);
}

static int give_path(struct eval *ev, const struct expr_node *n, const struct path *p, bool insert,
                     const struct json **out)
{
    bool whole;
    const struct json *found = find_value(ev->v, p, &whole);
    const char *text = fixed_text(ev->v, p);
    if (text && p->root == EXPR_TASKRUN) return give_attempt(ev, insert, out);
    if (text) return eval_give_text(ev, text, out);
    /* each member of an event is there; one that does not apply is empty */
    bool empty = p->root == EXPR_EVENT && str_eq(json_str(found, "x"), "");
    *out = empty ? NULL : found;
    if (found || whole) return 0;
    note(ev, n, p);
    return ERR_NOT_FOUND;
}

static int eval_path(struct eval *ev, const struct expr_node *n, bool insert,
                     const struct json **out)
{
    struct expr_step steps[EXPR_STEPS_MAX];
    struct path p = {.steps = steps, .count = n->step_count};
    const struct json *base = NULL;
    int rc = n->text ? 0 : eval_node(ev, n->child, false, &base);
    for (size_t i = 0; i < n->step_count && rc == 0; i++) {
        steps[i] = n->steps[i];
        if (steps[i].dynamic) rc = resolve(ev, &steps[i]);
    }
    if (rc) return rc;
    if (n->text) {
        int root = expr_root_find(n->text);
        if (root < 0) return eval_fail(ev, "there is no '%.60s'", n->text);
        p.root = (enum expr_root)root;
        return give_path(ev, n, &p, insert, out);
    }
    *out = go(base, steps, n->step_count);
    if (*out) return 0;
    note(ev, n, &p);
    return ERR_NOT_FOUND;
}

static void eval_note_missing(struct eval *ev, const struct expr_node *n)
{
    struct path p = {.steps = n->steps, .count = n->step_count};
    int root = n->text ? expr_root_find(n->text) : -1;
    if (n->kind != EXPR_PATH || root < 0) return;
    p.root = (enum expr_root)root;
    note(ev, n, &p);
}

/* ---- lists and maps -------------------------------------------------------------------------- */

static int eval_list(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    struct json *list = json_new(JSON_ARRAY), *item;
    const struct json *value;
    int rc = 0;
    for (const struct expr_node *c = n->child; c && rc == 0; c = c->next) {
        rc = eval_node(ev, c, false, &value);
        if (rc == 0) rc = eval_copy(ev, value, &item);
        if (rc == 0) json_push(list, item);
    }
    if (rc == 0) return eval_give(ev, list, out);
    json_free(list);
    return rc;
}

/* The last of two that have the same key counts. */
static int eval_member(struct eval *ev, const struct expr_node *n, struct json *map)
{
    const struct json *key, *value;
    struct json *copy;
    const char *name;
    int rc = eval_node(ev, n, false, &key);
    if (rc == 0) rc = eval_node(ev, n->next, false, &value);
    if (rc == 0) rc = value_text(ev, key, &name);
    if (rc == 0) rc = eval_copy(ev, value, &copy);
    if (rc) return rc;
    json_remove(map, name);
    json_put(map, name, copy);
    return 0;
}

static int eval_map(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    struct json *map = json_new(JSON_OBJECT);
    int rc = 0;
    for (const struct expr_node *c = n->child; c && rc == 0; c = c->next->next)
        rc = eval_member(ev, c, map);
    if (rc == 0) return eval_give(ev, map, out);
    json_free(map);
    return rc;
}

/* ---- operators ------------------------------------------------------------------------------- */

/* ?? and ???: the right side when the left one is missing (or, of ??, null). Who reads that both
 * are missing is told of the first one. */
static int eval_otherwise(struct eval *ev, const struct expr_node *n, bool insert,
                          const struct json **out)
{
    bool noted = ev->noted;
    int rc = eval_node(ev, n->child, insert, out);
    if (rc && rc != ERR_NOT_FOUND) return rc;
    if (rc == 0 && (n->op == OP_UNDEFINED || json_type(*out) != JSON_NULL)) return 0;
    eval_note_missing(ev, n->child);
    rc = eval_node(ev, n->child->next, insert, out);
    if (rc == 0) ev->noted = noted;
    return rc;
}

static int eval_logic(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    const char *what = n->op == OP_AND ? "and" : "or";
    const struct json *value;
    bool holds;
    int rc = eval_node(ev, n->child, false, &value);
    if (rc == 0) rc = value_truth(ev, value, what, false, &holds);
    if (rc) return rc;
    if (holds == (n->op == OP_OR)) return eval_give_bool(ev, holds, out);
    rc = eval_node(ev, n->child->next, false, &value);
    if (rc == 0) rc = value_truth(ev, value, what, false, &holds);
    return rc ? rc : eval_give_bool(ev, holds, out);
}

static int eval_concat(struct eval *ev, const struct expr_node *n, bool insert,
                       const struct json **out)
{
    const struct json *sides[2];
    struct buf text;
    int rc = eval_node(ev, n->child, insert, &sides[0]);
    if (rc == 0) rc = eval_node(ev, n->child->next, insert, &sides[1]);
    if (rc) return rc;
    buf_init(&text, EXPR_RESULT_MAX);
    if (value_add_text(sides[0], &text) || value_add_text(sides[1], &text)) {
        buf_fini(&text);
        return eval_too_large(ev);
    }
    return eval_give_buf(ev, &text, out);
}

static int eval_binary(struct eval *ev, const struct expr_node *n, bool insert,
                       const struct json **out)
{
    const struct json *a, *b;
    if (n->op == OP_NULL || n->op == OP_UNDEFINED) return eval_otherwise(ev, n, insert, out);
    if (n->op == OP_AND || n->op == OP_OR) return eval_logic(ev, n, out);
    if (n->op == OP_CONCAT) return eval_concat(ev, n, insert, out);
    int rc = eval_node(ev, n->child, false, &a);
    if (rc == 0) rc = eval_node(ev, n->child->next, false, &b);
    if (rc) return rc;
    switch (n->op) {
    case OP_CONTAINS:
        return op_contains(ev, a, b, out);
    case OP_IN:
        return op_contains(ev, b, a, out);
    case OP_RANGE:
        return op_range(ev, a, b, NULL, out);
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
    case OP_MOD:
        return op_arithmetic(ev, n->op, a, b, out);
    default:
        return op_compare(ev, n->op, a, b, out);
    }
}

static int eval_unary(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    const struct json *value;
    bool holds;
    int rc = eval_node(ev, n->child, false, &value);
    if (rc) return rc;
    if (n->op == OP_NOT) {
        rc = value_truth(ev, value, "not", false, &holds);
        return rc ? rc : eval_give_bool(ev, !holds, out);
    }
    const struct json *one;
    rc = eval_give_int(ev, n->op == OP_MINUS ? -1 : 1, &one);
    return rc ? rc : op_arithmetic(ev, OP_MUL, one, value, out);
}

static int eval_choice(struct eval *ev, const struct expr_node *n, bool insert,
                       const struct json **out)
{
    const struct json *value;
    bool holds;
    int rc = eval_node(ev, n->child, false, &value);
    if (rc == 0) rc = value_truth(ev, value, "?", true, &holds);
    if (rc) return rc;
    const struct expr_node *yes = n->child->next;
    return eval_node(ev, holds ? yes : yes->next, insert, out);
}

/* ---- render() -------------------------------------------------------------------------------- */

#define RENDERS_MAX 8 /* texts within each other */

/* *s is behind "{{", afterwards behind the expression. */
static int add_expression(struct eval *ev, const char **s, bool insert, struct buf *out)
{
    struct expr_tree t;
    const struct json *value;
    expr_tree_init(&t);
    int rc =
        expr_read(s, &t) ? eval_node(ev, t.root, insert, &value) : eval_fail(ev, "%s", t.sentence);
    if (rc == 0 && value_add_text(value, out)) rc = eval_too_large(ev);
    expr_tree_fini(&t);
    return rc;
}

static int eval_text(struct eval *ev, const char *text, bool insert, struct buf *out)
{
    int rc = 0;
    if (ev->depth == RENDERS_MAX)
        return eval_fail(ev, "more than %d texts are rendered within each other", RENDERS_MAX);
    ev->depth++;
    for (const char *at; rc == 0 && (at = strstr(text, "{{")) != NULL;) {
        rc = buf_add(out, text, expr_length_before(text, at)) ? eval_too_large(ev) : 0;
        text = at + 2;
        if (rc == 0) rc = add_expression(ev, &text, insert, out);
    }
    if (rc == 0 && buf_adds(out, text)) rc = eval_too_large(ev);
    ev->depth--;
    return rc;
}

static int render_value(struct eval *ev, const struct json *j, bool insert, struct json **out)
{
    struct json *child;
    struct buf text;
    int rc = 0;
    *out = NULL;
    if (json_type(j) == JSON_STRING) {
        buf_init(&text, EXPR_RESULT_MAX);
        rc = eval_text(ev, json_str(j, ""), insert, &text);
        if (rc == 0) *out = json_new_str(text.len ? text.data : "");
        buf_fini(&text);
        return rc;
    }
    if (json_type(j) != JSON_ARRAY && json_type(j) != JSON_OBJECT) return eval_copy(ev, j, out);
    struct json *all = json_new(json_type(j));
    for (const struct json *c = json_first(j); c && rc == 0; c = json_next(c)) {
        rc = eval_charge(ev, 1);
        if (rc == 0) rc = render_value(ev, c, insert, &child);
        if (rc == 0 && json_type(j) == JSON_ARRAY) json_push(all, child);
        if (rc == 0 && json_type(j) == JSON_OBJECT) json_put(all, json_key(c), child);
    }
    if (rc)
        json_free(all);
    else
        *out = all;
    return rc;
}

static int eval_render(struct eval *ev, const struct json *what, bool insert,
                       const struct json **out)
{
    struct json *made;
    if (!what) return 0;
    int rc = render_value(ev, what, insert, &made);
    return rc ? rc : eval_give(ev, made, out);
}

/* ---- functions, filters and tests ------------------------------------------------------------ */

/* The value of what may be missing, for "is defined" and default. */
static int eval_maybe(struct eval *ev, const struct expr_node *n, const struct json **out)
{
    bool noted = ev->noted;
    int rc = eval_node(ev, n, false, out);
    if (rc != ERR_NOT_FOUND) return rc;
    ev->noted = noted;
    *out = NULL;
    return 0;
}

static enum expr_callable callable_of(const struct expr_node *n)
{
    return n->kind == EXPR_CALL     ? EXPR_IS_FUNCTION
           : n->kind == EXPR_FILTER ? EXPR_IS_FILTER
                                    : EXPR_IS_TEST;
}

static int eval_call(struct eval *ev, const struct expr_node *n, bool insert,
                     const struct json **out)
{
    const struct expr_node *nodes[EXPR_ARGS_MAX];
    const struct json *args[EXPR_ARGS_MAX] = {NULL};
    char sentence[EXPR_SENTENCE_SIZE];
    enum expr_callable kind = callable_of(n);
    const struct expr_function *f = expr_function_find(n->text, kind);
    int rc = 0;
    if (!f) return eval_fail(ev, "%.60s is not known", n->text);
    if (!expr_match_args(n, f, nodes, sentence)) return eval_fail(ev, "%s", sentence);
    for (int i = 0; i < EXPR_ARGS_MAX && rc == 0; i++) {
        if (!nodes[i]) continue;
        bool maybe = i == 0 && kind != EXPR_IS_FUNCTION && f->takes_missing;
        rc = maybe ? eval_maybe(ev, nodes[i], &args[i]) : eval_node(ev, nodes[i], false, &args[i]);
        if (json_type(args[i]) == JSON_NULL) args[i] = NULL;
    }
    if (rc) return rc;
    *out = NULL;
    if (kind == EXPR_IS_FILTER && !args[0] && !f->takes_null) return 0;
    rc = f->fn ? f->fn(ev, args, out) : eval_render(ev, args[0], insert, out);
    return rc == ERR_INVALID && !ev->bound ? err_wrap(&ev->err, "%s", n->text) : rc;
}

int eval_node(struct eval *ev, const struct expr_node *n, bool insert, const struct json **out)
{
    int rc = eval_charge(ev, 1);
    if (rc) return rc;
    switch (n->kind) {
    case EXPR_LITERAL:
        *out = n->value;
        return 0;
    case EXPR_LIST:
        return eval_list(ev, n, out);
    case EXPR_MAP:
        return eval_map(ev, n, out);
    case EXPR_PATH:
        return eval_path(ev, n, insert, out);
    case EXPR_UNARY:
        return eval_unary(ev, n, out);
    case EXPR_BINARY:
        return eval_binary(ev, n, insert, out);
    case EXPR_CHOICE:
        return eval_choice(ev, n, insert, out);
    default:
        return eval_call(ev, n, insert, out);
    }
}
