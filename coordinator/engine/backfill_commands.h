/* Backfills, as operators begin, list and end them. */
#ifndef CADRE_COORDINATOR_ENGINE_BACKFILL_COMMANDS_H
#define CADRE_COORDINATOR_ENGINE_BACKFILL_COMMANDS_H

#include "coordinator/engine/core.h"

#define BACKFILL_SHOWN 100     /* moments that a dry run tells */
#define BACKFILL_COUNTED 10000 /* and counts */

/* reply.id is the backfill. Dry run: reply.json {"firings": [{"planned", "plannedAt"}], "count",
 * "more", "searchedTo"}: the first BACKFILL_SHOWN moments, how many there are, at most
 * BACKFILL_COUNTED; more: others follow those shown; searchedTo: the search ended there, else null.
 * ERR_INVALID: a time that is none, or not yet over, or of which it is not known what was missed,
 * or inputs that the flow does not take; ERR_CONFLICT: no schedule, a flow that is disabled, too
 * many backfills. */
apply_request_fn apply_trigger_backfill;
/* reply.json: {"backfills": [{"id", "start", "end", "cursor", "parallel", "missed", "started",
 * "open", "inputs", "createdAt", "createdBy"}]} */
apply_request_fn apply_trigger_backfills;
/* u.place with backfill. Its executions go on. */
apply_request_fn apply_trigger_backfill_cancel;

#endif
