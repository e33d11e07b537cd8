/* Output on PostgreSQL is in several tables, one for each day of arrival, so that what the
 * retention ends goes with its table and not row by row.
 *
 * cadre_output.chunks is the parent of all (INHERITS): whoever reads or deletes there means all of
 * them. It holds itself what came before there were days, or by migrate-store: it is day 0. Each
 * other day is a table chunks_N, and a row of cadre_output.days. N counts the tables and is no
 * date: the clock says only when the next one begins and when one is old, so that a wrong clock
 * costs copies and loses nothing.
 *
 * An old table goes in steps. What jobs that are kept have in it moves to the newest one, a bounded
 * part in each transaction; then the row says `emptied`, and one of the next steps drops it. Its
 * rows of jobs that were purged go with it: nothing names them any more. A chunk keeps its cursor,
 * and the end of a stream stands in `streams`, so that a chunk that is sent again on another day is
 * known.
 *
 * Only files sql_*.c, sqlite_*.c and pg_*.c of this folder include this header. Store thread. */
#ifndef CADRE_COORDINATOR_STORE_PG_DAYS_H
#define CADRE_COORDINATOR_STORE_PG_DAYS_H

#include "coordinator/store/store_day.h"

struct stmt;

/* What a step does at most. */
#define DAY_ROWS_MOST 500
#define DAY_BYTES_MOST (4 << 20) /* and one chunk */

/* With SQLite all is 0. What the transaction changes counts from its commit on. */
struct days {
    int64_t now, now_next;     /* where new output goes */
    int64_t old, last;         /* the day that is being emptied, and its greatest job */
    int64_t place, place_next; /* jobs up to that one have nothing in it any more */
    int64_t tried;             /* the last one that was to be dropped */
    bool drop;                 /* ... behind this commit */
    struct stmt *insert;       /* of the day `insert_day`, which is not 0; NULL: of none */
    int64_t insert_day;
};

/* When the tables are there. */
int days_open(struct store *s, struct err *e);
void days_close(struct store *s);
/* Inserts a chunk where new output goes; with the parameters of O_CHUNK_INSERT. */
int days_insert(struct store *s, struct stmt **out, struct err *e);
/* After the commit; after a rollback. */
void days_settle(struct store *s);
void days_forget(struct store *s);
/* Drops what a step found to be emptied; when no transaction is open. It waits 0.1 s at most for
 * those who read there; a table that cannot be dropped is tried again by a later step. */
void days_drop(struct store *s);

/* A target of migrate-store: rows will be added to day 0. Within its transaction. */
#define PG_DAYS_ANEW                                                                               \
    "INSERT INTO cadre_output.days VALUES (0, 0, 0) ON CONFLICT (day) DO UPDATE SET emptied = 0"

#endif
