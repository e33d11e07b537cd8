/* Steps of a histogram. */
#include "base/histogram.h"

unsigned histogram_step(int64_t value)
{
    unsigned step = 0;
    for (uint64_t above = value > 1 ? (uint64_t)value - 1 : 0; above; above >>= 1)
        step++;
    return step < HISTOGRAM_STEPS ? step : HISTOGRAM_STEPS - 1;
}

int64_t histogram_quantile(const uint64_t counts[HISTOGRAM_STEPS], unsigned percent)
{
    uint64_t all = 0, below = 0;
    unsigned step = 0;
    for (int i = 0; i < HISTOGRAM_STEPS; i++)
        all += counts[i];
    if (all == 0) return -1;
    double rank = (double)all * (percent < 100 ? percent : 100) / 100;
    while (step < HISTOGRAM_STEPS - 1 && (double)(below + counts[step]) < rank)
        below += counts[step++];
    while (counts[step] == 0) /* of rank 0: the least that there is */
        step++;
    int64_t from = step > 0 ? INT64_C(1) << (step - 1) : 0, to = INT64_C(1) << step;
    if (step == HISTOGRAM_STEPS - 1) return from;
    double share = (rank - (double)below) / (double)counts[step];
    return from + (int64_t)((double)(to - from) * share + 0.5);
}
