/* Checks expressions before anything runs: every name, function and argument that can be known. */
#include "coordinator/flow/expr.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/expr_eval.h"
#include "coordinator/flow/expr_tree.h"

#include <string.h>

#define RENDERS_MAX 8

struct check {
    const struct expr_scope *scope;
    bool uses_attempt;
    int renders; /* how many vars are being looked into, by render() */
    char *sentence;
};

/* What a node is in. */
struct around {
    bool insert; /* its value is inserted as it is */
    bool render; /* it is given to render() */
    bool each;   /* to currentEachOutput() */
};

#define FAIL(c, ...) expr_say((c)->sentence, __VA_ARGS__)

static bool check_node(struct check *c, const struct expr_node *n, struct around in);

/* ---- what there is not ----------------------------------------------------------------------- */

/* What Kestra has besides, and what to do instead. */
static const struct {
    const char *name;
    unsigned kind; /* enum expr_callable; 0: a root */
    const char *sentence;
} ways_out[] = {
    {"secret", EXPR_IS_FUNCTION,
     "secret() is not supported: give the value to the job as a variable, with env in the "
     "agent's agent.yaml"},
    {"kv", EXPR_IS_FUNCTION,
     "kv() is not supported: write the value into vars, or give it as an input"},
    {"read", EXPR_IS_FUNCTION, "read() is not supported: let the script read its files"},
    {"fileURI", EXPR_IS_FUNCTION, "fileURI() is not supported: let the script read its files"},
    {"fileSize", EXPR_IS_FUNCTION, "fileSize() is not supported: let the script measure its files"},
    {"uuid", EXPR_IS_FUNCTION,
     "uuid() is not supported: execution.id and taskrun.id are unique, or let a script make one"},
    {"id", EXPR_IS_FUNCTION,
     "id() is not supported: execution.id and taskrun.id are unique, or let a script make one"},
    {"randomInt", EXPR_IS_FUNCTION,
     "randomInt() is not supported: let a script draw the number, and set an output"},
    {"encrypt", EXPR_IS_FUNCTION, "encrypt() is not supported: let a script do it"},
    {"decrypt", EXPR_IS_FUNCTION, "decrypt() is not supported: let a script do it"},
    {"workingDir", 0, "there is no 'workingDir': jobs find it in the variable WORKING_DIR"},
    {"outputDir", 0,
     "there is no 'outputDir': let the script store its files where others find them, and set "
     "an output"},
    {"outputFiles", 0,
     "there is no 'outputFiles': let the script store its files where others find them, and set "
     "an output"},
    {"namespace", 0, "there is no 'namespace': write flow.namespace"},
    {"envs", 0, "there is no 'envs': jobs find variables of the agent in their environment"},
    {"globals", 0, "there is no 'globals': write the value into vars"},
    {"secrets", 0,
     "there is no 'secrets': give the value to the job as a variable, with env in the agent's "
     "agent.yaml"},
    {"labels", 0, "there is no 'labels': give the value as an input"},
    {"error", 0, "there is no 'error': in tasks of `errors`, errorLogs() tells what failed"},
};

static const char *way_out(const char *name, unsigned kind)
{
    for (size_t i = 0; i < sizeof ways_out / sizeof *ways_out; i++)
        if (ways_out[i].kind == kind && str_eq(ways_out[i].name, name)) return ways_out[i].sentence;
    return NULL;
}

static bool fail_root(struct check *c, const char *name)
{
    char suggestion[STR_SUGGEST_SIZE];
    const char *sentence = way_out(name, 0);
    if (sentence) return FAIL(c, "%s", sentence);
    if (expr_function_find(name, EXPR_IS_FUNCTION))
        return FAIL(c, "%s is a function: write %s()", name, name);
    str_suggest_nearest(suggestion, name, expr_root_names, EXPR_EVENT);
    if (*suggestion) return FAIL(c, "there is no '%.60s'%s", name, suggestion);
    return FAIL(c,
                "there is no '%.60s': an expression begins with inputs, outputs, vars, trigger, "
                "execution, flow or taskrun; a text stands in quotes",
                name);
}

