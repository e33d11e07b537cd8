/* Reading the conditions of a schedule, in our own words (`when`) and in Kestra's (`conditions`).
 * Private to coordinator/flow. */
#ifndef CADRE_COORDINATOR_FLOW_WHEN_H
#define CADRE_COORDINATOR_FLOW_WHEN_H

#include "coordinator/flow/read.h"
#include "coordinator/schedule/condition.h"
#include "coordinator/schedule/cron.h"

#define CONDITIONS_MAX 50  /* in one list */
#define CONDITIONS_DEPTH 8 /* of lists in lists */

/* The keys `when`, `conditions` and `scheduleConditions` of the mapping, all of which have to hold.
 * What is wrong is reported. condition_fini(). */
void read_when(const struct node *n, struct condition *out);

/* Reports conditions that hold at no time of the expression, whose text is cron_text. z: as in
 * condition_ever(). */
void check_when(const struct node *n, const struct condition *when, const struct cron *cron,
                const char *cron_text, const struct zone *z);

#endif
