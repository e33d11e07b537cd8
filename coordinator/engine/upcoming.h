/* What a schedule will do: its next planned moments. Changes nothing. */
#ifndef CADRE_COORDINATOR_ENGINE_UPCOMING_H
#define CADRE_COORDINATOR_ENGINE_UPCOMING_H

#include "coordinator/engine/core.h"

#define UPCOMING_MOST 100

/* reply.json: {"namespace", "flow", "id", "cron", "timezone", "disabled", "reason", "firings":
 * [{"planned": on the zone's clocks, "plannedAt": in UTC, "firesAt": with its jitter}],
 * "searchedTo"}. When there are fewer than asked for, searchedTo tells why: null, it does not fire
 * again; a time, nothing fires from the last one up to there, where the search ended. A disabled
 * trigger is answered as if it were enabled now. ERR_CONFLICT: no schedule, or it cannot be
 * planned. */
apply_request_fn apply_trigger_next;

#endif
