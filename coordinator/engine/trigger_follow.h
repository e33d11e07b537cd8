/* Changes of triggers by operators and by new revisions of a flow. */
#ifndef CADRE_COORDINATOR_ENGINE_TRIGGER_FOLLOW_H
#define CADRE_COORDINATOR_ENGINE_TRIGGER_FOLLOW_H

#include "coordinator/engine/flow.h"

/* What the flow says of its triggers in a new revision; before: the parsed one until now, or
 * NULL. */
void triggers_follow(struct engine *g, struct flow_entry *f, const struct flow *before,
                     const struct flow *now);
void triggers_remove(struct engine *g, struct flow_entry *f); /* all */
/* The trigger that u.place names. NULL: answered that there is none. */
struct trigger *trigger_named(const struct engine *g, const struct command *c, struct reply *r);
apply_request_fn apply_trigger_enable, apply_trigger_disable, apply_trigger_run, apply_trigger_key;

#endif
