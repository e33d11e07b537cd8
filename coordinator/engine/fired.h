/* Which planned moments of a schedule have an execution, whether it was due or filled in. Kept as
 * ranges (model_flow.h), so that a schedule that always fires is one row, and for longer than the
 * executions themselves. */
#ifndef CADRE_COORDINATOR_ENGINE_FIRED_H
#define CADRE_COORDINATOR_ENGINE_FIRED_H

#include "coordinator/engine/flow.h"

#define FIRED_RANGES_MOST 5000 /* of a trigger; what is older is not known any more */

/* at_s has an execution now, in the same transaction. t->zone is there. */
void fired_add(struct engine *g, struct trigger *t, const struct flow_schedule *s, int64_t at_s);
/* Whether at_s has an execution, or it is not known: then *to_s is the last moment up to which that
 * holds. False also when a failure was noted. */
bool fired_has(struct engine *g, const struct trigger *t, int64_t at_s, int64_t *to_s);
/* Of the moments up to there it is not known; -1: of all it is. */
int64_t fired_unknown_ms(struct engine *g, const struct trigger *t);

#endif
