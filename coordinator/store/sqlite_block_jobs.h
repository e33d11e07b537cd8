/* All jobs by id, as the index of jobs has them: to make the index, and to check it. Only files
 * sqlite_*.c of this folder include this header. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_BLOCK_JOBS_H
#define CADRE_COORDINATOR_STORE_SQLITE_BLOCK_JOBS_H

#include "coordinator/store/sqlite_block.h"
#include "coordinator/store/sqlite_db.h"

struct block_jobs {
    struct db *d;
    sqlite3_stmt *jobs, *labels;
    int64_t execution; /* `parsed` are its labels; 0: none */
    struct json *parsed;
};

/* Closed by the caller, also when it fails. */
int block_jobs_open(struct block_jobs *x, struct db *d, struct err *e);
/* 1: the next one, borrowed until the next call; 0: there are no more. */
int block_jobs_next(struct block_jobs *x, struct block_job *job, struct err *e);
void block_jobs_close(struct block_jobs *x); /* zeroed is fine */

#endif
