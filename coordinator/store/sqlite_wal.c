/* A VFS that hands everything to the one below, and has its own methods for log files alone. */
#include "coordinator/store/sqlite_wal.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FIRST_BYTES (16 * 1024)
#define MOST_AT_ONCE (8 * 1024) /* more in one call is as well written at once */

/* https://sqlite.org/fileformat2.html#walformat: the head of a frame, and where it has the size of
 * the database after the commit, which is 0 in all but a transaction's last frame. */
#define FRAME_HEAD_BYTES 24
#define FRAME_COMMIT 4

struct wal_vfs {
    sqlite3_vfs vfs; /* a copy of the one below: its methods get its pAppData */
    sqlite3_vfs *below;
    char name[40];
};

struct wal_file {
    sqlite3_file base;
    sqlite3_file *below; /* in the same piece of memory, behind this struct */
    unsigned char *data; /* belongs at `start` of the file */
    sqlite3_int64 start;
    size_t len, cap;
    bool commits; /* the last frame whose head was written is a transaction's last one */
    int lost_rc;  /* frames from `lost` on were taken and then not written; 0: none */
    sqlite3_int64 lost;
};

static struct wal_file *wal_of(sqlite3_file *f)
{
    return (struct wal_file *)(void *)f;
}

/* Writes what is in memory. What cannot be written is forgotten, and its transaction fails. */
static int flush(struct wal_file *l)
{
    if (l->len == 0) return SQLITE_OK;
    int n = (int)l->len;
    sqlite3_int64 start = l->start;
    l->start += n;
    l->len = 0;
    int rc = l->below->pMethods->xWrite(l->below, l->data, n, start);
    if (rc != SQLITE_OK && (l->lost_rc == SQLITE_OK || start < l->lost)) {
        l->lost = start;
        l->lost_rc = rc;
    }
    return rc;
}

static int on_close(sqlite3_file *f)
{
    struct wal_file *l = wal_of(f);
    int rc = flush(l);
    int closed = l->below->pMethods->xClose(l->below);
    mem_free(l->data);
    l->data = NULL;
    return rc == SQLITE_OK ? closed : rc;
}

static int on_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    struct wal_file *l = wal_of(f);
    if (l->lost_rc != SQLITE_OK && at + n > l->lost) return l->lost_rc;
    bool apart = at + n <= l->start || at >= l->start + (sqlite3_int64)l->len;
    int rc = apart ? SQLITE_OK : flush(l);
    return rc == SQLITE_OK ? l->below->pMethods->xRead(l->below, out, n, at) : rc;
}

static void make_room(struct wal_file *l, size_t more)
{
    if (l->len + more <= l->cap) return;
    size_t cap = l->cap ? l->cap * 2 : FIRST_BYTES;
    while (cap < l->len + more)
        cap *= 2;
    l->data = mem_resize(l->data, cap, 1);
    l->cap = cap;
}

static int write_at_once(struct wal_file *l, const void *data, int n, sqlite3_int64 at)
{
    int rc = flush(l);
    l->start = at + n;
    return rc == SQLITE_OK ? l->below->pMethods->xWrite(l->below, data, n, at) : rc;
}

static bool ends_transaction(const unsigned char *head)
{
    static const unsigned char none[4];
    return memcmp(head + FRAME_COMMIT, none, sizeof none) != 0;
}

/* SQLite may learn of lost frames when it reads one of them, and then undo a statement alone: the
 * transaction fails at its last frame, which stands behind them. What begins before them, with the
 * head of the log or of a frame, does not count on them. */
static bool is_lost(struct wal_file *l, bool head, sqlite3_int64 at)
{
    if (at <= l->lost && (head || at == 0)) l->lost_rc = SQLITE_OK;
    return l->lost_rc != SQLITE_OK;
}

