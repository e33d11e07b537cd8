/* The tables of both files, and how an older file becomes a present one. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_SCHEMA_H
#define CADRE_COORDINATOR_STORE_SQLITE_SCHEMA_H

#include "coordinator/store/sqlite_db.h"

#define QUEUE_FILE "cadre.db"
#define OUTPUT_FILE "output.db"

enum schema { SCHEMA_QUEUE, SCHEMA_OUTPUT };

/* Version that this program writes. */
int schema_version(enum schema which);
/* Brings the file up to the present version, each step in a transaction of its own. ERR_UNSUPPORTED: it is newer;
 * ERR_CORRUPT: it is a database of something else. */
int schema_migrate(struct db *d, enum schema which, struct err *e);
/* For a reader: ERR_UNSUPPORTED unless the file has exactly the present version. */
int schema_check(struct db *d, enum schema which, struct err *e);

/* Where a job stands (job_states.place), on which the partial indexes are made: unlike the state it does not
 * change between SUBMITTED, RUNNING and KILLING, so that these steps touch no index. */
enum place {
    PLACE_QUEUED = 0,   /* CREATED */
    PLACE_WATCHED = 1,  /* CREATED, with a queue timeout or a fallback other than WAIT */
    PLACE_ASSIGNED = 2, /* SUBMITTED, RUNNING, KILLING */
    PLACE_RETRYING = 3,
    PLACE_GOOD = 4, /* SUCCESS */
    PLACE_BAD = 5,  /* any other final state */
};

#endif
