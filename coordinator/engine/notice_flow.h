/* What channels are told of flows. */
#ifndef CADRE_COORDINATOR_ENGINE_NOTICE_FLOW_H
#define CADRE_COORDINATOR_ENGINE_NOTICE_FLOW_H

#include "coordinator/engine/flow.h"
#include "coordinator/engine/tell.h"

/* It happened to the flow: an execution failed, or a schedule was missed. f: the revision that says
 * who is told, NULL when there is none. The channels that it names are told always; those of rules
 * and namespaces are spared the crowd. Frees title and text of the facts; o->told is not read. */
void notice_of_flow(struct engine *g, const struct flow *f, const struct occasion *o,
                    struct facts *facts);
/* An execution of the flow ended, as its row has it; f: its revision, NULL when that cannot be
 * read. A failure is told to whom the flow names, and that the next one went well. */
void notice_execution(struct engine *g, const struct flow_entry *entry, const struct flow *f,
                      const struct execution_row *row);
/* Its failures are over with it: no execution will end well, and what runs on tells no failure. */
void notice_flow_deleted(struct engine *g, const struct flow_entry *entry);

#endif
