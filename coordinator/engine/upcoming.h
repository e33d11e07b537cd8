/* What a schedule will do: its next planned moments. Changes nothing. */
#ifndef CADRE_COORDINATOR_ENGINE_UPCOMING_H
#define CADRE_COORDINATOR_ENGINE_UPCOMING_H

#include "coordinator/engine/core.h"

#define UPCOMING_MOST 100

/* reply.json: {"namespace", "flow", "id", "cron", "timezone", "disabled", "reason", "firings":
 * [{"planned": on the zone's clocks, "plannedAt": in UTC, "firesAt": with its jitter}],
 * "searchedTo"}. Fewer than `count` with searchedTo null: it does not fire again; else nothing fires
 * from the last one up to there, and the search ended. ERR_CONFLICT: no schedule, or it cannot be
 * planned. A disabled one is answered as if it were enabled now. */
apply_request_fn apply_trigger_next;

#endif
