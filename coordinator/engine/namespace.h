/* The settings of namespaces for the jobs in them. */
#ifndef CADRE_COORDINATOR_ENGINE_NAMESPACE_H
#define CADRE_COORDINATOR_ENGINE_NAMESPACE_H

#include "coordinator/engine/group.h"

struct namespace
{
    struct namespace_row row;
    struct namespace *next_same;
};

void namespace_put(struct engine *g, struct namespace_row *row); /* takes the strings */
void namespaces_clear(struct engine *g);
/* The nearest namespace at or above ns with settings; NULL: there is none. */
const struct namespace *namespace_nearest(const struct engine *g, const char *ns);
apply_request_fn apply_ns_set, apply_ns_unset, apply_resolve;

#endif
