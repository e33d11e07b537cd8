/* Passes requests on to the coordinator that owns the queue, over TLS: the caller's own headers and
 * body go there, the answer's bytes come back as they are, however long it goes on. Who may what is
 * judged there alone. The body of a request is read when the owner has judged its head: until then
 * nobody knows whose it is.
 *
 * The owner has to show a certificate of this CA that was made for a server, with the name that it
 * is asked by: an agent's is made for a client and has no names.
 *
 * Each request has a connection of its own. Nothing more is read from the owner while the client
 * does not read, and the other way round. Loop thread. */
#ifndef CADRE_COORDINATOR_API_FORWARD_H
#define CADRE_COORDINATOR_API_FORWARD_H

#include "coordinator/api/stream.h"

#define FORWARD_CONNECT_MS 5000    /* all addresses of the owner, with the handshake */
#define FORWARD_QUIET_MS 60000     /* of the owner, while nobody else is waited for; streams ping */
#define FORWARD_MOST 1024          /* requests at once */
#define FORWARD_BYTES (256u << 10) /* held of one of them, above which its link is paused */

struct forwards;

struct forwards *forwards_new(void);
void forwards_free(struct forwards *f); /* when no request is left */
void forwards_sweep(struct forwards *f, int64_t now_ms);

/* At the head of a request that its route wants answered at the owner, or may want to: keeps what
 * the owner is sent. Without an owner r->problem is filled. Of a request with a body, the owner is
 * asked; r->checking is set until it has answered. */
void forward_head(struct request *r, const struct http_message *m);
/* The request is there. Without a body it is sent now; with one it takes over *body and
 * `paid`, its share of the budget of bodies. */
void forward_message(struct request *r, struct buf *body, size_t paid);
/* A request whose answer was begun here needs the owner for the rest of it: passes it on, or calls
 * `without`, now or when the owner turns out to be away. */
void forward_rest(struct request *r, void (*without)(struct request *r));

#endif
