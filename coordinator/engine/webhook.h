/* Webhooks: a call with the key of a trigger starts an execution. */
#ifndef CADRE_COORDINATOR_ENGINE_WEBHOOK_H
#define CADRE_COORDINATOR_ENGINE_WEBHOOK_H

#include "coordinator/engine/flow.h"

apply_request_fn apply_webhook;

#endif
