/* The execution that a trigger starts, whatever kind of trigger it is. */
#ifndef CADRE_COORDINATOR_ENGINE_FIRING_H
#define CADRE_COORDINATOR_ENGINE_FIRING_H

#include "coordinator/engine/flow.h"

struct firing {
    const struct flow *flow;
    const struct flow_trigger *def;
    const struct json *vars;             /* what {{ trigger.x }} finds, an object or NULL */
    const struct backfill_row *backfill; /* the execution is one of it; NULL: of none */
};

/* Who wanted what the trigger makes: an operator, or nobody but the trigger. mem_free */
char *trigger_maker(const struct engine *g, const struct trigger *t);
/* vars: what {{ trigger.x }} finds, an object or NULL. The id of the execution; 0: e says why its
 * inputs cannot be made, or a failure was noted. */
int64_t trigger_start(struct engine *g, struct trigger *t, const struct flow *f,
                      const struct flow_trigger *def, const struct json *vars, struct err *e);
int64_t trigger_start_as(struct engine *g, struct trigger *t, const struct firing *x,
                         struct err *e); /* the same, also for a backfill */

#endif
