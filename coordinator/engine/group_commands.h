/* Making, changing and ending worker groups. */
#ifndef CADRE_COORDINATOR_ENGINE_GROUP_COMMANDS_H
#define CADRE_COORDINATOR_ENGINE_GROUP_COMMANDS_H

#include "coordinator/engine/core.h"

apply_request_fn apply_group_create, apply_group_update, apply_group_delete, apply_group_pause,
    apply_group_resume;

#endif