static int on_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
    struct wal_file *l = wal_of(f);
    bool head = n == FRAME_HEAD_BYTES, next = at == l->start + (sqlite3_int64)l->len;
    if (is_lost(l, head, at)) return l->lost_rc;
    if (head) l->commits = ends_transaction(data);
    /* a head alone that does not continue the log may be an old frame's, with another checksum */
    if (n > MOST_AT_ONCE || (head && !next)) return write_at_once(l, data, n, at);
    int rc = next && l->len + (size_t)n <= WAL_GATHER_BYTES ? SQLITE_OK : flush(l);
    if (rc != SQLITE_OK) return rc;
    if (l->len == 0) l->start = at;
    make_room(l, (size_t)n);
    memcpy(l->data + l->len, data, (size_t)n);
    l->len += (size_t)n;
    return l->commits && !head ? flush(l) : SQLITE_OK;
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct wal_file *l = wal_of(f);
    int rc = flush(l);
    return rc == SQLITE_OK ? l->below->pMethods->xTruncate(l->below, size) : rc;
}

static int on_sync(sqlite3_file *f, int flags)
{
    struct wal_file *l = wal_of(f);
    int rc = flush(l);
    return rc == SQLITE_OK ? l->below->pMethods->xSync(l->below, flags) : rc;
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
    struct wal_file *l = wal_of(f);
    int rc = flush(l);
    return rc == SQLITE_OK ? l->below->pMethods->xFileSize(l->below, size) : rc;
}

static int on_lock(sqlite3_file *f, int level)
{
    return wal_of(f)->below->pMethods->xLock(wal_of(f)->below, level);
}

static int on_unlock(sqlite3_file *f, int level)
{
    return wal_of(f)->below->pMethods->xUnlock(wal_of(f)->below, level);
}

static int on_check_lock(sqlite3_file *f, int *out)
{
    return wal_of(f)->below->pMethods->xCheckReservedLock(wal_of(f)->below, out);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
    return wal_of(f)->below->pMethods->xFileControl(wal_of(f)->below, op, arg);
}

static int on_sector_size(sqlite3_file *f)
{
    return wal_of(f)->below->pMethods->xSectorSize(wal_of(f)->below);
}

static int on_characteristics(sqlite3_file *f)
{
    return wal_of(f)->below->pMethods->xDeviceCharacteristics(wal_of(f)->below);
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* shared memory and mapped pages belong to the database's own file */
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_characteristics,
};

/* Files other than logs are those of the VFS below, with its methods. */
static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out)
{
    sqlite3_vfs *below = ((struct wal_vfs *)(void *)vfs)->below;
    if (!(flags & SQLITE_OPEN_WAL)) return below->xOpen(below, path, f, flags, out);
    struct wal_file *l = wal_of(f);
    *l = (struct wal_file){.below = (sqlite3_file *)(void *)(l + 1)};
    int rc = below->xOpen(below, path, l->below, flags, out);
    if (rc == SQLITE_OK)
        l->base.pMethods = &methods;
    else if (l->below->pMethods)
        l->below->pMethods->xClose(l->below);
    return rc;
}

int wal_open(const char *path, int flags, sqlite3 **handle, struct wal_vfs **out)
{
    struct wal_vfs *v = mem_alloc(sizeof *v);
    v->below = sqlite3_vfs_find(NULL);
    v->vfs = *v->below;
    snprintf(v->name, sizeof v->name, "cadre-%p", (void *)v);
    v->vfs.zName = v->name;
    v->vfs.szOsFile = v->below->szOsFile + (int)sizeof(struct wal_file);
    v->vfs.xOpen = on_open;
    *out = v;
    sqlite3_vfs_register(&v->vfs, 0);
    int rc = sqlite3_open_v2(path, handle, flags, v->name);
    sqlite3_vfs_unregister(&v->vfs); /* the connection has the VFS itself, not the name */
    return rc;
}

void wal_free(struct wal_vfs *v)
{
    mem_free(v);
}
