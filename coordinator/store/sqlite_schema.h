/* The tables of both files, and the migrations of older files. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_SCHEMA_H
#define CADRE_COORDINATOR_STORE_SQLITE_SCHEMA_H

#include "coordinator/store/sqlite_db.h"

#define QUEUE_FILE "cadre.db"
#define OUTPUT_FILE "output.db"

enum schema { SCHEMA_QUEUE, SCHEMA_OUTPUT };

/* The version that this program writes. */
int schema_version(enum schema which);
/* SQLite's application id of the file. */
int schema_application(enum schema which);
/* Brings the file up to the present version, each step in a transaction of its own.
 * ERR_UNSUPPORTED: it is newer; ERR_CORRUPT: it is a database of something else. */
int schema_migrate(struct db *d, enum schema which, struct err *e);
/* For a reader: ERR_UNSUPPORTED unless the file has exactly the present version. */
int schema_check(struct db *d, enum schema which, struct err *e);

#endif
