/* The agent's journal on SQLite; the contract is in journal.h. */
#include "agent/journal.h"

#include "agent/journal_spool.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "wire/frame.h"

#include <sqlite3.h>
#include <string.h>

#define JOURNAL_VERSION 1
#define RESERVE_BYTES (4 << 20)
#define FULL_BYTES (64 << 10) /* less is as good as nothing to SQLite */
#define SEQ_BEHIND_MAX 1024   /* see save_seq */
#define SEQ_SKIP (1 << 20)    /* see skip_unknown */
#define LOOK_ROWS 1024        /* events that are looked at together for an attempt to drop... */
#define LOOKS 8               /* ...as often in one transaction */

#define IS_MESSAGE "substr(frame, 5, 1) = x'01'" /* FRAME_HEAD, FRAME_JSON */

enum statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_META_PUT,
    ST_ATTEMPT_PUT,
    ST_ATTEMPT_DELETE,
    ST_ATTEMPT_EVENTS_DELETE,
    ST_ATTEMPT_EACH,
    ST_EVENT_ADD,
    ST_EVENT_FIRST,
    ST_ATTEMPT_END,
    ST_EVENT_ACK,
    ST_EVENT_ACK_ALL,
    ST_ATTEMPT_ACK,
    ST_EVENT_EACH,
    ST_REMNANT_PUT,
    ST_REMNANT_DELETE,
    ST_REMNANT_EACH,
    STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_META_PUT] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
    [ST_ATTEMPT_PUT] =
        "INSERT INTO attempts(job, attempt, state, mark, identity, last_seq)"
        " VALUES(?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT(job, attempt) DO UPDATE SET"
        " state = excluded.state, mark = excluded.mark, identity = excluded.identity, last_seq = 0",
    [ST_ATTEMPT_DELETE] = "DELETE FROM attempts WHERE job = ?1 AND attempt = ?2",
    [ST_ATTEMPT_EVENTS_DELETE] =
        "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq > ?3 AND seq <= ?4"
        " AND job = ?1 AND attempt = ?2 ORDER BY seq LIMIT ?5) RETURNING length(frame), seq",
    [ST_ATTEMPT_EACH] = "SELECT job, attempt, state, mark, identity FROM attempts ORDER BY job",
    [ST_EVENT_ADD] = "INSERT INTO events(seq, job, attempt, frame) VALUES(?1, ?2, ?3, ?4)",
    [ST_EVENT_FIRST] = "SELECT min(seq) FROM events WHERE seq > ?1",
    [ST_ATTEMPT_END] =
        "UPDATE attempts SET state = 3, last_seq = ?3 WHERE job = ?1 AND attempt = ?2",
    [ST_EVENT_ACK] = "DELETE FROM events WHERE seq <= ?1"
                     " RETURNING length(frame), CASE WHEN " IS_MESSAGE " THEN seq ELSE 0 END",
    [ST_EVENT_ACK_ALL] = "DELETE FROM events",
    [ST_ATTEMPT_ACK] = "DELETE FROM attempts WHERE last_seq > 0 AND last_seq <= ?1",
    [ST_EVENT_EACH] = "SELECT seq, frame FROM events WHERE seq > ?1 ORDER BY seq",
    [ST_REMNANT_PUT] =
        "INSERT OR REPLACE INTO remnants(job, attempt, mark, identity) VALUES(?1, ?2, ?3, ?4)",
    [ST_REMNANT_DELETE] = "DELETE FROM remnants WHERE job = ?1 AND attempt = ?2",
    [ST_REMNANT_EACH] = "SELECT job, attempt, mark, identity FROM remnants ORDER BY job, attempt",
};

/* One transaction: a death within it leaves nothing. IF NOT EXISTS for what former versions, which
 * had none, left half made. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS attempts(job INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    " state INTEGER NOT NULL, mark TEXT NOT NULL, identity TEXT NOT NULL,"
    " last_seq INTEGER NOT NULL, PRIMARY KEY(job, attempt)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS events(seq INTEGER PRIMARY KEY, job INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL, frame BLOB NOT NULL);"
    "PRAGMA user_version = 1;"
    "COMMIT;";

/* A table that former versions lack, and need not know; and an index of theirs, which each event
 * paid for and only attempts that are dropped made use of. */
