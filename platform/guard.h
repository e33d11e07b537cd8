/* The guard: a small process beside the agent. The guard ends jobs that the agent cannot end,
 * because the agent hangs, is stopped, or is dead. guard_table.h has the memory that the two
 * processes share.
 *
 * The agent holds a slot in shared memory for each attempt, from before its first process exists
 * until the last one is gone, and writes there the time from which its leases count. The agent
 * makes no call to the guard for this. The guard sleeps until the first lease is over, looks, and
 * sleeps again. The guard marks an attempt whose lease is over as expired (from then on no process
 * of that attempt starts, and its result does not count) and ends its processes as
 * platform/process.h does.
 *
 * The guard has no descriptors or handles except the pipe to the agent and the log, no key, and no
 * environment. It ignores signals, and ends when the agent has ended and no attempt is left. When
 * the guard is killed, the agent starts another guard, which finds all slots unchanged; no job is
 * started meanwhile.
 *
 * All but guard_main on the loop's thread. */
#ifndef CADRE_PLATFORM_GUARD_H
#define CADRE_PLATFORM_GUARD_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct uv_loop_s;
struct guard;

#define GUARD_CAPACITY 4096

struct guard_options {
    struct uv_loop_s *loop;
    uint32_t capacity; /* slots; more attempts than that wait */
    /* Whether jobs can be started now has changed. Must only take note. */
    void (*on_change)(void *user);
    void *user;
};

/* Starts this program as `PROGRAM guard`; main calls guard_main for it. The guard is up a moment
 * later. Call it after process_host_new, and process_host_set_guard afterwards, so that the guard
 * does not count as a job's process. */
int guard_new(const struct guard_options *o, struct guard **out, struct err *e);
/* To be called after all processes have ended. NULL is fine. Tells the guard to end; handles close
 * asynchronously. */
void guard_free(struct guard *g);
/* The guard is running and has a free slot. */
bool guard_ready(const struct guard *g);
/* Leases count from base_ms, in the clock of os_now()'s mono_ms. */
void guard_renew(struct guard *g, int64_t base_ms);
/* 0: no guard is running now. */
int64_t guard_pid(const struct guard *g);

/* For process.c. A process that is started under the claim may run only while the slot's state is
 * `permitted`. */
struct guard_table;
struct guard_claim; /* guard_table.h */
struct guard_hold {
    uint32_t slot;
    uint64_t permitted;
};
/* ERR_UNAVAILABLE: no guard is running; ERR_FULL: no free slot. */
int guard_hold(struct guard *g, const struct guard_claim *claim, struct guard_hold *out,
               struct err *e);
/* true: the guard ended the attempt. */
bool guard_release(struct guard *g, const struct guard_hold *hold);
struct guard_table *guard_table_of(const struct guard *g);

/* The guard's own program. Twin files: linux/guard_main.c, windows/guard_main.c. */
bool guard_is_asked_for(int argc, char *const *argv);
int guard_main(int argc, char *const *argv);

#endif
