/* What agents report of their attempts. */
#ifndef CADRE_COORDINATOR_ENGINE_EVENTS_H
#define CADRE_COORDINATOR_ENGINE_EVENTS_H

#include "coordinator/engine/core.h"

apply_event_fn apply_started, apply_output, apply_finished, apply_declined;

#endif
