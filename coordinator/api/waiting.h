/* What a job waits for: known to the engine only, so a request that tells it asks twice, first the
 * store, then the engine. Loop thread. */
#ifndef CADRE_COORDINATOR_API_WAITING_H
#define CADRE_COORDINATOR_API_WAITING_H

#include "coordinator/api/request.h"

/* For the end of a lookup with may_wait: asks what the job l->found waits for, or answers at once
 * when it does not wait. on_reply takes the reply to waiting_of. Where
 * there is no engine, the request goes to the owner; without one on_reply gets ERR_NOT_FOUND. */
void waiting_ask(struct request *r, struct lookup *l,
                 void (*on_reply)(struct request *r, struct reply *x));
/* For lookup.waiting; mem_free. NULL: the job was handed out meanwhile, nothing is waited for. */
char *waiting_of(const struct reply *x);

#endif
