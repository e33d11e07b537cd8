#include "coordinator/engine/occurrence.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/execution.h"

/* Writes it into the history. execution 0: none was started. */
static void note(struct engine *g, struct trigger *t, enum evaluation_result result,
                 const char *message, int64_t execution)
{
    struct trigger_row *row = &t->row;
    char name[FLOW_NAME_SIZE];
    enum log_level level = result == EVALUATION_FIRED ? LOG_DEBUG : LOG_WARN;
    log_write(level, "trigger %s of %s: %s%s%s", row->name, flow_name(t->flow, name),
              evaluation_names[result], message ? ": " : "", message ? message : "");
    row->evaluations++;
    row->fired += result == EVALUATION_FIRED;
    row->errors += result == EVALUATION_ERROR;
    row->skipped += result == EVALUATION_SKIPPED;
    row->result = result;
    mem_free(row->message);
    row->message = mem_strdup(message);
    row->ended_ms = g->now.wall_ms;
    if (execution) row->execution = execution;
    struct evaluation_row v = {.trigger = row->id,
                               .number = row->evaluations,
                               .result = result,
                               .message = row->message,
                               .moments = 1,
                               .execution = execution,
                               .started_ms = g->now.wall_ms,
                               .ended_ms = g->now.wall_ms};
    if (store_ok(g, store_evaluation_add(g->store, &v, &g->err)))
        store_ok(g, store_trigger_update(g->store, row, &g->err));
}

/* The row without its inputs. */
static struct execution_row row_of(const struct trigger *t, const struct occurrence *o)
{
    char *vars = json_text(o->vars);
    return (struct execution_row){.ns = mem_strdup(t->row.ns),
                                  .flow = mem_strdup(t->row.flow),
                                  .trigger = mem_strdup(t->row.name),
                                  .created_by = str_dupf("trigger %s/%s/%s", t->row.ns, t->row.flow,
                                                         t->row.name),
                                  .trigger_vars = vars,
                                  .depth = o->depth,
                                  .unique_key = mem_strdup(o->unique_key)};
}

/* failOnTriggerError: what went wrong is to be seen among the executions. */
static int64_t start_failed(struct engine *g, struct trigger *t, const struct occurrence *o,
                            const struct err *e)
{
    struct execution_row row = row_of(t, o);
    row.revision = t->flow->revision;
    row.state = EXECUTION_FAILED;
    row.reason = REASON_NOT_STARTED;
    row.message = str_dupf("trigger %s: %s", t->row.name, err_text(e));
    row.created_ms = g->now.wall_ms;
    return execution_start_ended(g, t->flow, &row);
}

int64_t occurrence_fire(struct engine *g, struct trigger *t, const struct occurrence *o,
                        struct err *e)
{
    const struct flow *f = flow_present(g, t->flow);
    const struct flow_trigger *def = f ? flow_find_trigger(f, t->row.name) : NULL;
    struct json *inputs = NULL;
    struct expr_values values = {.trigger = o->vars};
    int64_t id = 0;
    int rc = 0;
    *e = (struct err){0};
    if (g->rc) return 0;
    if (!def) {
        rc = err_set(e, ERR_CONFLICT, "%s",
                     f ? "the flow has no such trigger"
                       : revision_get(t->flow, t->flow->revision)->broken);
    } else {
        flow_values(f, &values);
        rc = flow_trigger_inputs(f, def, &values, &inputs, e);
    }
    if (rc == 0) {
        struct execution_row row = row_of(t, o);
        row.inputs = json_text(inputs);
        row.labels = json_count(f->labels) > 0 ? json_text(f->labels) : NULL;
        id = execution_start(g, t->flow, &row);
        if (g->rc == 0) note(g, t, EVALUATION_FIRED, NULL, id);
    } else {
        int64_t failed = def && def->fail_on_trigger_error ? start_failed(g, t, o, e) : 0;
        if (g->rc == 0) note(g, t, EVALUATION_ERROR, err_text(e), failed);
    }
    json_free(inputs);
    return id;
}

void occurrence_skip(struct engine *g, struct trigger *t, const char *why)
{
    note(g, t, EVALUATION_SKIPPED, why, 0);
}
