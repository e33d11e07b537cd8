/* Rules: which channels are told of what. They stand in coordinator.yaml under `notify`, each with
 * a name of its own (docs/notify.md). Pure. */
#ifndef CADRE_COORDINATOR_NOTIFY_RULE_H
#define CADRE_COORDINATOR_NOTIFY_RULE_H

#include "base/err.h"
#include "base/json.h"
#include "coordinator/engine/rule.h"

#define RULES_MAX 100
#define RULE_CHANNELS_MAX 20

/* A member of `notify`, its key the rule's name. ERR_INVALID: a sentence that names the rule;
 * *where is the node that is wrong. */
int rule_check(const struct json *rule, const struct json **where, struct err *e);
/* Is there each of the rule's channels? channels: the mapping of the configuration, NULL: none. */
int rule_check_channels(const struct json *rule, const struct json *channels,
                        const struct json **where, struct err *e);
/* An array of as many as `rules` has (a mapping of rules that were checked, or NULL), whose texts
 * are those of `rules`. rules_free. */
struct rule *rules_read(const struct json *rules);
void rules_free(struct rule *rules, size_t count);

#endif
