/* The execution that a trigger starts, whatever kind of trigger it is. */
#ifndef CADRE_COORDINATOR_ENGINE_FIRING_H
#define CADRE_COORDINATOR_ENGINE_FIRING_H

#include "coordinator/engine/flow.h"

struct firing {
    const struct flow *flow; /* of trigger_start alone, as is def */
    const struct flow_trigger *def;
    const struct json *vars; /* what {{ trigger.x }} finds, an object or NULL */
    const char *by;          /* who wanted the execution; NULL: nobody but the trigger */
    const char *unique_key;  /* scoped idempotency key; NULL: none */
    int64_t backfill;        /* that the execution is one of; 0: of none */
    int64_t depth;           /* how many ends of executions led here */
    const char *trace;       /* the traceparent of what led here; NULL: none */
};

/* Who wants what the trigger makes: the operator at work, or nobody but the trigger. mem_free */
char *trigger_maker(const struct engine *g, const struct trigger *t);
/* The id of the execution; 0: e says why its inputs cannot be made, or a failure was noted. */
int64_t trigger_start(struct engine *g, struct trigger *t, const struct firing *x, struct err *e);
/* failOnTriggerError: what went wrong is to be seen among the executions. Its id; 0: a failure was
 * noted. */
int64_t trigger_start_failed(struct engine *g, struct trigger *t, const struct firing *x,
                             enum reason reason, const char *why);

#endif
