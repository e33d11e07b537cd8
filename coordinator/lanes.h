/* What waits for the store thread, by where it came from: each session, and each connection of a
 * client, has a lane of its own, and a batch takes from all lanes in turn. So who sends much waits
 * behind itself, and a group with little to do is in the next batch. The order within a lane stays;
 * what has no lane goes before all others. One thread. */
#ifndef CADRE_COORDINATOR_LANES_H
#define CADRE_COORDINATOR_LANES_H

#include "coordinator/engine/command.h"

#include <stdbool.h>

#define LANES_AT_ONCE 4 /* commands of a lane before it is the turn of the next one */

struct lanes;

struct lanes *lanes_new(int64_t heard_ms);
void lanes_free(struct lanes *l); /* with the commands */
/* Takes a chain. heard_ms: bytes that were in the sockets then are in this chain or were before. */
void lanes_add(struct lanes *l, struct command *chain, int64_t heard_ms);
/* A chain with about so much weight, at least one command when there is one; *weight is what it
 * has. A command weighs 1, and 1 more for each KiB that it holds. */
struct command *lanes_take(struct lanes *l, double most, double *weight);
bool lanes_are_empty(const struct lanes *l);
/* The last moment until which all that was heard has been taken, mono. */
int64_t lanes_heard_ms(const struct lanes *l);

#endif
