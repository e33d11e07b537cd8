/* The end of what happens: a time in which it did not. */
#ifndef CADRE_COORDINATOR_ENGINE_QUIET_H
#define CADRE_COORDINATOR_ENGINE_QUIET_H

#include "coordinator/engine/core.h"

#define NOTICE_QUIET_MS 3600000

/* Does it end when it happened no more for NOTICE_QUIET_MS? Else something else tells its end, or
 * it is forgotten. */
bool quiet_ends(const struct notice_row *row);
/* What is said of such an end: JSON text, mem_free. NULL: nothing, since no rule asks for it any
 * more, or it does not end so. */
char *quiet_facts(const struct engine *g, const struct notice_row *row);

#endif
