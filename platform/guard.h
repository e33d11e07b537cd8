/* The guard: a tiny process beside the agent that ends jobs which the agent cannot end, because it
 * hangs, is stopped, or is dead. What the two processes share is in guard_table.h.
 *
 * The agent holds a slot in shared memory for each attempt, from before its first process exists
 * until the last one is gone, and writes there since when its leases count. No call to the guard is
 * made for it. The guard sleeps until the first lease is over, looks, and sleeps again. What is
 * over it marks as expired (from then on nothing of that attempt starts or counts) and ends it as
 * platform/process.h does.
 *
 * It has no descriptor or handle but its end of the line to the agent and the log, no key, and no
 * environment; it ignores signals, and it ends when the agent has ended and nothing is left to be
 * guarded. If it is killed, another one is started and finds all slots as they are; no job is
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
    /* Jobs can, or cannot, be started now. Must only take note. */
    void (*on_change)(void *user);
    void *user;
};

/* Starts this very program as `PROGRAM guard`: main hands that to guard_main. It is up a moment
 * later. Behind process_host_new, and then process_host_set_guard, so that it does not count as a
 * job's process. */
int guard_new(const struct guard_options *o, struct guard **out, struct err *e);
/* After all processes. NULL is fine. The guard is told to end; handles close asynchronously. */
void guard_free(struct guard *g);
/* It watches, and has a slot left. */
bool guard_ready(const struct guard *g);
/* Leases count from base_ms, in the clock of os_now()'s mono_ms. */
void guard_renew(struct guard *g, int64_t base_ms);
/* 0: none is running now. */
int64_t guard_pid(const struct guard *g);

/* For process.c. What is started under it may run only while the slot's state is `permitted`. */
struct guard_table;
struct guard_claim; /* guard_table.h */
struct guard_hold {
    uint32_t slot;
    uint64_t permitted;
};
/* ERR_UNAVAILABLE: none is running; ERR_FULL: no slot. */
int guard_hold(struct guard *g, const struct guard_claim *claim, struct guard_hold *out,
               struct err *e);
/* true: the guard ended the attempt. */
bool guard_release(struct guard *g, const struct guard_hold *hold);
struct guard_table *guard_table_of(const struct guard *g);

/* The guard's own program. Twin files: linux/guard_main.c, windows/guard_main.c. */
bool guard_is_asked_for(int argc, char *const *argv);
int guard_main(int argc, char *const *argv);

#endif
