/* One block in memory and as a row. Numbers are stored with their lowest byte first. */
#include "coordinator/store/sql_block.h"

#include "base/mem.h"
#include "coordinator/store/db.h"

#include <string.h>

#define SUBJECT_BYTES 6

/* Stands for all subjects of the kind that found no room. */
#define ANY(kind) (UINT32_C(0xffffff00) + (uint32_t)(kind))

#define HASH_START UINT32_C(0x811c9dc5) /* FNV-1a */
static uint32_t hash_byte(uint32_t h, unsigned char c)
{
    return (h ^ c) * UINT32_C(0x01000193);
}

const char *const block_kind_names[BLOCK_KINDS] = {
    [BLOCK_GROUP] = "group", [BLOCK_AGENT] = "agent",   [BLOCK_NAMESPACE] = "namespace",
    [BLOCK_FLOW] = "flow",   [BLOCK_TASK] = "task",     [BLOCK_LABEL] = "label",
    [BLOCK_STATE] = "state", [BLOCK_REASON] = "reason",
};

static uint32_t hash_text(uint32_t h, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        h = hash_byte(h, *p);
    return h;
}

uint32_t block_text(enum block_kind kind, const char *text, const char *more)
{
    uint32_t h = hash_text(hash_byte(HASH_START, (unsigned char)kind), text);
    return more ? hash_text(hash_byte(h, 0), more) : h;
}

/* Fibonacci hashing: ids differ in their middle bits. */
uint32_t block_number(enum block_kind kind, int64_t n)
{
    uint64_t mixed = ((uint64_t)n + (uint64_t)kind) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 32);
}

/* "a", "a.b" and "a.b.c" of "a.b.c". */
static void namespaces(const char *ns, block_subject_fn *fn, void *user)
{
    uint32_t h = hash_byte(HASH_START, BLOCK_NAMESPACE);
    for (const unsigned char *p = (const unsigned char *)ns; *p; p++) {
        if (*p == '.') fn(user, BLOCK_NAMESPACE, h);
        h = hash_byte(h, *p);
    }
    fn(user, BLOCK_NAMESPACE, h);
}

static void labels(const struct json *all, block_subject_fn *fn, void *user)
{
    for (const struct json *l = json_first(all); l; l = json_next(l)) {
        const char *value = json_str(l, NULL);
        if (value) fn(user, BLOCK_LABEL, block_text(BLOCK_LABEL, json_key(l), value));
    }
}

void block_subjects(const struct block_job *j, block_subject_fn *fn, void *user)
{
    if (j->group) fn(user, BLOCK_GROUP, block_text(BLOCK_GROUP, j->group, NULL));
    if (j->agent) fn(user, BLOCK_AGENT, block_number(BLOCK_AGENT, j->agent));
    if (j->ns) namespaces(j->ns, fn, user);
    if (j->ns && j->flow) fn(user, BLOCK_FLOW, block_text(BLOCK_FLOW, j->ns, j->flow));
    if (j->task) fn(user, BLOCK_TASK, block_text(BLOCK_TASK, j->task, NULL));
    if (j->labels) labels(j->labels, fn, user);
    if (job_is_final(j->state)) fn(user, BLOCK_STATE, block_number(BLOCK_STATE, j->state));
    if (j->reason != REASON_NONE)
        fn(user, BLOCK_REASON, block_number(BLOCK_REASON, (int64_t)j->reason));
}

static void put(unsigned char *to, size_t bytes, uint64_t n)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (unsigned char)(n >> (8 * i));
}

static uint64_t get(const unsigned char *from, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        n |= (uint64_t)from[i] << (8 * i);
    return n;
}

void block_begin(struct block *b, int64_t start, int64_t end)
{
    b->start = b->parts[0] = start;
    b->end = end;
    b->part_count = 1;
    b->subject_count = 0;
    b->all = b->dirty = false;
    map_clear(&b->index);
}

void block_fini(struct block *b)
{
    mem_free(b->subjects);
    map_fini(&b->index);
    *b = (struct block){0};
}

/* ---- subjects ------------------------------------------------------------------------------- */

uint32_t block_part(const struct block *b, int64_t id)
{
    size_t i = b->part_count - 1;
    while (i > 0 && id < b->parts[i])
        i--;
    return UINT32_C(1) << i;
}

static void index_subject(struct block *b, size_t place)
{
    uint64_t number = get(b->subjects + place * SUBJECT_BYTES, 4);
    map_put(&b->index, number, (void *)(uintptr_t)(place + 1));
}

