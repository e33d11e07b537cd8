/* Applying and deleting flows. */
#ifndef CADRE_COORDINATOR_ENGINE_FLOW_APPLY_H
#define CADRE_COORDINATOR_ENGINE_FLOW_APPLY_H

#include "coordinator/engine/core.h"

apply_request_fn apply_flow_apply, apply_flow_delete;

#endif
