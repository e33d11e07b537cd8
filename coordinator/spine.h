/* The spine: the store thread and the two queues that join it to the loop thread (design 3.1).
 *
 *   loop thread           store thread                      loop thread
 *   spine_push -[commands]-> begin, apply all, commit -[effects]-> on_effects
 *
 * The store thread takes what has queued up into one transaction, from all sessions and clients in
 * turn (lanes.h) and up to a limit that grows with the cost of a commit (pace.h): while the disk is
 * busy, the next batch gets larger. All functions are for the loop thread. */
#ifndef CADRE_COORDINATOR_SPINE_H
#define CADRE_COORDINATOR_SPINE_H

#include "base/err.h"
#include "coordinator/engine/round.h"

#include <stdbool.h>
#include <stddef.h>

struct uv_loop_s;
struct spine;
struct tenure;

#define SPINE_HIGH_BYTES (32u * 1024 * 1024)    /* of commands waiting: producers are to pause */
#define SPINE_LOW_BYTES (8u * 1024 * 1024)      /* ... and to go on */
#define SPINE_MOST_BYTES (2 * SPINE_HIGH_BYTES) /* requests pause, too, while the store fails */

struct spine_handler {
    /* After a commit, in order; the list is freed when it returns. */
    void (*on_effects)(struct effects *list, void *user);
    /* The queue went below SPINE_LOW_BYTES after spine_is_full had been true, or requests are taken
     * again (spine_takes_requests). */
    void (*on_relief)(void *user);
    /* Of one of several coordinators; NULL: this one is alone, and the three are not looked at. It
     * is borrowed until spine_stop or on_dropped. */
    struct tenure *tenure;
    /* The tenure is lost: no effect is told any more. Once; spine_drop is to be called. */
    void (*on_lost)(void *user);
    /* After spine_drop: the thread has ended, and the engine is the caller's. */
    void (*on_dropped)(void *user);
};

/* Starts the thread. The engine is the spine's until spine_stop returns; the store belongs to
 * the caller. */
int spine_start(struct uv_loop_s *loop, struct engine *engine, const struct spine_handler *handler,
                void *user, struct spine **out, struct err *e);
/* Takes the command. What is pushed in one turn of the loop is handed over together, at its end or
 * by spine_pass_on. */
void spine_push(struct spine *s, struct command *c);
/* A session has pushed all that it received. When one agent alone works, the store thread is given
 * that at once, to work on it while the loop still reads what clients sent: everything would go in
 * step otherwise, the agent's results, the commit, its next jobs. What several agents say waits for
 * the end of the turn and shares a commit, since more commits would cost them more. */
void spine_pass_on(struct spine *s);
/* The agent's heartbeat is about to be acknowledged: the engine is told with CMD_HEARD, not later
 * than of anything that is pushed after this. */
void spine_heard(struct spine *s, int64_t agent);
/* May this coordinator acknowledge heartbeats? An agent that is acknowledged keeps its jobs, so
 * only while nobody else can have the queue: to the end of its tenure. One coordinator alone always
 * owns it. */
bool spine_owns_queue(const struct spine *s);
/* For how long the store thread has been at its present batch, in ms; 0: it waits for work. A batch
 * takes as long as its commit, some ms on a healthy disk. */
int64_t spine_busy_ms(struct spine *s);
/* The commits up to the last round. Takes a lock for a copy, never for a commit. */
void spine_commits(struct spine *s, struct round_commits *out);
bool spine_is_full(const struct spine *s);
/* Are commands with a request welcome? Also when the queue is full because the store fails: they do
 * not wait for it then, but are told so at once. */
bool spine_takes_requests(const struct spine *s);
/* Works off what was pushed, commits, ends the thread, and delivers the last effects (from
 * inside this call). Blocks for a commit or two. Nothing may be pushed any more. Its handles
 * close asynchronously; the memory goes with them. */
void spine_stop(struct spine *s);
/* The tenure is lost: what was pushed is thrown away, and nothing is told. Does not block:
 * on_dropped comes from the loop when the thread has left the store, which may take seconds. Not
 * after spine_stop. */
void spine_drop(struct spine *s);

#endif
