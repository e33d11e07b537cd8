/* Loads the driver of PostgreSQL. */
#ifndef CADRE_COORDINATOR_STORE_PG_LOAD_H
#define CADRE_COORDINATOR_STORE_PG_LOAD_H

#include "coordinator/store/pg_module.h"

/* The module beside the program in `folder`, else in ../lib/cadre. It stays loaded to the end of
 * the process; a second call finds it loaded. Any thread. ERR_NOT_FOUND: it is not installed, with
 * the package's name; ERR_UNSUPPORTED: it is another version's, or this system has none. */
int pg_load(const char *folder, const struct pg_module **out, struct err *e);

#endif
