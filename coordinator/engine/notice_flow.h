/* What channels are told of flows. */
#ifndef CADRE_COORDINATOR_ENGINE_NOTICE_FLOW_H
#define CADRE_COORDINATOR_ENGINE_NOTICE_FLOW_H

#include "coordinator/engine/flow.h"

/* An execution of the flow ended, as its row has it; f: its revision, NULL when that cannot be
 * read. A failure is told to whom the flow names, and that the next one went well. */
void notice_execution(struct engine *g, const struct flow_entry *entry, const struct flow *f,
                      const struct execution_row *row);

#endif