static bool fail_callable(struct check *c, const char *name, enum expr_callable kind)
{
    static const char *const kinds[] = {"", "function", "filter", "", "test"};
    const char *names[100];
    char suggestion[STR_SUGGEST_SIZE];
    size_t count = 0;
    const char *sentence = way_out(name, kind);
    if (sentence) return FAIL(c, "%s", sentence);
    if (kind == EXPR_IS_FUNCTION && expr_function_find(name, EXPR_IS_FILTER))
        return FAIL(c, "%.40s is a filter: write VALUE | %.40s", name, name);
    if (kind == EXPR_IS_FILTER && expr_function_find(name, EXPR_IS_FUNCTION))
        return FAIL(c, "%.40s is a function: write %.40s(VALUE)", name, name);
    const struct expr_function *f;
    for (size_t i = 0; (f = expr_function_at(i)) != NULL && count < 100; i++)
        if (f->kinds & kind) names[count++] = f->name;
    str_suggest_nearest(suggestion, name, names, count);
    return FAIL(c, "there is no %s '%.40s'%s%s", kinds[kind], name, suggestion,
                *suggestion || kind == EXPR_IS_TEST ? "" : ": let a script work it out");
}

static bool fail_name(struct check *c, const char *what, const char *name, const char *const *there,
                      size_t count)
{
    char suggestion[STR_SUGGEST_SIZE];
    const char *dash = strchr(name, '-');
    str_suggest_nearest(suggestion, name, there, count);
    return FAIL(c, "there is no %s '%.60s'%s%s", what, name, suggestion,
                dash && !*suggestion ? ": a minus has blanks around it" : "");
}

