#include "coordinator/engine/occurrence.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/firing.h"
#include "coordinator/engine/news.h"

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
    if (store_ok(g, store_evaluation_add(g->store, &v, &g->err))) news_trigger(g, row);
}

int64_t occurrence_fire(struct engine *g, struct trigger *t, const struct occurrence *o,
                        struct err *e)
{
    const struct flow *f = flow_present(g, t->flow);
    const struct flow_trigger *def = f ? flow_find_trigger(f, t->row.name) : NULL;
    const struct firing x = {.flow = f,
                             .def = def,
                             .vars = o->vars,
                             .unique_key = o->unique_key,
                             .depth = o->depth,
                             .trace = o->trace};
    int64_t id = 0, failed = 0;
    *e = (struct err){0};
    if (g->rc) return 0;
    if (def)
        id = trigger_start(g, t, &x, e);
    else
        err_set(e, ERR_CONFLICT, "%s",
                f ? "the flow has no such trigger"
                  : revision_get(t->flow, t->flow->revision)->broken);
    if (id == 0 && g->rc == 0 && def && def->fail_on_trigger_error)
        failed = trigger_start_failed(g, t, &x, REASON_NOT_STARTED, err_text(e));
    if (g->rc) return 0;
    note(g, t, id ? EVALUATION_FIRED : EVALUATION_ERROR, id ? NULL : err_text(e), id ? id : failed);
    return id;
}

void occurrence_skip(struct engine *g, struct trigger *t, const char *why)
{
    note(g, t, EVALUATION_SKIPPED, why, 0);
}