static const char later[] =
    "DROP INDEX IF EXISTS events_of_attempt;"
    "CREATE TABLE IF NOT EXISTS remnants(job INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    " mark TEXT NOT NULL, identity TEXT NOT NULL, PRIMARY KEY(job, attempt)) WITHOUT ROWID;";

/* Events of an attempt that was dropped which are still here. */
struct dropping {
    struct dropping *next;
    int64_t job, attempt;
    int64_t from;  /* seq: up to here none is left */
    int64_t up_to; /* seq: later events of the same attempt are not included */
};

struct journal {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *st[STATEMENTS];
    char id[33];
    int64_t seq;           /* highest given, as far as the file tells */
    int64_t floor;         /* the next number is above it */
    int64_t saved_seq;     /* highest in meta */
    int64_t said_seq;      /* the highest of that table that is a message; 0: none */
    int64_t acked;         /* journal_acked */
    int64_t saved_acked;   /* in meta */
    int64_t pending_bytes; /* of the events table */
    int64_t row_seq;       /* the highest of that table; 0: it is empty */
    struct spool *spool;   /* large events; NULL: all are in the table */
    bool open;             /* a transaction is */
    bool urgent;           /* and it holds what has to be committed in this turn */
    struct dropping *droppings;
    int may_drop; /* events, in this transaction */
    int may_look; /* times LOOK_ROWS events, in this transaction */
    int64_t commits;
};

/* Which of its calls fails on a full disk depends on where SQLite was just then. */
static bool disk_is_full(struct journal *j, int primary)
{
    struct disk_room room;
    if (primary == SQLITE_FULL) return true;
    if (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN) return false;
    return disk_free(j->path, &room, NULL) == 0 && room.bytes < FULL_BYTES;
}

static int failed(struct journal *j, const char *what, struct err *e)
{
    char reason[160];
    int primary = sqlite3_errcode(j->db) & 0xff, system = sqlite3_system_errno(j->db);
    const char *text = sqlite3_errmsg(j->db);
    if (disk_is_full(j, primary))
        return err_set(e, ERR_FULL, "%s: %s: no space is left on its disk", j->path, what);
    if (primary == SQLITE_READONLY)
        return err_set(
            e, ERR_DENIED,
            "%s cannot be written: this account may not write the file or its folder, or "
            "the disk is read-only",
            j->path);
    if ((primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) && system != 0) {
        os_error_text(system, reason, sizeof reason);
        return err_set(e, ERR_IO, "%s: %s: %s: %s", j->path, what, text, reason);
    }
    bool corrupt = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
    return err_set(e, corrupt ? ERR_CORRUPT : ERR_IO, "%s: %s: %s", j->path, what, text);
}

static sqlite3_stmt *prepared(struct journal *j, enum statement n)
{
    if (!j->st[n] && sqlite3_prepare_v3(j->db, sql[n], -1, SQLITE_PREPARE_PERSISTENT, &j->st[n],
                                        NULL) != SQLITE_OK)
        return NULL;
    return j->st[n];
}

/* Steps a statement that gives no rows and resets it. */
static int run(struct journal *j, enum statement n, const char *what, struct err *e)
{
    sqlite3_stmt *st = prepared(j, n);
    if (!st) return failed(j, what, e);
    int rc = sqlite3_step(st);
    int result = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : failed(j, what, e);
    sqlite3_reset(st);
    return result;
}

/* Opens the transaction of this turn unless it is open. What is written may wait for the commit of
 * a later turn, unless the caller sets j->urgent. */
static int begin(struct journal *j, struct err *e)
{
    if (j->open) return 0;
    int rc = run(j, ST_BEGIN, "begin", e);
    if (rc == 0) {
        j->open = true;
        j->may_drop = JOURNAL_DROP_ROWS;
        j->may_look = LOOKS;
    }
    return rc;
}

static int meta_put(struct journal *j, const char *key, const char *value, struct err *e)
{
    sqlite3_stmt *st = prepared(j, ST_META_PUT);
    if (!st) return failed(j, "meta", e);
    sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, value, -1, SQLITE_TRANSIENT);
    return run(j, ST_META_PUT, "meta", e);
}

/* The newest event in the file tells the number as well. When all events are acknowledged and the
 * agent is killed, the file may be behind by up to SEQ_BEHIND_MAX: see
 * skip_unknown. */
