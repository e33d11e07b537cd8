/* How long things took, in 32 steps that double: step 0 has what is at most 1, step n what is above
 * 2^(n-1) and at most 2^n, the last step all that is above 2^30 (of milliseconds: 12 days). What
 * lies within one step is not told apart, so a percentile is right to a factor of two at worst.
 * Pure. */
#ifndef CADRE_BASE_HISTOGRAM_H
#define CADRE_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 32

/* Negative values count as 0. */
unsigned histogram_step(int64_t value);
/* The greatest value of a step; INT64_MAX of the last. */
int64_t histogram_bound(unsigned step);
/* The value below which so many per mille lie, told as if each step were filled evenly; of the last
 * step its least value. -1: there is none. permille: 0 to 1000. */
int64_t histogram_quantile(const uint64_t counts[HISTOGRAM_STEPS], unsigned permille);

#endif
