/* Whether a PostgreSQL server keeps what it says that it committed. */
#ifndef CADRE_COORDINATOR_STORE_PG_CHECK_H
#define CADRE_COORDINATOR_STORE_PG_CHECK_H

#include "coordinator/store/pg_module.h"

/* Of the writer's connection, in no transaction; opens another for a moment. ERR_UNSUPPORTED: the
 * server is too old, its settings may lose commits, or a pooler stands before it that changes
 * connections between transactions. */
int pg_check(struct db *d, const struct pg_module *m, const struct pg_place *place, struct err *e);

#endif
