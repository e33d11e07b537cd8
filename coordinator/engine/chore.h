/* The engine's own work: timers that are due, and groups that need matching. */
#ifndef CADRE_COORDINATOR_ENGINE_CHORE_H
#define CADRE_COORDINATOR_ENGINE_CHORE_H

#include "coordinator/engine/core.h"

void timers_run(struct engine *g); /* all that are due */
void match_all(struct engine *g);  /* all groups that are dirty */

/* One chore. Its kind and key identify it, also after everything is loaded anew. */
struct chore {
    enum timer_kind kind;
    uint64_t key;
    char what[160]; /* for messages: "the leases of agent build-07" */
};
/* Does the next chore alone; *c says which. false: no chore is left. */
bool chore_run(struct engine *g, struct chore *c);

/* It failed: it is not done for a minute, doubling with each time. The incident stands in the
 * log. */
void chore_put_off(struct engine *g, const struct chore *c, const char *incident);
/* The batch is committed: the chores that it did are no longer put off. true: the list changed. */
bool chores_settle(struct engine *g);
void chores_load(struct engine *g); /* timers of the chores that are put off */
void chores_free(struct engine *g);
/* JSON array of the chores that are put off: {"what", "incident", "until"}. mem_free; NULL:
 * none. */
char *chores_json(const struct engine *g);

#endif
