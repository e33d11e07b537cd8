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
 *     who was heard is          what fails alone is given up
 *     taken note of             or put off, the rest is done
 */
#ifndef CADRE_COORDINATOR_ENGINE_ROUND_H
#define CADRE_COORDINATOR_ENGINE_ROUND_H

#include "coordinator/engine/engine.h"

struct rounds;

/* The commits since the start. */
struct round_commits {
    uint64_t times[HISTOGRAM_STEPS], sum_us;   /* of those that changed something */
    uint64_t sizes[HISTOGRAM_STEPS], commands; /* how many commands each of these had */
    uint64_t failed;                           /* rolled back */
};

struct rounds *rounds_new(struct engine *g); /* the engine stays the caller's */
void rounds_free(struct rounds *r);          /* with the commands that still wait */

/* Takes a chain of commands, in order; NULL: it is time (rounds_next_ms). `now` is the engine's,
 * whose clock may be held back; clock_ms is the mono time by which tries are put off, and never is:
 * a store that is tried again must not wait for agents that are not heard while it fails. Returns
 * the bytes of the commands that are done with. */
size_t rounds_run(struct rounds *r, const struct moment *now, int64_t clock_ms,
                  struct command *fresh, struct effects *out);
/* To be called when the effects of a round have been told. */
void rounds_settle(struct rounds *r);
/* When a round is wanted though no command comes; INT64_MAX: never. By clock_ms when the rounds are
 * stuck, else by the engine's clock. */
int64_t rounds_next_ms(const struct rounds *r);
const struct round_commits *rounds_commits(const struct rounds *r);
/* Renews the ownership of one of several coordinators; what fails is logged. */
void rounds_renew(struct rounds *r);
/* Another coordinator owns the queue: nothing is done any more, nobody is told anything, and
 * commands that come stay with the rounds. */
bool rounds_are_fenced(const struct rounds *r);
/* Is the store failing, and nothing tried before rounds_next_ms? */
bool rounds_are_stuck(const struct rounds *r);

#endif