static int save_seq(struct journal *j, int64_t behind_most, struct err *e)
{
    if (j->seq - j->saved_seq <= behind_most) return 0;
    char text[24];
    str_format(text, sizeof text, "%lld", (long long)j->seq);
    int rc = meta_put(j, "seq", text, e);
    if (rc == 0) j->saved_seq = j->seq;
    return rc;
}

static int save_acked(struct journal *j, struct err *e)
{
    if (j->acked == j->saved_acked) return 0;
    char text[24];
    str_format(text, sizeof text, "%lld", (long long)j->acked);
    int rc = meta_put(j, "acked", text, e);
    if (rc == 0) j->saved_acked = j->acked;
    return rc;
}

static int new_id(struct journal *j, struct err *e)
{
    uint64_t words[2] = {os_seed(), os_seed()};
    str_hex(j->id, words, sizeof words);
    return meta_put(j, "id", j->id, e);
}

/* Both changes stand in one transaction: an agent that dies in between finds them undone, and does
 * them again. */
static int note_boot(struct journal *j, const char *boot_id, struct err *e)
{
    static const char doubt[] = "BEGIN IMMEDIATE; UPDATE attempts SET state = 1 WHERE state = 0;";
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(j->db, "SELECT value FROM meta WHERE key = 'boot'", -1, &st, NULL) !=
        SQLITE_OK)
        return failed(j, "read", e);
    bool same = boot_id[0] && sqlite3_step(st) == SQLITE_ROW &&
                str_eq((const char *)sqlite3_column_text(st, 0), boot_id);
    sqlite3_finalize(st);
    if (same) return 0;
    if (sqlite3_exec(j->db, doubt, NULL, NULL, NULL) != SQLITE_OK) return failed(j, "boot", e);
    int rc = meta_put(j, "boot", boot_id, e);
    if (rc == 0 && sqlite3_exec(j->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = failed(j, "boot", e);
    return rc;
}

static int load(struct journal *j, struct err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(j->db,
                           "SELECT (SELECT value FROM meta WHERE key = 'id'),"
                           " CAST((SELECT value FROM meta WHERE key = 'seq') AS INTEGER),"
                           " (SELECT max(seq) FROM events),"
                           " (SELECT coalesce(sum(length(frame)), 0) FROM events),"
                           " CAST((SELECT value FROM meta WHERE key = 'acked') AS INTEGER),"
                           " (SELECT max(seq) FROM events WHERE " IS_MESSAGE ")",
                           -1, &st, NULL) != SQLITE_OK)
        return failed(j, "read", e);
    int rc = sqlite3_step(st) == SQLITE_ROW ? 0 : failed(j, "read", e);
    if (rc == 0) {
        const char *id = (const char *)sqlite3_column_text(st, 0);
        if (!id || str_copy(j->id, sizeof j->id, id) != 0) j->id[0] = 0;
        j->saved_seq = sqlite3_column_int64(st, 1);
        j->seq = j->saved_seq;
        j->row_seq = sqlite3_column_int64(st, 2);
        if (j->row_seq > j->seq) j->seq = j->row_seq;
        j->pending_bytes = sqlite3_column_int64(st, 3);
        j->acked = j->saved_acked = sqlite3_column_int64(st, 4);
        j->said_seq = sqlite3_column_int64(st, 5);
    }
    sqlite3_finalize(st);
    return rc;
}

/* Higher numbers than the file tells may have been given before the agent was killed or its machine
 * lost power, and the coordinator may know them. An event that took one of them again would be
 * ignored as a repeated one. So the first event skips them, unless the coordinator tells first
 * where it is. */
static void skip_unknown(struct journal *j)
{
    j->floor = j->seq + SEQ_SKIP;
}

/* Damage that only shows later would end the agent at every start. */
static int check_pages(struct journal *j, struct err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(j->db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK)
        return failed(j, "check", e);
    int rc = sqlite3_step(st) == SQLITE_ROW ? 0 : failed(j, "check", e);
    const char *text = rc == 0 ? (const char *)sqlite3_column_text(st, 0) : NULL;
    if (rc == 0 && !str_eq(text, "ok"))
        rc = err_set(e, ERR_CORRUPT, "journal: %s", text ? text : "damaged");
    sqlite3_finalize(st);
    return rc;
}

