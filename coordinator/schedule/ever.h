/* Can a condition hold at any time of a cron expression? Pure. */
#ifndef CADRE_COORDINATOR_SCHEDULE_EVER_H
#define CADRE_COORDINATOR_SCHEDULE_EVER_H

#include "coordinator/schedule/condition.h"
#include "coordinator/schedule/cron.h"

#include <stdbool.h>
#include <stddef.h>

/* False: it holds at none, in no year. True: it may hold, or the search took more than *budget
 * steps, which it counts down. z: a zone of one offset; NULL: the zone has others in summer or is
 * not known, so that times with an offset of their own may be any time of its clocks, and a time of
 * night may come late. CONDITION_MOMENT may hold at any time. */
bool condition_ever(const struct condition *c, const struct cron *cron, const struct zone *z,
                    size_t *budget);

#endif
