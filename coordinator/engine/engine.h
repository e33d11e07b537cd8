/* The engine: everything that happens to jobs is decided here. Deterministic: time and randomness
 * are inputs; it touches no socket, no clock and no file but through the store. One thread.
 *
 *   engine_begin(now) -> engine_look_up(commands) -> engine_apply(command)... -> engine_commit()
 *   = one batch, one transaction
 *
 * Effects are to be carried out only when engine_commit returned 0. When it (or begin) fails, the
 * store was rolled back and the engine's memory is rebuilt from the store. The effects are those of
 * failure then: sessions that the engine knows no more are closed, so that their agents come back,
 * say hello and re-send. Nothing that was acknowledged is touched. The commands are still the
 * caller's, who may apply them again; round.h does so. */
#ifndef CADRE_COORDINATOR_ENGINE_ENGINE_H
#define CADRE_COORDINATOR_ENGINE_ENGINE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "coordinator/engine/command.h"
#include "coordinator/engine/effect.h"
#include "coordinator/store/store.h"

struct rule; /* rule.h */

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
    struct zones *zones; /* the engine takes a share; NULL: UTC and offsets alone are known */
    /* SHA-256 of a webhook's key, hexadecimal, as callers have it; NULL: keys that stand in flows
     * open nothing */
    void (*key_hash)(const char *key, char out[65]);
    const char *const *channels; /* that there are; the caller's, for the engine's life */
    size_t channel_count;
    const struct rule *rules; /* the same; each channel of theirs is there */
    size_t rule_count;
    const char *timezone; /* of schedules that name none, known to zones; NULL: UTC */
    /* A clock for engine_commit_us, in microseconds, on which nothing else rests; called on the
     * engine's thread. NULL: commits are not timed. */
    int64_t (*stopwatch_us)(void);
};

struct engine;

/* Loads what is open from the store; every lease begins afresh at `now`. The store stays the
 * caller's. */
int engine_new(struct store *store, const struct engine_config *config, uint64_t seed,
               const struct moment *now, struct engine **out, struct err *e);
void engine_free(struct engine *g);

int engine_begin(struct engine *g, const struct moment *now, struct err *e);
/* Looks up together what the commands from `first` on, which are to be applied next, need of the
 * store. Behind engine_begin; a batch without it comes out the same, and asks the store more often.
 * A failure is that of the batch. */
void engine_look_up(struct engine *g, const struct command *first);
/* Borrows the command, which may be applied again when the batch failed. Appends to `out`. */
void engine_apply(struct engine *g, const struct command *c, struct effects *out);
/* Runs what is due, matches pending jobs with free slots, commits. */
int engine_commit(struct engine *g, struct effects *out, struct err *e);

/* ---- after a batch that failed on a bug: its commands, one by one ---- */

/* Did the disk fail, and not a command? */
bool engine_is_of_disk(int rc);
/* Commits a batch of one command, without the engine's chores. */
int engine_commit_alone(struct engine *g, struct effects *out, struct err *e);
/* A number that the log and the message about a failure share. */
void engine_incident(struct engine *g, char out[ID_TEXT_SIZE]);
/* A command that fails alone: its request is answered with the incident, an event's attempt ends
 * and the event is acknowledged, another session's link is closed. A transaction of its own. */
void engine_give_up(struct engine *g, const struct moment *now, const struct command *c,
                    const char *incident, struct effects *out);
/* A transaction for the next thing that the engine does of itself: a timer that is due, a group
 * that is to be matched. When that trips a bug it is put off. false: nothing is left to be done, or
 * the disk failed (e->code). */
bool engine_chore(struct engine *g, const struct moment *now, struct effects *out, struct err *e);

/* ---- while nothing can be written; outside of a batch ---- */

/* Does the command only read, so that engine_look can run it? */
bool engine_only_looks(const struct command *c);
void engine_look(struct engine *g, const struct moment *now, const struct command *c,
                 struct effects *out);
/* Is the command of a failed batch to be applied again? Not when somebody else says it again: who
 * sent a request, an agent that says hello. */
bool engine_waits(const struct command *c);
/* Gives the command up: answers its request with e, and closes its session. */
void engine_fail(const struct command *c, const struct err *e, struct effects *out);

/* Did the last batch change anything in the store? */
bool engine_wrote(const struct engine *g);
/* How long the store's part of the last commit took, in microseconds: the changes are written and
 * the disk has them. 0 when it changed nothing, failed, or is not timed. */
int64_t engine_commit_us(const struct engine *g);
/* A commit that says no more than that this coordinator owns the queue (store_renew); nothing to do
 * for one that is alone. Between two batches. ERR_FENCED: nothing of it may be used any more. */
int engine_renew(struct engine *g, struct err *e);
/* After the effects of a commit were told: what may come behind them (store_settle). */
void engine_settle(struct engine *g);
/* Mono time at which a CMD_TICK is wanted next; INT64_MAX: never. Valid after a commit. */
int64_t engine_next_ms(const struct engine *g);

#endif
