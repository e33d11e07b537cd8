/* All jobs by id, as the index of jobs has them: to make the index, and to check it. Only files
 * sql_*.c and sqlite_*.c of this folder include this header. */
#ifndef CADRE_COORDINATOR_STORE_SQL_BLOCK_JOBS_H
#define CADRE_COORDINATOR_STORE_SQL_BLOCK_JOBS_H

#include "coordinator/store/sql_block.h"
#include "coordinator/store/db.h"

#define BLOCK_JOBS                                                                                 \
    "SELECT s.id, s.group_key, s.agent, s.state, s.reason, j.ns, j.flow, j.task, j.execution"      \
    " FROM job_states s LEFT JOIN jobs j ON j.id = s.id ORDER BY s.id"
#define BLOCK_LABELS "SELECT labels FROM executions WHERE id = ?1"

struct block_jobs {
    struct db *d;
    struct stmt *jobs, *labels;
    int64_t execution; /* `parsed` are its labels; 0: none */
    struct json *parsed;
};

/* Closed by the caller, also when it fails. */
int block_jobs_open(struct block_jobs *x, struct db *d, struct err *e);
/* 1: the next one, borrowed until the next call; 0: there are no more. */
int block_jobs_next(struct block_jobs *x, struct block_job *job, struct err *e);
void block_jobs_close(struct block_jobs *x); /* zeroed is fine */

#endif