static size_t find(const char *name, const char *const *list, size_t count)
{
    size_t i = 0;
    while (i < count && !str_eq(list[i], name))
        i++;
    return i;
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* What Kestra's script tasks have besides "vars" and "exitCode", and no task has here. */
static bool check_key(struct check *c, const char *task, enum expr_outputs has, const char *key)
{
    if (has == EXPR_OUTPUTS_WRONG) return true;
    if (has == EXPR_OUTPUTS_VALUE && !str_eq(key, "value"))
        return FAIL(c, "the task '%s' has the output 'value' alone", task);
    if (str_eq(key, "outputFiles") && has == EXPR_OUTPUTS_FILES) return true;
    if (str_eq(key, "outputFiles"))
        return FAIL(c,
                    "the task '%.60s' has no 'outputFiles': let the script store its files where "
                    "others find them, and set an output",
                    task);
    if (str_eq(key, "stdOutLineCount") || str_eq(key, "stdErrLineCount"))
        return FAIL(c,
                    "the task '%.60s' has no '%s': let the script count its lines, and set an "
                    "output",
                    task, key);
    return true;
}

/* Which task it is turns out when it runs. */
static void name_all(const struct expr_scope *s)
{
    for (size_t i = 0; s->named && i < s->earlier_count; i++) {
        s->named[i] = true;
        if (s->named_all) s->named_all[i] = true;
    }
}

/* Is it one of the values at hand, such as taskrun.value or parents[0].taskrun.value? */
static bool is_at_hand(const struct expr_node *n)
{
    if (!n || n->kind != EXPR_PATH || !n->text || n->step_count == 0) return false;
    for (size_t i = 0; i < n->step_count; i++)
        if (n->steps[i].dynamic) return false;
    return str_eq(n->steps[n->step_count - 1].name, "value") &&
           (str_eq(n->text, "taskrun") || str_eq(n->text, "parent") || str_eq(n->text, "parents"));
}

static bool names_at_hand(const struct expr_node *n, size_t loops)
{
    if (n->step_count <= loops) return false;
    for (size_t i = 1; i <= loops; i++)
        if (!is_at_hand(n->steps[i].dynamic)) return false;
    return true;
}

/* Has the task, which stands earlier, outputs here? */
static bool check_sight(struct check *c, const char *task, const struct expr_seen *seen)
{
    switch (seen->how) {
    case EXPR_HOLDER:
        return FAIL(c, "the task '%.60s' holds this one, and has no outputs before its end", task);
    case EXPR_OTHER_BRANCH:
        return FAIL(c, "the task '%.60s' is in another branch of '%.60s': it has not run here",
                    task, seen->by);
    case EXPR_AT_ONCE:
        return FAIL(c,
                    "the task '%.60s' runs at the same time, in '%.60s': it may have no outputs "
                    "yet",
                    task, seen->by);
    case EXPR_IN_LOOP:
        return FAIL(c,
                    "the task '%.60s' is within the Loop '%.60s', whose outputs alone are seen "
                    "behind it",
                    task, seen->by);
    default:
        return true;
    }
}

static bool check_earlier(struct check *c, const struct expr_node *n, size_t at, struct around in)
{
    const struct expr_scope *s = c->scope;
    const char *task = n->steps[0].name;
    if (s->sights && !check_sight(c, task, &s->sights[at])) return false;
    enum expr_outputs has = s->outputs ? s->outputs[at] : EXPR_OUTPUTS_ANY;
    size_t loops = s->iterated ? s->iterated[at] : 0, key = loops + 1;
    bool fixed =
        n->step_count > key && !n->steps[key].dynamic && (loops == 0 || n->step_count == key + 1);
    if (has == EXPR_OUTPUTS_NONE) return FAIL(c, "the task '%s' never sets an output", task);
    if (fixed && !check_key(c, task, has, n->steps[key].name)) return false;
    if (s->named) s->named[at] = true;
    if (s->named_all && loops > 0 && !in.each && !names_at_hand(n, loops)) s->named_all[at] = true;
    return true;
}

static bool check_output(struct check *c, const struct expr_node *n, struct around in)
{
    const struct expr_scope *s = c->scope;
    if (n->steps[0].dynamic) {
        name_all(s);
        return true;
    }
    const char *task = n->steps[0].name;
    size_t at = find(task, s->tasks, s->task_count);
    bool iterated = at < s->task_count && s->iterated && s->iterated[at];
    if (n->step_count < 2 && !iterated)
        return FAIL(c, "outputs needs a task and a key: outputs.TASK.KEY");
    if (at < s->earlier_count) return check_earlier(c, n, at, in);
    if (at == s->task_count && find(task, s->inner, s->inner_count) < s->inner_count) return true;
    if (at == s->task_count) return fail_name(c, "earlier task", task, s->tasks, s->earlier_count);
    if (at == s->earlier_count && !s->no_own)
        return FAIL(c, "the task '%s' cannot use its own outputs", task);
    return FAIL(c, "the task '%s' comes later", task);
}

/* ---- vars ------------------------------------------------------------------------------------ */

struct inner {
    const char *name; /* of the variable */
    char text[EXPR_SENTENCE_SIZE + 200];
    bool bad;
};

static bool on_inner(const char *at, size_t len, const char *sentence, void *user)
{
    struct inner *i = user;
    char shown[STR_QUOTE_SIZE], *text = mem_strndup(at, len);
    i->bad = true;
    if (str_starts(sentence, "in vars.")) /* told by one that this one renders */
        (void)str_copy(i->text, sizeof i->text, sentence);
    else
        (void)str_format(i->text, sizeof i->text, "in vars.%.40s, %s: %s", i->name,
                         str_quote(shown, text), sentence);
    mem_free(text);
    return false;
}

static void check_text(struct check *c, const char *text, bool insert, expr_problem_fn *on_problem,
                       void *user);

/* What render() will evaluate: the texts of a variable. */
static bool check_rendered(struct check *c, const char *name, const struct json *j, bool insert)
{
    struct inner i = {.name = name};
    if (++c->renders > RENDERS_MAX)
        return FAIL(c, "more than %d texts are rendered within each other", RENDERS_MAX);
    char *sentence = c->sentence, room[EXPR_SENTENCE_SIZE];
    c->sentence = room;
    if (json_type(j) == JSON_STRING) check_text(c, json_str(j, ""), insert, on_inner, &i);
    c->sentence = sentence;
    bool good = i.bad ? FAIL(c, "%s", i.text) : true;
    for (const struct json *child = json_first(j); child && good; child = json_next(child))
        good = check_rendered(c, name, child, insert);
    c->renders--;
    return good;
}

static bool check_var(struct check *c, const struct expr_node *n, struct around in)
{
    const struct json *vars = c->scope->vars;
    if (n->steps[0].dynamic) return true;
    const char *name = n->steps[0].name;
    const struct json *j = json_get(vars, name);
    if (!j) {
        size_t count = json_count(vars), i = 0;
        const char **names = mem_array(count + 1, sizeof *names);
        for (const struct json *v = json_first(vars); v; v = json_next(v))
            names[i++] = json_key(v);
        (void)fail_name(c, "variable", name, names, count);
        mem_free(names);
        return false;
    }
    for (size_t i = 1; i < n->step_count && j && !n->steps[i].dynamic; i++)
        j = value_at(j, &n->steps[i]);
    if (!j || !expr_has_within(j)) return true;
    if (in.render) return check_rendered(c, name, j, in.insert);
    return FAIL(c, "vars.%.60s has expressions itself: write render(vars.%.60s)", name, name);
}

/* ---- the other roots ------------------------------------------------------------------------- */

static bool check_trigger(struct check *c, const struct expr_node *n)
{
    const struct expr_scope *s = c->scope;
    char all[200] = "";
    size_t count = s->trigger_key_count;
    if (n->steps[0].dynamic) return true;
    const char *name = n->steps[0].name;
    if (count == 0 || find(name, s->trigger_keys, count) < count) return true;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(all);
        (void)str_format(all + len, sizeof all - len, "%s%s", i ? ", " : "", s->trigger_keys[i]);
    }
    return FAIL(c, "there is no '%.60s' in trigger, only %s", name, all);
}

