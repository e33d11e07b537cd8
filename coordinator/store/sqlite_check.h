/* The check of one file, for the check itself and for backups. Only files sqlite_*.c of this folder
 * include this header. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_CHECK_H
#define CADRE_COORDINATOR_STORE_SQLITE_CHECK_H

#include "coordinator/store/check.h"
#include "coordinator/store/sqlite_schema.h"

/* Adds to the results. */
int check_file(struct db *d, enum schema which, struct store_check *c, struct err *e);

#endif
