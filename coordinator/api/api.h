/* The HTTP API (docs/api.md): HTTP/1.1 over the same TLS port as the agents. Requests of a
 * connection may be pipelined; they are worked on together and answered in order. Loop thread. */
#ifndef CADRE_COORDINATOR_API_API_H
#define CADRE_COORDINATOR_API_API_H

#include "base/err.h"
#include "coordinator/config.h"
#include "coordinator/engine/effect.h"
#include "coordinator/metrics/history.h"
#include "coordinator/spine.h"
#include "coordinator/reads/reads.h"
#include "coordinator/trust/authority.h"

#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct link;
struct api;
struct courier;
struct scrape;

struct api_options {
    struct uv_loop_s *loop;
    struct reads *reads;
    const struct authority *authority;
    const struct config *config;
    const char *name;      /* this coordinator's in messages; NULL: none */
    int64_t id;            /* ... in the list of coordinators */
    const char *addresses; /* JSON list, of the same */
    uint16_t port;         /* the port that is listened on; tokens contain it */
    int64_t started_wall_ms;
    /* Timeouts of clients; 0: the defaults in api/context.h. */
    int64_t head_ms, body_ms, idle_ms;
    /* Adds to the metrics what others count; may be NULL. */
    void (*gather)(struct scrape *s, void *user);
    /* How long the group's jobs waited of late: JSON text, mem_free. May be NULL. */
    char *(*waits)(const char *group, void *user);
    /* The same of all groups (NULL), or of one, as waits_list_json has them. May be NULL. */
    char *(*waits_list)(const char *group, void *user);
    /* The points of a group's history, as history_json has them. May be NULL. */
    char *(*history)(const char *group, enum history_span span, bool *shared, void *user);
    /* Does this coordinator own the queue? NULL: always. */
    bool (*owns)(void *user);
    /* Of the one that does, when this one does not: a JSON list of "host:port", valid until the
     * loop goes on. NULL: there is none, or it is not known yet. May be NULL. */
    const char *(*owner_addresses)(void *user);
    /* Who the owner is, for `status`: a JSON object, mem_free. NULL: the store has no owner. */
    char *(*owner)(void *user);
    bool shared;        /* the store is: what ends a token is answered a second later */
    int64_t forward_ms; /* silence of the owner; 0: the default in api/forward.h */
    void *user;
};

struct api *api_new(const struct api_options *o);
/* The coordinator owns the queue from now on; courier: of what is sent to channels. Both are
 * borrowed. At first it does not, and with NULLs it does not any more: whoever waits for an answer
 * of the engine gets 503 and may try again, streams break off without their end, so that who
 * follows comes back. */
void api_set_owner(struct api *a, struct spine *spine, struct courier *courier);
/* why: the database is of a version that this program does not know, a sentence, copied; it does
 * not own the queue. Whatever is asked of the database or the owner gets 503 with it, and streams
 * break off. NULL: it serves, as at first. */
void api_set_unfit(struct api *a, const char *why);
/* Takes over a link whose handshake is done and that speaks HTTP. */
void api_accept(struct api *a, struct link *l);
/* What is not for sessions, the metrics or channels; afterwards, once per list of effects:
 * api_settle. */
void api_on_effect(struct api *a, struct effect *x);
void api_settle(struct api *a);
void api_on_relief(struct api *a); /* the spine's queue has room again */
size_t api_count(const struct api *a);
/* Takes no more requests; those under way get their answers (before spine_stop). */
void api_quiesce(struct api *a);
/* No more requests; links are closed in order (cut: at once); streams break off without their
 * end, so that who follows comes back. */
void api_stop(struct api *a, bool cut);
void api_free(struct api *a); /* after api_stop, when api_count is 0; NULL is fine */

#endif
