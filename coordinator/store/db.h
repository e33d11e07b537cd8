/* A connection to a database with its prepared statements, whatever the database is: what the files
 * sql_*.c say in SQL, a driver does. SQLite's is sqlite_db.c; PostgreSQL's is a module of its own
 * (pg_db.c). One thread for each connection and its statements.
 *
 * The SQL of sql_*.h is what both understand, and parameters are ?1, ?2... in all of it. A driver
 * without hints to a planner leaves out "INDEXED BY name", and reads CROSS JOIN as JOIN, where
 * another condition follows. */
#ifndef CADRE_COORDINATOR_STORE_DB_H
#define CADRE_COORDINATOR_STORE_DB_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_connection; /* the driver's own */

/* A prepared statement; the driver's own members follow. */
struct stmt {
    const struct db_driver *driver;
};

/* Whose words a few statements are said in (pg_statements.h). */
enum db_dialect { DIALECT_SQLITE, DIALECT_POSTGRESQL };

/* What the functions below do, by database. Their contracts are those of the functions. */
struct db_driver {
    enum db_dialect dialect;
    void (*close)(struct db *d); /* the connection; also one that is not open */
    int (*prepare)(struct db *d, const char *sql, struct stmt **out, struct err *e);
    void (*finish)(struct stmt *q); /* NULL is fine */
    int (*exec)(struct db *d, const char *sql, struct err *e);
    bool (*in_transaction)(const struct db *d);
    bool (*may_be_committed)(const struct db *d); /* NULL: always */
    /* A question that will be asked by `step`, with what is bound: it is sent with those that
     * follow, and its answer is kept. NULL, with the next two: each step is as quick. */
    int (*ask)(struct db *d, struct stmt *q, struct err *e);
    void (*forget)(struct db *d);
    void (*of_one)(struct stmt *q);
    uint64_t (*trips)(const struct db *d);
    int (*step)(struct db *d, struct stmt *q, struct err *e);
    /* Of a statement without rows. It may be sent with those that follow, and its error come from a
     * later call, the commit at the latest. */
    int (*run)(struct db *d, struct stmt *q, struct err *e);
    /* The same, but at once: *rows is how many it changed. A row that is taken is ERR_EXISTS, and
     * the transaction goes on. */
    int (*change)(struct db *d, struct stmt *q, int64_t *rows, struct err *e);
    /* As `run`, of a statement that has to change a row: else ERR_NOT_FOUND, from a later call,
     * too. One that was run so always is. NULL: `change` is as quick. */
    int (*alter)(struct db *d, struct stmt *q, struct err *e);
    void (*reset)(struct stmt *q);
    void (*bind_int)(struct stmt *q, int at, int64_t n);
    void (*bind_real)(struct stmt *q, int at, double n);
    void (*bind_text)(struct stmt *q, int at, const char *s);
    void (*bind_blob)(struct stmt *q, int at, const void *data, size_t len);
    void (*bind_null)(struct stmt *q, int at);
    int64_t (*column_int)(struct stmt *q, int at);
    double (*column_real)(struct stmt *q, int at);
    const char *(*column_str)(struct stmt *q, int at);
    const void *(*column_blob)(struct stmt *q, int at);
    size_t (*column_bytes)(struct stmt *q, int at);
    bool (*column_is_null)(struct stmt *q, int at);
    int (*spec)(struct db *d, int64_t job, size_t most, char *out, size_t *whole, struct err *e);
    void (*spec_end)(struct db *d);
    void (*settle)(struct db *d);
    /* Bytes that the database takes on its disk. */
    int (*size)(struct db *d, int64_t *bytes, struct err *e);
};

struct db {
    const struct db_driver *driver; /* NULL: not open */
    struct db_connection *connection;
    char *path;               /* names the database in messages, without a password */
    struct stmt **statements; /* by number, prepared by db_prepare_either */
    int count;
};

/* sql[i] becomes statement i; PostgreSQL is told pg[i] in its place, where that is not NULL. The
 * texts must outlive the call only. */
int db_prepare_either(struct db *d, const char *const *sql, const char *const *pg, int count,
                      struct err *e);
/* One more; stmt_finish before db_close, after any result. */
int db_prepare_one(struct db *d, const char *sql, struct stmt **out, struct err *e);
void stmt_finish(struct stmt *q); /* NULL is fine */
void db_close(struct db *d);      /* also of a zeroed struct */

