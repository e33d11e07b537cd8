/* Triggers that fire at the end of executions, found by what they listen to: an end does not look
 * at those of other flows. */
#ifndef CADRE_COORDINATOR_ENGINE_LISTENER_H
#define CADRE_COORDINATOR_ENGINE_LISTENER_H

#include "coordinator/engine/flow.h"

/* Made, or its flow has another revision. It is read when an execution ends next, or before. */
void listener_add(struct engine *g, struct trigger *t);
void listener_remove(struct engine *g, struct trigger *t);

/* Reads some of those that were not read yet; *more: there are others. What is left when an
 * execution ends is read at once: its end may not miss any. */
void listeners_read(struct engine *g, bool *more);

/* All at once, before the triggers are freed. */
void listeners_clear(struct engine *g);

/* One that may listen to the flow, with what it says now. */
typedef void listener_fn(struct engine *g, struct trigger *t, const struct flow_trigger *def,
                         const void *user);
/* Calls fn once for each; fn may not add or remove any. Ends early when a failure is noted. */
void listeners_each(struct engine *g, const char *ns, const char *flow, listener_fn *fn,
                    const void *user);

#endif
