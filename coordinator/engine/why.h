/* Why a job waits, or the first one of a group. */
#ifndef CADRE_COORDINATOR_ENGINE_WHY_H
#define CADRE_COORDINATOR_ENGINE_WHY_H

#include "coordinator/engine/core.h"

/* u.id: a job; or text: a group's key. Then it is about the best of the group's queued jobs, whose
 * id is the answer's `job`; "null" when it has none, or the token may not see that one. Bounded: at
 * most 256 of the group's queues are looked at. */
apply_request_fn apply_why;

#endif
