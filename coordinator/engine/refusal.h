/* The last refusal of each agent that is known: for people, who find its agent away and would not
 * know why. One row an agent, which goes when the agent is let in or removed. Strangers leave
 * nothing. */
#ifndef CADRE_COORDINATOR_ENGINE_REFUSAL_H
#define CADRE_COORDINATOR_ENGINE_REFUSAL_H

#include "coordinator/engine/core.h"

/* group, groups: that the agent asked for, as group_keys. The same again is written once a
 * minute. */
void refusal_note(struct engine *g, int64_t agent, const char *group, const char *groups,
                  const char *code, const char *message);
void refusal_forget(struct engine *g, int64_t agent);
apply_event_fn apply_refused;

#endif
