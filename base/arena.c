/* Blocks, the newest first, each four times as large as the one before up to a limit, so that a few
 * small pieces take little. What is too large for a block gets one of its own behind the first, so
 * that the rest of the first stays in use. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <string.h>

#define FIRST_BYTES ((size_t)1024)
#define BLOCK_BYTES ((size_t)32 * 1024)
#define ALIGN alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t size;
    max_align_t bytes[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

static void free_from(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        mem_free(b);
        b = next;
    }
}

void arena_fini(struct arena *a)
{
    free_from(a->first);
    arena_init(a);
}

void arena_clear(struct arena *a)
{
    if (!a->first) return;
    free_from(a->first->next);
    a->first->next = NULL;
    a->used = 0;
}

static void *take(struct arena *a, size_t bytes)
{
    char *piece = (char *)a->first->bytes + a->used;
    a->used += bytes;
    return piece;
}

static struct arena_block *new_block(size_t size, struct arena_block *next)
{
    struct arena_block *b = mem_resize(NULL, 1, sizeof *b + size);
    b->next = next;
    b->size = size;
    return b;
}

static void *raw(struct arena *a, size_t bytes)
{
    if (a->first && bytes <= a->first->size - a->used) return take(a, bytes);
    if (a->first && bytes > BLOCK_BYTES / 4) {
        a->first->next = new_block(bytes, a->first->next);
        return a->first->next->bytes;
    }
    size_t size = a->first ? 4 * a->first->size : FIRST_BYTES;
    while (size < bytes && size < BLOCK_BYTES)
        size *= 4;
    a->first = new_block(size < BLOCK_BYTES ? size : BLOCK_BYTES, a->first);
    a->used = 0;
    return raw(a, bytes);
}

void arena_join(struct arena *a, struct arena *from)
{
    if (!a->first) {
        *a = *from;
    } else if (from->first) {
        struct arena_block *last = from->first;
        while (last->next)
            last = last->next;
        last->next = a->first->next;
        a->first->next = from->first;
    }
    arena_init(from);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    if (bytes > (size_t)-1 / 2) mem_exhausted();
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    void *piece = raw(a, bytes);
    memset(piece, 0, bytes);
    return piece;
}

char *arena_text(struct arena *a, const char *s)
{
    if (!s) return NULL;
    size_t len = strlen(s) + 1;
    size_t rounded = (len + ALIGN - 1) / ALIGN * ALIGN;
    return memcpy(raw(a, rounded), s, len);
}
