/* Some agents of the default group. */
#ifndef CADRE_TESTS_FLEET_H
#define CADRE_TESTS_FLEET_H

#include "engine_world.h"

#define FLEET_MOST 12

/* "a0", "a1" and so on. */
struct fleet {
    struct world *w;
    size_t count;
    int64_t ids[FLEET_MOST];
    uint64_t sessions[FLEET_MOST];
    int64_t slots[FLEET_MOST];
    int64_t seq; /* the last event of any */
};

void fleet_open(struct fleet *f, struct world *w, const int64_t *slots, size_t count);
/* One more, with these capabilities. */
int fleet_add(struct fleet *f, int64_t slots, const char *caps);
/* All of them come back, with those capabilities. */
void fleet_reconnect(struct fleet *f);
/* Which agent got the job in the last batch; -1: none did. */
int fleet_got(const struct fleet *f, int64_t job);
void fleet_unwell(struct fleet *f, int agent, const char *why); /* NULL: well again */

#endif
