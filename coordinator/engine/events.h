/* The events of agents about their attempts. */
#ifndef CADRE_COORDINATOR_ENGINE_EVENTS_H
#define CADRE_COORDINATOR_ENGINE_EVENTS_H

#include "coordinator/engine/core.h"

/* The agent's event cannot be applied: acknowledges the event, and ends its attempt. */
void event_give_up(struct engine *g, const struct command *c, const char *message);
apply_event_fn apply_started, apply_output, apply_finished, apply_declined, apply_cleared;

#endif
