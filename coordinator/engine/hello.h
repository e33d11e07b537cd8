/* An agent comes, says what it holds, is ready, is gone. */
#ifndef CADRE_COORDINATOR_ENGINE_HELLO_H
#define CADRE_COORDINATOR_ENGINE_HELLO_H

#include "coordinator/engine/job.h"

void acks_flush(struct engine *g); /* and settles what the hello listed as ended */
/* A heartbeat outside of a batch: acknowledges it, and nothing else. */
apply_event_fn heartbeat_look;
apply_event_fn apply_hello, apply_ready, apply_heartbeat, apply_gone;

#endif
