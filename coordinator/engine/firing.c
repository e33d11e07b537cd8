#include "coordinator/engine/firing.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/execution.h"

char *trigger_maker(const struct engine *g, const struct trigger *t)
{
    return g->by ? mem_strdup(g->by)
                 : str_dupf("trigger %s/%s/%s", t->row.ns, t->row.flow, t->row.name);
}

int64_t trigger_start(struct engine *g, struct trigger *t, const struct flow *f,
                      const struct flow_trigger *def, const struct json *vars, struct err *e)
{
    struct json *inputs = NULL;
    struct expr_values values = {.trigger = vars};
    int64_t id = 0;
    flow_values(f, &values);
    if (flow_trigger_inputs(f, def, &values, &inputs, e) == 0) {
        struct execution_row row = {.ns = mem_strdup(t->row.ns),
                                    .flow = mem_strdup(t->row.flow),
                                    .trigger = mem_strdup(t->row.name),
                                    .created_by = trigger_maker(g, t),
                                    .inputs = json_text(inputs),
                                    .trigger_vars = vars ? json_text(vars) : NULL,
                                    .labels =
                                        json_count(f->labels) > 0 ? json_text(f->labels) : NULL};
        id = execution_start(g, t->flow, &row);
    }
    json_free(inputs);
    return id;
}
