/* Backfills, as operators begin, list and end them. */
#ifndef CADRE_COORDINATOR_ENGINE_BACKFILL_COMMANDS_H
#define CADRE_COORDINATOR_ENGINE_BACKFILL_COMMANDS_H

#include "coordinator/engine/core.h"

#define BACKFILL_SHOWN 100 /* moments that a dry run tells */

/* reply.id is the backfill. Dry run: reply.json {"firings": [{"planned", "plannedAt"}], "more",
 * "searchedTo"}: the first BACKFILL_SHOWN moments; more: others follow; searchedTo: the search
 * ended there, else null. ERR_INVALID: a time that is none, or not yet over, or inputs that the
 * flow does not take; ERR_CONFLICT: no schedule, a flow that is disabled, too many backfills. */
apply_request_fn apply_trigger_backfill;
/* reply.json: {"backfills": [{"id", "start", "end", "cursor", "parallel", "started", "open",
 * "inputs", "createdAt", "createdBy"}]} */
apply_request_fn apply_trigger_backfills;
/* u.place with backfill. Its executions go on. */
apply_request_fn apply_trigger_backfill_cancel;

#endif
