/* Queues of blocks from a common pool: see output_tail.h. */
#include "agent/output_tail.h"

#include "base/mem.h"

#include <string.h>

struct output_block {
    struct output_block *next;
    size_t begin, end; /* of the bytes that are used */
    char data[OUTPUT_BLOCK_BYTES];
};

void output_pool_init(struct output_pool *p, size_t max_blocks)
{
    *p = (struct output_pool){.max_blocks = max_blocks};
}

void output_tail_init(struct output_tail *t, struct output_pool *pool)
{
    *t = (struct output_tail){.next = pool->first, .pool = pool};
    pool->first = t;
}

int64_t output_tail_bytes(const struct output_tail *t)
{
    return t->side[0].bytes + t->side[1].bytes;
}

static void drop_first_block(struct output_pool *pool, struct output_queue *q)
{
    struct output_block *b = q->first;
    q->first = b->next;
    if (!q->first) q->last = NULL;
    q->bytes -= (int64_t)(b->end - b->begin);
    q->blocks--;
    pool->blocks--;
    mem_free(b);
}

void output_tail_fini(struct output_tail *t)
{
    for (int i = 0; i < 2; i++)
        while (t->side[i].first)
            drop_first_block(t->pool, &t->side[i]);
    struct output_tail **p = &t->pool->first;
    while (*p && *p != t)
        p = &(*p)->next;
    if (*p) *p = t->next;
}

/* The queue that can best spare a block: the longest one. `own` wins when it is as long. NULL:
 * nobody has more than one, and `own` has none. */
static struct output_queue *richest(struct output_pool *pool, struct output_queue *own)
{
    struct output_queue *found = own->blocks > 0 ? own : NULL;
    for (struct output_tail *t = pool->first; t; t = t->next) {
        for (int i = 0; i < 2 && !t->sealed; i++) {
            size_t least = found ? found->blocks : 1;
            if (t->side[i].blocks > least) found = &t->side[i];
        }
    }
    return found;
}

static struct output_block *add_block(struct output_pool *pool, struct output_queue *q)
{
    if (pool->blocks >= pool->max_blocks) {
        struct output_queue *giver = richest(pool, q);
        if (!giver) return NULL;
        drop_first_block(pool, giver);
    }
    struct output_block *b = mem_resize(NULL, 1, sizeof *b);
    b->next = NULL;
    b->begin = b->end = 0;
    if (q->last)
        q->last->next = b;
    else
        q->first = b;
    q->last = b;
    q->blocks++;
    pool->blocks++;
    return b;
}

void output_tail_add(struct output_tail *t, int side, const void *data, size_t len)
{
    struct output_queue *q = &t->side[side];
    const char *p = data;
    while (len > 0) {
        struct output_block *b = q->last;
        if (!b || b->end == OUTPUT_BLOCK_BYTES) b = add_block(t->pool, q);
        if (!b) return; /* the side is empty: no hole comes to be within it */
        size_t n = OUTPUT_BLOCK_BYTES - b->end;
        if (n > len) n = len;
        memcpy(b->data + b->end, p, n);
        b->end += n;
        q->bytes += (int64_t)n;
        p += n;
        len -= n;
    }
}

void output_tail_trim(struct output_tail *t, int64_t most_bytes)
{
    int64_t over;
    while ((over = output_tail_bytes(t) - most_bytes) > 0 && output_tail_bytes(t) > 0) {
        int longer = t->side[1].bytes > t->side[0].bytes;
        int64_t lead = t->side[longer].bytes - t->side[!longer].bytes;
        /* down to the length of the other side, then from both alike */
        int64_t step = lead >= over ? over : lead > 0 ? lead : (over + 1) / 2;
        output_tail_consume(t, longer, (size_t)step);
    }
}

void output_tail_seal(struct output_tail *t)
{
    t->sealed = true;
}

size_t output_tail_peek(const struct output_tail *t, int side, const char **data)
{
    const struct output_block *b = t->side[side].first;
    if (!b) return 0;
    *data = b->data + b->begin;
    return b->end - b->begin;
}

void output_tail_consume(struct output_tail *t, int side, size_t bytes)
{
    struct output_queue *q = &t->side[side];
    while (bytes > 0 && q->first) {
        struct output_block *b = q->first;
        size_t have = b->end - b->begin;
        if (bytes >= have) {
            drop_first_block(t->pool, q);
            bytes -= have;
        } else {
            b->begin += bytes;
            q->bytes -= (int64_t)bytes;
            bytes = 0;
        }
    }
}
