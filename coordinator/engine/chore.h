/* What the engine does of itself: timers that are due, groups that are to be matched. */
#ifndef CADRE_COORDINATOR_ENGINE_CHORE_H
#define CADRE_COORDINATOR_ENGINE_CHORE_H

#include "coordinator/engine/core.h"

void timers_run(struct engine *g); /* all that are due */
void match_all(struct engine *g);  /* all groups that are dirty */

/* One chore. It is known by its kind and key, which stay the same when all is loaded anew. */
struct chore {
    enum timer_kind kind;
    uint64_t key;
    char what[160]; /* for people: "the lease of agent build-07" */
};
/* Does the next one alone; *c says which. false: there is none. */
bool chore_run(struct engine *g, struct chore *c);

/* It failed: it is not done for a minute, doubling with each time. The incident stands in the
 * log. */
void chore_put_off(struct engine *g, const struct chore *c, const char *incident);
/* The batch is committed: what was done in it is not put off any more. true: something changed. */
bool chores_settle(struct engine *g);
void chores_load(struct engine *g); /* timers of what is put off */
void chores_free(struct engine *g);
/* JSON array of what is put off: {"what", "incident", "until"}. mem_free; NULL: nothing is. */
char *chores_json(const struct engine *g);

#endif
