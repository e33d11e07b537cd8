/* pluginDefaults, which Kestra called taskDefaults before. Private to coordinator/flow. */
#ifndef CADRE_COORDINATOR_FLOW_DEFAULTS_H
#define CADRE_COORDINATOR_FLOW_DEFAULTS_H

#include "coordinator/flow/read.h"

/* The flow with the values of its defaults in its tasks and triggers: json_free, after the last
 * question about its lines. NULL: it has no defaults, or none that can be read; what is wrong was
 * reported. */
struct json *read_defaults(const struct node *flow);

#endif