/* Roots whose members are fixed. */
static const char *const flow_keys[] = {"id", "namespace", NULL};
static const char *const task_keys[] = {"id", NULL};
static const char *const execution_keys[] = {"id", "startDate", "originalId", "state", NULL};
static const char *const taskrun_keys[] = {"attempt",   "value",    "iteration", "id",
                                           "startDate", "parentId", NULL};

static bool check_fixed(struct check *c, enum expr_root root, const struct expr_node *n)
{
    const char *const *keys = root == EXPR_FLOW        ? flow_keys
                              : root == EXPR_TASK      ? task_keys
                              : root == EXPR_EXECUTION ? execution_keys
                                                       : taskrun_keys;
    char all[200] = "";
    size_t i = 0;
    bool value = root == EXPR_TASKRUN && str_eq(n->steps[0].name, "value");
    for (; keys[i]; i++) {
        if ((n->step_count == 1 || value) && !n->steps[0].dynamic &&
            str_eq(keys[i], n->steps[0].name))
            return true;
        size_t len = strlen(all);
        (void)str_format(all + len, sizeof all - len, "%s%s.%s",
                         i == 0        ? ""
                         : keys[i + 1] ? ", "
                                       : " and ",
                         expr_root_names[root], keys[i]);
    }
    return FAIL(c, "there is %s only", all);
}

static bool check_taskrun(struct check *c, const struct expr_node *n, struct around in)
{
    if (!check_fixed(c, EXPR_TASKRUN, n)) return false;
    const char *name = n->steps[0].name;
    if (str_eq(name, "attempt")) {
        c->uses_attempt = true;
        if (c->scope->no_attempt)
            return FAIL(c,
                        "there is no taskrun.attempt %s: it is known when an agent takes the job",
                        c->scope->where ? c->scope->where : "here");
        if (!in.insert)
            return FAIL(c, "taskrun.attempt can only be inserted: it is known when an agent takes "
                           "the job, which finds it in the variable CADRE_ATTEMPT");
    }
    if (c->scope->no_value && (str_eq(name, "value") || str_eq(name, "iteration")))
        return FAIL(c, "there is no taskrun.%s outside of ForEach and Loop", name);
    return true;
}

