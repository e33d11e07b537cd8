/* What the commands of a batch will look for in the store, where each look-up costs a round trip:
 * it is asked for together, before the first of them is applied (coordinator/store/store_ahead.h).
 * What is missing here is asked for when it is needed, at the cost of a round trip; that of timers
 * is never here, and it is seldom. */
#ifndef CADRE_COORDINATOR_ENGINE_AHEAD_H
#define CADRE_COORDINATOR_ENGINE_AHEAD_H

#include "coordinator/engine/core.h"

/* Between engine_begin and store_look_up. Sets g->rc. */
void ahead_ask(struct engine *g, const struct command *first);
/* At its beginning, before an event is added for each of these agents. */
void ahead_ask_events(struct engine *g, const uint64_t *agents, size_t count);

#endif