static int set_up(struct journal *j, const char *boot_id, struct err *e)
{
    static const char pragmas[] = "PRAGMA locking_mode = EXCLUSIVE;"
                                  "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                  "PRAGMA cache_size = -512; PRAGMA wal_autocheckpoint = 512;"
                                  "PRAGMA journal_size_limit = 4300000;"
                                  "PRAGMA temp_store = MEMORY;";
    sqlite3_busy_timeout(j->db, 5000);
    if (sqlite3_exec(j->db, pragmas, NULL, NULL, NULL) != SQLITE_OK) return failed(j, "open", e);
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(j->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW) {
        sqlite3_finalize(st);
        return failed(j, "open", e);
    }
    int version = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    if (version > JOURNAL_VERSION)
        return err_set(
            e, ERR_UNSUPPORTED,
            "journal: written by a newer cadre-agent (format %d, this one reads up to %d)", version,
            JOURNAL_VERSION);
    if (version == 0 && sqlite3_exec(j->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return failed(j, "create", e);
    int rc = version == 0 ? 0 : check_pages(j, e);
    if (rc == 0 && sqlite3_exec(j->db, later, NULL, NULL, NULL) != SQLITE_OK)
        rc = failed(j, "create", e);
    if (rc == 0) rc = load(j, e);
    bool is_new = !j->id[0];
    if (rc == 0 && is_new) rc = new_id(j, e);
    if (rc == 0) rc = note_boot(j, boot_id, e);
    if (rc == 0) j->spool = spool_open(j->path, j->id);
    if (j->spool && spool_seq(j->spool) > j->seq) j->seq = spool_seq(j->spool);
    if (!is_new) skip_unknown(j);
    return rc;
}

/* ---- room ---- */

static int64_t log_bytes(struct journal *j)
{
    sqlite3_file *log = NULL;
    sqlite3_int64 size = 0;
    if (sqlite3_file_control(j->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
        !log || !log->pMethods || log->pMethods->xFileSize(log, &size) != SQLITE_OK)
        return 0;
    return size;
}

static int free_bytes(struct journal *j, int64_t *out, struct err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(j->db,
                           "SELECT freelist_count * page_size"
                           " FROM pragma_freelist_count, pragma_page_size",
                           -1, &st, NULL) != SQLITE_OK)
        return failed(j, "reserve", e);
    int rc = sqlite3_step(st) == SQLITE_ROW ? 0 : failed(j, "reserve", e);
    if (rc == 0) *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return rc;
}

int journal_reserve(struct journal *j, struct err *e)
{
    /* What is written once stays allocated: in the log, which is begun anew and not cut shorter
     * than this, and, once it is folded into the file, as free pages there. */
    static const char take[] = "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS reserve(filler BLOB);"
                               "INSERT INTO reserve VALUES(zeroblob(4194304)); COMMIT;"
                               "PRAGMA wal_checkpoint(PASSIVE);";
    int64_t free = 0;
    if (j->open) return err_set(e, ERR_INTERNAL, "journal: reserve within a transaction");
    int rc = free_bytes(j, &free, e);
    if (rc != 0 || (free >= RESERVE_BYTES && log_bytes(j) >= RESERVE_BYTES)) return rc;
    if (sqlite3_exec(j->db, take, NULL, NULL, NULL) != SQLITE_OK) {
        rc = failed(j, "no room can be set aside", e);
        if (!sqlite3_get_autocommit(j->db)) sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
    }
    if (sqlite3_exec(j->db, "DROP TABLE IF EXISTS reserve", NULL, NULL, NULL) != SQLITE_OK &&
        rc == 0)
        rc = failed(j, "reserve", e);
    return rc;
}

static int open_file(const char *path, const char *boot_id, struct journal **out, struct err *e)
{
    struct journal *j = mem_alloc(sizeof *j);
    int rc = 0;
    j->path = mem_strdup(path);
    /* It counts under a lock, and nobody asks. Heard by the first call only. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (sqlite3_open_v2(path, &j->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        rc = failed(j, "open", e);
    if (rc == 0) rc = set_up(j, boot_id, e);
    if (rc != 0) {
        journal_close(j);
        return rc;
    }
    *out = j;
    return 0;
}

/* Keeps the damaged file under a name of its own, so that an administrator can examine it. */
static int move_aside(const char *path, struct err *e)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof tails / sizeof *tails; i++) {
        char *from = str_dupf("%s%s", path, tails[i]);
        char *to = str_dupf("%s.damaged%s", path, tails[i]);
        if (file_exists(from)) rc = file_move(from, to, e);
        mem_free(from);
        mem_free(to);
    }
    return rc;
}

int journal_open(const char *state_folder, const char *boot_id, struct journal **out, bool *damaged,
                 struct err *e)
{
    char *path = paths_join(state_folder, "journal.db");
    int rc = 0;
    *damaged = false;
    /* Created empty with its final permissions: SQLite gives the side files the same ones. */
    if (!file_exists(path)) rc = file_write_atomic(path, "", 0, FILE_SECRET, e);
    if (rc == 0) rc = open_file(path, boot_id, out, e);
    if (rc == ERR_CORRUPT) {
        *damaged = true;
        rc = move_aside(path, e);
        if (rc == 0) rc = file_write_atomic(path, "", 0, FILE_SECRET, e);
        if (rc == 0) rc = open_file(path, boot_id, out, e);
    }
    mem_free(path);
    return rc;
}

void journal_close(struct journal *j)
{
    if (!j) return;
    struct err ignored;
    if (j->id[0] && j->seq > j->saved_seq && begin(j, &ignored) == 0)
        (void)save_seq(j, 0, &ignored);
    if (j->id[0] && j->acked > j->saved_acked && begin(j, &ignored) == 0)
        (void)save_acked(j, &ignored);
    journal_hurry(j);
    (void)journal_commit(j, &ignored);
    while (j->droppings) {
        struct dropping *d = j->droppings;
        j->droppings = d->next;
        mem_free(d);
    }
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(j->st[i]);
    sqlite3_close(j->db);
    spool_close(j->spool);
    mem_free(j->path);
    mem_free(j);
}

const char *journal_id(const struct journal *j)
{
    return j->id;
}

int64_t journal_seq(const struct journal *j)
{
    return j->seq;
}

int journal_raise_seq(struct journal *j, int64_t seq, struct err *e)
{
    j->floor = 0; /* what the coordinator does not know is in the file, and counted there */
    if (seq <= j->seq) return 0;
    j->seq = seq;
    int rc = begin(j, e);
    if (rc != 0) return rc;
    j->urgent = true;
    return save_seq(j, 0, e);
}

int journal_put_attempt(struct journal *j, const struct journal_attempt *a, struct err *e)
{
    int rc = begin(j, e);
    if (rc != 0) return rc;
    if (a->state != JOURNAL_ACCEPTED) j->urgent = true;
    sqlite3_stmt *st = prepared(j, ST_ATTEMPT_PUT);
    if (!st) return failed(j, "attempt", e);
    sqlite3_bind_int64(st, 1, a->job);
    sqlite3_bind_int64(st, 2, a->attempt);
    sqlite3_bind_int(st, 3, (int)a->state);
    sqlite3_bind_text(st, 4, a->mark, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(st, 5, a->identity, -1, SQLITE_TRANSIENT);
    return run(j, ST_ATTEMPT_PUT, "attempt", e);
}

struct deleted {
    int rows;
    int64_t last; /* the highest number of them */
};

/* Runs a DELETE ... RETURNING length(frame), number that is bound already, and keeps the sum of
 * what waits right. */
static int delete_events(struct journal *j, enum statement n, struct deleted *out, struct err *e)
{
    sqlite3_stmt *st = j->st[n];
    int rc;
    int64_t bytes = 0;
    for (*out = (struct deleted){0, 0}; (rc = sqlite3_step(st)) == SQLITE_ROW; out->rows++) {
        bytes += sqlite3_column_int64(st, 0);
        if (sqlite3_column_int64(st, 1) > out->last) out->last = sqlite3_column_int64(st, 1);
    }
    int result = rc == SQLITE_DONE ? 0 : failed(j, "forget events", e);
    sqlite3_reset(st);
    if (result == 0) j->pending_bytes -= bytes;
    return result;
}

/* The first event behind `from`; INT64_MAX: there is none. */
static int first_behind(struct journal *j, int64_t from, int64_t *out, struct err *e)
{
    sqlite3_stmt *st = prepared(j, ST_EVENT_FIRST);
    if (!st) return failed(j, "forget", e);
    sqlite3_bind_int64(st, 1, from);
    int rc = sqlite3_step(st) == SQLITE_ROW ? 0 : failed(j, "forget", e);
    if (rc == 0)
        *out = sqlite3_column_type(st, 0) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return rc;
}

/* Of the next LOOK_ROWS events those of the attempt, as many as this transaction may. *done: none
 * is left. */
static int drop_some(struct journal *j, struct dropping *d, bool *done, struct err *e)
{
    struct deleted gone;
    int64_t first = 0;
    int rc = first_behind(j, d->from, &first, e);
    *done = first > d->up_to;
    if (rc != 0 || *done) return rc;
    sqlite3_stmt *st = prepared(j, ST_ATTEMPT_EVENTS_DELETE);
    if (!st) return failed(j, "forget", e);
    int64_t last = d->up_to - first < LOOK_ROWS ? d->up_to : first + LOOK_ROWS - 1;
    sqlite3_bind_int64(st, 1, d->job);
    sqlite3_bind_int64(st, 2, d->attempt);
    sqlite3_bind_int64(st, 3, first - 1);
    sqlite3_bind_int64(st, 4, last);
    sqlite3_bind_int(st, 5, j->may_drop);
    rc = delete_events(j, ST_ATTEMPT_EVENTS_DELETE, &gone, e);
    if (rc != 0) return rc;
    d->from = gone.rows == j->may_drop ? gone.last : last;
    j->may_drop -= gone.rows;
    *done = d->from >= d->up_to;
    return 0;
}

/* As many events as this transaction may. */
static int drop_events(struct journal *j, struct err *e)
{
    while (j->droppings && j->may_drop > 0 && j->may_look > 0) {
        struct dropping *d = j->droppings;
        bool done;
        int rc = drop_some(j, d, &done, e);
        if (rc != 0) return rc;
        j->may_look--;
        if (!done) continue;
        j->droppings = d->next;
        mem_free(d);
    }
    return 0;
}

int journal_drop_attempt(struct journal *j, int64_t job, int64_t attempt, struct err *e)
{
    int rc = begin(j, e);
    if (rc != 0) return rc;
    j->urgent = true;
    sqlite3_stmt *st = prepared(j, ST_ATTEMPT_DELETE);
    if (!st) return failed(j, "forget", e);
    sqlite3_bind_int64(st, 1, job);
    sqlite3_bind_int64(st, 2, attempt);
    rc = run(j, ST_ATTEMPT_DELETE, "forget", e);
    if (rc != 0) return rc;
    struct dropping **d = &j->droppings;
    while (*d && ((*d)->job != job || (*d)->attempt != attempt))
        d = &(*d)->next;
    if (!*d) {
        *d = mem_alloc(sizeof **d);
        **d = (struct dropping){.job = job, .attempt = attempt};
    }
    (*d)->up_to = j->seq;
    if (j->spool) spool_drop(j->spool, job, attempt, j->seq);
    return drop_events(j, e);
}

bool journal_drops(const struct journal *j)
{
    return j->droppings != NULL;
}

int journal_each_attempt(struct journal *j, int (*fn)(const struct journal_attempt *a, void *user),
                         void *user, struct err *e)
{
    sqlite3_stmt *st = prepared(j, ST_ATTEMPT_EACH);
    if (!st) return failed(j, "read attempts", e);
    int rc, stop = 0;
    while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct journal_attempt a = {.job = sqlite3_column_int64(st, 0),
                                    .attempt = sqlite3_column_int64(st, 1),
                                    .state = (enum journal_state)sqlite3_column_int(st, 2)};
        const char *mark = (const char *)sqlite3_column_text(st, 3);
        const char *identity = (const char *)sqlite3_column_text(st, 4);
        if (mark) (void)str_copy(a.mark, sizeof a.mark, mark);
        if (identity) (void)str_copy(a.identity, sizeof a.identity, identity);
        stop = fn(&a, user);
    }
    int result = stop || rc == SQLITE_DONE ? 0 : failed(j, "read attempts", e);
    sqlite3_reset(st);
    return result;
}

int journal_put_remnant(struct journal *j, const struct journal_remnant *r, struct err *e)
{
    int rc = begin(j, e);
    if (rc != 0) return rc;
    j->urgent = true;
    sqlite3_stmt *st = prepared(j, ST_REMNANT_PUT);
    if (!st) return failed(j, "remnant", e);
    sqlite3_bind_int64(st, 1, r->job);
    sqlite3_bind_int64(st, 2, r->attempt);
    sqlite3_bind_text(st, 3, r->mark, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(st, 4, r->identity, -1, SQLITE_TRANSIENT);
    return run(j, ST_REMNANT_PUT, "remnant", e);
}

int journal_drop_remnant(struct journal *j, int64_t job, int64_t attempt, struct err *e)
{
    int rc = begin(j, e);
    if (rc != 0) return rc;
    j->urgent = true;
    sqlite3_stmt *st = prepared(j, ST_REMNANT_DELETE);
    if (!st) return failed(j, "remnant", e);
    sqlite3_bind_int64(st, 1, job);
    sqlite3_bind_int64(st, 2, attempt);
    return run(j, ST_REMNANT_DELETE, "remnant", e);
}

int journal_each_remnant(struct journal *j, int (*fn)(const struct journal_remnant *r, void *user),
                         void *user, struct err *e)
{
    sqlite3_stmt *st = prepared(j, ST_REMNANT_EACH);
    if (!st) return failed(j, "read remnants", e);
    int rc = SQLITE_DONE, stop = 0;
    while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct journal_remnant r = {.job = sqlite3_column_int64(st, 0),
                                    .attempt = sqlite3_column_int64(st, 1)};
        const char *mark = (const char *)sqlite3_column_text(st, 2);
        const char *identity = (const char *)sqlite3_column_text(st, 3);
        if (mark) (void)str_copy(r.mark, sizeof r.mark, mark);
        if (identity) (void)str_copy(r.identity, sizeof r.identity, identity);
        stop = fn(&r, user);
    }
    int result = stop || rc == SQLITE_DONE ? 0 : failed(j, "read remnants", e);
    sqlite3_reset(st);
    return result;
}

int64_t journal_next_seq(struct journal *j)
{
    if (j->seq < j->floor) j->seq = j->floor;
    return ++j->seq;
}

static int add_row(struct journal *j, const struct journal_event *event, struct err *e)
{
    int rc = begin(j, e);
    if (rc != 0) return rc;
    j->urgent = true;
    sqlite3_stmt *st = prepared(j, ST_EVENT_ADD);
    if (!st) return failed(j, "event", e);
    sqlite3_bind_int64(st, 1, event->seq);
    sqlite3_bind_int64(st, 2, event->job);
    sqlite3_bind_int64(st, 3, event->attempt);
    sqlite3_bind_blob64(st, 4, event->frame, event->len, SQLITE_STATIC);
    rc = run(j, ST_EVENT_ADD, "event", e);
    sqlite3_clear_bindings(st);
    if (rc != 0) return rc;
    if (event->seq > j->row_seq) j->row_seq = event->seq;
    const unsigned char *frame = event->frame;
    if (event->len >= FRAME_HEAD && frame[FRAME_HEAD - 1] == FRAME_JSON) j->said_seq = event->seq;
    j->pending_bytes += (int64_t)event->len;
    return 0;
}

int journal_add_event(struct journal *j, const struct journal_event *event, struct err *e)
{
    if (!event->ends && j->spool && spool_add(j->spool, event)) return 0;
    int rc = add_row(j, event, e);
    if (rc != 0 || !event->ends) return rc;
    sqlite3_stmt *st = prepared(j, ST_ATTEMPT_END);
    if (!st) return failed(j, "end", e);
    sqlite3_bind_int64(st, 1, event->job);
    sqlite3_bind_int64(st, 2, event->attempt);
    sqlite3_bind_int64(st, 3, event->seq);
    return run(j, ST_ATTEMPT_END, "end", e);
}

static int ack_all(struct journal *j, struct err *e)
{
    int rc = run(j, ST_EVENT_ACK_ALL, "acknowledge", e);
    if (rc != 0) return rc;
    j->pending_bytes = 0;
    if (j->said_seq > j->acked) j->acked = j->said_seq;
    return 0;
}

static int ack_some(struct journal *j, int64_t seq, struct err *e)
{
    struct deleted gone;
    sqlite3_stmt *st = prepared(j, ST_EVENT_ACK);
    if (!st) return failed(j, "acknowledge", e);
    sqlite3_bind_int64(st, 1, seq);
    int rc = delete_events(j, ST_EVENT_ACK, &gone, e);
    if (rc == 0 && gone.last > j->acked) j->acked = gone.last;
    return rc;
}

int64_t journal_acked(const struct journal *j)
{
    return j->acked;
}

int journal_ack(struct journal *j, int64_t seq, struct err *e)
{
    if (j->spool) spool_ack(j->spool, seq);
    if (j->pending_bytes == 0) return 0;
    int rc = begin(j, e);
    if (rc != 0) return rc;
    rc = seq >= j->row_seq ? ack_all(j, e) : ack_some(j, seq, e);
    if (rc != 0) return rc;
    sqlite3_stmt *st = prepared(j, ST_ATTEMPT_ACK);
    if (!st) return failed(j, "acknowledge", e);
    sqlite3_bind_int64(st, 1, seq);
    return run(j, ST_ATTEMPT_ACK, "acknowledge", e);
}

/* Events on their way to who asked for them. */
struct walk {
    struct journal *j;
    int64_t at; /* the last one */
    int (*fn)(int64_t seq, const void *frame, size_t len, void *user);
    void *user;
    int stop; /* fn wants no more */
};

/* The spool's events below `before`. */
static int walk_spool(struct walk *w, int64_t before, struct err *e)
{
    struct journal_event event;
    int rc = 0;
    while (w->j->spool && !w->stop && (rc = spool_next(w->j->spool, w->at, &event)) == 1 &&
           event.seq < before) {
        w->at = event.seq;
        w->stop = w->fn(event.seq, event.frame, event.len, w->user);
    }
    if (rc < 0) return err_set(e, ERR_IO, "%s: output that waits cannot be read", w->j->path);
    return 0;
}

/* The table's events, each behind those of the spool that are older. */
static int walk_rows(struct walk *w, struct err *e)
{
    sqlite3_stmt *st = prepared(w->j, ST_EVENT_EACH);
    if (!st) return failed(w->j, "read events", e);
    sqlite3_bind_int64(st, 1, w->at);
    int rc = SQLITE_DONE, result = 0;
    while (!w->stop && result == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t seq = sqlite3_column_int64(st, 0);
        result = walk_spool(w, seq, e);
        if (result != 0 || w->stop) break;
        w->stop =
            w->fn(seq, sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1), w->user);
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) result = failed(w->j, "read events", e);
    sqlite3_reset(st);
    return result;
}

