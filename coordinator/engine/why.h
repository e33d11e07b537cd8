/* Why a job waits. */
#ifndef CADRE_COORDINATOR_ENGINE_WHY_H
#define CADRE_COORDINATOR_ENGINE_WHY_H

#include "coordinator/engine/core.h"

apply_request_fn apply_why;

#endif
