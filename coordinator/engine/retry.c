/* Delays between attempts. */
#include "coordinator/engine/retry.h"

#include "base/duration.h"

#define LAST_ATTEMPT 1000000 /* the protocol's limit */

static int64_t at_least_0(int64_t ms)
{
    return ms > 0 ? ms : 0;
}

static int64_t exponential(const struct retry *r, int64_t attempt)
{
    double factor = r->delay_factor > 0 ? r->delay_factor : 2.0;
    double ceiling = r->max_interval_ms > 0 ? (double)r->max_interval_ms : (double)DURATION_MAX_MS;
    if (factor < 1) factor = 1;
    double delay = (double)at_least_0(r->interval_ms);
    for (int64_t i = 1; i < attempt && delay < ceiling && factor > 1 && delay > 0; i++)
        delay *= factor;
    return (int64_t)(delay < ceiling ? delay : ceiling);
}

int64_t retry_longest_ms(const struct retry *r, int64_t attempt)
{
    int64_t least = at_least_0(r->interval_ms);
    switch (r->type) {
    case RETRY_EXPONENTIAL:
        return exponential(r, attempt);
    case RETRY_RANDOM:
        return r->max_interval_ms > least ? r->max_interval_ms : least;
    default:
        return least;
    }
}

bool retry_next(const struct retry *r, int64_t attempt, int64_t ran_ms, struct rng *rng,
                int64_t *delay_ms)
{
    if (r->type == RETRY_NONE || attempt >= LAST_ATTEMPT) return false;
    if (r->max_attempts > 0 && attempt >= r->max_attempts) return false;
    int64_t delay = retry_longest_ms(r, attempt);
    if (r->type == RETRY_RANDOM) {
        int64_t least = at_least_0(r->interval_ms);
        delay = least + (int64_t)rng_below(rng, (uint64_t)(delay - least) + 1);
    }
    if (delay > DURATION_MAX_MS) delay = DURATION_MAX_MS;
    if (r->max_duration_ms > 0 && ran_ms > r->max_duration_ms - delay) return false;
    *delay_ms = delay;
    return true;
}
