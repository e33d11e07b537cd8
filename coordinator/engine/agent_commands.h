/* Operators' commands about agents. */
#ifndef CADRE_COORDINATOR_ENGINE_AGENT_COMMANDS_H
#define CADRE_COORDINATOR_ENGINE_AGENT_COMMANDS_H

#include "coordinator/engine/agent.h"

void agent_remove(struct engine *g, struct agent_row *row); /* revokes it; ends the session */

apply_request_fn apply_agent_drain, apply_agent_resume, apply_agent_remove;

#endif
