#include "coordinator/share.h"

static uint32_t place_of(uint64_t source)
{
    return (uint32_t)((source * UINT64_C(0x9E3779B97F4A7C15)) >> 32) % SHARE_PLACES;
}

static void halve(struct share *s)
{
    s->sum = s->active = 0;
    for (int i = 0; i < SHARE_PLACES; i++) {
        s->weight[i] /= 2;
        s->sum += s->weight[i];
        s->active += s->weight[i] > 0;
    }
}

void share_note(struct share *s, uint64_t source, double weight)
{
    uint32_t *place = &s->weight[place_of(source)];
    uint32_t w = weight < SHARE_FULL ? (uint32_t)weight : SHARE_FULL;
    if (*place == 0 && w > 0) s->active++;
    *place += w;
    s->sum += w;
    while (s->sum >= SHARE_FULL)
        halve(s);
}

bool share_is_quiet(const struct share *s, uint64_t source)
{
    uint64_t own = s->weight[place_of(source)];
    return s->sum >= SHARE_BUSY && own * s->active * SHARE_QUIET <= s->sum;
}
