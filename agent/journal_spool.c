/* Two files that take turns: see journal_spool.h. */
#include "agent/journal_spool.h"

#include "base/buf.h"
#include "base/checksum.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"

#include <sqlite3.h>
#include <string.h>

#define FRESH_MOST (4u << 20)   /* of one commit */
#define FRESH_KEEP (512u << 10) /* memory that an idle spool may keep */
#define CALL_MOST (96u << 10)   /* SQLite's VFS takes less than 128 KiB in one call */
#define FRAME_MOST CALL_MOST    /* of one record */

/* Numbers as this machine has them: the file never leaves it. */
struct head {
    int64_t seq, job, attempt, acked;
    uint64_t before; /* the sum of the record before this one; 0: this is the first */
    uint64_t len, sum;
};

struct entry {
    int64_t seq, job, attempt, at;
    uint32_t len; /* of the frame */
    uint8_t file;
    bool dropped;
};

struct spool {
    sqlite3_file *file[2];
    int64_t end[2];   /* where the next record goes */
    uint64_t last[2]; /* the sum of the record before that; 0: there is none */
    size_t live[2];   /* entries */
    int current;
    uint64_t salt;
    struct entry *entries; /* [first, count) wait, by seq */
    size_t first, count, cap;
    int64_t bytes, seq, acked;
    struct buf fresh; /* the last records of the current file, and where they begin */
    int64_t fresh_at;
    bool written; /* fresh is in the file as well */
    struct buf frame;
};

/* ---- files ---- */

static sqlite3_file *open_file(sqlite3_vfs *vfs, const char *path)
{
    sqlite3_file *f = mem_alloc((size_t)vfs->szOsFile);
    char *full = mem_alloc((size_t)vfs->mxPathname + 1);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, rc = SQLITE_CANTOPEN;
    if (vfs->xFullPathname(vfs, path, vfs->mxPathname, full) == SQLITE_OK) {
        const char *name = sqlite3_create_filename(full, "", "", 0, NULL);
        if (!name) mem_exhausted();
        rc = vfs->xOpen(vfs, name, f, flags, NULL);
        if (rc != SQLITE_OK && f->pMethods) f->pMethods->xClose(f);
        sqlite3_free_filename((char *)(uintptr_t)name);
    }
    mem_free(full);
    if (rc == SQLITE_OK) return f;
    mem_free(f);
    return NULL;
}

static sqlite3_file *open_part(const char *path, int n)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    char *name = str_dupf("%s.output%d", path, n + 1);
    sqlite3_file *f = NULL;
    if (file_exists(name) || file_write_atomic(name, "", 0, FILE_SECRET, NULL) == 0)
        f = open_file(vfs, name);
    mem_free(name);
    return f;
}

static void close_file(sqlite3_file *f)
{
    if (!f) return;
    f->pMethods->xClose(f);
    mem_free(f);
}

static int64_t size_of(sqlite3_file *f)
{
    sqlite3_int64 size = 0;
    return f->pMethods->xFileSize(f, &size) == SQLITE_OK ? size : 0;
}

static bool read_at(sqlite3_file *f, void *out, size_t len, int64_t at)
{
    return f->pMethods->xRead(f, out, (int)len, at) == SQLITE_OK;
}

/* ---- records ---- */

static uint64_t sum_of(const struct spool *s, const struct head *h, const void *frame)
{
    uint64_t sum = checksum_add_int(s->salt, h->seq);
    sum = checksum_add_int(sum, h->job);
    sum = checksum_add_int(sum, h->attempt);
    sum = checksum_add_int(sum, h->acked);
    sum = checksum_add_int(sum, (int64_t)h->before);
    return checksum_add(sum, frame, (size_t)h->len);
}

static void push(struct spool *s, const struct entry *e)
{
    if (s->count == s->cap && s->first > s->count / 2) {
        s->count -= s->first;
        memmove(s->entries, s->entries + s->first, s->count * sizeof *s->entries);
        s->first = 0;
    } else if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->entries = mem_resize(s->entries, s->cap, sizeof *s->entries);
    }
    s->entries[s->count++] = *e;
    s->live[e->file]++;
    s->bytes += e->len;
    if (e->seq > s->seq) s->seq = e->seq;
}

