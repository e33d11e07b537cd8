/* Opening the files of a state folder. */
#include "coordinator/store/marks.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sqlite_parts.h"
#include "coordinator/store/sqlite_schema.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Set on an empty file only, before it gets its journal mode. Output comes and goes by the
 * gigabyte: what a purge frees is given back in small steps. The queue's file keeps its free pages
 * for the next jobs. */
#define OUTPUT_BIRTH "PRAGMA auto_vacuum=INCREMENTAL"

/* FULL: a commit is on disk when it returns. The log file keeps its length when it is begun anew,
 * unless a long reader blew it up. */
#define WRITER_PRAGMAS                                                                             \
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;"        \
    "PRAGMA foreign_keys=OFF; PRAGMA trusted_schema=OFF; PRAGMA secure_delete=OFF;"

#define QUEUE_CACHE "PRAGMA cache_size=-16384"
#define OUTPUT_CACHE "PRAGMA cache_size=-4096"

/* Most pages of output.db are written once: a log that is folded early costs no more than a long
 * one, and holds up the next batch for a moment only. 4 MiB. */
#define OUTPUT_FOLD_PAGES 1024

/* Beyond this a check of output.db after a crash would take longer than the leases it delays. */
#define OUTPUT_CHECK_BYTES (INT64_C(1) << 30)

/* Up to this a file is checked at every start: it takes a moment only, and a disk can damage what
 * lies still, too. */
#define ALWAYS_CHECK_BYTES (INT64_C(64) << 20)

/* The last connection to close removes the log: one that lies there tells of a crash. */
static bool was_cut_off(const char *path)
{
    char *log = str_dupf("%s-wal", path);
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    int there = 0;
    bool cut = vfs && vfs->xAccess(vfs, log, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK && there;
    mem_free(log);
    return cut;
}

static int check_integrity(struct db *d, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, "PRAGMA quick_check(1)", &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    char *verdict = rc == 1 ? column_text(q, 0) : NULL;
    stmt_finish(q);
    if (rc == 1 && !str_eq(verdict, "ok")) rc = db_corrupt(d, verdict, e);
    mem_free(verdict);
    return rc < 0 ? rc : 0;
}

static bool wants_check(bool queue, bool cut, int64_t bytes)
{
    return bytes <= ALWAYS_CHECK_BYTES || (cut && (queue || bytes <= OUTPUT_CHECK_BYTES));
}

/* Nobody but init makes a database: an empty one in the place of another would be a silent loss. */
static int refuse_lost(const char *path, enum schema which, int code, const char *what,
                       struct err *e)
{
    if (which == SCHEMA_QUEUE)
        return err_set(e, code,
                       "%s %s: put your latest backup back (FILE as cadre.db, FILE.output as "
                       "output.db), or move the whole state folder away and begin with 'init'",
                       path, what);
    return err_set(e, code,
                   "%s %s: put FILE.output of your backup back as output.db. With 'run "
                   "--without-output' it starts with none of the old output",
                   path, what);
}

/* Opening would remove a log beside an empty file. */
static int check_there(const char *path, enum schema which, struct err *e)
{
    if (db_file_exists(path)) return 0; /* and has content */
    FILE *f = fopen(path, "rb");
    if (!f && errno != ENOENT)
        return err_set(e, ERR_IO, "%s cannot be opened: %s", path, strerror(errno));
    if (!f) return refuse_lost(path, which, ERR_NOT_FOUND, "is missing", e);
    fclose(f);
    return refuse_lost(path, which, ERR_CORRUPT, "is empty", e);
}

static int look_at_content(struct db *d, enum schema which, bool make, bool *fresh, struct err *e)
{
    int64_t tables = 0;
    int rc = db_int(d, "SELECT count(*) FROM sqlite_schema", &tables, e);
    *fresh = tables == 0;
    if (rc == 0 && *fresh && !make)
        rc = refuse_lost(d->path, which, ERR_CORRUPT, "holds nothing", e);
    return rc;
}

/* *fresh: it was made just now. */
static int open_file(struct db *d, const char *path, enum schema which, bool make, bool *fresh,
                     struct err *e)
{
    bool queue = which == SCHEMA_QUEUE, cut = was_cut_off(path);
    int rc = make ? 0 : check_there(path, which, e);
    if (rc == 0) rc = db_open(d, path, make ? DB_MAKER : DB_WRITER, e);
    if (rc == 0 && !queue) rc = db_exec(d, OUTPUT_BIRTH, e);
    if (rc == 0) rc = db_exec(d, WRITER_PRAGMAS, e);
    if (rc == 0) rc = db_exec(d, queue ? QUEUE_CACHE : OUTPUT_CACHE, e);
    if (rc == 0 && !queue) sqlite_of(d)->fold_pages = OUTPUT_FOLD_PAGES;
    int64_t pages = 0;
    if (rc == 0) rc = db_int(d, "PRAGMA page_count", &pages, e);
    if (rc == 0 && wants_check(queue, cut, pages * 4096)) rc = check_integrity(d, e);
    if (rc == 0) rc = look_at_content(d, which, make, fresh, e);
    return rc ? rc : schema_migrate(d, which, e);
}

static int open_queue(struct store *s, const char *folder, const struct store_parts *p,
                      struct err *e)
{
    char *path = db_path(folder, QUEUE_FILE);
    bool fresh;
    int rc = open_file(&s->queue, path, SCHEMA_QUEUE, p->make, &fresh, e);
    if (rc == 0) rc = parts_check_ca(s, p, e);
    if (rc == 0 && p->end != MOVE_TARGET) rc = blocks_make(&s->queue, e);
    mem_free(path);
    return rc;
}

static int open_output(struct store *s, const char *path, const struct store_parts *p, bool make,
                       struct err *e)
{
    bool fresh;
    int rc = open_file(&s->output, path, SCHEMA_OUTPUT, make, &fresh, e);
    return rc == 0 && p->end != MOVE_TARGET ? parts_join(s, p, fresh, e) : rc;
}

/* In the place of one that is missing or does not fit. */
static int begin_output(struct store *s, const char *path, struct store_parts *p, struct err *e)
{
    db_close(&s->output);
    int rc = parts_move_aside(path, e);
    if (rc == 0) rc = open_output(s, path, p, true, e);
    if (rc == 0) rc = parts_note_loss(s, p->now_ms, e);
    if (rc == 0) p->began_output = true;
    return rc;
}

int store_open_parts(const char *state_folder, struct store_parts *p, struct store **out,
                     struct err *e)
{
    struct store *s = mem_alloc(sizeof *s);
    changes_init(&s->changes);
    char *path = db_path(state_folder, OUTPUT_FILE);
    db_prepare_library();
    int rc = p->end == MOVE_NOT ? marks_check_files(state_folder, e) : 0;
    if (rc == 0) rc = open_queue(s, state_folder, p, e);
    if (rc == 0) {
        rc = open_output(s, path, p, p->make, e);
        bool unfit = rc == ERR_NOT_FOUND || rc == ERR_CORRUPT || rc == ERR_CONFLICT;
        if (unfit && p->without_output) rc = begin_output(s, path, p, e);
    }
    mem_free(path);
    if (rc == 0) rc = store_prepare(s, e);
    if (rc != 0) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

int store_open(const char *state_folder, struct store **out, struct err *e)
{
    struct store_parts any = {.make = true};
    return store_open_parts(state_folder, &any, out, e);
}
