/* Whose command it is. */
#ifndef CADRE_COORDINATOR_ENGINE_COMMAND_BY_H
#define CADRE_COORDINATOR_ENGINE_COMMAND_BY_H

#include "coordinator/store/model.h"

/* Who asks, and what that takes: filled in by whoever took the request. */
struct principal {
    int64_t token;        /* 0: the coordinator itself */
    int64_t session;      /* of the page, in which the token acts; 0: by itself */
    enum token_role role; /* the least one that may */
};

#endif
