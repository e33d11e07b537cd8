/* A straight line through the last batches: what they weighed, what they took. */
#include "coordinator/pace.h"

#define KEPT 0.99 /* of the sums, at each batch */
#define ENOUGH 8  /* batches */

void pace_note(struct pace *p, double weight, double took_us)
{
    p->count = KEPT * p->count + 1;
    p->weight = KEPT * p->weight + weight;
    p->weight2 = KEPT * p->weight2 + weight * weight;
    p->took = KEPT * p->took + took_us;
    p->both = KEPT * p->both + weight * took_us;
}

double pace_most(const struct pace *p, bool brief)
{
    double share = brief ? PACE_BRIEF_SHARE : PACE_SHARE;
    double least = brief ? PACE_BRIEF_LEAST : PACE_LEAST;
    if (p->count < ENOUGH) return PACE_MOST;
    double mean = p->weight / p->count, mean_took = p->took / p->count;
    double spread = p->weight2 / p->count - mean * mean;
    double slope = spread > 0 ? (p->both / p->count - mean * mean_took) / spread : 0;
    double fixed = mean_took - slope * mean;
    if (slope * PACE_MOST <= share * fixed) return PACE_MOST;
    double most = share * fixed / slope;
    return most > least ? most : least;
}
