/* What happened to an agent, kept for whoever looks at its history. It is a row of the transaction
 * of the command that it comes from, which writes the agent's row as well: an event makes no commit
 * of its own. */
#ifndef CADRE_COORDINATOR_ENGINE_AGENT_EVENT_H
#define CADRE_COORDINATOR_ENGINE_AGENT_EVENT_H

#include "coordinator/engine/core.h"

/* Now, and by whom the command at hand is. text: the reason, NULL: not known. What an agent does by
 * itself is counted when it happens again soon; what people do is not. */
void agent_event(struct engine *g, int64_t agent, enum agent_event_kind kind, const char *text);

#endif
