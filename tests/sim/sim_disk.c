#include "tests/sim/sim_disk.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define SECTOR 512
#define PATH_MAX_BYTES 256

struct change { /* not synced yet */
    size_t offset, len, size_before;
    unsigned char *before; /* what was there; NULL: zeros, or nothing */
    struct change *older;
};

struct disk_file {
    char *path; /* NULL: a temporary one */
    unsigned char *data;
    size_t size, used, cap; /* from used to size there are zeros */
    struct change *changes; /* the newest first */
    unsigned char **shared; /* the pages of its -shm */
    int shared_count, open;
    bool deleted;
    struct disk_file *next;
};

struct disk {
    sqlite3_vfs vfs; /* pAppData: this */
    sqlite3_vfs *former;
    struct disk_file *files;
    struct rng rng;
    int folders;
    int64_t left; /* writes and syncs until it dies; negative: it does not */
    bool power_loss, lies;
    char *folder; /* the live one */
    char *died;   /* the folder with what was there when it died */
};

struct handle {
    sqlite3_file base;
    struct disk *disk;
    struct disk_file *file;
};

static struct handle *handle_of(sqlite3_file *f)
{
    return (struct handle *)(void *)f;
}

static struct disk *disk_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

/* ---- files ---- */

static struct disk_file *find(struct disk *d, const char *path)
{
    for (struct disk_file *f = d->files; f; f = f->next) {
        if (f->path && str_eq(f->path, path)) return f;
    }
    return NULL;
}

static struct disk_file *add(struct disk *d, const char *path)
{
    struct disk_file *f = mem_alloc(sizeof *f);
    f->path = mem_strdup(path);
    f->next = d->files;
    d->files = f;
    return f;
}

static void drop_changes(struct disk_file *f)
{
    for (struct change *older, *c = f->changes; c; c = older) {
        older = c->older;
        mem_free(c->before);
        mem_free(c);
    }
    f->changes = NULL;
}

static void drop_shared(struct disk_file *f)
{
    for (int i = 0; i < f->shared_count; i++)
        mem_free(f->shared[i]);
    mem_free(f->shared);
    f->shared = NULL;
    f->shared_count = 0;
}

static void forget(struct disk *d, struct disk_file *f)
{
    struct disk_file **at = &d->files;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    drop_changes(f);
    drop_shared(f);
    mem_free(f->data);
    mem_free(f->path);
    mem_free(f);
}

static void set_size(struct disk_file *f, size_t size)
{
    if (f->used > size) f->used = size;
    f->size = size;
}

static void use(struct disk_file *f, size_t used)
{
    if (used <= f->used) return;
    if (used > f->cap) {
        f->cap = used > 2 * f->cap ? used : 2 * f->cap;
        f->data = mem_resize(f->data, f->cap, 1);
    }
    memset(f->data + f->used, 0, used - f->used);
    f->used = used;
}

/* The bytes from offset on, as far as the file is in use. */
static size_t used_of(const struct disk_file *f, size_t offset, size_t len)
{
    return offset >= f->used ? 0 : f->used - offset < len ? f->used - offset : len;
}

/* Remembers the bytes from offset on that are about to change. */
static void note_change(struct disk_file *f, size_t offset, size_t len)
{
    struct change *c = mem_alloc(sizeof *c);
    *c = (struct change){.offset = offset, .len = len, .size_before = f->size, .older = f->changes};
    size_t there = used_of(f, offset, len);
    if (there > 0) {
        c->before = mem_alloc(len);
        memcpy(c->before, f->data + offset, there);
    }
    f->changes = c;
}

/* ---- death ---- */

/* The bytes of the file as they are after a power loss: each sector of each write that was not
 * synced is there, or is not. `copy` is the file's double. */
static void lose_unsynced(struct disk *d, const struct disk_file *f, struct disk_file *copy)
{
    size_t size = f->size;
    for (const struct change *c = f->changes; c; c = c->older) {
        for (size_t at = 0; at < c->len; at += SECTOR) {
            size_t n = c->len - at < SECTOR ? c->len - at : SECTOR;
            if (rng_below(&d->rng, 2)) continue; /* this one was written */
            size_t there = used_of(copy, c->offset + at, n);
            if (there == 0) continue;
            if (c->before)
                memcpy(copy->data + c->offset + at, c->before + at, there);
            else
                memset(copy->data + c->offset + at, 0, there);
        }
        if (rng_below(&d->rng, 2) && c->size_before < size) size = c->size_before;
    }
    set_size(copy, size);
}

