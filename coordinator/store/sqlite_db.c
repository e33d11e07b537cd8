/* The driver of SQLite: opening, statements, and what SQLite's result codes mean for us. */
#include "coordinator/store/sqlite_db.h"

#include "coordinator/store/sqlite_wal.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Another connection holds a lock for moments only: one that recovers the log, one that closes. */
#define BUSY_TIMEOUT_MS 10000

/* Nobody asks how much memory SQLite has, and counting takes a lock for each piece of it. */
void db_prepare_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

bool db_file_exists(const char *path)
{
    db_prepare_library();
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    int found = 0;
    return vfs && vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &found) == SQLITE_OK && found;
}

int db_draft(const char *path, char **draft, struct err *e)
{
    char *name = str_dupf("%s.XXXXXX", path);
    int fd = mkstemp(name);
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!f) {
        int error = errno;
        int rc = err_set(e, error == ENOSPC ? ERR_FULL : ERR_IO, "cannot make a file beside %s: %s",
                         path, strerror(error));
        mem_free(name);
        return rc;
    }
    fclose(f);
    *draft = name;
    return 0;
}

/* SQLite would create a file that everybody can read, and a later chmod leaves a moment in which
 * somebody does. So the file is there first, empty and with the mode of a temporary one, 0600; its
 * log takes the mode over. Where that fails, SQLite creates it and says why it cannot. */
static void create_private(const char *path)
{
    char *draft;
    if (db_file_exists(path) || db_draft(path, &draft, NULL) != 0) return;
    if (rename(draft, path) != 0) remove(draft);
    mem_free(draft);
}

/* ---- the log -------------------------------------------------------------------------------- */

/* A log of about 16 MiB, header and frames, is folded into the file: hot pages are written back
 * once instead of many times, and it takes some milliseconds only. */
#define CHECKPOINT_PAGES 4000
#define CHECKPOINT_LATEST_PAGES                                                                    \
    (2 * CHECKPOINT_PAGES) /* when nobody calls db_settle; without `apart` */
#define FRAME_BYTES INT64_C(4120)
#define LOG_BYTES (FRAME_BYTES * (CHECKPOINT_PAGES + 100))
#define LOG_STEP_BYTES (INT64_C(1) << 20)

/* Writes zeros to the end of the log, which SQLite takes for what they are: no frames. */
static bool lengthen(sqlite3_file *log, int64_t from, int64_t to)
{
    static const char zeros[1 << 16];
    while (from < to) {
        int64_t n = (to - from) % (int64_t)sizeof zeros;
        if (n == 0) n = sizeof zeros;
        if (log->pMethods->xWrite(log, zeros, (int)n, from) != SQLITE_OK) return false;
        from += n;
    }
    return true;
}

/* Syncing a file that grows costs several times as much as one whose blocks are there already. So
 * the log is lengthened ahead of its use; best effort. The next commit syncs the zeros, hence in
 * small steps. Its size is asked for only when it matters: Linux (6.13 and later) gives a file that
 * was asked for its times a time of its own at the next change, and syncs the inode with it. */
