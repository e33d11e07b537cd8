/* Operators' commands about agents. */
#ifndef CADRE_COORDINATOR_ENGINE_AGENT_COMMANDS_H
#define CADRE_COORDINATOR_ENGINE_AGENT_COMMANDS_H

#include "coordinator/engine/agent.h"

/* Revokes it and ends its session. why: is kept with the row; NULL: nobody said. */
void agent_remove(struct engine *g, struct agent_row *row, const char *why);

apply_request_fn apply_agent_drain, apply_agent_resume, apply_agent_remove;

#endif
