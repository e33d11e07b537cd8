/* What waits for the store thread, by where it came from: each session, and each connection of a
 * client, has a lane of its own, and a batch takes from all lanes in turn. So who sends much waits
 * behind itself, and a group with little to do is in the next batch. The order within a lane stays;
 * what has no lane goes before all others.
 *
 * Large pieces of output are bulk: a commit of them takes the disk several times as long as one of
 * anything else. So a batch has a bounded amount of them, one of each lane in turn, and nothing
 * else; or all else, and then the next one is theirs. More of them, and so fewer flushes of the
 * disk, are taken when there was nothing else for some time.
 *
 * Who sends little while others send much (share.h) goes first, and batches are brief for a while:
 * what it waits for is the batch that is under way, and its own.
 *
 * One thread. */
#ifndef CADRE_COORDINATOR_LANES_H
#define CADRE_COORDINATOR_LANES_H

#include "coordinator/engine/command.h"

#include <stdbool.h>

#define LANES_AT_ONCE 4             /* commands of a lane before it is the next one's turn */
#define LANES_LINE_BYTES (4u << 10) /* a larger piece of output is bulk */
#define LANES_BULK_SHARE 0.125      /* of what a batch takes, in bulk; within these bounds */
#define LANES_BULK_LEAST (64u << 10)
#define LANES_BULK_BYTES (256u << 10)    /* of bulk in a batch: no further piece behind this */
#define LANES_BULK_CALM_BYTES (1u << 20) /* the same after so many batches... */
#define LANES_CALM 64                    /* ...with nothing else */
#define LANES_AHEAD 16                   /* quiet lanes that go first in one batch */
#define LANES_BRIEF 64                   /* brief batches after one that was quiet */
#define LANES_LAG_MS 2000                /* what waits longer ends the turns; < LEASE_DEAF_MS */

struct lanes;

struct lanes *lanes_new(int64_t heard_ms);
void lanes_free(struct lanes *l); /* with the commands */
/* Takes a chain. heard_ms: bytes that were in the sockets then are in this chain or were before. */
void lanes_add(struct lanes *l, struct command *chain, int64_t heard_ms);
/* A chain with about so much weight, at least one command when there is one, and all of them when
 * the oldest is LANES_LAG_MS older than what was heard last; *weight is what it has. A command
 * weighs 1, and 1 more for each KiB that it holds. */
struct command *lanes_take(struct lanes *l, double most, double *weight);
/* Is there somebody for whom batches are to be brief? */
bool lanes_want_brief(const struct lanes *l);
bool lanes_are_empty(const struct lanes *l);
/* The last moment until which all that was heard has been taken, mono. */
int64_t lanes_heard_ms(const struct lanes *l);

#endif
