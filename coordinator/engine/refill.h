/* What the matching of a batch needs of the queues that lie in the store. */
#ifndef CADRE_COORDINATOR_ENGINE_REFILL_H
#define CADRE_COORDINATOR_ENGINE_REFILL_H

#include "coordinator/engine/job.h"

/* The best job of the queue, whose count is not 0; its window is read when it is empty. NULL: a
 * failure was noted. */
const struct queue_head *refill_best(struct engine *g, struct queue *q);
/* Before that, with a store that is far: asks for what it will read. */
void refill_ask(struct engine *g, const struct command *first);
/* At the beginning of a batch: reads ahead, together, what the slots will be filled with that the
 * commands make free. Without it a hand-out would read for itself, one job after the other. */
void refill_ahead(struct engine *g, const struct command *first);

#endif
