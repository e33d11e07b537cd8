/* What happens, as opposed to what lasts, is told by the rules that ask for it.
 *
 * Of one rule at most TELL_OWN new subjects in NOTICE_PAUSE_MS have messages of their own; the next
 * ones share one. */
#ifndef CADRE_COORDINATOR_ENGINE_TELL_H
#define CADRE_COORDINATOR_ENGINE_TELL_H

#include "coordinator/engine/core.h"
#include "coordinator/engine/facts.h"

#define TELL_OWN 10

struct burst {
    int64_t from_ms; /* mono; 0: never */
    int count;
};

/* It happened so often. The rules go by group and namespace of the facts. Frees title and text. */
void tell(struct engine *g, enum rule_event event, const char *subject, struct facts *f,
          int64_t times);

#endif
