/* Web hooks and mail: the only file that sees libcurl is transfer.c. */
#ifndef CADRE_NOTIFY_TRANSFER_H
#define CADRE_NOTIFY_TRANSFER_H

#include "base/err.h"
#include "wire/order.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Once, before any thread. */
int transfer_init(struct err *e);
void transfer_fini(void);
/* Delivers an order of these kinds. Blocks, at most about its timeout, and ends soon after *stop
 * became true; any thread, several at once. 0: the other side has taken it. Else e says why not, in
 * a sentence that has no secret; TLS is checked always, and nothing is sent where it fails. */
int transfer_run(const struct order *o, const atomic_bool *stop, struct err *e);

#endif
