/* The commands of a session: hello, ready, gone; and who was heard. */
#ifndef CADRE_COORDINATOR_ENGINE_HELLO_H
#define CADRE_COORDINATOR_ENGINE_HELLO_H

#include "coordinator/engine/job.h"

void acks_flush(struct engine *g); /* also settles the attempts that the hello listed as ended */
/* CMD_HEARD outside of a batch: writes nothing. */
apply_event_fn heard_look;
apply_event_fn apply_hello, apply_ready, apply_heard, apply_gone;

#endif
