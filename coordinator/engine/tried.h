/* Where attempts of a job failed. */
#ifndef CADRE_COORDINATOR_ENGINE_TRIED_H
#define CADRE_COORDINATOR_ENGINE_TRIED_H

#include "coordinator/engine/core.h"

/* Of the last ATTEMPT_AGENTS attempts that failed, the newest last. */
void failures_add(struct attempt_agents *f, int64_t agent);
bool failures_have(const struct attempt_agents *f, int64_t agent);
/* Those of a job that is at this attempt, from the store; mem_free. NULL: a failure was noted. */
struct attempt_agents *failures_read(struct engine *g, int64_t job, int64_t attempt);

#endif