static bool check_input(struct check *c, const struct expr_node *n)
{
    const struct expr_scope *s = c->scope;
    char id[EXPR_NAME_MAX + 1];
    size_t fixed = 0;
    while (fixed < n->step_count && !n->steps[fixed].dynamic)
        fixed++;
    for (size_t k = 1; k <= fixed; k++)
        if (expr_join_steps(n->steps, k, id) &&
            find(id, s->inputs, s->input_count) < s->input_count)
            return true;
    if (fixed == 0) return true;
    if (!expr_join_steps(n->steps, fixed, id)) (void)str_copy(id, sizeof id, n->steps[0].name);
    return fail_name(c, "input", id, s->inputs, s->input_count);
}

static bool check_event(struct check *c, const struct expr_node *n)
{
    const struct expr_scope *s = c->scope;
    if (n->steps[0].dynamic) return true;
    const char *name = n->steps[0].name;
    if (find(name, s->event_keys, s->event_key_count) < s->event_key_count) return true;
    return fail_name(c, "member of an event", name, s->event_keys, s->event_key_count);
}

/* `task` and `parent` are there where taskrun is. */
static unsigned bit_of(enum expr_root root)
{
    bool same = root == EXPR_TASK || root == EXPR_PARENT || root == EXPR_PARENTS;
    return 1u << (same ? EXPR_TASKRUN : root);
}

static bool check_root(struct check *c, enum expr_root root, const struct expr_node *n,
                       struct around in)
{
    const struct expr_scope *s = c->scope;
    const char *name = expr_root_names[root];
    if (!(s->roots & bit_of(root)))
        return FAIL(c, "there is no '%s' %s", name, s->where ? s->where : "here");
    if ((root == EXPR_PARENT || root == EXPR_PARENTS) && s->no_value)
        return FAIL(c, "there is no '%s' outside of ForEach and Loop", name);
    if (n->step_count == 0 && root != EXPR_PARENTS)
        return FAIL(c, "%s needs a name: %s.NAME", name, name);
    if (s->unread & 1u << root) return true;
    switch (root) {
    case EXPR_INPUTS:
        return check_input(c, n);
    case EXPR_OUTPUTS:
        return check_output(c, n, in);
    case EXPR_VARS:
        return check_var(c, n, in);
    case EXPR_TRIGGER:
        return check_trigger(c, n);
    case EXPR_EVENT:
        return check_event(c, n);
    case EXPR_TASKRUN:
        return check_taskrun(c, n, in);
    case EXPR_FLOW:
    case EXPR_TASK:
    case EXPR_EXECUTION:
        return check_fixed(c, root, n);
    default:
        return true;
    }
}

