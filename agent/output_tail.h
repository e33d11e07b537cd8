/* The end of what an attempt writes beyond its output limit: the newest bytes of each stream, kept
 * in memory until the job has ended. Older bytes make room for newer ones.
 *
 * The memory is taken in blocks from a pool that all attempts of the agent share. When the pool is
 * used up, the stream that holds the most blocks gives up its oldest one: a few loud jobs keep all
 * that their limits allow, very many of them share the pool evenly. Pure: no I/O, no clock. */
#ifndef CADRE_AGENT_OUTPUT_TAIL_H
#define CADRE_AGENT_OUTPUT_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_BLOCK_BYTES (64u * 1024)
#define OUTPUT_POOL_BLOCKS 1024 /* 64 MiB for all attempts of an agent */

struct output_tail;
struct output_block;

struct output_pool {
    struct output_tail *first;
    size_t blocks, max_blocks;
};

void output_pool_init(struct output_pool *p, size_t max_blocks);

/* A first-in first-out queue of the bytes of one stream. */
struct output_queue {
    struct output_block *first, *last;
    size_t blocks;
    int64_t bytes;
};

struct output_tail {
    struct output_tail *next; /* in the pool */
    struct output_pool *pool;
    struct output_queue side[2];
    bool sealed; /* gives nothing up any more */
};

/* The pool outlives the tail. */
void output_tail_init(struct output_tail *t, struct output_pool *pool);
void output_tail_fini(struct output_tail *t);
int64_t output_tail_bytes(const struct output_tail *t); /* of both sides */
/* Adds bytes to a side, 0 or 1. Not after output_tail_seal. */
void output_tail_add(struct output_tail *t, int side, const void *data, size_t len);
/* Forgets the oldest bytes, those of the longer side first, until at most so many are left. */
void output_tail_trim(struct output_tail *t, int64_t most_bytes);
/* What is here now is to be read: nothing of it is given up to other attempts. */
void output_tail_seal(struct output_tail *t);
/* The oldest bytes of a side that lie in one piece; 0: there are none. *data lives until the next
 * call with this tail. */
size_t output_tail_peek(const struct output_tail *t, int side, const char **data);
/* Forgets that many of the oldest bytes of a side: at most as many as there are. */
void output_tail_consume(struct output_tail *t, int side, size_t bytes);

#endif
