/* What happened to agents: a part of store.h. */
#ifndef CADRE_COORDINATOR_STORE_STORE_AGENT_EVENT_H
#define CADRE_COORDINATOR_STORE_STORE_AGENT_EVENT_H

#include "base/err.h"
#include "coordinator/store/model_agent_event.h"

#include <stdbool.h>
#include <stddef.h>

struct store;

/* An agent's newest events are kept, so many at the most. */
#define AGENT_EVENTS_MOST 200
/* What happens again so soon after the last time is counted in the event that is there, ... */
#define AGENT_EVENT_AGAIN_MS INT64_C(120000)
/* ... unless that began so long ago. */
#define AGENT_EVENT_SPAN_MS INT64_C(3600000)

/* What happened at v->last_ms; of the row number, first_ms and times are not looked at. again: it
 * may happen often, and is counted where AGENT_EVENT_AGAIN_MS allows it, among the last few events:
 * so an agent whose connection comes and goes has two rows in two minutes at the most. The event
 * that counted it is the newest then, with its text. O(log n). */
int store_agent_event_add(struct store *s, const struct agent_event_row *v, bool again,
                          struct err *e);
/* Housekeeping: at most `most` of those that happened last before that. *more: there may be
 * others. */
int store_agent_events_purge(struct store *s, int64_t before_ms, size_t most, bool *more,
                             struct err *e);

#endif
