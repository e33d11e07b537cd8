/* Who gets what. */
#ifndef CADRE_COORDINATOR_ENGINE_MATCH_H
#define CADRE_COORDINATOR_ENGINE_MATCH_H

#include "coordinator/engine/agent.h"

/* All groups that are dirty. */
void match_all(struct engine *g);

#endif
