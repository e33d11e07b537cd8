/* How long an agent may be out of touch. */
#ifndef CADRE_COORDINATOR_ENGINE_LEASE_H
#define CADRE_COORDINATOR_ENGINE_LEASE_H

#include "coordinator/engine/job.h"

void lease_arm(struct engine *g, struct agent *a); /* after a hand-out */

void lease_begin(struct engine *g,
                 struct agent *a); /* after anything else that makes one end earlier */
void lease_on_timer(struct engine *g, struct agent *a);
apply_event_fn apply_awake;

#endif
