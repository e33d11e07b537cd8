/* Users cancel many jobs at once, or let them run again: those that they chose by a filter. */
#ifndef CADRE_COORDINATOR_ENGINE_BULK_H
#define CADRE_COORDINATOR_ENGINE_BULK_H

#include "coordinator/engine/core.h"

/* reply.items tells of each job of u.several, in their order. The jobs were looked up before the
 * batch: what a job is now decides. Nobody's job is refused as a whole: one that has ended
 * meanwhile, or does not fit the filter any more, is passed over. */

/* known: the job was passed over. state: what it is now, in any case; CANCELLED when it is not
 * there. */
apply_request_fn apply_cancel_all;
/* of: the job that was to run again; id: the new one; known: its key had been used before; refused:
 * why there is none. */
apply_request_fn apply_retry_all;

#endif
