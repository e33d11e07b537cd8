/* Whether another attempt follows a failed attempt, and after what time. Pure. */
#ifndef CADRE_COORDINATOR_ENGINE_RETRY_H
#define CADRE_COORDINATOR_ENGINE_RETRY_H

#include "base/clock.h"
#include "coordinator/store/model.h"

#include <stdbool.h>
#include <stdint.h>

/* attempt: number of the one that ended (from 1); ran_ms: since the first attempt started, 0 when
 * none ever did. true: *delay_ms from now. constant: interval. exponential: interval, interval *
 * factor, interval * factor^2 ... up to max_interval. random: evenly in interval..max_interval. An
 * attempt that would begin after max_duration is not made. */
bool retry_next(const struct retry *r, int64_t attempt, int64_t ran_ms, struct rng *rng,
                int64_t *delay_ms);
/* The longest delay that can follow this attempt: what a wall clock set back may not exceed. */
int64_t retry_longest_ms(const struct retry *r, int64_t attempt);

#endif
