#include "coordinator/engine/firing.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/execution.h"

char *trigger_maker(const struct engine *g, const struct trigger *t)
{
    return g->by ? mem_strdup(g->by)
                 : str_dupf("trigger %s/%s/%s", t->row.ns, t->row.flow, t->row.name);
}

int64_t trigger_start_as(struct engine *g, struct trigger *t, const struct firing *x, struct err *e)
{
    const struct flow *f = x->flow;
    struct json *inputs = NULL;
    struct expr_values values = {.trigger = x->vars};
    int64_t id = 0;
    flow_values(f, &values);
    if (flow_trigger_inputs(f, x->def, &values, &inputs, e) == 0) {
        struct execution_row row = {.ns = mem_strdup(t->row.ns),
                                    .flow = mem_strdup(t->row.flow),
                                    .trigger = mem_strdup(t->row.name),
                                    .backfill = x->backfill ? x->backfill->id : 0,
                                    .created_by = x->backfill ? mem_strdup(x->backfill->created_by)
                                                              : trigger_maker(g, t),
                                    .inputs = json_text(inputs),
                                    .trigger_vars = x->vars ? json_text(x->vars) : NULL,
                                    .labels =
                                        json_count(f->labels) > 0 ? json_text(f->labels) : NULL};
        id = execution_start(g, t->flow, &row);
    }
    json_free(inputs);
    return id;
}

int64_t trigger_start(struct engine *g, struct trigger *t, const struct flow *f,
                      const struct flow_trigger *def, const struct json *vars, struct err *e)
{
    const struct firing x = {f, def, vars, NULL};
    return trigger_start_as(g, t, &x, e);
}
