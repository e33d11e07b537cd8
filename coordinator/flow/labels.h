/* Labels whose values are templates: of a Labels task, and of what a trigger starts. */
#ifndef CADRE_COORDINATOR_FLOW_LABELS_H
#define CADRE_COORDINATOR_FLOW_LABELS_H

#include "coordinator/flow/flow.h"

/* Puts the labels with their values over those in `all`, an object. ERR_NOT_FOUND: a value is
 * missing; ERR_INVALID: one is too long, or has characters that are not visible; e says which. */
int labels_render(const struct flow_env *labels, size_t count, const struct expr_values *v,
                  struct json *all, struct err *e);

#endif
