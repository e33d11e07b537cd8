/* See refusal.h. */
#include "coordinator/engine/refusal.h"

void refusal_note(struct engine *g, int64_t agent, const char *group, const char *groups,
                  const char *code, const char *message)
{
    const struct refusal_row row = {.agent = agent,
                                    .at_ms = g->now.wall_ms,
                                    .group = (char *)(uintptr_t)group,
                                    .groups = (char *)(uintptr_t)groups,
                                    .reason = (char *)(uintptr_t)code,
                                    .message = (char *)(uintptr_t)message};
    if (g->rc == 0) store_ok(g, store_refusal_put(g->store, &row, &g->err));
}

void refusal_forget(struct engine *g, int64_t agent)
{
    if (g->rc == 0) store_ok(g, store_refusal_delete(g->store, agent, &g->err));
}

/* The loop refused what an agent said before the engine heard of it. */
void apply_refused(struct engine *g, const struct command *c)
{
    struct agent_row row;
    int rc = store_agent_find(g->store, c->u.refused.agent, &row, &g->err);
    if (!store_ok(g, rc) || rc == 0) return;
    if (row.removed_ms == 0)
        refusal_note(g, row.id, row.group, row.groups, c->u.refused.code, c->u.refused.message);
    agent_row_fini(&row);
}