/* The record at the end of what is known of the file; false: there is none, or it is torn. */
static bool read_record(struct spool *s, int n, int64_t size, int64_t above)
{
    struct head h;
    int64_t at = s->end[n];
    if (at + (int64_t)sizeof h > size || !read_at(s->file[n], &h, sizeof h, at)) return false;
    if (h.seq <= above || h.before != s->last[n]) return false;
    if (h.len == 0 || h.len > FRAME_MOST) return false;
    if (at + (int64_t)(sizeof h + h.len) > size) return false;
    buf_clear(&s->frame);
    char *frame = buf_reserve(&s->frame, (size_t)h.len);
    if (!frame || !read_at(s->file[n], frame, (size_t)h.len, at + (int64_t)sizeof h)) return false;
    if (sum_of(s, &h, frame) != h.sum) return false;
    struct entry e = {.seq = h.seq,
                      .job = h.job,
                      .attempt = h.attempt,
                      .at = at,
                      .len = (uint32_t)h.len,
                      .file = (uint8_t)n};
    push(s, &e);
    s->end[n] += (int64_t)(sizeof h + h.len);
    s->last[n] = h.sum;
    if (h.acked > s->acked) s->acked = h.acked;
    return true;
}

/* The records are followed by what is left of older ones, which are not of this chain. */
static void read_part(struct spool *s, int n, int64_t above)
{
    int64_t size = size_of(s->file[n]);
    while (read_record(s, n, size, above))
        above = s->seq;
}

/* The seq of the first record; INT64_MAX: there is none. */
static int64_t first_seq(const struct spool *s, int n)
{
    struct head h;
    if (size_of(s->file[n]) < (int64_t)sizeof h || !read_at(s->file[n], &h, sizeof h, 0))
        return INT64_MAX;
    return h.seq;
}

/* The file with the lower numbers was written first. */
static void read_all(struct spool *s)
{
    int older = first_seq(s, 0) <= first_seq(s, 1) ? 0 : 1;
    read_part(s, older, 0);
    read_part(s, !older, s->seq);
    s->current = s->live[!older] > 0 ? !older : older;
    s->written = true;
    s->fresh_at = s->end[s->current];
    spool_ack(s, s->acked);
}

/* ---- life ---- */

struct spool *spool_open(const char *path, const char *journal_id)
{
    struct spool *s = mem_alloc(sizeof *s);
    for (int i = 0; i < 2; i++)
        s->file[i] = open_part(path, i);
    buf_init(&s->fresh, FRESH_MOST);
    buf_init(&s->frame, FRAME_MOST);
    if (!s->file[0] || !s->file[1]) {
        spool_close(s);
        return NULL;
    }
    s->salt = checksum_add(CHECKSUM_START, journal_id, strlen(journal_id));
    read_all(s);
    return s;
}

void spool_close(struct spool *s)
{
    if (!s) return;
    close_file(s->file[0]);
    close_file(s->file[1]);
    buf_fini(&s->fresh);
    buf_fini(&s->frame);
    mem_free(s->entries);
    mem_free(s);
}

int64_t spool_seq(const struct spool *s)
{
    return s->seq;
}

int64_t spool_bytes(const struct spool *s)
{
    return s->bytes;
}

/* ---- writing ---- */

/* What was committed gives way to what is to come, perhaps in the other file. */
static void begin_fresh(struct spool *s)
{
    int n = s->current;
    buf_clear(&s->fresh);
    bool full = s->end[n] >= SPOOL_PART_BYTES && s->live[!n] == 0;
    if (full && s->live[n] > 0) n = s->current = !n;
    if (s->live[n] == 0) {
        s->end[n] = 0;
        s->last[n] = 0;
    }
    s->fresh_at = s->end[n];
    s->written = false;
}

bool spool_add(struct spool *s, const struct journal_event *event)
{
    struct head h = {.seq = event->seq, .job = event->job, .attempt = event->attempt};
    if (event->len < SPOOL_LEAST_BYTES || event->len > FRAME_MOST) return false;
    if (s->written) begin_fresh(s);
    int64_t at = s->fresh_at + (int64_t)s->fresh.len;
    if (at + (int64_t)(sizeof h + event->len) > SPOOL_MOST_BYTES) return false;
    char *room = buf_reserve(&s->fresh, sizeof h + event->len);
    if (!room) return false;
    h.acked = s->acked;
    h.before = s->last[s->current];
    h.len = event->len;
    h.sum = s->last[s->current] = sum_of(s, &h, event->frame);
    memcpy(room, &h, sizeof h);
    memcpy(room + sizeof h, event->frame, event->len);
    buf_commit(&s->fresh, sizeof h + event->len);
    struct entry e = {.seq = h.seq,
                      .job = h.job,
                      .attempt = h.attempt,
                      .at = at,
                      .len = (uint32_t)event->len,
                      .file = (uint8_t)s->current};
    push(s, &e);
    return true;
}

