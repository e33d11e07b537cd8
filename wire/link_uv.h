/* The inside of a link, shared by link_uv_hub.c (the loop's work list), link_uv.c (life and bytes
 * of a link), link_uv_connect.c (clients) and link_uv_listen.c (servers). No other file includes
 * this header. Calls go from the later of these files to the earlier ones. The other way there are
 * two tables of functions: the hub's, which link_uv.c fills, and a link's origin, which
 * link_uv_connect.c or link_uv_listen.c fills.
 *
 *   RESOLVING -> CONNECTING --+
 *                             v
 *                 WAITING -> HANDSHAKE -> OPEN -> CLOSING -> ENDED -> freed
 *
 * and from each state to ENDED. Client links begin at RESOLVING, accepted ones at WAITING: for a
 * place at the door (wire/door.h). CLOSING still sends what was queued and waits a moment for the
 * peer's end; ENDED waits for libuv to let go of the socket. */
#ifndef CADRE_WIRE_LINK_UV_H
#define CADRE_WIRE_LINK_UV_H

#include "base/buf.h"
#include "base/deadline.h"
#include "wire/door.h"
#include "wire/link.h"
#include "wire/turn.h"

#include <uv.h>

#define LINK_CLOSE_MS 10000 /* to send what is queued at link_close */
#define LINK_LINGER_MS 2000 /* and then for the peer to close its side */
#define LINK_ERROR_KEEP 2   /* how many addresses' failures are reported */

enum link_state {
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_WAITING,
    LINK_HANDSHAKE,
    LINK_OPEN,
    LINK_CLOSING,
    LINK_ENDED,
};

struct link;

/* What the hub does with a link. */
struct link_hub_calls {
    void (*work)(struct link *l);  /* it was marked */
    void (*shake)(struct link *l); /* the same in the state HANDSHAKE: a step of it */
    void (*late)(struct link *l);  /* its deadline passed */
};

#define LINK_SPARES 32              /* emptied buffers that a hub keeps for the next link to fill */
#define LINK_SPARE_MAX (16u * 1024) /* bytes of one of them at most */

struct link_list {
    struct link *first, *last;
};

/* What links of one loop share: the turn's work lists, one timer, and memory: most links are idle
 * most of the time. Counted; neither of its handles is active while there is nothing to do. */
struct link_hub {
    uv_loop_t *loop;
    const struct link_hub_calls *calls;
    unsigned refs, handles;
    uv_idle_t turn; /* active while the list is not empty, so that the loop does not sleep on it */
    uv_timer_t timer;
    bool armed;
    int64_t armed_for_ms;
    struct deadline_queue deadlines;
    struct link_list marked, shaking; /* the work lists, see link_mark */
    struct turn share;
    char *read_buf; /* for the read that goes on; NULL: none was made yet */
    struct buf spare[LINK_SPARES];
    unsigned spares;
};

/* Who made a link: a client's until its handshake is done, a listener's until it ends. A function
 * may be NULL where the state that leads to the call does not occur. */
struct link_origin {
    void (*on_open)(struct link *l);        /* the handshake is done; a client's origin goes */
    void (*on_closing)(struct link *l);     /* link_close was called; may be NULL */
    void (*on_end)(struct link *l);         /* it ended; may add to l->err */
    void (*on_late)(struct link *l);        /* RESOLVING, CONNECTING: the deadline passed */
    void (*on_socket_gone)(struct link *l); /* the same: link_drop_socket is complete */
    void (*on_free)(struct link *l);        /* the link goes; on_end came before */
};

struct link_connecting; /* link_uv_connect.c */

struct link {
    struct link_hub *hub;
    enum link_state state;
    uv_tcp_t tcp;
    bool tcp_open;    /* initialised and not yet told to close */
    bool tcp_closing; /* uv_close was called, its callback has not come */
    struct tls *tls;
    struct link_handler handler;
    bool handled; /* somebody has set the handler */
    void *user;
    char remote[64];
    uint64_t serial; /* see link_serial */

    struct buf out; /* plaintext; [out_sent, len) is not encrypted yet */
    size_t out_sent;
    size_t close_at;   /* out.len at link_close: later bytes are not sent */
    struct buf flight; /* ciphertext that libuv is writing */
    uv_write_t write;
    uv_shutdown_t shutdown;
    bool writing, shutting;
    bool said_goodbye; /* our close_notify is queued */
    bool peer_gone;    /* the peer said goodbye or closed its side */
    bool drain_owed;
    int64_t stall_ms; /* to take one flight; 0: as long as it likes */

    bool reading, paused;
    unsigned reads;       /* in a row */
    struct link_list *on; /* the work list that it is on; NULL: none */
    struct link *work_prev, *work_next;
    struct deadline deadline;
    struct err err; /* why it ended */

    const struct link_origin *origin; /* NULL: none any more */
    struct link_connecting *connecting;
    struct link_listener *listener; /* of an accepted link, until the listener closes */
    struct link *listed_prev, *listed_next;
    struct door_guest guest;
    link_crowded_fn *on_crowded;
    bool heard; /* a byte came */
};

/* ---- link_uv_hub.c ---- */
struct link_hub *link_hub_new(uv_loop_t *loop, const struct link_hub_calls *calls);
struct link_hub *link_hub_ref(struct link_hub *h);
void link_hub_unref(struct link_hub *h);
/* Puts the link on the work list of the turn; calls->work is called for it. A link in the state
 * HANDSHAKE is put on the other one: steps of handshakes wait for each other there, and get at most
 * half of each turn (wire/turn.h); calls->shake is called for it. */
void link_mark(struct link *l);
void link_unmark(struct link *l);
void link_set_deadline(struct link *l, int64_t in_ms);
void link_clear_deadline(struct link *l);
/* Memory for an empty buffer, from one that was emptied before; without one the buffer stays as it
 * is. */
void link_hub_lend(struct link_hub *h, struct buf *b);
/* Empties the buffer. Its memory goes to the hub. */
void link_hub_take_back(struct link_hub *h, struct buf *b);

/* ---- link_uv.c ---- */
/* A hub for links. */
struct link_hub *link_hub_open(uv_loop_t *loop);
/* With a socket that is initialised but not connected; takes a reference of the hub for itself. */
struct link *link_new(struct link_hub *hub);
/* The TCP connection stands: names the peer, starts reading and the handshake. */
void link_begin(struct link *l);
/* Ends it now; on_close follows from the loop. The first reason given stays; NULL: orderly. */
void link_end(struct link *l, const struct err *why);
/* Closes the socket; when it is gone, origin->on_socket_gone is called or the link ends. */
void link_drop_socket(struct link *l);
/* "192.0.2.7:41234", "[2001:db8::1]:41234"; an IPv4 address mapped into IPv6 as itself. */
void link_format_address(const struct sockaddr *a, char *dst, size_t size);

/* ---- link_uv_listen.c ---- */
/* The ceilings of the door; what link_listen sets is in limits.h. 0 leaves one as it is. */
void link_listener_set_limits(struct link_listener *ls, const struct door_limits *limits);
struct link_hub *link_listener_hub(const struct link_listener *ls); /* borrowed */

#endif
