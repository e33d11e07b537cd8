/* Matching: which agent gets which job. */
#ifndef CADRE_COORDINATOR_ENGINE_MATCH_H
#define CADRE_COORDINATOR_ENGINE_MATCH_H

#include "coordinator/engine/agent.h"

/* Takes the next group that needs matching; NULL: there is none. */
struct group *match_next(struct engine *g);
void match_group(struct engine *g, struct group *group);

#endif
