/* The guard's process, as guard.c uses it: the memory that it shares with us, its start, its end, a
 * bell. Twin files: linux/guard_process.c, windows/guard_process.c. All on the loop's thread. */
#ifndef CADRE_PLATFORM_GUARD_PROCESS_H
#define CADRE_PLATFORM_GUARD_PROCESS_H

#include "base/err.h"

#include <stdint.h>

struct uv_loop_s;
struct guard_process;
struct guard_table;

/* A guard that was started has ended by itself; guard_process_pid() is 0 again. */
typedef void (*guard_process_end_fn)(int64_t pid, void *user);

/* Makes the table, for `capacity` slots. Nothing runs yet. */
int guard_process_new(struct uv_loop_s *loop, uint32_t capacity, guard_process_end_fn on_end,
                      void *user, struct guard_process **out, struct err *e);
/* The guard has to know that the end is near (guard_table.closing): when one runs, it is waited for
 * for a moment. The table goes, handles close asynchronously. NULL is fine. */
void guard_process_free(struct guard_process *p);
struct guard_table *guard_process_table(const struct guard_process *p);
/* When none is running. */
int guard_process_start(struct guard_process *p, struct err *e);
int64_t guard_process_pid(const struct guard_process *p); /* 0: none is running */
/* The guard looks at the table. Fine when none is running. */
void guard_process_wake(const struct guard_process *p);

#endif