/* Statements without parameters or rows, separated by semicolons. */
int db_exec(struct db *d, const char *sql, struct err *e);
/* One such statement, which is prepared and run by db_run. */
int db_run_text(struct db *d, const char *sql, struct err *e);
/* The first column of the first row. */
int db_int(struct db *d, const char *sql, int64_t *out, struct err *e);
bool db_in_transaction(const struct db *d);
/* After a COMMIT that failed. false: it was never sent, or did nothing, and what it was to commit
 * never will be there. */
bool db_may_be_committed(const struct db *d);
/* Work that a commit left to do, and that its answers need not wait for. */
void db_settle(struct db *d);
int db_size(struct db *d, int64_t *bytes, struct err *e);

/* The first `most` bytes of a job's spec, which is not read further; *whole: how many it has. out:
 * not ended with a zero. Behind the last of several calls db_spec_end lets go of what was read. */
int db_spec(struct db *d, int64_t job, size_t most, char *out, size_t *whole, struct err *e);
void db_spec_end(struct db *d);

/* Text and blobs are borrowed until the statement ran. NULL text is stored as NULL. */
void bind_int(struct stmt *q, int at, int64_t n);
void bind_real(struct stmt *q, int at, double n);
/* NULL when no process ended. */
void bind_exit(struct stmt *q, int at, bool exited, int64_t exit_code);
void bind_text(struct stmt *q, int at, const char *s);
void bind_blob(struct stmt *q, int at, const void *data, size_t len);

/* Does a question cost a round trip, so that several are better asked together? */
bool db_is_far(const struct db *d);
/* Of a database that is far; else it does nothing. A statement that will be stepped with these
 * values: it is sent together with other such, and what a step of it then finds is what it was when
 * it was asked. The answer is kept to the end of the transaction, to db_forget, or until a
 * statement changes a table that it names: any row of it, or those of the same first value where
 * both statements are of one. Its error may come from a later call. */
int db_ask(struct db *d, struct stmt *q, struct err *e);
void db_forget(struct db *d);
/* The rows that the statement reads or changes all have its first value, and each other row that a
 * statement of another first value reads or changes has not: those of one job, or of one agent. */
void db_of_one(struct stmt *q);
/* How often the database was waited for. Of one that is not far: 0. */
uint64_t db_trips(const struct db *d);

/* 1: a row is there; 0: there is none (any more), the statement is reset; negative: error, it is
 * reset. */
int db_step(struct db *d, struct stmt *q, struct err *e);
/* The first number of the first row, in *id. 1: there is one; 0: there is none. */
int db_first_id(struct db *d, struct stmt *q, int64_t *id, struct err *e);
/* Runs a statement that returns no rows. Its error may come from a later call of the same
 * transaction, the commit at the latest. */
int db_run(struct db *d, struct stmt *q, struct err *e);
/* The same, at once: *rows is how many it changed. */
int db_count(struct db *d, struct stmt *q, int64_t *rows, struct err *e);
/* The same, of a row that may be taken: ERR_EXISTS, and the transaction goes on. */
int db_add(struct db *d, struct stmt *q, struct err *e);
/* The same; ERR_NOT_FOUND: the statement changed no row. */
int db_change(struct db *d, struct stmt *q, struct err *e);
/* The same, but the error may come from a later call of the same transaction, the commit at the
 * latest. For rows that are there unless something is broken; such a statement is run in no other
 * way. */
int db_alter(struct db *d, struct stmt *q, struct err *e);
/* Ends a statement before its rows did. */
void db_reset(struct stmt *q);

/* Of the present row. What is borrowed stays until the next step, or the reset. */
int64_t column_int(struct stmt *q, int at);
double column_real(struct stmt *q, int at);
bool column_is_null(struct stmt *q, int at);
const char *column_str(struct stmt *q, int at);  /* borrowed; NULL stays NULL */
const void *column_blob(struct stmt *q, int at); /* borrowed; of column_bytes */
size_t column_bytes(struct stmt *q, int at);
/* A column's text: mem_free; NULL stays NULL. */
char *column_text(struct stmt *q, int at);
/* A group's key. The default group is kept as "", from before it had a key. */
char *column_group(struct stmt *q, int at);
/* The stored form of a group's key; NULL is the default group, too. */
const char *group_text(const char *group);

#endif