/* false: not all of it. */
static bool write_at(sqlite3_file *f, const char *data, size_t len, int64_t at)
{
    for (size_t done = 0, n; done < len; done += n) {
        n = len - done < CALL_MOST ? len - done : CALL_MOST;
        if (f->pMethods->xWrite(f, data + done, (int)n, at + (int64_t)done) != SQLITE_OK)
            return false;
    }
    return true;
}

bool spool_commit(struct spool *s)
{
    if (s->written) return true;
    if (!write_at(s->file[s->current], s->fresh.data, s->fresh.len, s->fresh_at)) return false;
    s->end[s->current] = s->fresh_at + (int64_t)s->fresh.len;
    s->written = true;
    return true;
}

static bool is_fresh(const struct spool *s, const struct entry *e)
{
    return e->file == s->current && e->at >= s->fresh_at && s->fresh.len > 0;
}

static const char *fresh_frame(const struct spool *s, const struct entry *e)
{
    return s->fresh.data + (e->at - s->fresh_at) + sizeof(struct head);
}

static void forget(struct spool *s, struct entry *e)
{
    s->live[e->file]--;
    if (!e->dropped) s->bytes -= e->len;
}

int spool_take_back(struct spool *s, int (*fn)(const struct journal_event *e, void *user),
                    void *user)
{
    size_t from = s->count;
    int rc = 0;
    while (from > s->first && is_fresh(s, &s->entries[from - 1]))
        from--;
    for (size_t i = from; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        struct journal_event event = {.seq = e->seq,
                                      .job = e->job,
                                      .attempt = e->attempt,
                                      .frame = fresh_frame(s, e),
                                      .len = e->len};
        if (rc == 0 && !e->dropped) rc = fn(&event, user);
        forget(s, e);
    }
    s->count = from;
    struct head h;
    memcpy(&h, s->fresh.data, sizeof h); /* something was to be written */
    s->last[s->current] = h.before;
    buf_clear(&s->fresh);
    s->written = true;
    return rc;
}

/* ---- forgetting ---- */

void spool_ack(struct spool *s, int64_t seq)
{
    if (seq > s->acked) s->acked = seq;
    while (s->first < s->count && s->entries[s->first].seq <= seq)
        forget(s, &s->entries[s->first++]);
    if (s->first < s->count) return;
    s->first = s->count = 0;
    if (!s->written || s->fresh.cap <= FRESH_KEEP) return;
    buf_fini(&s->fresh);
    buf_init(&s->fresh, FRESH_MOST);
}

void spool_drop(struct spool *s, int64_t job, int64_t attempt, int64_t seq)
{
    for (size_t i = s->first; i < s->count; i++) {
        struct entry *e = &s->entries[i];
        if (e->job != job || e->attempt != attempt || e->seq > seq || e->dropped) continue;
        e->dropped = true;
        s->bytes -= e->len;
    }
}

/* ---- reading ---- */

/* The first entry behind `after`: mostly the last ones are asked for. */
static size_t find_behind(const struct spool *s, int64_t after)
{
    size_t low = s->first, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->entries[middle].seq > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int spool_next(struct spool *s, int64_t after, struct journal_event *out)
{
    size_t i = find_behind(s, after);
    while (i < s->count && s->entries[i].dropped)
        i++;
    if (i == s->count) return 0;
    const struct entry *e = &s->entries[i];
    const char *frame;
    if (is_fresh(s, e)) {
        frame = fresh_frame(s, e);
    } else {
        buf_clear(&s->frame);
        frame = buf_reserve(&s->frame, e->len);
        if (!frame || !read_at(s->file[e->file], (char *)(uintptr_t)frame, e->len,
                               e->at + (int64_t)sizeof(struct head)))
            return ERR_IO;
    }
    *out = (struct journal_event){
        .seq = e->seq, .job = e->job, .attempt = e->attempt, .frame = frame, .len = e->len};
    return 1;
}
