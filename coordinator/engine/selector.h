/* Kestra 2's workerSelector: which group a job goes to that names tags instead of a group. */
#ifndef CADRE_COORDINATOR_ENGINE_SELECTOR_H
#define CADRE_COORDINATOR_ENGINE_SELECTOR_H

#include "coordinator/engine/group.h"

bool selector_is(const char *key); /* "all:TAG,TAG" or "any:TAG,TAG", and no group's key? */
/* Among the groups whose tags hold all or one of the selector's, and that ns may use: one with an
 * agent online, else the one with the shortest queue, else the first by key. NULL: there is none,
 * and e names the tag that no group has, or says that none has them all. */
const struct group *selector_pick(const struct engine *g, const char *selector, const char *ns,
                                  struct err *e);

#endif
