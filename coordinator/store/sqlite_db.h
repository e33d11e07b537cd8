/* The driver of SQLite (db.h): a connection to a file. Only files sqlite_*.c of this folder include
 * this header. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_DB_H
#define CADRE_COORDINATOR_STORE_SQLITE_DB_H

#include "base/err.h"
#include "coordinator/store/db.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fold_log;
struct wal_vfs;

/* The connection of a struct db whose database is a file of SQLite's. */
struct sqlite {
    sqlite3 *handle;
    struct wal_vfs *wal;    /* NULL: of a reader */
    struct db *db;          /* whose this is */
    sqlite3_blob *spec;     /* of db_spec; NULL: none was read */
    int fold_pages;         /* a log of so many is folded into the file; 0: of CHECKPOINT_PAGES */
    struct fold_log *apart; /* folds the log beside this connection; NULL: db_settle does it all */
    /* Of `apart`, after a commit: its log has so many pages. True: db_settle is to fold the log:
     * little is left, or who folds beside does not, or cannot keep up. */
    bool (*ask_fold)(struct fold_log *l, int pages);
    int log_pages;     /* in the log at the last commit; 0: db_settle was called since */
    int64_t log_bytes; /* the file of the log has at least so many; 0: nobody asked */
    bool log_is_fixed; /* it is as long as it gets, or the disk had no room for more of it */
};

/* NULL: it is not open. */
static inline struct sqlite *sqlite_of(const struct db *d)
{
    return (struct sqlite *)d->connection;
}

static inline sqlite3 *sqlite_handle(const struct db *d)
{
    return d->connection ? sqlite_of(d)->handle : NULL;
}

extern const struct db_driver sqlite_driver;

struct sqlite_stmt {
    struct stmt stmt; /* first */
    sqlite3_stmt *q;
};

static inline sqlite3_stmt *sqlite_statement(struct stmt *q)
{
    return ((struct sqlite_stmt *)q)->q;
}

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
/* The code of SQLite's last error on this connection (see store.h), with a sentence. */
int db_fail(struct db *d, struct err *e);
/* ERR_CORRUPT, with the way back to a backup. */
int db_corrupt(const struct db *d, const char *what, struct err *e);
/* What was written to the file, not to its log, is on disk then. SQLite's code. */
int db_sync(struct db *d);

/* STATE/name; mem_free. */
char *db_path(const char *folder, const char *name);

#endif