int journal_each_event(struct journal *j, int64_t after,
                       int (*fn)(int64_t seq, const void *frame, size_t len, void *user),
                       void *user, struct err *e)
{
    struct walk w = {.j = j, .at = after, .fn = fn, .user = user};
    int rc = j->row_seq > after ? walk_rows(&w, e) : 0;
    return rc == 0 ? walk_spool(&w, INT64_MAX, e) : rc;
}

int64_t journal_pending_bytes(const struct journal *j)
{
    return j->pending_bytes + (j->spool ? spool_bytes(j->spool) : 0);
}

struct taking {
    struct journal *j;
    struct err *e;
};

static int take_back(const struct journal_event *event, void *user)
{
    struct taking *t = user;
    return add_row(t->j, event, t->e);
}

/* What the spool's disk does not take goes into the room that the journal has set aside. */
static int commit_spool(struct journal *j, struct err *e)
{
    struct taking t = {j, e};
    if (!j->spool || spool_commit(j->spool)) return 0;
    return spool_take_back(j->spool, take_back, &t);
}

bool journal_waits(const struct journal *j)
{
    return j->open;
}

void journal_hurry(struct journal *j)
{
    j->urgent = j->open;
}

int64_t journal_commits(const struct journal *j)
{
    return j->commits;
}

int journal_commit(struct journal *j, struct err *e)
{
    int rc = commit_spool(j, e);
    bool behind = j->seq - j->saved_seq > SEQ_BEHIND_MAX; /* the spool has numbers, too */
    if (rc == 0 && (j->droppings || behind)) rc = begin(j, e);
    if (rc != 0 || !j->open || !(j->urgent || j->droppings || behind)) return rc;
    rc = drop_events(j, e);
    if (rc == 0) rc = save_seq(j, SEQ_BEHIND_MAX, e);
    if (rc == 0) rc = save_acked(j, e);
    if (rc == 0) rc = run(j, ST_COMMIT, "commit", e);
    if (rc != 0) return rc;
    j->open = j->urgent = false;
    j->commits++;
    return 0;
}
