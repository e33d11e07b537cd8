/* The tasks of a flow, those within others included, as they are written. */
#include "coordinator/flow/read.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/control.h"
#include "coordinator/flow/tree.h"

#include <string.h>

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
    switch (kind) {
    case FLOW_COMMAND:
    case FLOW_SCRIPT:
        return asks_for_files(n) ? EXPR_OUTPUTS_FILES : EXPR_OUTPUTS_ANY;
    case FLOW_RETURN:
        return n->r->stored ? EXPR_OUTPUTS_ANY : EXPR_OUTPUTS_VALUE;
    case FLOW_LOOP:
    case FLOW_SUBFLOW:
    case FLOW_PAUSE:
        return EXPR_OUTPUTS_ANY;
    default:
        return EXPR_OUTPUTS_NONE;
    }
}

/* Kestra 2 calls it `when`. "true" says nothing. */
static void read_run_if(const struct node *n, struct flow_task *t, const struct expr_scope *scope)
{
    const char *key = node_has(n, "when") ? "when" : "runIf";
    const struct json *j = json_get(n->j, key);
    if (node_has(n, "when") && node_has(n, "runIf"))
        node_fail(n, "when", "is the same as runIf: one of the two");
    if (key_says_nothing("runIf", j)) return;
    t->run_if = node_text(n, key, FLOW_FILE_MAX);
    if (t->run_if && !t->run_if[strspn(t->run_if, " \t\r\n")]) node_fail(n, key, "is empty");
    read_no_statements(n, j, key, t->run_if);
    struct expr_scope before = *scope; /* there is no job yet */
    before.no_attempt = true;
    before.where = "in runIf";
    read_template(n, j, key, t->run_if, &before);
}

/* What tells what the task does. False: no further key is looked at. */
static bool read_what_it_is(const struct node *n, struct flow_task *t,
                            const struct expr_scope *scope)
{
    if (!node_has(n, "type")) {
        if (lacks_type(n)) return false; /* its other keys are not the point */
        node_known(n, task_keys, task_refused);
        read_work(n, &t->work, scope, false);
        return true;
    }
    char *type = node_text(n, "type", FLOW_FILE_MAX);
    const struct control_type *control = type ? control_find(type) : NULL;
    bool good = type != NULL;
    if (control) {
        struct expr_scope without_job = *scope;
        without_job.no_attempt = true;
        without_job.where = "of a task that has no job";
        read_control(n, control, t, &without_job);
    } else if (type) {
        good = read_kestra(n, type, &t->work, scope);
        if (good) read_work(n, &t->work, scope, true);
    }
    mem_free(type);
    return good;
}

/* A group of defaults for many tasks means nothing to those of a WorkingDirectory: they run where
 * that one is. */
static void drop_group(const struct flow *f, struct flow_task *t)
{
    if (!t->parent || f->tasks[t->parent - 1].work.kind != FLOW_WORKING_DIRECTORY) return;
    mem_free(t->work.group.key);
    t->work.group = (struct flow_group_ref){0};
}

static void read_task(const struct node *flow, size_t index)
{
    struct reader *r = flow->r;
    struct flow_task *t = &r->flow->tasks[index];
    const struct task_place *place = &r->places[index];
    struct node n = {.r = r, .j = place->j};
    tree_place(r, index, n.at, sizeof n.at);
    if (!node_is_item(&n, "task")) {
        r->unread |= ROOT(OUTPUTS);
        return;
    }
    t->id = node_id(&n, false);
    if (!t->id) r->unread |= ROOT(OUTPUTS);
    if (t->id) (void)str_format(n.at, sizeof n.at, "task %s: ", t->id);
    t->reads = mem_array(r->flow->task_count, sizeof *t->reads);
    t->reads_all = mem_array(r->flow->task_count, sizeof *t->reads_all);
    const struct expr_scope scope = tree_scope(r, index);
    if (!read_what_it_is(&n, t, &scope)) return;
    drop_group(r->flow, t);
    r->task_outputs[index] = outputs_of(&n, t->work.kind);
    t->description = node_text(&n, "description", FLOW_TEXT_MAX);
    t->allow_failure = node_bool(&n, "allowFailure", t->allow_failure);
    t->allow_warning = node_bool(&n, "allowWarning", false);
    t->disabled = node_bool(&n, "disabled", false);
    read_run_if(&n, t, &scope);
    if (!node_has(&n, "retry") && t->work.kind < FLOW_CONTROL) t->work.retry = r->flow->retry;
}

/* What iterations leave: it may name the tasks in them, which are read before. */
static void read_loop_outputs(struct reader *r, size_t index)
{
    struct flow_task *t = &r->flow->tasks[index];
    struct node n = {.r = r, .j = r->places[index].j};
    if (t->work.kind != FLOW_LOOP || !t->id || !t->control) return;
    (void)str_format(n.at, sizeof n.at, "task %s: ", t->id);
    const struct expr_scope scope = tree_scope_at_end(r, index);
    t->control->output_count = read_outputs(&n, &t->control->outputs, &scope);
}

static void check_ids(const struct reader *r, size_t index)
{
    const struct flow *f = r->flow;
    const char *id = f->tasks[index].id;
    for (size_t i = 0; id && i < index; i++)
        if (str_eq(f->tasks[i].id, id))
            read_fail((struct reader *)r, r->places[index].j,
                      "task %s: the id is used in line %d already", id, f->tasks[i].line);
}

void read_tasks(const struct node *flow)
{
    tree_lay(flow);
    for (size_t i = 0; i < flow->r->flow->task_count; i++) {
        read_task(flow, i);
        check_ids(flow->r, i);
    }
    for (size_t i = 0; i < flow->r->flow->task_count; i++)
        read_loop_outputs(flow->r, i);
}
