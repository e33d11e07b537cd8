/* State machines as data: names and a table of legal successors. */
#ifndef CADRE_BASE_FSM_H
#define CADRE_BASE_FSM_H

#include <stdbool.h>
#include <stdint.h>

struct fsm_state {
    const char *name;
    uint32_t next; /* bit n set: state n may follow */
    bool final;    /* nothing may follow; `next` is 0 */
};

struct fsm {
    const char *name;
    const struct fsm_state *states;
    int count;
};

bool fsm_may(const struct fsm *m, int from, int to);
bool fsm_final(const struct fsm *m, int state);
const char *fsm_name(const struct fsm *m, int state); /* "?" when out of range */
int fsm_find(const struct fsm *m, const char *name);  /* -1 when there is none */

#endif
