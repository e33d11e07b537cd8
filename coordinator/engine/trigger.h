/* Polling triggers: when they are evaluated, and the results. */
#ifndef CADRE_COORDINATOR_ENGINE_TRIGGER_H
#define CADRE_COORDINATOR_ENGINE_TRIGGER_H

#include "coordinator/engine/ended.h"
#include "coordinator/engine/flow.h"

struct trigger *trigger_add(struct engine *g, struct flow_entry *f,
                            struct trigger_row *row); /* takes the strings; last of the flow */
void trigger_free(struct engine *g, struct trigger *t);
void triggers_clear(struct engine *g);
void trigger_set_due(struct engine *g, struct trigger *t, int64_t in_ms);
void trigger_arm(struct engine *g, struct trigger *t);
/* Finds the triggers that wait for an evaluation that was given up; f NULL: of all flows. */
void triggers_find_ending(struct engine *g, const struct flow_entry *f);
void trigger_arm_loaded(struct engine *g, struct trigger *t); /* after a start: without a burst */
void trigger_on_timer(struct engine *g, struct trigger *t);
void trigger_on_evaluation(struct engine *g, const struct ended_job *j);
/* An execution that a trigger started has ended. */
void trigger_on_execution(struct engine *g, const struct ended_execution *x);
/* Evaluates the trigger now. The evaluation ends at once when no job can be made. */
void trigger_evaluate(struct engine *g, struct trigger *t);
/* The evaluation under way, if any, does not count any more. */
void trigger_abandon(struct engine *g, struct trigger *t, const char *why);
void trigger_enable(struct engine *g, struct trigger *t); /* also makes the trigger due */
void trigger_disable(struct engine *g, struct trigger *t, const char *why);

#endif
