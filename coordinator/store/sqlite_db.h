/* One SQLite connection with its prepared statements. Only files sqlite_*.c of this folder include
 * this header. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_DB_H
#define CADRE_COORDINATOR_STORE_SQLITE_DB_H

#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fold_log;
struct wal_vfs;

struct db {
    sqlite3 *handle;
    struct wal_vfs *wal; /* NULL: of a reader */
    char *path;
    sqlite3_stmt **statements; /* by number, prepared by db_prepare */
    int count;
    int fold_pages;         /* a log of so many is folded into the file; 0: of CHECKPOINT_PAGES */
    struct fold_log *apart; /* folds the log beside this connection; NULL: db_settle does it all */
    /* Of `apart`, after a commit: its log has so many pages. True: db_settle is to fold the log:
     * little is left, or who folds beside does not, or cannot keep up. */
    bool (*ask_fold)(struct fold_log *l, int pages);
    int log_pages;     /* in the log at the last commit; 0: db_settle was called since */
    int64_t log_bytes; /* the file of the log has at least so many; 0: nobody asked */
    bool log_is_fixed; /* it is as long as it gets, or the disk had no room for more of it */
};

enum db_mode {
    /* creates the file (0600 where files have modes) when it is missing */
    DB_MAKER,
    DB_WRITER, /* the file must be there. Of a maker's or writer's struct: it stays where it is */
    DB_READER, /* the file must be there; statements that write are refused */
};

/* Settings that SQLite takes only before it is used for the first time; later calls do nothing. */
void db_prepare_library(void);
/* False for an empty file, too. */
bool db_file_exists(const char *path);
/* ERR_NOT_FOUND: there is no file. After any result, db_close may be called. */
int db_open(struct db *d, const char *path, enum db_mode mode, struct err *e);
/* Makes an empty private file beside `path`, to be renamed to it; *draft: its name, mem_free. */
int db_draft(const char *path, char **draft, struct err *e);
/* sql[i] becomes statement i. The texts must outlive the call only. */
int db_prepare(struct db *d, const char *const *sql, int count, struct err *e);
void db_close(struct db *d); /* also of a zeroed struct */

/* The code of SQLite's last error on this connection (see store.h), with a sentence. */
int db_fail(struct db *d, struct err *e);
/* ERR_CORRUPT, with the way back to a backup. */
int db_corrupt(const struct db *d, const char *what, struct err *e);
/* Statements without parameters or rows, separated by semicolons. */
int db_exec(struct db *d, const char *sql, struct err *e);
/* The first column of the first row. */
int db_int(struct db *d, const char *sql, int64_t *out, struct err *e);
bool db_in_transaction(const struct db *d);
/* Work on the log that a commit left to do, and that its answers need not wait for. */
void db_settle(struct db *d);
/* What was written to the file, not to its log, is on disk then. SQLite's code. */
int db_sync(struct db *d);

/* Text and blobs are borrowed until the statement ran. NULL text is stored as NULL. */
void bind_int(sqlite3_stmt *q, int at, int64_t n);
void bind_real(sqlite3_stmt *q, int at, double n);
/* NULL when no process ended. */
void bind_exit(sqlite3_stmt *q, int at, bool exited, int64_t exit_code);
void bind_text(sqlite3_stmt *q, int at, const char *s);
void bind_blob(sqlite3_stmt *q, int at, const void *data, size_t len);

/* 1: a row is there; 0: there is none (any more), the statement is reset; negative: error, it is
 * reset. */
int db_step(struct db *d, sqlite3_stmt *q, struct err *e);
/* The first number of the first row, in *id. 1: there is one; 0: there is none. */
int db_first_id(struct db *d, sqlite3_stmt *q, int64_t *id, struct err *e);
/* Runs a statement that returns no rows. */
int db_run(struct db *d, sqlite3_stmt *q, struct err *e);
/* The same; ERR_NOT_FOUND: the statement changed no row. */
int db_change(struct db *d, sqlite3_stmt *q, struct err *e);
/* Ends a statement before its rows did. */
void db_reset(sqlite3_stmt *q);

/* A column's text: mem_free; NULL stays NULL. */
char *column_text(sqlite3_stmt *q, int at);
/* A group's key. The default group is kept as "", from before it had a key. */
char *column_group(sqlite3_stmt *q, int at);
/* The stored form of a group's key; NULL is the default group, too. */
const char *group_text(const char *group);

/* STATE/name; mem_free. */
char *db_path(const char *folder, const char *name);

#endif
