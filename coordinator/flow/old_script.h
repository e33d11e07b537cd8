/* Kestra's scripts of before 0.11: Bash and Python of io.kestra.core.tasks.scripts. Private to
 * coordinator/flow. */
#ifndef CADRE_COORDINATOR_FLOW_OLD_SCRIPT_H
#define CADRE_COORDINATOR_FLOW_OLD_SCRIPT_H

#include "coordinator/flow/read.h"

/* Fills kind, script and shell. false: `type` is neither of them. */
bool read_old_script(const struct node *n, const char *type, struct flow_work *out,
                     const struct expr_scope *scope);

#endif
