/* The guard's process, for guard.c: the shared memory, the start, the end, and a signal to look
 * at the table. Twin files: linux/guard_process.c, windows/guard_process.c. All on the loop's
 * thread. */
#ifndef CADRE_PLATFORM_GUARD_PROCESS_H
#define CADRE_PLATFORM_GUARD_PROCESS_H

#include "base/err.h"

#include <stdint.h>

struct uv_loop_s;
struct guard_process;
struct guard_table;

/* A guard that was started has ended by itself; guard_process_pid() is 0 again. */
typedef void (*guard_process_end_fn)(int64_t pid, void *user);

/* Makes the table, for `capacity` slots. Does not start the guard. */
int guard_process_new(struct uv_loop_s *loop, uint32_t capacity, guard_process_end_fn on_end,
                      void *user, struct guard_process **out, struct err *e);
/* guard_table.closing must be set before. Waits a moment for a running guard to end, and frees the
 * table; handles close asynchronously. NULL is fine. */
void guard_process_free(struct guard_process *p);
struct guard_table *guard_process_table(const struct guard_process *p);
/* When none is running. */
int guard_process_start(struct guard_process *p, struct err *e);
int64_t guard_process_pid(const struct guard_process *p); /* 0: none is running */
/* Makes the guard look at the table. Does nothing when no guard is running. */
void guard_process_wake(const struct guard_process *p);

#endif
