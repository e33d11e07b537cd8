/* Matching: which agent gets which job. */
#ifndef CADRE_COORDINATOR_ENGINE_MATCH_H
#define CADRE_COORDINATOR_ENGINE_MATCH_H

#include "coordinator/engine/agent.h"

/* Takes the next group that needs matching; NULL: there is none. */
struct group *match_next(struct engine *g);
/* Free slots of the group's agents, and jobs: also of other groups whose turn those slots are. */
void match_group(struct engine *g, struct group *group);
/* The same, but hands out jobs of this group only, whoever's turn it is: what fails then is this
 * group's. */
void match_group_alone(struct engine *g, struct group *group);

#endif
