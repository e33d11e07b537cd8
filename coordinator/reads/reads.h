/* The reader thread: the loop thread asks the store by queries and never waits for the answers.
 *
 *   loop thread            reader thread              loop thread
 *   reads_push -[queries]-> run, one after the other -[results]-> done
 *
 * The thread has a connection to the store of its own. Each query sees what was committed before it
 * runs: who got the answer to a command finds what that command did. Two bounds hold: so many
 * queries wait before reads_is_full, and so many bytes of results wait for the loop before the
 * thread pauses. All functions are for the loop thread. */
#ifndef CADRE_COORDINATOR_READS_READS_H
#define CADRE_COORDINATOR_READS_READS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define READS_WAITING_MAX 4096 /* waiting queries; above this number new requests are refused */
#define READS_RESULT_BYTES (32u << 20) /* bytes of results that the loop has not taken yet */

struct uv_loop_s;
struct reader;
struct reads;

/* The head of a question; what is asked and answered stands behind it. From reads_push to `done`
 * it is the reader thread's, but for its cancelling. */
struct query {
    /* Reader thread. Sets result_bytes to about what its result holds in memory. */
    void (*run)(struct query *q, struct reader *r);
    /* Loop thread, from the loop, once for each query; frees it. Without run before it when the
     * query was cancelled or the thread has ended: `ran` tells. */
    void (*done)(struct query *q);
    size_t result_bytes;
    bool ran, cancelled;
    struct query *next;
};

/* Starts the thread. The reader is the thread's until reads_stop returns, and the caller's then. */
int reads_start(struct uv_loop_s *loop, struct reader *reader, struct reads **out, struct err *e);
void reads_push(struct reads *s, struct query *q);
/* The query need not run any more; its `done` comes all the same. */
void reads_cancel(struct reads *s, struct query *q);
bool reads_is_full(const struct reads *s);
/* Works off what was pushed, ends the thread, and delivers the last results (from inside this
 * call). What is pushed from then on is done without having run. */
void reads_stop(struct reads *s);
/* Stops it, too, if need be. Its handle closes asynchronously; the memory goes with it. NULL is
 * fine. */
void reads_free(struct reads *s);

#endif
