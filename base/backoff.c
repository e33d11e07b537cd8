/* Waiting longer each time. */
#include "base/backoff.h"

void backoff_init(struct backoff *b, int64_t min_ms, int64_t max_ms)
{
    b->min_ms = min_ms > 0 ? min_ms : 1;
    b->max_ms = max_ms > b->min_ms ? max_ms : b->min_ms;
    b->step_ms = b->min_ms;
}

int64_t backoff_next(struct backoff *b, struct rng *r)
{
    int64_t whole = b->step_ms, half = whole / 2;
    b->step_ms = whole > b->max_ms / 2 ? b->max_ms : 2 * whole;
    return half + (int64_t)rng_below(r, (uint64_t)(whole - half) + 1);
}
