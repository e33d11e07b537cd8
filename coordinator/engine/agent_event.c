/* See agent_event.h. */
#include "coordinator/engine/agent_event.h"

#include "base/str.h"

static bool is_often(enum agent_event_kind kind)
{
    return kind == AGENT_CONNECTED || kind == AGENT_DISCONNECTED || kind == AGENT_GOT_UNWELL ||
           kind == AGENT_GOT_WELL;
}

void agent_event(struct engine *g, int64_t agent, enum agent_event_kind kind, const char *text)
{
    const struct agent_event_row v = {.agent = agent,
                                      .kind = kind,
                                      .last_ms = g->now.wall_ms,
                                      .by = (char *)(uintptr_t)g->by,
                                      .text = str_empty(text) ? NULL : (char *)(uintptr_t)text};
    if (g->rc == 0) store_ok(g, store_agent_event_add(g->store, &v, is_often(kind), &g->err));
}
