/* One line in the log for each command that a token gave and that was done: who, and what. Written
 * after the commit. */
#ifndef CADRE_COORDINATOR_ENGINE_AUDIT_H
#define CADRE_COORDINATOR_ENGINE_AUDIT_H

#include "coordinator/engine/core.h"

/* What the command at hand is about, or also about, when that does not stand in the command or its
 * reply. */
void audit_about(struct engine *g, const char *what);
/* The reason that was given for it. */
void audit_reason(struct engine *g, const char *why);
/* The command was applied. A batch's submits by one token share a line. */
void audit_note(struct engine *g, const struct command *c, const struct reply *r);
void audit_write(struct engine *g); /* the batch is committed */
void audit_clear(struct engine *g); /* ... or was rolled back */

#endif
