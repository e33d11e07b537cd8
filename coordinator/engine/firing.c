#include "coordinator/engine/firing.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/execution.h"

char *trigger_maker(const struct engine *g, const struct trigger *t)
{
    return g->by ? mem_strdup(g->by)
                 : str_dupf("trigger %s/%s/%s", t->row.ns, t->row.flow, t->row.name);
}

static struct execution_row row_of(const struct trigger *t, const struct firing *x)
{
    char *own = x->by ? NULL : str_dupf("trigger %s/%s/%s", t->row.ns, t->row.flow, t->row.name);
    return (struct execution_row){.ns = mem_strdup(t->row.ns),
                                  .flow = mem_strdup(t->row.flow),
                                  .trigger = mem_strdup(t->row.name),
                                  .created_by = own ? own : mem_strdup(x->by),
                                  .trigger_vars = x->vars ? json_text(x->vars) : NULL,
                                  .unique_key = mem_strdup(x->unique_key),
                                  .backfill = x->backfill,
                                  .depth = x->depth,
                                  .trace = mem_strdup(x->trace)};
}

int64_t trigger_start(struct engine *g, struct trigger *t, const struct firing *x, struct err *e)
{
    const struct flow *f = x->flow;
    struct json *inputs = NULL, *labels = NULL;
    struct expr_values values = {.trigger = x->vars, .now_ms = g->now.wall_ms, .zones = g->zones};
    int64_t id = 0;
    flow_values(f, &values);
    if (flow_trigger_inputs(f, x->def, &values, &inputs, e) == 0 &&
        flow_trigger_labels(f, x->def, &values, &labels, e) == 0) {
        struct execution_row row = row_of(t, x);
        row.inputs = json_text(inputs);
        row.labels = json_count(labels) > 0 ? json_text(labels) : NULL;
        id = execution_start(g, t->flow, &row);
    }
    json_free(inputs);
    json_free(labels);
    return id;
}

int64_t trigger_start_failed(struct engine *g, struct trigger *t, const struct firing *x,
                             enum reason reason, const char *why)
{
    struct execution_row row = row_of(t, x);
    row.revision = t->flow->revision;
    row.state = EXECUTION_FAILED;
    row.reason = reason;
    row.message = str_dupf("trigger %s: %s", t->row.name, why);
    row.created_ms = g->now.wall_ms;
    return execution_start_ended(g, t->flow, &row);
}
