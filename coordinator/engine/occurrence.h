/* Something outside that a trigger fires at: a call with a key, the end of an execution. */
#ifndef CADRE_COORDINATOR_ENGINE_OCCURRENCE_H
#define CADRE_COORDINATOR_ENGINE_OCCURRENCE_H

#include "coordinator/engine/flow.h"

struct occurrence {
    const struct json *vars; /* object: {{ trigger.x }} */
    const char *unique_key;  /* scoped; NULL: none */
    int64_t depth;           /* of the execution that is started */
    const char *trace;       /* its traceparent; NULL: none */
};

/* Starts an execution of the trigger's flow and writes it into the trigger's history. Its id; 0:
 * *e says why there is none, and the history does, or a failure was noted. */
int64_t occurrence_fire(struct engine *g, struct trigger *t, const struct occurrence *o,
                        struct err *e);
/* It does not fire, and the history says why. */
void occurrence_skip(struct engine *g, struct trigger *t, const char *why);

#endif
