/* What changed of that which changes seldom, for whoever shows it: one effect for each batch that
 * changed something. Jobs and executions have effects of their own, with their ids. What is noted
 * in a batch that fails goes with its effects. */
#ifndef CADRE_COORDINATOR_ENGINE_NEWS_H
#define CADRE_COORDINATOR_ENGINE_NEWS_H

#include "coordinator/engine/core.h"

/* Of an agent: whether it is connected, drained or removed, and what it can do. Of a trigger: also
 * when it fires next. */
void news_add(struct engine *g, enum news what);
/* These write the row, for it has changed. false: a failure was noted. */
bool news_agent(struct engine *g, const struct agent_row *row);
bool news_group(struct engine *g, const struct group_row *row);
bool news_trigger(struct engine *g, const struct trigger_row *row);

#endif
