/* Agents that are known and not connected, and since when: in memory alone, since the time in which
 * the coordinator was down counts against nobody. Kept only when a rule asks for it. */
#ifndef CADRE_COORDINATOR_ENGINE_ABSENCE_H
#define CADRE_COORDINATOR_ENGINE_ABSENCE_H

#include "coordinator/engine/core.h"

struct absence {
    int64_t agent, since_ms; /* mono */
    bool from_start;         /* it was away when the coordinator started */
    int64_t stayed_ms;       /* how long it had been connected before; NEVER: not known */
    char *name, *group, *groups;
};

void absence_begin(struct engine *g, const struct agent_row *row, int64_t stayed_ms);
void absence_end(struct engine *g, int64_t agent); /* fine when it is not away */
const struct absence *absence_find(const struct engine *g, int64_t agent);
/* The next one, from *place = 0 on; NULL: no more. */
const struct absence *absence_next(const struct engine *g, size_t *place);
/* All agents that the store knows are away. Who was so before a batch failed is since then. */
int absences_load(struct engine *g, struct err *e);
void absences_free(struct engine *g);

#endif