static bool check_path(struct check *c, const struct expr_node *n, struct around in)
{
    const struct around inside = {false, false, false};
    for (size_t i = 0; i < n->step_count; i++)
        if (n->steps[i].dynamic && !check_node(c, n->steps[i].dynamic, inside)) return false;
    if (!n->text) return check_node(c, n->child, (struct around){false, in.render, false});
    int root = expr_root_find(n->text);
    return root < 0 ? fail_root(c, n->text) : check_root(c, (enum expr_root)root, n, in);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* What can be said of the arguments that are literals. */
static bool check_literals(struct check *c, const struct expr_function *f,
                           const struct expr_node *const nodes[EXPR_ARGS_MAX])
{
    const struct json *args[EXPR_ARGS_MAX] = {NULL};
    struct err e = {0};
    for (int i = 0; i < EXPR_ARGS_MAX; i++)
        if (nodes[i] && nodes[i]->kind == EXPR_LITERAL && json_type(nodes[i]->value) != JSON_NULL)
            args[i] = nodes[i]->value;
    if (!f->check || f->check(args, c->scope, &e) == 0) return true;
    return FAIL(c, "%s: %s", f->name, err_text(&e));
}

static bool is_render(const struct expr_node *n)
{
    return n->kind == EXPR_CALL && str_starts(n->text, "render");
}

/* Does the value of this path stand in the flow's vars, where it can be looked into? */
static bool is_fixed_var(const struct expr_node *n)
{
    if (n->kind != EXPR_PATH || !n->text || !str_eq(n->text, "vars")) return false;
    for (size_t i = 0; i < n->step_count; i++)
        if (n->steps[i].dynamic) return false;
    return true;
}

static bool check_error_logs(struct check *c)
{
    if (!c->scope->on_errors)
        return FAIL(c, "errorLogs() is there in the tasks of `errors` alone: nothing has failed");
    if (c->scope->error_logs) *c->scope->error_logs = true;
    return true;
}

static bool check_call(struct check *c, const struct expr_node *n, enum expr_callable kind,
                       struct around in)
{
    const struct expr_node *nodes[EXPR_ARGS_MAX];
    const struct expr_function *f = expr_function_find(n->text, kind);
    if (!f) return fail_callable(c, n->text, kind);
    if (!expr_match_args(n, f, nodes, c->sentence)) return false;
    if (is_render(n) && !is_fixed_var(n->child)) {
        name_all(c->scope);
        if (c->scope->error_logs) *c->scope->error_logs = true;
    }
    if (str_eq(f->name, "now") && c->scope->no_clock)
        return FAIL(c, "there is no now() %s", c->scope->where ? c->scope->where : "here");
    if (str_eq(f->name, "errorLogs") && !check_error_logs(c)) return false;
    const struct around inside = {is_render(n) && in.insert, is_render(n), false};
    for (const struct expr_node *child = n->child; child; child = child->next) {
        bool only = is_render(n) && is_fixed_var(child);
        struct around of = {only && inside.insert, inside.render || in.render,
                            str_eq(n->text, "currentEachOutput")};
        if (!check_node(c, child, of)) return false;
    }
    return check_literals(c, f, nodes);
}

static bool check_node(struct check *c, const struct expr_node *n, struct around in)
{
    struct around of = {false, in.render, false};
    switch (n->kind) {
    case EXPR_LITERAL:
        return true;
    case EXPR_PATH:
        return check_path(c, n, in);
    case EXPR_CALL:
        return check_call(c, n, EXPR_IS_FUNCTION, in);
    case EXPR_FILTER:
        return check_call(c, n, EXPR_IS_FILTER, in);
    case EXPR_TEST:
        return check_call(c, n, EXPR_IS_TEST, in);
    case EXPR_BINARY:
        of.insert = in.insert && (n->op == OP_CONCAT || n->op == OP_NULL || n->op == OP_UNDEFINED);
        break;
    default:
        break;
    }
    for (const struct expr_node *child = n->child; child; child = child->next) {
        if (n->kind == EXPR_CHOICE) of.insert = in.insert && child != n->child;
        if (!check_node(c, child, of)) return false;
    }
    return true;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Behind what could not be read: the expression's end on its line, else the line's end. */
static const char *skip_bad(const char *at)
{
    size_t line = strcspn(at, "\n");
    const char *end = strstr(at, "}}");
    return end && (size_t)(end - at) < line ? end + 2 : at + line;
}

static void check_text(struct check *c, const char *text, bool insert, expr_problem_fn *on_problem,
                       void *user)
{
    const char *next;
    for (const char *at = strstr(text, "{{"); at; at = strstr(next, "{{")) {
        struct expr_tree t;
        next = at + 2;
        expr_tree_init(&t);
        bool read = expr_read(&next, &t);
        if (!read) (void)FAIL(c, "%s", t.sentence);
        bool good = read && check_node(c, t.root, (struct around){insert, false, false});
        expr_tree_fini(&t);
        if (good) continue;
        if (!read) next = skip_bad(at + 2);
        const char *end = next;
        while (read && end > at && expr_is_blank(end[-1]))
            end--;
        if (!on_problem(at, (size_t)(end - at), c->sentence, user)) break;
    }
}

void expr_check(const char *text, const struct expr_scope *scope, expr_problem_fn *on_problem,
                void *user, bool *uses_attempt)
{
    char sentence[EXPR_SENTENCE_SIZE];
    struct check c = {.scope = scope, .sentence = sentence};
    check_text(&c, text, true, on_problem, user);
    if (uses_attempt && c.uses_attempt) *uses_attempt = true;
}
