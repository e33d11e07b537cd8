/* GET /api/v1/events: that something changed, for whoever shows it and then asks for what it shows.
 * What happens within a sweep (a quarter of a second) is one event for each topic. An event has at
 * most LIVE_IDS ids, and a client that does not read is sent nothing more until it does: then it is
 * told to load anew. So the memory and the work of one client are bounded, whatever happens.
 * Source: HTML Living Standard, "Server-sent events". Loop thread. */
#ifndef CADRE_COORDINATOR_API_LIVE_H
#define CADRE_COORDINATOR_API_LIVE_H

#include "coordinator/api/stream.h"

#define LIVE_IDS 100                  /* of one event; then only that there were more */
#define LIVE_PENDING_BYTES (32 << 10) /* unsent, above which a client has fallen behind */
#define LIVE_MOST 1000                /* clients at once */
#define LIVE_OF_TOKEN 100             /* ... and of one token, which leaves places for the others */

struct live;

struct live *live_new(void);
void live_free(struct live *l);    /* when no request is left */
void live_open(struct request *r); /* handler */
/* EFFECT_JOB_CHANGED, EFFECT_EXECUTION_CHANGED, EFFECT_NEWS; costs nothing while nobody looks. */
void live_on_effect(struct live *l, const struct effect *x);
/* Sends what there is: once a sweep. */
void live_tell(struct live *l);

#endif
