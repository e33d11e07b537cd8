/* Steps of a histogram. */
#include "base/histogram.h"

unsigned histogram_step(int64_t value)
{
    unsigned step = 0;
    for (uint64_t above = value > 1 ? (uint64_t)value - 1 : 0; above; above >>= 1)
        step++;
    return step < HISTOGRAM_STEPS ? step : HISTOGRAM_STEPS - 1;
}

int64_t histogram_bound(unsigned step)
{
    return step >= HISTOGRAM_STEPS - 1 ? INT64_MAX : INT64_C(1) << step;
}

int64_t histogram_quantile(const uint64_t counts[HISTOGRAM_STEPS], unsigned permille)
{
    uint64_t all = 0, below = 0;
    unsigned step = 0;
    for (unsigned i = 0; i < HISTOGRAM_STEPS; i++)
        all += counts[i];
    if (all == 0) return -1;
    /* the rank of the wanted one, rounded up, from 1 */
    uint64_t rank = all / 1000 * permille + (all % 1000 * permille + 999) / 1000;
    if (rank == 0) rank = 1;
    while (below + counts[step] < rank)
        below += counts[step++];
    int64_t least = step == 0 ? 0 : histogram_bound(step - 1);
    if (step == HISTOGRAM_STEPS - 1) return least;
    double part = (double)(rank - below) / (double)counts[step];
    return least + (int64_t)(part * (double)(histogram_bound(step) - least));
}