static void lengthen_log(struct sqlite *d, int64_t used)
{
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    if (used < d->log_bytes - LOG_STEP_BYTES / 2) return;
    int rc = sqlite3_file_control(d->handle, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (rc != SQLITE_OK || !log || !log->pMethods) return;
    if (log->pMethods->xFileSize(log, &size) != SQLITE_OK) return;
    d->log_bytes = size;
    if (size >= LOG_BYTES) d->log_is_fixed = true; /* the log is never cut while it is open */
    if (size >= LOG_BYTES || used < size - LOG_STEP_BYTES / 2) return;
    int64_t to = (size / LOG_STEP_BYTES + 1) * LOG_STEP_BYTES;
    if (to > LOG_BYTES) to = LOG_BYTES;
    if (lengthen(log, size, to)) {
        d->log_bytes = to;
        return;
    }
    log->pMethods->xTruncate(log, size);
    d->log_is_fixed = true; /* the disk is full: leave the rest of it to those who need it */
}

/* What fails here took nothing from the commit; it will be met again. */
static void fold_log(struct sqlite *d, const char *name)
{
    d->log_pages = 0;
    sqlite3_wal_checkpoint_v2(d->handle, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

/* After every commit, within it. */
static int on_commit(void *user, sqlite3 *handle, const char *name, int pages)
{
    struct sqlite *d = user;
    (void)handle;
    d->log_pages = pages;
    if (pages >= CHECKPOINT_LATEST_PAGES && !d->apart) fold_log(d, name);
    return SQLITE_OK;
}

static bool wants_folding(struct sqlite *d)
{
    if (d->apart) return d->ask_fold(d->apart, d->log_pages);
    return d->log_pages >= (d->fold_pages > 0 ? d->fold_pages : CHECKPOINT_PAGES);
}

static void settle(struct db *db)
{
    struct sqlite *d = sqlite_of(db);
    if (d->log_pages == 0) return;
    if (wants_folding(d))
        fold_log(d, "main");
    else if (!d->log_is_fixed)
        lengthen_log(d, d->log_pages * FRAME_BYTES);
    d->log_pages = 0;
}

int db_sync(struct db *d)
{
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(sqlite_handle(d), "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (rc != SQLITE_OK || !file || !file->pMethods) return rc;
    return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
}

int db_open(struct db *d, const char *path, enum db_mode mode, struct err *e)
{
    db_prepare_library();
    struct sqlite *s = mem_alloc(sizeof *s);
    *d = (struct db){.driver = &sqlite_driver,
                     .connection = (struct db_connection *)s,
                     .path = mem_strdup(path)};
    s->db = d;
    if (mode == DB_MAKER) {
        create_private(path);
    } else if (!db_file_exists(path)) {
        return err_set(e, ERR_NOT_FOUND, "%s: there is no such file", path);
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (mode == DB_MAKER) flags |= SQLITE_OPEN_CREATE;
    int rc = mode == DB_READER ? sqlite3_open_v2(path, &s->handle, flags, NULL)
                               : wal_open(path, flags, &s->handle, &s->wal);
    if (!s->handle) mem_exhausted();
    if (rc != SQLITE_OK) return db_fail(d, e);
    sqlite3_extended_result_codes(s->handle, 1);
    sqlite3_busy_timeout(s->handle, BUSY_TIMEOUT_MS);
    if (mode != DB_READER) sqlite3_wal_hook(s->handle, on_commit, s);
    /* A reader opens for writing all the same: the last one out folds the log into the file. */
    return mode == DB_READER ? db_exec(d, "PRAGMA query_only=1", e) : 0;
}

static void close_connection(struct db *d)
{
    struct sqlite *s = sqlite_of(d);
    if (!s) return;
    (void)sqlite3_blob_close(s->spec); /* NULL is fine */
    sqlite3_close(s->handle);
    wal_free(s->wal);
    mem_free(s);
}

int db_corrupt(const struct db *d, const char *what, struct err *e)
{
    return err_set(e, ERR_CORRUPT,
                   "%s is damaged (%s). Stop the coordinator, move cadre.db, output.db and their "
                   "-wal and -shm files away, copy your latest backup FILE to cadre.db and "
                   "FILE.output to output.db, and start it again",
                   d->path, what);
}

static bool is_full(int system_error)
{
#ifdef EDQUOT
    if (system_error == EDQUOT) return true;
#endif
    return system_error == ENOSPC;
}

/* Are SQLite's system errors those of the C library? On Windows they are the system's own. */
static bool has_errno(void)
{
    const sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    return vfs && str_starts(vfs->zName, "unix");
}

int db_fail(struct db *d, struct err *e)
{
    sqlite3 *handle = sqlite_handle(d);
    int extended = sqlite3_extended_errcode(handle);
    int rc = extended & 0xff;
    const char *what = sqlite3_errmsg(handle);
    int system = sqlite3_system_errno(handle);
    if (rc == SQLITE_NOMEM || extended == SQLITE_IOERR_NOMEM) mem_exhausted();
    if (rc == SQLITE_FULL || (rc == SQLITE_IOERR && is_full(system))) {
        return err_set(e, ERR_FULL, "%s: no space is left on its disk", d->path);
    }
    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB) return db_corrupt(d, what, e);
    if (rc == SQLITE_CONSTRAINT) {
        bool taken = extended == SQLITE_CONSTRAINT_UNIQUE ||
                     extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
                     extended == SQLITE_CONSTRAINT_ROWID;
        return err_set(e, taken ? ERR_EXISTS : ERR_INTERNAL, "%s: %s", d->path, what);
    }
    if (rc == SQLITE_ERROR || rc == SQLITE_MISUSE || rc == SQLITE_RANGE) {
        return err_set(e, ERR_INTERNAL, "%s: %s", d->path, what);
    }
    if (rc == SQLITE_READONLY)
        return err_set(
            e, ERR_DENIED,
            "%s cannot be written: this account may not write the file or its folder, or "
            "the disk is read-only",
            d->path);
    if (system != 0 && has_errno())
        return err_set(e, ERR_IO, "%s: %s: %s", d->path, what, strerror(system));
    return err_set(e, ERR_IO, "%s: %s (code %d, system error %d)", d->path, what, extended, system);
}

/* ---- what db.h asks of a driver ------------------------------------------------------------- */

static int prepare(struct db *d, const char *sql, struct stmt **out, struct err *e)
{
    struct sqlite_stmt *x = mem_alloc(sizeof *x);
    x->stmt.driver = &sqlite_driver;
    *out = &x->stmt;
    int rc = sqlite3_prepare_v3(sqlite_handle(d), sql, -1, SQLITE_PREPARE_PERSISTENT, &x->q, NULL);
    return rc == SQLITE_OK ? 0 : db_fail(d, e);
}

static void finish(struct stmt *q)
{
    if (!q) return;
    sqlite3_finalize(sqlite_statement(q));
    mem_free(q);
}

static int exec(struct db *d, const char *sql, struct err *e)
{
    return sqlite3_exec(sqlite_handle(d), sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(d, e);
}

static bool in_transaction(const struct db *d)
{
    return d->connection && sqlite_handle(d) && !sqlite3_get_autocommit(sqlite_handle(d));
}

static void bound(int rc)
{
    if (rc == SQLITE_NOMEM) mem_exhausted();
    assert(rc == SQLITE_OK); /* else a wrong number of ours */
}

static void set_int(struct stmt *q, int at, int64_t n)
{
    bound(sqlite3_bind_int64(sqlite_statement(q), at, n));
}

static void set_real(struct stmt *q, int at, double n)
{
    bound(sqlite3_bind_double(sqlite_statement(q), at, n));
}

static void set_text(struct stmt *q, int at, const char *s)
{
    bound(sqlite3_bind_text64(sqlite_statement(q), at, s, strlen(s), SQLITE_STATIC, SQLITE_UTF8));
}

static void set_blob(struct stmt *q, int at, const void *data, size_t len)
{
    /* a NULL pointer would store NULL where an empty blob is meant */
    bound(len ? sqlite3_bind_blob64(sqlite_statement(q), at, data, len, SQLITE_STATIC)
              : sqlite3_bind_zeroblob(sqlite_statement(q), at, 0));
}

static void set_null(struct stmt *q, int at)
{
    bound(sqlite3_bind_null(sqlite_statement(q), at));
}

static int step(struct db *d, struct stmt *q, struct err *e)
{
    int rc = sqlite3_step(sqlite_statement(q));
    if (rc == SQLITE_ROW) return 1;
    if (rc == SQLITE_DONE) {
        sqlite3_reset(sqlite_statement(q));
        return 0;
    }
    int code = db_fail(d, e);
    sqlite3_reset(sqlite_statement(q));
    return code;
}

static int run(struct db *d, struct stmt *q, struct err *e)
{
    int rc = step(d, q, e);
    if (rc == 1) sqlite3_reset(sqlite_statement(q));
    return rc < 0 ? rc : 0;
}

static int change(struct db *d, struct stmt *q, int64_t *rows, struct err *e)
{
    int rc = run(d, q, e);
    if (rc == 0) *rows = sqlite3_changes(sqlite_handle(d));
    return rc;
}

static void reset(struct stmt *q)
{
    sqlite3_reset(sqlite_statement(q));
}

static int64_t get_int(struct stmt *q, int at)
{
    return sqlite3_column_int64(sqlite_statement(q), at);
}

static double get_real(struct stmt *q, int at)
{
    return sqlite3_column_double(sqlite_statement(q), at);
}

static const char *get_str(struct stmt *q, int at)
{
    return (const char *)sqlite3_column_text(sqlite_statement(q), at);
}

static const void *get_blob(struct stmt *q, int at)
{
    return sqlite3_column_blob(sqlite_statement(q), at);
}

static size_t get_bytes(struct stmt *q, int at)
{
    return (size_t)sqlite3_column_bytes(sqlite_statement(q), at);
}

static bool get_null(struct stmt *q, int at)
{
    return sqlite3_column_type(sqlite_statement(q), at) == SQLITE_NULL;
}

/* The handle is used again: opening one costs as much as a statement. */
static int spec(struct db *d, int64_t job, size_t most, char *out, size_t *whole, struct err *e)
{
    struct sqlite *s = sqlite_of(d);
    int rc = s->spec ? sqlite3_blob_reopen(s->spec, job)
                     : sqlite3_blob_open(s->handle, "main", "jobs", "spec", job, 0, &s->spec);
    if (rc != SQLITE_OK) return db_fail(d, e);
    *whole = (size_t)sqlite3_blob_bytes(s->spec);
    int len = (int)(*whole < most ? *whole : most);
    if (len > 0) rc = sqlite3_blob_read(s->spec, out, len, 0);
    return rc == SQLITE_OK ? 0 : db_fail(d, e);
}

static void spec_end(struct db *d)
{
    (void)sqlite3_blob_close(sqlite_of(d)->spec); /* NULL is fine */
    sqlite_of(d)->spec = NULL;
}

static int size(struct db *d, int64_t *bytes, struct err *e)
{
    int64_t pages, page;
    int rc = db_int(d, "PRAGMA page_count", &pages, e);
    if (rc == 0) rc = db_int(d, "PRAGMA page_size", &page, e);
    if (rc == 0) *bytes = pages * page;
    return rc;
}

const struct db_driver sqlite_driver = {
    .close = close_connection,
    .prepare = prepare,
    .finish = finish,
    .exec = exec,
    .in_transaction = in_transaction,
    .step = step,
    .run = run,
    .change = change,
    .reset = reset,
    .bind_int = set_int,
    .bind_real = set_real,
    .bind_text = set_text,
    .bind_blob = set_blob,
    .bind_null = set_null,
    .column_int = get_int,
    .column_real = get_real,
    .column_str = get_str,
    .column_blob = get_blob,
    .column_bytes = get_bytes,
    .column_is_null = get_null,
    .spec = spec,
    .spec_end = spec_end,
    .settle = settle,
    .size = size,
};

char *db_path(const char *folder, const char *name)
{
    return str_dupf("%s/%s", folder, name);
}
