/* Tokens, and the enrolment of machines with join tokens. */
#ifndef CADRE_COORDINATOR_ENGINE_TOKEN_H
#define CADRE_COORDINATOR_ENGINE_TOKEN_H

#include "coordinator/engine/core.h"

apply_event_fn apply_enrol;
apply_request_fn apply_token_create, apply_token_revoke, apply_token_used;

#endif
