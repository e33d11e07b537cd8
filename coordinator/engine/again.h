/* Users let a job that has ended run again: as a new job with the same spec, group, requires and
 * limits, which names the one that it repeats. */
#ifndef CADRE_COORDINATOR_ENGINE_AGAIN_H
#define CADRE_COORDINATOR_ENGINE_AGAIN_H

#include "coordinator/engine/core.h"

/* reply.id is the new job; known: the idempotency key was used before. The new job is the asking
 * principal's, and has to pass what a submit has to. Refused while the job has not ended, and for
 * jobs of flows: their executions go on from their results, which would not change. */
apply_request_fn apply_retry;
/* The same for a principal's token. */
void run_again(struct engine *g, int64_t token, const struct cmd_again *again, struct reply *r);
/* The idempotency key of one of several that are asked for with this key; mem_free. NULL: none. */
char *again_key(const char *key, int64_t job);

#endif
