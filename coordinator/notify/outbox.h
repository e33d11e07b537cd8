/* Carries messages from the engine to channels: an effect becomes an order for the courier, and its
 * end a command. Loop thread. */
#ifndef CADRE_COORDINATOR_NOTIFY_OUTBOX_H
#define CADRE_COORDINATOR_NOTIFY_OUTBOX_H

#include "base/json.h"
#include "coordinator/engine/effect.h"

/* Messages of a channel that wait here: more are told as failed at once, which the engine tries
 * again later. It has no more than NOTICES_MOST and what the rules hold, so these bound memory
 * should it ever be wrong. */
#define OUTBOX_OF_LANE 10000

struct courier;
struct outbox;
/* Since the start. */
struct outbox_counters {
    uint64_t delivered, failed; /* tries to deliver a message */
    uint64_t dropped;           /* messages that made room for others */
};
struct spine;

/* channels: of the configuration, NULL: there are none. name: this coordinator's in messages,
 * copied. The other three are borrowed until outbox_free. */
struct outbox *outbox_new(const struct json *channels, const char *name, struct courier *courier,
                          struct spine *spine);
void outbox_on_notice(struct outbox *o, const struct effect_notice *x);
/* It made room for another one, event is NULL: unless the courier's child has it by now, it is not
 * delivered any more. */
void outbox_on_dropped(struct outbox *o, const struct effect_notice *x);
void outbox_counters(const struct outbox *o, struct outbox_counters *out);
/* Before courier_stop: what is on its way is sent again by the next start. */
void outbox_stop(struct outbox *o);
/* After courier_stop. NULL is fine. */
void outbox_free(struct outbox *o);

#endif
