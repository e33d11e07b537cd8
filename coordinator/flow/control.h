/* Tasks that hold other tasks, or wait: Kestra's Sequential, Parallel, If and the like, as they are
 * written. Private to coordinator/flow. */
#ifndef CADRE_COORDINATOR_FLOW_CONTROL_H
#define CADRE_COORDINATOR_FLOW_CONTROL_H

#include "coordinator/flow/read.h"

#define CONTROL_CASES_MAX 100
#define CONTROL_CASE_MAX 256 /* bytes of a case's text */

/* A key whose value is a list of tasks; of FLOW_CASE a mapping of such lists. */
struct control_list {
    const char *key;
    enum flow_branch branch;
    bool required;
};

struct control_type {
    const char *name; /* the present one */
    enum flow_kind kind;
    const struct control_list *lists; /* up to one without a key */
};

/* NULL: `type`, which may be an old name, is no such task. */
const struct control_type *control_find(const char *type);
const char *control_type_name(size_t index); /* the present names of all; NULL: no more */

/* Fills kind and control, and of the kinds that have it what is said of groups and times. The tasks
 * within are not read here. */
void read_control(const struct node *n, const struct control_type *type, struct flow_task *t,
                  const struct expr_scope *scope);

/* Why the engine does not run such a task yet, as "ForEach is not supported yet: ..."; NULL: it
 * does. */
const char *control_not_yet(enum flow_kind kind);

#endif
