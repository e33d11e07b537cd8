/* Steps of a histogram. */
#include "base/histogram.h"

unsigned histogram_step(int64_t value)
{
    unsigned step = 0;
    for (uint64_t above = value > 1 ? (uint64_t)value - 1 : 0; above; above >>= 1)
        step++;
    return step < HISTOGRAM_STEPS ? step : HISTOGRAM_STEPS - 1;
}
