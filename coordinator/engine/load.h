/* Memory from the store. */
#ifndef CADRE_COORDINATOR_ENGINE_LOAD_H
#define CADRE_COORDINATOR_ENGINE_LOAD_H

#include "coordinator/engine/core.h"

int engine_load(struct engine *g, struct err *e);

void engine_unload(struct engine *g);

#endif
