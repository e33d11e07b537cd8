/* A link is one TLS connection on a libuv loop; the same code serves both ends. wire/link_uv.c is
 * the only file that sees its stream. All calls and callbacks on the loop's thread; callbacks never
 * come from inside the call that caused them.
 *
 * Writing: link_write* append to a plaintext buffer; everything that is appended during one turn of
 * the loop is sent in few TLS records and one write, unless link_flush_now asks for more. Above
 * LIMIT_SEND_QUEUE unsent the link fails with ERR_TOO_LARGE ("peer reads too slowly"); a producer
 * can check link_pending and wait for on_drain instead. The peer of an accepted link has
 * LIMIT_STALL_MS for each 64 KiB, or LIMIT_STALL_KNOWN_MS when it is admitted; then the link fails
 * with ERR_TIMEOUT.
 *
 * Closing: on_close is called exactly once, whichever side ends the link; then the link frees
 * itself. */
#ifndef CADRE_WIRE_LINK_H
#define CADRE_WIRE_LINK_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct link;

struct link_handler {
    /* The handshake is done; tls_peer/alpn can be asked. */
    void (*on_open)(struct link *l, void *user);
    /* Decrypted bytes. The handler may close the link; then on_data is not called again. */
    void (*on_data)(struct link *l, const void *data, size_t len, void *user);
    /* The kernel has taken all written bytes; may be NULL. */
    void (*on_drain)(struct link *l, void *user);
    /* Once, at the end. e->code ERR_OK: orderly (close_notify or our link_close). */
    void (*on_close)(struct link *l, const struct err *e, void *user);
};

/* ---- client ---- */
/* Resolves the name, connects (each address in turn) and handshakes, all within timeout_ms. Returns
 * at once; failures come by on_close, with a sentence that names host and port. */
struct link_to {
    const char *host;
    uint16_t port;
    int64_t timeout_ms;
};
struct link *link_connect(struct uv_loop_s *loop, struct tls_config *tls, const struct link_to *to,
                          const struct link_handler *handler, void *user);
/* How it is tried, when not as above. */
struct link_try {
    unsigned first;     /* the name's address to begin with, counted from 0; modulo their number */
    int64_t connect_ms; /* the longest for a TCP connection to one of them; 0: timeout_ms */
};
struct link *link_connect_by(struct uv_loop_s *loop, struct tls_config *tls,
                             const struct link_to *to, const struct link_try *how,
                             const struct link_handler *handler, void *user);

/* ---- server ---- */
struct link_listener;
/* For each accepted connection after its handshake (so on_open is not called for these); the
 * callback sets the handler with link_set_handler or the link is closed. Until link_admit is called
 * for it, it has one of LIMIT_UNKNOWN_CONNECTIONS places, which addresses share (wire/door.h):
 * when others need them, it may lose its place. Slow handshakes are cut by the listener. */
typedef void link_accept_fn(struct link *l, void *user);
/* Told when connections were cut or failed in numbers, at most once a minute. */
struct link_crowd {
    uint64_t cut, failed; /* since the last time: cut for others, failed handshakes */
    char worst[64];       /* the address with most of them: "192.0.2.7", "2001:db8:1:2::/64" */
    unsigned worst_cut, worst_failed;
};
typedef void link_crowd_fn(const struct link_crowd *c, void *user);
struct link_listen_options {
    struct uv_loop_s *loop;
    struct tls_config *tls;
    const char *address; /* an IPv4 or IPv6 literal */
    uint16_t port;       /* 0: the system chooses, link_listener_port tells */
    link_accept_fn *on_accept;
    void *user;
    link_crowd_fn *on_crowd; /* may be NULL */
    unsigned places;         /* 0: LIMIT_UNKNOWN_CONNECTIONS. With `beside`: as there */
    int64_t handshake_ms;    /* 0: LIMIT_HANDSHAKE_MS. With `beside`: as there */
    int64_t stall_ms;        /* 0: LIMIT_STALL_MS, and LIMIT_STALL_KNOWN_MS */
    /* Another one of the loop, or NULL: their handshakes have one share of its turns (wire/turn.h),
     * and their connections the places of one door (wire/door.h), where an address counts once
     * whichever port it comes to. */
    const struct link_listener *beside;
};
/* An IPv4 or IPv6 address, as link_listen takes it: no name. */
bool link_is_address(const char *text);
/* Would link_listen find the address free? Takes it for the moment of the question. */
int link_may_listen(const char *address, uint16_t port, struct err *e);
int link_listen(const struct link_listen_options *o, struct link_listener **out, struct err *e);
uint16_t link_listener_port(const struct link_listener *ls);
/* What came of connections, since the start. */
struct link_listener_counters {
    uint64_t accepted; /* TCP connections taken */
    uint64_t opened;   /* handshakes that succeeded */
    uint64_t failed;   /* ... that failed */
    uint64_t late;     /* ... that took too long */
    uint64_t cut;      /* connections whose place went to another */
    uint64_t refused;  /* closed at once: no descriptor was left */
    /* Of the door, with those of the listeners beside this one; 0 of one that is beside another. */
    unsigned waiting; /* connections that wait for a place now */
    unsigned inside;  /* that have one: in their handshake, or not authenticated */
};
void link_listener_counters(const struct link_listener *ls, struct link_listener_counters *out);
/* New connections use this from now on (renewed certificate). */
void link_listener_set_tls(struct link_listener *ls, struct tls_config *tls);
/* Stops accepting; links that are open live on; those still in their handshake are cut. */
void link_listener_close(struct link_listener *ls);

/* ---- both ---- */
void link_set_handler(struct link *l, const struct link_handler *handler, void *user);
struct buf *link_out(struct link *l); /* append plaintext here, then link_flush_later */
void link_flush_later(struct link *l);
/* Does not wait for the end of the turn: for what is urgent, after which the turn has other work. A
 * record and a write of its own. */
void link_flush_now(struct link *l);
int link_write(struct link *l, const void *data, size_t len); /* both steps */
size_t link_pending(const struct link *l); /* bytes not yet taken by the kernel */
/* Stop and go on delivering on_data (back-pressure). */
void link_pause(struct link *l);
void link_resume(struct link *l);
/* Sends what is queued and close_notify, then ends. link_abort: at once. Both may be called
 * again. */
void link_close(struct link *l);
void link_abort(struct link *l, const struct err *why);
void link_peer(const struct link *l, struct tls_peer *out);
const char *link_alpn(const struct link *l);   /* NULL when none */
const char *link_remote(const struct link *l); /* "192.0.2.7:41234" */
/* Of an accepted link: its number in the order in which the listener accepted the TCP connections,
 * from 1; failed handshakes count, too. Connections that a peer opened one after the other have
 * increasing numbers. */
uint64_t link_serial(const struct link *l);
/* Of an accepted link: the peer has proved who it is. It keeps its connection, and its address is
 * favoured at the door for an hour after. May be called again. */
void link_admit(struct link *l);
/* Of an accepted link that is not admitted, and whose place at the door is another's now: fn says
 * so to the peer and closes. Without it the link is cut. */
typedef void link_crowded_fn(struct link *l, void *user);
void link_set_crowded(struct link *l, link_crowded_fn *fn);
/* Of an accepted link that is not admitted: it was served and asks for nothing at the moment. Such
 * links lose their places first. */
void link_set_idle(struct link *l, bool idle);

#endif
