/* Sessions of the page: a browser signs in and out. */
#ifndef CADRE_COORDINATOR_ENGINE_PAGE_SESSION_H
#define CADRE_COORDINATOR_ENGINE_PAGE_SESSION_H

#include "coordinator/engine/core.h"

apply_request_fn apply_sign_in, apply_sign_out;

#endif
