/* Waiting times between attempts. */
#ifndef CADRE_BASE_BACKOFF_H
#define CADRE_BASE_BACKOFF_H

#include "base/clock.h"

#include <stdint.h>

/* Reconnecting: doubles from min to max, each wait drawn from [half, whole] of the step (jitter),
 * so that a fleet does not come back in one instant. */
struct backoff {
    int64_t min_ms, max_ms;
    int64_t step_ms; /* the next whole step */
};

void backoff_init(struct backoff *b, int64_t min_ms, int64_t max_ms);
int64_t backoff_next(struct backoff *b, struct rng *r);

#endif
