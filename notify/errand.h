/* A command that is given an event: started in a process group of its own, which is killed when the
 * command ended or its time is over. On the loop's thread. */
#ifndef CADRE_NOTIFY_ERRAND_H
#define CADRE_NOTIFY_ERRAND_H

#include "base/err.h"
#include "wire/order.h"

struct uv_loop_s;
struct errand;

/* rc 0: it exited with 0. Else e tells how it ended, with the end of what it wrote to standard
 * error. Once; never from inside the call that caused it. The errand frees itself afterwards. */
typedef void errand_end_fn(int rc, const struct err *e, void *user);

/* The body goes to its standard input; its environment is fixed (notify/ORDERS.md), its folder "/",
 * and standard output goes nowhere. The order must live until on_end. On failure nothing was
 * started, and on_end is not called. */
int errand_start(struct uv_loop_s *loop, const struct order *o, errand_end_fn *on_end, void *user,
                 struct errand **out, struct err *e);
/* Kills it; on_end follows. */
void errand_stop(struct errand *r);

#endif
