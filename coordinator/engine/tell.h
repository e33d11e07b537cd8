/* What happens, as opposed to what lasts, is told by the rules that ask for it, and by the nearest
 * namespace that says who is told.
 *
 * Of one rule, and of one such namespace, at most TELL_OWN new subjects in NOTICE_PAUSE_MS have
 * messages of their own; the next ones share one. */
#ifndef CADRE_COORDINATOR_ENGINE_TELL_H
#define CADRE_COORDINATOR_ENGINE_TELL_H

#include "coordinator/engine/core.h"
#include "coordinator/engine/facts.h"
#include "coordinator/engine/rule.h"

#define TELL_OWN 10

/* It happened so often. The rules go by group and namespace of the facts; a channel that several of
 * them, or the namespace, name is told once, and one of `told` (told_count of them) not at all.
 * Frees title and text. */
struct occasion {
    enum rule_event event;
    const char *subject;
    int64_t times;
    const char *const *told;
    size_t told_count;
};
void tell(struct engine *g, const struct occasion *o, struct facts *f);
/* The batch was rolled back: it told nothing. */
void tell_undo(struct engine *g);

#endif
