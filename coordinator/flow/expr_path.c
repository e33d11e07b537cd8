/* Paths: where the values of a flow stand, and what is said of one that is missing. */
#include "coordinator/flow/expr_eval.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

const char *const expr_root_names[EXPR_ROOTS] = {"inputs",    "outputs", "vars",    "trigger",
                                                 "execution", "flow",    "taskrun", "envs",
                                                 "task",      "parent",  "parents", "event"};

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
    case EXPR_ENVS:
        return go(v->envs, p->steps, p->count);
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

int eval_path(struct eval *ev, const struct expr_node *n, bool insert, const struct json **out)
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

void eval_note_missing(struct eval *ev, const struct expr_node *n)
{
    struct path p = {.steps = n->steps, .count = n->step_count};
    int root = n->text ? expr_root_find(n->text) : -1;
    if (n->kind != EXPR_PATH || root < 0) return;
    p.root = (enum expr_root)root;
    note(ev, n, &p);
}
