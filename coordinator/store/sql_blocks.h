/* The index of jobs, as the store keeps it. Only files sql_*.c and sqlite_*.c of this folder
 * include this header. */
#ifndef CADRE_COORDINATOR_STORE_SQL_BLOCKS_H
#define CADRE_COORDINATOR_STORE_SQL_BLOCKS_H

#include "coordinator/store/sql_block.h"
#include "coordinator/store/db.h"

/* So many blocks are kept in memory, of some KiB each: 12,288 jobs. */
#define BLOCKS_CACHED 24

/* 1: the index is empty, and there are jobs. */
#define BLOCKS_WANTED                                                                              \
    "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM job_blocks)"                                       \
    " AND EXISTS (SELECT 1 FROM job_states) THEN 1 ELSE 0 END"

struct blocks {
    struct block *cached; /* BLOCKS_CACHED of them; NULL: none was needed yet */
    size_t count, last, hand;
    size_t dirty;     /* of the cached: they are written at the commit */
    bool known;       /* the following are known: */
    int64_t high;     /* no job that was noted, and no row, has a greater id */
    size_t part_jobs; /* in the last part of the newest block, or more */
    /* Jobs of this range were deleted: a block that may have none any more. end 0: none. */
    int64_t left_start, left_end;
};

struct execution_row;
struct store;

/* Before the changes of the batch become rows. */
int blocks_note(struct store *s, struct err *e);
/* The execution has other labels: so have its jobs. Behind them, when they are new. */
int blocks_relabel(struct store *s, const struct execution_row *x, struct err *e);
/* A job was deleted. */
int blocks_leave(struct store *s, int64_t job, struct err *e);
/* Before the commit. */
int blocks_flush(struct store *s, struct err *e);
/* Nothing is known any more: a rollback. */
void blocks_forget(struct blocks *x);
void blocks_fini(struct blocks *x);

/* Makes the index when it is empty and there are jobs: after an upgrade, or when somebody emptied
 * it. A transaction of its own; reads each job. */
int blocks_make(struct db *d, struct err *e);

#endif
