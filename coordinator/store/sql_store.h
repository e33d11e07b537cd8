/* The common parts of the store. Only files sql_*.c and sqlite_*.c of this folder include this
 * header. */
#ifndef CADRE_COORDINATOR_STORE_SQL_STORE_H
#define CADRE_COORDINATOR_STORE_SQL_STORE_H

#include "coordinator/store/changes.h"
#include "coordinator/store/db.h"
#include "coordinator/store/pg_days.h"
#include "coordinator/store/sql_agent_sql.h"
#include "coordinator/store/sql_blocks.h"
#include "coordinator/store/sql_flow_sql.h"
#include "coordinator/store/sql_job_sql.h"
#include "coordinator/store/sql_rows.h"
#include "coordinator/store/store.h"
#include "coordinator/store/store_owner.h"

/* SQLite writes no page for a row that is replaced by an equal one; so it comes and goes. */
#define PROBE_ADD "INSERT INTO parts (id, output_mark) VALUES ('probe', 0)"
#define PROBE_REMOVE "DELETE FROM parts WHERE id = 'probe'"

/* Every statement on cadre.db: number, text. Prepared when the store opens. */
#define QUEUE_STATEMENTS(X)                                                                        \
    JOB_STATEMENTS(X)                                                                              \
    AGENT_STATEMENTS(X)                                                                            \
    FLOW_STATEMENTS(X)                                                                             \
    PURGE_STATEMENTS(X)                                                                            \
    X(Q_MARK, "UPDATE parts SET output_mark = ?1")                                                 \
    X(Q_PROBE, PROBE_ADD) X(Q_PROBE_END, PROBE_REMOVE)

/* The same on output.db. */
#define OUTPUT_STATEMENTS(X)                                                                       \
    X(O_BEGIN, "BEGIN IMMEDIATE")                                                                  \
    X(O_COMMIT, "COMMIT")                                                                          \
    X(O_ROLLBACK, "ROLLBACK")                                                                      \
    X(O_STREAM_NEXT, "SELECT next_offset FROM streams"                                             \
                     " WHERE job = ?1 AND attempt = ?2 AND stream = ?3")                           \
    X(O_STREAMS_OF, "SELECT stream, next_offset, bytes FROM streams"                               \
                    " WHERE job = ?1 AND attempt = ?2")                                            \
    X(O_STREAM_ADD, "INSERT INTO streams VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"                      \
                    " ON CONFLICT (job, attempt, stream) DO UPDATE"                                \
                    " SET next_offset = excluded.next_offset,"                                     \
                    " bytes = streams.bytes + excluded.bytes, last_cursor ="                       \
                    " CASE WHEN streams.last_cursor < excluded.last_cursor THEN"                   \
                    " excluded.last_cursor ELSE streams.last_cursor END")                          \
    X(O_MARK, "UPDATE parts SET output_mark = ?1")                                                 \
    X(O_PROBE, PROBE_ADD)                                                                          \
    X(O_PROBE_END, PROBE_REMOVE)                                                                   \
    X(O_CHUNK_INSERT, "INSERT INTO chunks (job, attempt, stream, \"offset\", data, at_ms,"         \
                      " cursor, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                     \
    X(O_BYTES, "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT),"                                   \
               " CAST(coalesce(sum(bytes) FILTER (WHERE stream = 3), 0) AS BIGINT)"                \
               " FROM streams WHERE job = ?1 AND attempt = ?2")                                    \
    X(O_CHUNKS_DELETE, "DELETE FROM chunks WHERE cursor IN (SELECT cursor FROM chunks"             \
                       " INDEXED BY chunk_job WHERE job = ?1 ORDER BY cursor LIMIT ?2)")           \
    /* the same at the end of the retention, where no table goes with them */                      \
    X(O_CHUNKS_EXPIRE, "DELETE FROM chunks WHERE cursor IN (SELECT cursor FROM chunks"             \
                       " INDEXED BY chunk_job WHERE job = ?1 ORDER BY cursor LIMIT ?2)")           \
    X(O_STREAMS_HAS, "SELECT 1 FROM streams WHERE job = ?1 LIMIT 1")                               \
    X(O_STREAMS_DELETE, "DELETE FROM streams WHERE job = ?1")                                      \
    /* attempts that are not kept */                                                               \
    X(O_ATTEMPT_RANGE, "SELECT min(first_cursor), max(last_cursor) FROM streams"                   \
                       " WHERE job = ?1 AND attempt = ?2")                                         \
    X(O_ATTEMPT_CHUNKS_DELETE,                                                                     \
      "DELETE FROM chunks WHERE cursor IN (SELECT cursor FROM chunks INDEXED BY chunk_job"         \
      " WHERE job = ?1 AND cursor BETWEEN ?3 AND ?4 AND attempt = ?2 ORDER BY cursor LIMIT ?5)")   \
    X(O_ATTEMPT_STREAMS_DELETE, "DELETE FROM streams WHERE job = ?1 AND attempt = ?2")             \
    X(O_DROPPED_ADD, "INSERT INTO dropped VALUES (?1, ?2) ON CONFLICT DO NOTHING")                 \
    X(O_DROPPED_FIRST, "SELECT job, attempt FROM dropped ORDER BY job, attempt LIMIT 1")           \
    X(O_DROPPED_DELETE, "DELETE FROM dropped WHERE job = ?1 AND attempt = ?2")                     \
    X(O_DROPPED_OF_JOB, "DELETE FROM dropped WHERE job = ?1")                                      \
    X(O_FREE_PAGES, "PRAGMA freelist_count")                                                       \
    X(O_PAGES, "PRAGMA page_count")                                                                \
    X(O_SHRINK, "PRAGMA incremental_vacuum(256)")

