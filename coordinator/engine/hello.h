/* The commands of a session: hello, ready, heartbeat, gone. */
#ifndef CADRE_COORDINATOR_ENGINE_HELLO_H
#define CADRE_COORDINATOR_ENGINE_HELLO_H

#include "coordinator/engine/job.h"

void acks_flush(struct engine *g); /* also settles the attempts that the hello listed as ended */
/* A heartbeat outside of a batch: only acknowledges it. */
apply_event_fn heartbeat_look;
apply_event_fn apply_hello, apply_ready, apply_heartbeat, apply_gone;

#endif
