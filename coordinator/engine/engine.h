/* The engine: everything that happens to jobs is decided here. Deterministic: time and randomness
 * are inputs; it touches no socket, no clock and no file but through the store. One thread.
 *
 *   engine_begin(now) -> engine_apply(command)... -> engine_commit() = one batch, one transaction
 *
 * Effects are to be carried out only when engine_commit returned 0. When it (or begin) fails, the
 * store was rolled back, the engine's memory is rebuilt from the store, and the effects are those
 * of failure instead: every request is answered with the error (ERR_FULL, ERR_IO ...), every
 * session is closed so that its agent comes back, says hello and re-sends. Nothing that was
 * acknowledged is touched. */
#ifndef CADRE_COORDINATOR_ENGINE_ENGINE_H
#define CADRE_COORDINATOR_ENGINE_ENGINE_H

#include "base/clock.h"
#include "base/err.h"
#include "coordinator/engine/command.h"
#include "coordinator/engine/effect.h"
#include "coordinator/store/store.h"

struct engine_config {
    int64_t lease_ms, heartbeat_ms;
    int64_t retention_ms;
    int64_t output_limit_bytes;
    int64_t payload_limit_bytes;
    int64_t max_agents;
    /* added to a lease before an attempt is given up, when the job has no grace of its own */
    int64_t kill_time_ms;
    int64_t
        /* of queued jobs kept at hand, so that a hand-out need not read them; 0: 32 MiB */
        cache_bytes;
};

struct engine;

/* Loads what is open from the store; every lease begins afresh at `now`. The store stays the
 * caller's. */
int engine_new(struct store *store, const struct engine_config *config, uint64_t seed,
               const struct moment *now, struct engine **out, struct err *e);
void engine_free(struct engine *g);

int engine_begin(struct engine *g, const struct moment *now, struct err *e);
/* Borrows the command, which may be applied again when the batch failed. Appends to `out`. */
void engine_apply(struct engine *g, const struct command *c, struct effects *out);
/* Runs what is due, matches pending jobs with free slots, commits. */
int engine_commit(struct engine *g, struct effects *out, struct err *e);

/* Mono time at which a CMD_TICK is wanted next; INT64_MAX: never. Valid after a commit. */
int64_t engine_next_ms(const struct engine *g);

#endif