#define X(number, sql) number,
enum queue_statement { QUEUE_STATEMENTS(X) QUEUE_STATEMENT_COUNT };
enum output_statement { OUTPUT_STATEMENTS(X) OUTPUT_STATEMENT_COUNT };
#undef X

/* job_states.open: in the index of jobs that the engine has to know of. */
enum open_place {
    OPEN_NOT = 0,      /* in the plain queue, or final */
    OPEN_WATCHED = 1,  /* CREATED, with a queue timeout or a fallback other than WAIT */
    OPEN_ASSIGNED = 2, /* SUBMITTED, RUNNING, KILLING */
    OPEN_RETRYING = 3,
};

/* How the open jobs of one class changed since store_begin. */
struct tally {
    char *group; /* "": default group */
    int64_t requires_id;
    int64_t change[JOB_RETRYING + 1]; /* by state */
    int64_t jobs;                     /* in any state */
};

/* The last removed agent that was checked. */
struct agent_place {
    int64_t removed_ms, id;
};

struct store {
    struct db queue, output;
    bool together; /* one connection, and one transaction for both */
    /* Of a store that several coordinators could own (pg_owner.h): what each transaction looks for
     * first. epoch 0: none does. */
    int64_t epoch, batch;
    struct stmt *own;
    bool begun;
    struct changes changes;
    /* No row has a greater id; 0: not known. Those that the batch has in memory alone do not
     * count. */
    int64_t last_job, last_execution;
    struct tally *tallies;
    size_t tally_count, tally_cap, tally_last;
    struct agent_place agent_place;
    struct blocks blocks;
    /* Cursors of chunks (sqlite_parts.c): the newest, the newest that is committed, and the one
     * that cadre.db knows of. */
    int64_t output_high, output_kept, output_marked;
    size_t output_added;      /* bytes of the last chunk that were not there */
    bool output_cut;          /* chunks were deleted in this transaction */
    struct days days;         /* tables of output by day; PostgreSQL's alone */
    struct store_owner owner; /* mine NULL: one coordinator alone */
    bool in_doubt;            /* the COMMIT of the queue failed, and may have been done */
};

/* When both connections are open and have their tables. */
int store_prepare(struct store *s, struct err *e);

/* Every function that writes calls one of these first: the transaction begins with the first
 * change. ERR_INTERNAL outside store_begin. */
int store_write_queue(struct store *s, struct err *e);
int store_write_output(struct store *s, struct err *e);

/* The newest events of the agent: those that may count another one, or the newest alone. */
struct stmt *agent_events_newest(struct store *s, int64_t agent, bool again);

/* What of the statements is of one row's key (db_of_one). */
void store_prepare_ahead(struct store *s);
/* Of a database that is far: what was asked for with store_ask_output is read. */
int outputs_read(struct store *s, struct err *e);

/* Behind the BEGIN of each transaction: takes the owner's row, where there is one. ERR_FENCED, now
 * or from a later call: another coordinator owns the queue. */
int store_own(struct store *s, struct err *e);

/* 0, or ERR_INTERNAL outside store_begin. */
int store_may_change(const struct store *s, struct err *e);
/* Writes the changes of the batch so far, within its transaction. Whoever reads or changes rows
 * that may be among them calls this first. */
int store_write_changes(struct store *s, struct err *e);
int execution_insert(struct store *s, const struct execution_row *x, struct err *e);
int execution_update(struct store *s, const struct execution_row *x, struct err *e);
int run_insert(struct store *s, const struct run_row *r, struct err *e);
int run_update(struct store *s, const struct run_row *r, bool due, struct err *e);
int evaluation_insert(struct store *s, const struct evaluation_row *v, struct err *e);

/* The evaluations of a trigger up to `number`, with their jobs that ended. */
int drop_evaluations(struct store *s, int64_t trigger, int64_t number, struct err *e);

/* Output of a job, at most *budget chunks. */
int purge_output(struct store *s, int64_t job, size_t *budget, struct err *e);
/* The same at the end of the retention: chunks in a table by day are left to the end of that. */
int expire_output(struct store *s, int64_t job, size_t *budget, struct err *e);
/* A final job without its output. */
int purge_job(struct store *s, int64_t job, struct err *e);
/* All of a final job, its output included. */
int purge_whole_job(struct store *s, int64_t job, struct err *e);

/* Deletes output of attempts that are not kept; at most *budget chunks and attempts. */
int purge_dropped(struct store *s, size_t *budget, struct err *e);

/* Deletes requires that no job has; at most *budget rows. */
int purge_requires(struct store *s, size_t *budget, const struct store_gone *gone, struct err *e);

/* A job of a class leaves state `from` and enters `to`; JOB_STATES: comes from, goes to nowhere. */
void tally_move(struct store *s, const char *group, int64_t requires_id, int from, int to);
/* The store keeps one job more (1) or less (-1). */
void tally_keep(struct store *s, const char *group, int64_t requires_id, int change);
void tally_clear(struct store *s);
/* Writes what gathered into job_counts and requires, and forgets it. */
int tally_flush(struct store *s, struct err *e);

static inline struct stmt *store_queue(struct store *s, enum queue_statement which)
{
    return s->queue.statements[which];
}

static inline struct stmt *store_output(struct store *s, enum output_statement which)
{
    return s->output.statements[which];
}

#endif
