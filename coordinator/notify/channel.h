/* Channels: where word of what happened goes. They stand in coordinator.yaml (docs/notify.md); each
 * is a JSON object whose members are those of an order to cadre-notify (notify/ORDERS.md), but for
 *
 *   timeout    a duration, instead of timeoutMs
 *   shape      webhook: cadre (default), slack, mattermost or teams: the body that these want
 *   body       webhook: a mapping or list instead of a shape, whose texts may have {{ event.KEY }}
 *   subject    mail: a text that may have {{ event.KEY }}
 *   text       mail: the same, for the body
 *
 * Pure. */
#ifndef CADRE_COORDINATOR_NOTIFY_CHANNEL_H
#define CADRE_COORDINATOR_NOTIFY_CHANNEL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#define CHANNELS_MAX 100

/* Of an event, all texts; what does not apply is absent. `title` is one line, `text` says more. */
extern const char *const channel_event_keys[];
extern const size_t channel_event_key_count;

/* A member of `channels`, its key the channel's name. ERR_INVALID: a sentence that names the
 * channel; *where is the node that is wrong. */
int channel_check(const struct json *channel, const struct json **where, struct err *e);
/* Appends the line of an order, without its end: this event for this channel, which was checked.
 * ERR_TOO_LARGE: the event does not fit into an order. */
int channel_order(const struct json *channel, const char *id, const struct json *event,
                  struct buf *out, struct err *e);
/* Whom a message reaches, without what may be a secret: "https://hooks.example.com",
 * "ops@example.com and 2 more", "/usr/local/bin/page". mem_free. */
char *channel_reaches(const struct json *channel);

#endif
