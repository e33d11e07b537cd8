#include "coordinator/flow/retry_rules.h"

#include <stddef.h>

const char *const retry_type_names[3] = {"constant", "exponential", "random"};

const char *retry_problem(const struct retry *r, const char **field)
{
    *field = "maxInterval";
    if (r->max_interval_ms && r->max_interval_ms < r->interval_ms)
        return "is shorter than the interval";
    if (r->type == RETRY_RANDOM && !r->max_interval_ms)
        return "is needed: the delay is drawn between interval and maxInterval";
    *field = "maxAttempts";
    if (r->interval_ms == 0 && !r->max_attempts && !r->max_duration_ms)
        return "is needed when there is no interval";
    return NULL;
}