static char *snapshot(struct disk *d, const char *folder, bool power_loss)
{
    char *to = str_dupf("sim-%d", ++d->folders);
    size_t length = strlen(folder);
    for (struct disk_file *f = d->files; f; f = f->next) {
        if (!f->path || f->deleted || !str_starts(f->path, folder) || f->path[length] != '/')
            continue;
        char *path = str_dupf("%s%s", to, f->path + length);
        struct disk_file *copy = add(d, path);
        mem_free(path);
        set_size(copy, f->size);
        use(copy, f->used);
        if (f->used > 0) memcpy(copy->data, f->data, f->used);
        if (power_loss) lose_unsynced(d, f, copy);
    }
    return to;
}

static void count_down(struct disk *d)
{
    if (d->left < 0 || d->left-- > 0 || d->died) return;
    d->died = snapshot(d, d->folder, d->power_loss);
}

void disk_die_after(struct disk *d, int64_t count, bool power_loss)
{
    d->left = count;
    d->power_loss = power_loss;
}

void disk_die_now(struct disk *d, bool power_loss)
{
    if (d->died) return;
    d->left = -1;
    d->died = snapshot(d, d->folder, power_loss);
}

bool disk_has_died(const struct disk *d)
{
    return d->died != NULL;
}

void disk_lose_power(struct disk *d, bool power_loss)
{
    d->power_loss = power_loss;
}

void disk_lie(struct disk *d, bool lies)
{
    d->lies = lies;
}

/* ---- SQLite's view of a file ---- */

static int on_close(sqlite3_file *file)
{
    struct handle *h = handle_of(file);
    h->file->open--;
    if (h->file->open == 0 && (h->file->deleted || !h->file->path)) forget(h->disk, h->file);
    return SQLITE_OK;
}

static int on_read(sqlite3_file *file, void *out, int n, sqlite3_int64 offset)
{
    const struct disk_file *f = handle_of(file)->file;
    size_t at = (size_t)offset, len = (size_t)n;
    size_t there = used_of(f, at, len);
    if (there > 0) memcpy(out, f->data + at, there);
    if (there < len) memset((char *)out + there, 0, len - there);
    return at + len <= f->size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static bool is_zero(const unsigned char *data, size_t len)
{
    return len > 0 && data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static int on_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 offset)
{
    struct disk_file *f = handle_of(file)->file;
    size_t at = (size_t)offset, len = (size_t)n;
    note_change(f, at, len);
    if (at + len > f->size) set_size(f, at + len);
    if (at < f->used || !is_zero(data, len)) {
        use(f, at + len);
        memcpy(f->data + at, data, len);
    }
    count_down(handle_of(file)->disk);
    return SQLITE_OK;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct disk_file *f = handle_of(file)->file;
    size_t to = (size_t)size;
    if (to < f->size) note_change(f, to, f->size - to);
    set_size(f, to);
    count_down(handle_of(file)->disk);
    return SQLITE_OK;
}

static int on_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    struct handle *h = handle_of(file);
    if (!h->disk->lies) drop_changes(h->file);
    count_down(h->disk);
    return SQLITE_OK;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)handle_of(file)->file->size;
    return SQLITE_OK;
}

/* There is one connection to each file: nobody to lock out. */
static int on_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int on_check_lock(sqlite3_file *file, int *out)
{
    (void)file;
    *out = 0;
    return SQLITE_OK;
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int on_sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int on_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int on_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **out)
{
    struct disk_file *f = handle_of(file)->file;
    *out = NULL;
    if (page >= f->shared_count && !extend) return SQLITE_OK;
    while (f->shared_count <= page) {
        f->shared = mem_resize(f->shared, (size_t)f->shared_count + 1, sizeof *f->shared);
        f->shared[f->shared_count++] = mem_alloc((size_t)bytes);
    }
    *out = f->shared[page];
    return SQLITE_OK;
}

static int on_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    (void)file;
    (void)offset;
    (void)n;
    (void)flags;
    return SQLITE_OK;
}

static void on_shm_barrier(sqlite3_file *file)
{
    (void)file;
}

