/* What the language asks of outside when a file is read. */
#ifndef CADRE_COORDINATOR_FLOW_CHECKS_H
#define CADRE_COORDINATOR_FLOW_CHECKS_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

struct flow_group_ref;

/* place: "task load: workerGroup" */
typedef void flow_group_fn(const struct flow_group_ref *ref, const char *place, void *user);

/* Checks that need knowledge from outside the language. */
struct flow_checks {
    /* The flow was applied before: what came out as nothing when it ran, and is refused today, is
     * let pass, so that its executions go on after an upgrade. */
    bool stored;
    /* ERR_INVALID with "requires.gpu.cout: ..." in e (requires_parse); NULL: not looked at. */
    int (*require)(const struct json *object, struct err *e);
    /* Of a file in which something is wrong: called for its groups as by flow_each_group, so that
     * what is wrong with them is told as well. NULL: they are not looked at. */
    flow_group_fn *group;
    /* ERR_NOT_FOUND: "time zone 'Europe/Berln' is not known, ..."; NULL: not looked at. */
    int (*zone)(const char *name, void *user, struct err *e);
    void *user;
};

#endif
