/* What is started here begins in another batch: executions that need no agent end at once, and
 * their end would start others within the same transaction, without an end. */
#include "coordinator/engine/after.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/listener.h"
#include "coordinator/engine/occurrence.h"

#include <string.h>

static bool fits(const struct flow_after *a, const struct ended_execution *x)
{
    const char *ns = x->flow->ns;
    if (!(a->states >> x->state & 1)) return false;
    if (a->flow && !str_eq(a->flow, x->flow->id)) return false;
    return !a->ns || (a->prefix ? str_starts(ns, a->ns) : str_eq(a->ns, ns));
}

static void put_time(struct json *object, const char *key, int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];
    if (wall_ms <= 0) return;
    time_format(wall_ms, text);
    json_put(object, key, json_new_str(text));
}

static void put_tree(struct json *object, const char *key, const char *text)
{
    struct json *tree = NULL;
    if (!text || json_parse(text, strlen(text), &tree, NULL)) tree = json_new(JSON_OBJECT);
    json_put(object, key, tree);
}

/* As Kestra names them. json_free; NULL: a failure was noted. *trace: the execution's, mem_free. */
static struct json *vars_of(struct engine *g, const struct ended_execution *x, char **trace)
{
    struct execution_row row;
    char id[ID_TEXT_SIZE];
    if (!store_ok(g, store_execution_get(g->store, x->id, &row, &g->err))) return NULL;
    struct json *vars = json_new(JSON_OBJECT);
    id_format(x->id, id);
    json_put(vars, "executionId", json_new_str(id));
    json_put(vars, "namespace", json_new_str(row.ns));
    json_put(vars, "flowId", json_new_str(row.flow));
    json_put(vars, "flowRevision", json_new_num((double)row.revision));
    json_put(vars, "state", json_new_str(fsm_name(&execution_fsm, (int)x->state)));
    put_time(vars, "startDate", row.started_ms > 0 ? row.started_ms : row.created_ms);
    put_time(vars, "endDate", row.ended_ms);
    put_tree(vars, "executionLabels", row.labels);
    put_tree(vars, "outputs", row.outputs);
    *trace = row.trace;
    row.trace = NULL;
    execution_row_fini(&row);
    return vars;
}

/* The execution whose end started this one; 0: none did, or it is not known any more. */
static int64_t parent_of(const struct execution_row *row)
{
    struct json *vars = NULL;
    int64_t id = 0;
    if (row->depth > 0 && row->trigger_vars)
        (void)json_parse(row->trigger_vars, strlen(row->trigger_vars), &vars, NULL);
    if (id_parse(json_get_str(vars, "executionId", ""), &id)) id = 0;
    json_free(vars);
    return id;
}

/* Is the trigger's flow among those that led to this end? */
static bool is_circle(struct engine *g, const struct trigger *t, int64_t id)
{
    bool found = false;
    for (int i = 0; i <= AFTER_DEPTH_MAX && id && !found && g->rc == 0; i++) {
        struct execution_row row = {0};
        int rc = store_execution_find(g->store, id, &row, &g->err);
        if (!store_ok(g, rc) || rc == 0) break;
        found = str_eq(row.ns, t->row.ns) && str_eq(row.flow, t->row.flow);
        id = parent_of(&row);
        execution_row_fini(&row);
    }
    return found;
}

static void fire(struct engine *g, struct trigger *t, const struct ended_execution *x)
{
    struct occurrence o = {.depth = x->depth + 1};
    struct err unread; /* the history has it */
    char why[160];
    if (o.depth > AFTER_DEPTH_MAX) {
        str_format(why, sizeof why,
                   "%d executions were started by the end of one another already: flows start each "
                   "other in a circle",
                   AFTER_DEPTH_MAX);
        occurrence_skip(g, t, why);
        return;
    }
    if (t->started_in != g->batch) t->started = 0;
    t->started_in = g->batch;
    bool at_once = t->started >= AFTER_OPEN_MAX;
    if ((at_once || t->executions >= AFTER_OPEN_MAX) && is_circle(g, t, x->id)) {
        str_format(why, sizeof why,
                   "%lld executions that it started %s: flows start each other in a circle",
                   (long long)(at_once ? t->started : t->executions),
                   at_once ? "came at once" : "are open");
        occurrence_skip(g, t, why);
        return;
    }
    if (g->rc) return;
    char *trace = NULL;
    struct json *vars = vars_of(g, x, &trace);
    if (!vars) return;
    o.vars = vars;
    o.trace = trace;
    t->started++; /* failOnTriggerError makes one that has failed, too */
    (void)occurrence_fire(g, t, &o, &unread);
    json_free(vars);
    mem_free(trace);
}

static void look(struct engine *g, struct trigger *t, const struct flow_trigger *def,
                 const void *user)
{
    const struct ended_execution *x = user;
    if (t->row.disabled || t->flow->deleted || t->flow == x->flow) return;
    if (fits(&def->after, x)) fire(g, t, x);
}

void after_on_execution(struct engine *g, const struct ended_execution *x)
{
    listeners_each(g, x->flow->ns, x->flow->id, look, x);
}
