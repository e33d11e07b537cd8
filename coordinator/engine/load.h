/* Memory from the store. */
#ifndef CADRE_COORDINATOR_ENGINE_LOAD_H
#define CADRE_COORDINATOR_ENGINE_LOAD_H

#include "coordinator/engine/core.h"

int engine_load(struct engine *g, struct err *e);

/* Loads anew after a batch that failed, in g->rc. Agents stay connected as far as possible; the
 * sessions that do not are added to g->left. */
void engine_reload(struct engine *g);
void engine_unload(struct engine *g);

#endif
