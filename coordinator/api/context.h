/* The state that all requests of the API share. Loop thread. */
#ifndef CADRE_COORDINATOR_API_CONTEXT_H
#define CADRE_COORDINATOR_API_CONTEXT_H

#include "coordinator/api/api.h"
#include "base/map.h"

#include <stdbool.h>

#define API_HEAD_MS 10000   /* from a request's first byte to the end of its head */
#define API_BODY_MS 60000   /* ... to the end of its body */
#define API_IDLE_MS 60000   /* between two requests */
#define API_PIPELINE_MAX 64 /* requests of one connection under way */
#define API_CONNECTIONS_MAX 4096
#define API_PENDING_BYTES (1u << 20)   /* unsent, above which nothing more is produced */
#define API_STRANGER_BYTES (64u << 10) /* the same, of a client without a token */
#define API_BODIES_BYTES (64u << 20)   /* of all request bodies that arrive at once */
#define API_INPUT_BYTES (64u << 10)    /* unparsed, above which the link is paused */
#define API_HELD_BYTES (1u << 20)      /* of bodies of one connection under way */
/* What one connection gets done before the others have their turn: bytes of bodies, and so many
 * more for each request. */
#define API_SHARE_BYTES (128u << 10)
#define API_REQUEST_BYTES 4096u
#define API_HELD_MS 1000 /* a revoked token is good for no longer at another coordinator */

struct auth;
struct forwards;
struct allow_net;
struct rate;
struct traffic;
struct conn;
struct following;
struct live;
struct page;

struct api {
    struct api_options o;
    struct spine *spine;     /* NULL: another coordinator owns the queue */
    struct courier *courier; /* the same */
    char *unfit;             /* why nothing is served; NULL: it is */
    struct auth *auth;
    struct rate *webhooks; /* how many calls each of them takes */
    struct traffic *traffic;
    struct forwards *forwards; /* requests that are with the owner */
    struct allow_net *allow;   /* who reads the metrics without a token */
    size_t allow_count;
    struct allow_net *proxies; /* whose X-Forwarded-For is believed */
    size_t proxy_count;
    struct map waiting; /* command number -> request */
    uint64_t last_number;
    struct map followers; /* job -> first stream of the job */
    struct map execution_followers;
    struct live *live; /* who reads events */
    struct page *page;
    struct following *woken; /* to be pumped by api_settle */
    struct conn *first;
    struct conn *later, **later_last; /* they have had their share of this turn of the loop */
    void *idle;                       /* goes on with them in the next one */
    size_t count;
    size_t body_bytes; /* of API_BODIES_BYTES */
    char *put_off;     /* JSON text: the chores that the engine has put off; NULL: none */
    int64_t swept_ms;
    int64_t probed_ms; /* mono, when a probe was answered that the store can be written; 0: never */
    void *timer;
    bool stopped;
};

/* Does this coordinator own the queue, with its engine at hand? */
static inline bool api_owns(const struct api *a)
{
    return a->spine && (!a->o.owns || a->o.owns(a->o.user));
}

#endif
