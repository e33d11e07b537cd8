/* Hands orders to cadre-notify, a child that is started with the first one, and again after it has
 * ended. It may hang or die: that costs the orders that it had, which are told as not delivered,
 * and nothing else. When it has had nothing to do for a minute it is let go. Loop thread. */
#ifndef CADRE_COORDINATOR_NOTIFY_COURIER_H
#define CADRE_COORDINATOR_NOTIFY_COURIER_H

#include "base/buf.h"
#include "wire/order.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Orders that the child has; the others wait here. No more than it works on at once, since the time
 * of each counts from when it was handed over. */
#define COURIER_AT_ONCE ORDER_AT_ONCE
/* ... and of one lane: what hangs leaves places for the others. */
#define COURIER_OF_LANE 2
#define COURIER_WAIT_MS 40000 /* for an answer: longer than an order may take */
_Static_assert(COURIER_WAIT_MS > ORDER_TIMEOUT_MS, "an order may take its time");
#define COURIER_IDLE_MS 60000 /* without an order the child ends */
#define COURIER_END_MS 5000   /* for the child to end when it is let go, else it is killed */
_Static_assert(COURIER_WAIT_MS + COURIER_END_MS <= 45000, "as 'cadre notify test --help' has it");
#define COURIER_ID_SIZE 40   /* of courier_id */
#define COURIER_LANE_SIZE 80 /* bytes of a lane's name, with its end */

struct uv_loop_s;
struct courier;

/* Once for each order; never from inside courier_send. delivered false: reason is a sentence. */
typedef void courier_end_fn(bool delivered, const char *reason, void *user);

/* Other times than those above, for tests. */
struct courier_times {
    int64_t wait_ms, idle_ms, end_ms;
};

/* program: path of cadre-notify, which has a fixed environment; copied. It need not be there: each
 * order is told so then. times: NULL: those above. */
struct courier *courier_new(struct uv_loop_s *loop, const char *program,
                            const struct courier_times *times);
/* The id of the next order, to be put into its line. No other coordinator, and no other life of
 * this one, has the same: mails are told apart by it. */
void courier_id(const struct courier *c, char out[COURIER_ID_SIZE]);
/* line: an order without the end of its line (wire/order.h) with that id; copied. lane: what may
 * hang as one, a channel; orders of a lane go in their order, and the lane with the fewest under
 * way is next. */
void courier_send(struct courier *c, const char *lane, const struct buf *line,
                  courier_end_fn *on_end, void *user);
/* Takes back the order that was sent with `user` while the child does not have it: on_end is not
 * called. false: there is none, or the child has it. */
bool courier_take_back(struct courier *c, const void *user);
size_t courier_waiting(const struct courier *c, const char *lane); /* orders without an answer */
/* Lets the child go, which then ends by itself. Orders that are under way are told so. */
void courier_stop(struct courier *c);
/* After courier_stop. Handles close asynchronously. NULL is fine. */
void courier_free(struct courier *c);

#endif
