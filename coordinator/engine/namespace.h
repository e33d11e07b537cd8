/* The settings of namespaces for the jobs in them. */
#ifndef CADRE_COORDINATOR_ENGINE_NAMESPACE_H
#define CADRE_COORDINATOR_ENGINE_NAMESPACE_H

#include "coordinator/engine/group.h"
#include "coordinator/engine/rule.h"

/* Of CMD_NS_SET: the mask. */
#define NS_KEEPS_GROUP 1u
#define NS_SETS_NOTIFY 2u

struct namespace
{
    struct namespace_row row;
    struct json *notify; /* the row's; NULL: it says nothing */
    struct burst burst;  /* of what it tells; begins anew when a batch failed */
    struct namespace *next_same;
};

void namespace_put(struct engine *g, struct namespace_row *row); /* takes the strings */
void namespaces_clear(struct engine *g);
/* The nearest namespace at or above ns that says which group; NULL: there is none. */
const struct namespace *namespace_nearest(const struct engine *g, const char *ns);
/* ... that says who is told, if that is nobody, too. */
struct namespace *namespace_telling(const struct engine *g, const char *ns);
/* The next channel behind `after` (NULL: the first one) that it names for the event; NULL: no more.
 * n NULL: none. */
const struct json *namespace_next_channel(const struct namespace *n, const struct json *after,
                                          enum rule_event event);
const char *namespace_channel(const struct json *item); /* its name */
/* Tells the log of channels that are named and are not in the configuration. */
void namespaces_check(const struct engine *g);
apply_request_fn apply_ns_set, apply_ns_unset, apply_resolve;

#endif
