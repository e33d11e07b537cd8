/* The rounds of the store thread: what becomes of commands, also while batches fail. No
 * thread and no clock of its own.
 *
 *   a round: everything that waits --> one batch --> done
 *                                        |
 *                +---------- it failed --+
 *                v                       v
 *          of the disk               a bug
 *     what can wait waits,      each command in a transaction
 *     the rest is told;         of its own, then each chore;
 *     heartbeats are            what fails alone is given up
 *     acknowledged              or put off, the rest is done
 */
#ifndef CADRE_COORDINATOR_ENGINE_ROUND_H
#define CADRE_COORDINATOR_ENGINE_ROUND_H

#include "coordinator/engine/engine.h"

struct rounds;

struct rounds *rounds_new(struct engine *g); /* the engine stays the caller's */
void rounds_free(struct rounds *r);          /* with the commands that still wait */

/* Takes a chain of commands, in order; NULL: it is time (rounds_next_ms). Returns the bytes of the
 * commands that are done with. */
size_t rounds_run(struct rounds *r, const struct moment *now, struct command *fresh,
                  struct effects *out);
/* Mono time at which a round is wanted though no command comes; INT64_MAX: never. */
int64_t rounds_next_ms(const struct rounds *r);
/* Is the store failing, and nothing tried before rounds_next_ms? */
bool rounds_are_stuck(const struct rounds *r);

#endif
