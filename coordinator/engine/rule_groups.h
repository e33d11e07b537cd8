/* Groups that rules name. There may be none of that name: the log tells so. */
#ifndef CADRE_COORDINATOR_ENGINE_RULE_GROUPS_H
#define CADRE_COORDINATOR_ENGINE_RULE_GROUPS_H

#include "coordinator/engine/core.h"

bool rules_group_is_there(const struct engine *g, const char *key);
void rules_check_groups(const struct engine *g); /* at the start */
/* After the commit: of groups that were deleted in this batch. */
void rules_tell_deleted(const struct engine *g);

#endif
