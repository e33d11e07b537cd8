/* Backfills of schedules: the planned moments of a time that has passed, each with an execution. */
#ifndef CADRE_COORDINATOR_ENGINE_BACKFILL_H
#define CADRE_COORDINATOR_ENGINE_BACKFILL_H

#include "coordinator/engine/flow.h"

#define BACKFILLS_MOST 20     /* of a trigger at a time */
#define BACKFILL_PARALLEL 50  /* executions of one at a time, at most */
#define BACKFILL_BEGIN_MOST 5 /* executions that one begins in a batch */

/* Last of the trigger's; takes the strings. Its timer is not set. */
struct backfill *backfill_add(struct trigger *t, struct backfill_row *row);
void backfills_clear(struct engine *g, struct trigger *t); /* in memory alone */
/* After a start: goes on. */
void backfills_arm(struct engine *g, struct trigger *t);
void backfill_on_timer(struct engine *g, struct backfill *b);
/* Frees b. Its executions go on. why stands in the history. */
void backfill_end(struct engine *g, struct backfill *b, const char *why);
void backfills_end(struct engine *g, struct trigger *t, const char *why); /* all of the trigger */

/* The flow and the trigger in it as they are now, once they can be planned: t->zone is there. NULL:
 * e says why not, or a failure was noted. */
const struct flow_trigger *backfill_plan(struct engine *g, struct trigger *t, const struct flow **f,
                                         struct err *e);
/* What a planned moment is to one that fills in missed ones. */
enum backfill_moment {
    MOMENT_MISSED,   /* it has no execution, and will have none */
    MOMENT_PASSED,   /* it and those up to *to_s have, or it waits to be caught up with */
    MOMENT_UNDECIDED /* the schedule has not come to it yet, nor to those behind it */
};
enum backfill_moment backfill_moment(struct engine *g, const struct trigger *t, int64_t at_s,
                                     int64_t *to_s);
/* The inputs of the moment are looked at, and nothing is started. 0 or e. */
int backfill_try(const struct engine *g, struct trigger *t, const struct flow *f,
                 const struct json *inputs, int64_t at_s, struct err *e);

#endif
