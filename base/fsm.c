/* State tables. */
#include "base/fsm.h"

#include <string.h>

static bool in_range(const struct fsm *m, int state)
{
    return state >= 0 && state < m->count;
}

bool fsm_may(const struct fsm *m, int from, int to)
{
    if (!in_range(m, from) || !in_range(m, to) || to >= 32) return false;
    return !m->states[from].final && (m->states[from].next >> to & 1) != 0;
}

bool fsm_final(const struct fsm *m, int state)
{
    return in_range(m, state) && m->states[state].final;
}

const char *fsm_name(const struct fsm *m, int state)
{
    return in_range(m, state) ? m->states[state].name : "?";
}

int fsm_find(const struct fsm *m, const char *name)
{
    for (int i = 0; name && i < m->count; i++) {
        if (strcmp(m->states[i].name, name) == 0) return i;
    }
    return -1;
}
