/* Names of events. */
#include "coordinator/engine/rule.h"

#include "base/str.h"

const char *const rule_event_names[RULE_EVENTS] = {
    [RULE_AGENT_OFFLINE] = "agent-offline",
    [RULE_GROUP_SHORT] = "group-short",
    [RULE_QUEUE_OLD] = "queue-old",
    [RULE_TOKEN_ENDS] = "token-ends",
    [RULE_DISK_LOW] = "disk-low",
    [RULE_CERTIFICATE_ENDS] = "certificate-ends",
    [RULE_LEASE_LOST] = "lease-lost",
    [RULE_SCHEDULE_MISSED] = "schedule-missed",
    [RULE_EXECUTION_FAILED] = "execution-failed",
};

enum rule_event rule_event_of(const char *name)
{
    int i = 0;
    while (i < RULE_EVENTS && !str_eq(rule_event_names[i], name))
        i++;
    return (enum rule_event)i;
}

bool rule_event_lasts(const char *name)
{
    return rule_event_of(name) <= RULE_LAST_LASTING;
}
