/* Work on many jobs of a group, a bounded number in each batch. */
#ifndef CADRE_COORDINATOR_ENGINE_SWEEP_H
#define CADRE_COORDINATOR_ENGINE_SWEEP_H

#include "coordinator/engine/job.h"

void group_on_timer(struct engine *g, struct group *group);
/* Ends those of a deleted group that wait for their next attempt. */
void group_end_retrying(struct engine *g, struct group *group);
void upkeep_on_timer(struct engine *g);

#endif