static int on_shm_unmap(sqlite3_file *file, int delete)
{
    (void)delete;
    drop_shared(handle_of(file)->file);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_lock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_characteristics,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

/* ---- SQLite's view of the disk ---- */

static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
    struct disk *d = disk_of(vfs);
    struct handle *h = handle_of(file);
    *h = (struct handle){.disk = d};
    struct disk_file *f = path ? find(d, path) : NULL;
    if (!f && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
    if (!f) f = add(d, path);
    f->open++;
    h->file = f;
    h->base.pMethods = &methods;
    if (out) *out = flags;
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    (void)sync;
    struct disk *d = disk_of(vfs);
    struct disk_file *f = find(d, path);
    if (!f) return SQLITE_IOERR_DELETE_NOENT;
    if (f->open == 0) {
        forget(d, f);
        return SQLITE_OK;
    }
    mem_free(f->path);
    f->path = NULL;
    f->deleted = true;
    return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    (void)flags;
    *out = find(disk_of(vfs), path) != NULL;
    return SQLITE_OK;
}

static int on_full_path(sqlite3_vfs *vfs, const char *path, int n, char *out)
{
    (void)vfs;
    return str_copy(out, (size_t)n, path) == 0 ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int on_randomness(sqlite3_vfs *vfs, int n, char *out)
{
    for (int i = 0; i < n; i++)
        out[i] = (char)rng_below(&disk_of(vfs)->rng, 256);
    return n;
}

static int on_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int on_time(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    *out = 2460000.5;
    return SQLITE_OK;
}

static int on_last_error(sqlite3_vfs *vfs, int n, char *out)
{
    (void)vfs;
    if (n > 0) *out = '\0';
    return 0;
}

static struct disk *make(uint64_t seed)
{
    struct disk *d = mem_alloc(sizeof *d);
    d->left = -1;
    rng_init(&d->rng, seed);
    d->vfs = (sqlite3_vfs){.iVersion = 1,
                           .szOsFile = sizeof(struct handle),
                           .mxPathname = PATH_MAX_BYTES,
                           .zName = "sim",
                           .pAppData = d,
                           .xOpen = on_open,
                           .xDelete = on_delete,
                           .xAccess = on_access,
                           .xFullPathname = on_full_path,
                           .xRandomness = on_randomness,
                           .xSleep = on_sleep,
                           .xCurrentTime = on_time,
                           .xGetLastError = on_last_error};
    return d;
}

struct disk *disk_begin(uint64_t seed)
{
    struct disk *d = make(seed);
    d->former = sqlite3_vfs_find(NULL);
    sqlite3_vfs_register(&d->vfs, 1);
    sqlite3_randomness(0, NULL); /* SQLite's own begins anew, too, so that a seed is one history */
    return d;
}

struct disk *disk_begin_aside(uint64_t seed)
{
    return make(seed);
}

void disk_enter(struct disk *d)
{
    sqlite3_vfs_register(&d->vfs, 1);
}

void disk_leave(struct disk *d)
{
    sqlite3_vfs_unregister(&d->vfs); /* what is open on it stays so */
}

void disk_end(struct disk *d)
{
    if (d->former) {
        sqlite3_vfs_unregister(&d->vfs);
        sqlite3_vfs_register(d->former, 1);
    }
    while (d->files)
        forget(d, d->files);
    mem_free(d->folder);
    mem_free(d->died);
    mem_free(d);
}

/* ---- the world's folders ---- */

static char *make_folder(void *user)
{
    struct disk *d = user;
    mem_free(d->folder);
    d->folder = str_dupf("sim-%d", ++d->folders);
    return mem_strdup(d->folder);
}

static void remove_folder(void *user, const char *folder)
{
    struct disk *d = user;
    struct disk_file *next;
    for (struct disk_file *f = d->files; f; f = next) {
        next = f->next;
        size_t length = strlen(folder);
        if (f->path && str_starts(f->path, folder) && f->path[length] == '/') forget(d, f);
    }
}

static char *keep_folder(void *user, const char *folder)
{
    struct disk *d = user;
    char *kept = d->died ? d->died : snapshot(d, folder, d->power_loss);
    d->died = NULL;
    d->left = -1;
    mem_free(d->folder);
    d->folder = mem_strdup(kept);
    return kept;
}

char *disk_make_folder(struct disk *d)
{
    return make_folder(d);
}

char *disk_keep_folder(struct disk *d, const char *folder)
{
    return keep_folder(d, folder);
}

void disk_remove_folder(struct disk *d, const char *folder)
{
    remove_folder(d, folder);
}

/* ---- single files ---- */

bool disk_has_file(struct disk *d, const char *path)
{
    return find(d, path) != NULL;
}

void disk_add_file(struct disk *d, const char *path)
{
    if (!find(d, path)) add(d, path);
}

void disk_move_file(struct disk *d, const char *from, const char *to)
{
    struct disk_file *f = find(d, from), *there = find(d, to);
    if (!f) return;
    if (there) forget(d, there);
    mem_free(f->path);
    f->path = mem_strdup(to);
}

struct world_disk disk_of_world(struct disk *d)
{
    return (struct world_disk){d, make_folder, keep_folder, remove_folder};
}
