/* How long things took, in 32 steps that double: step 0 has what is at most 1, step n what is above
 * 2^(n-1) and at most 2^n, the last step all that is above 2^30 (of milliseconds: 12 days). Pure.
 * */
#ifndef CADRE_BASE_HISTOGRAM_H
#define CADRE_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 32

/* Negative values count as 0. */
unsigned histogram_step(int64_t value);
/* A value that `percent` (0 to 100) of those that were counted do not exceed, as far as their steps
 * tell: within its step it is where it would be if the step's values were spread evenly, and of the
 * last step it is the lower bound. -1: nothing was counted. */
int64_t histogram_quantile(const uint64_t counts[HISTOGRAM_STEPS], unsigned percent);

#endif
