/* The common parts of the reader's files: its statements and its two connections. Only files
 * sql_*.c and sqlite_*.c of this folder include this header. */
#ifndef CADRE_COORDINATOR_STORE_SQL_READER_H
#define CADRE_COORDINATOR_STORE_SQL_READER_H

#include "coordinator/store/reader_ids.h"
#include "coordinator/store/db.h"
#include "coordinator/store/sql_reader_sql.h"

/* A list reads at most so many jobs or executions, and then answers with the rows found so far. */
#define SCAN_MOST READER_IDS_MOST

#define X(number, sql) number,
enum queue_read { QUEUE_READS(X) QUEUE_READ_COUNT };
enum output_read { OUTPUT_READS(X) OUTPUT_READ_COUNT };
#undef X
struct reader {
    struct db queue, output;
};

/* When both connections are open. */
int reader_prepare(struct reader *r, struct err *e);

static inline struct stmt *from_queue(struct reader *r, enum queue_read which)
{
    return r->queue.statements[which];
}

static inline struct stmt *from_output(struct reader *r, enum output_read which)
{
    return r->output.statements[which];
}

/* Columns: VIEW_COLUMNS; spec stays NULL. */
void reader_row_view(struct stmt *q, struct job_view *v);

#endif
