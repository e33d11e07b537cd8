/* Jobs that agents could not start, though they can start others. */
#ifndef CADRE_COORDINATOR_ENGINE_NOT_STARTED_H
#define CADRE_COORDINATOR_ENGINE_NOT_STARTED_H

#include "coordinator/engine/job.h"

/* The job's agent could not start it; message: why, or NULL. The job goes on to an agent that has
 * not tried, or its attempt fails. May free j. */
void job_not_started(struct engine *g, struct job *j, const char *message);
/* The timer of the group's list `aside`. */
void aside_on_timer(struct engine *g, struct group *group);

#endif
