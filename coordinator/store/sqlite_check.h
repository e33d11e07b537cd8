/* The check of one file, for the check itself and for backups. Only files sqlite_*.c of this folder
 * include this header. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_CHECK_H
#define CADRE_COORDINATOR_STORE_SQLITE_CHECK_H

#include "coordinator/store/check.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sqlite_schema.h"

/* A fault of the file. */
void check_tell(struct store_check *c, const struct db *d, const char *fault);
/* One of the index of jobs alone. */
void check_tell_index(struct store_check *c, const struct db *d, const char *fault);
/* Damage may also end the look itself: 0 then, and it is told. */
int check_failed(struct store_check *c, struct db *d, struct err *e);
/* job_blocks against the jobs. */
int check_blocks(struct store_check *c, struct db *d, struct err *e);

/* Adds to the results. */
int check_file(struct db *d, enum schema which, struct store_check *c, struct err *e);

#endif
