/* Who asks: whether the token of a request may still do what the request wants is decided here, in
 * the transaction that does it. The look at the door (api/auth.c) only spares the work. */
#ifndef CADRE_COORDINATOR_ENGINE_PRINCIPAL_H
#define CADRE_COORDINATOR_ENGINE_PRINCIPAL_H

#include "coordinator/engine/core.h"

/* The principal of the command at hand becomes g->by. false: refused and answered, or a failure was
 * noted. What the coordinator asks of itself (no token) is not refused. */
bool principal_enter(struct engine *g, const struct command *c, struct reply *r);
void principal_leave(struct engine *g);
/* May the principal at hand see and change what is in this namespace (NULL: in none)? false:
 * answered. For what the command names by its id; principal_enter looks at the namespaces that the
 * command itself has. */
bool principal_sees(const struct engine *g, const char *ns, struct reply *r);

/* The rows of tokens are kept, as nobody else writes them: a request costs no read. */
void principal_revoked(struct engine *g, int64_t token);
void principals_clear(struct engine *g);

#endif
