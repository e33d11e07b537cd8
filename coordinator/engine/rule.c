/* Names of events. */
#include "coordinator/engine/rule.h"

#include "base/str.h"

const char *const rule_event_names[RULE_EVENTS] = {"agent-offline", "group-short", "queue-old",
                                                   "lease-lost",    "schedule-missed",
                                                   "execution-failed"};

bool rule_event_lasts(const char *name)
{
    for (int i = 0; i <= RULE_LAST_LASTING; i++)
        if (str_eq(rule_event_names[i], name)) return true;
    return false;
}