/* Of a row that was read, when it is first added to. */
static void index_subjects(struct block *b)
{
    for (size_t i = 0; i < b->subject_count; i++)
        index_subject(b, i);
}

static void make_room(struct block *b, size_t count)
{
    if (count <= b->subject_cap) return;
    size_t cap = b->subject_cap ? b->subject_cap : 16;
    while (cap < count)
        cap *= 2;
    b->subjects = mem_resize(b->subjects, cap, SUBJECT_BYTES);
    b->subject_cap = cap;
}

static bool has_room(const struct block *b, enum block_kind kind)
{
    return b->subject_count <
           (kind == BLOCK_LABEL ? BLOCK_SUBJECTS_MOST / 2 : BLOCK_SUBJECTS_MOST - BLOCK_KINDS);
}

/* Where the subject is, from 1 on; 0: there is none. */
static uintptr_t place_of(const struct block *b, uint32_t subject)
{
    return (uintptr_t)map_find(&b->index, subject);
}

struct noting {
    struct block *b;
    uint32_t part;
};

static void note_subject(void *user, enum block_kind kind, uint32_t subject)
{
    const struct noting *x = user;
    struct block *b = x->b;
    uintptr_t place = place_of(b, subject);
    if (!place && !has_room(b, kind)) {
        subject = ANY(kind);
        place = place_of(b, subject);
    }
    if (!place) {
        make_room(b, b->subject_count + 1);
        put(b->subjects + b->subject_count * SUBJECT_BYTES, SUBJECT_BYTES, subject);
        index_subject(b, b->subject_count++);
        place = b->subject_count;
    }
    unsigned char *mask = b->subjects + (place - 1) * SUBJECT_BYTES + 4;
    if (get(mask, 2) & x->part) return;
    put(mask, 2, get(mask, 2) | x->part);
    b->dirty = true;
}

void block_note(struct block *b, const struct block_job *j)
{
    if (b->all) return;
    if (b->index.count == 0) index_subjects(b);
    struct noting x = {b, block_part(b, j->id)};
    block_subjects(j, note_subject, &x);
}

uint32_t block_mask(const struct block *b, enum block_kind kind, uint32_t subject)
{
    if (b->all) return (UINT32_C(1) << b->part_count) - 1;
    unsigned char wanted[4], any[4];
    put(wanted, sizeof wanted, subject);
    put(any, sizeof any, ANY(kind));
    uint32_t mask = 0;
    const unsigned char *end = b->subjects + b->subject_count * SUBJECT_BYTES;
    for (const unsigned char *p = b->subjects; p < end; p += SUBJECT_BYTES)
        if (memcmp(p, wanted, sizeof wanted) == 0 || memcmp(p, any, sizeof any) == 0)
            mask |= (uint32_t)get(p + 4, 2);
    return mask;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Where the parts behind the first begin, each behind the one before it. */
static bool read_parts(struct block *b, const unsigned char *bytes, size_t len)
{
    if (len % 8 != 0 || len / 8 >= BLOCK_PARTS) return false;
    for (size_t at = 0; at < len; at += 8) {
        int64_t start = (int64_t)get(bytes + at, 8);
        if (start <= b->parts[b->part_count - 1] || start >= b->end) return false;
        b->parts[b->part_count++] = start;
    }
    return true;
}

static bool read_subjects(struct block *b, const unsigned char *bytes, size_t len)
{
    size_t count = len / SUBJECT_BYTES;
    if (len % SUBJECT_BYTES != 0 || count > BLOCK_SUBJECTS_MOST) return false;
    if (count == 0) return true;
    make_room(b, count);
    memcpy(b->subjects, bytes, len);
    b->subject_count = count;
    return true;
}

bool block_read(struct block *b, struct stmt *q, int64_t end)
{
    block_begin(b, column_int(q, 0), end);
    b->all = column_is_null(q, 2);
    if (read_parts(b, column_blob(q, 1), column_bytes(q, 1)) &&
        read_subjects(b, column_blob(q, 2), column_bytes(q, 2)))
        return true;
    block_begin(b, b->start, end);
    b->all = true;
    return false;
}

void block_bind(const struct block *b, struct stmt *q, unsigned char scratch[8 * BLOCK_PARTS])
{
    for (size_t i = 1; i < b->part_count; i++)
        put(scratch + 8 * (i - 1), 8, (uint64_t)b->parts[i]);
    bind_int(q, 1, b->start);
    bind_blob(q, 2, scratch, 8 * (b->part_count - 1));
    if (b->all)
        bind_text(q, 3, NULL);
    else
        bind_blob(q, 3, b->subjects, SUBJECT_BYTES * b->subject_count);
}
