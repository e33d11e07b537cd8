#include "wire/link_uv.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <stdio.h>
#include <string.h>

#define READ_BYTES (32u * 1024)    /* with a partial record before it, below what tls_feed takes */
#define READS_AT_ONCE 4            /* then others have their turn: libuv would go on to 1 MiB */
#define DELIVER_BYTES (16u * 1024) /* a TLS record at most */
#define ENCRYPT_BYTES (64u * 1024) /* plaintext that becomes ciphertext ahead of the kernel */
#define KEEPALIVE_S 60

static void output(struct link *l);

/* ---- life ---- */

struct link *link_new(struct link_hub *hub)
{
    struct link *l = mem_alloc(sizeof(*l));
    l->hub = link_hub_ref(hub);
    /* Sent bytes stay in front until they are half of it, and one message may come on top. */
    buf_init(&l->out, 3 * (size_t)LIMIT_SEND_QUEUE);
    buf_init(&l->flight, SIZE_MAX / 2);
    uv_tcp_init(hub->loop, &l->tcp);
    l->tcp.data = l;
    l->tcp_open = true;
    return l;
}

static void free_link(struct link *l)
{
    if (l->origin != NULL && l->origin->on_free != NULL) l->origin->on_free(l);
    tls_free(l->tls);
    buf_fini(&l->out);
    buf_fini(&l->flight);
    link_hub_unref(l->hub);
    mem_free(l);
}

static void on_socket_gone(uv_handle_t *handle)
{
    struct link *l = handle->data;
    l->tcp_closing = false;
    if (l->state != LINK_ENDED) {
        l->origin->on_socket_gone(l);
        return;
    }
    if (l->handler.on_close != NULL) l->handler.on_close(l, &l->err, l->user);
    free_link(l);
}

void link_drop_socket(struct link *l)
{
    if (!l->tcp_open) return;
    l->tcp_open = false;
    l->tcp_closing = true;
    l->reading = false;
    uv_close((uv_handle_t *)&l->tcp, on_socket_gone);
}

void link_end(struct link *l, const struct err *why)
{
    if (l->state == LINK_ENDED) return;
    if (why != NULL) l->err = *why;
    l->state = LINK_ENDED;
    link_clear_deadline(l);
    link_unmark(l);
    if (l->origin != NULL) l->origin->on_end(l);
    link_drop_socket(l);
}

static void end_with(struct link *l, int code, const char *text)
{
    struct err e;
    err_set(&e, code, "%s", text);
    link_end(l, &e);
}

static void end_with_uv(struct link *l, const char *what, int status)
{
    struct err e;
    err_set(&e, ERR_CLOSED, "%s: %s", what, uv_strerror(status));
    link_end(l, &e);
}

/* TLS failed: an alert for the peer may be waiting. The alert is sent if the kernel takes it at
 * once. */
static void end_with_tls(struct link *l, const struct err *why)
{
    const void *data;
    size_t len;
    tls_pull(l->tls, &data, &len);
    if (len > 0 && !l->writing && l->tcp_open) {
        uv_buf_t b = uv_buf_init((char *)data, (unsigned)len);
        uv_try_write((uv_stream_t *)&l->tcp, &b, 1);
    }
    link_end(l, why);
}

static void deadline_passed(struct link *l)
{
    switch (l->state) {
    case LINK_RESOLVING:
    case LINK_CONNECTING:
        l->origin->on_late(l);
        break;
    case LINK_WAITING:
        end_with(l, ERR_TIMEOUT, "no place came free in time");
        break;
    case LINK_HANDSHAKE:
        end_with(l, ERR_TIMEOUT, "the TLS handshake took too long");
        break;
    case LINK_CLOSING:
        if (link_pending(l) > 0)
            end_with(l, ERR_TIMEOUT, "the peer did not take the last bytes");
        else
            link_end(l, NULL);
        break;
    case LINK_OPEN:
        end_with(l, ERR_TIMEOUT, "the peer does not take what it is sent");
        break;
    default:
        break;
    }
}

/* An open link has a deadline while the kernel is full. */
static void watch_flight(struct link *l)
{
    if (l->state == LINK_OPEN && l->stall_ms > 0 && l->writing) link_set_deadline(l, l->stall_ms);
}

/* ---- bytes to the peer ---- */

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct link *l = req->data;
    l->shutting = false;
    if (l->state == LINK_ENDED) return;
    if (status < 0 || l->peer_gone)
        link_end(l, NULL);
    else
        link_set_deadline(l, LINK_LINGER_MS);
}

/* Everything was handed to the kernel. */
static void all_sent(struct link *l)
{
    if (l->state == LINK_OPEN && l->drain_owed) {
        l->drain_owed = false;
        if (l->handler.on_drain != NULL) l->handler.on_drain(l, l->user);
    } else if (l->state == LINK_CLOSING && l->said_goodbye && !l->shutting) {
        if (l->peer_gone) {
            link_end(l, NULL);
            return;
        }
        /* Closing the socket while bytes of the peer are unread would reset the connection and
         * might take our last bytes from the peer: so its end is waited for, a little. */
        l->shutting = true;
        l->shutdown.data = l;
        if (uv_shutdown(&l->shutdown, (uv_stream_t *)&l->tcp, on_shutdown) != 0) link_end(l, NULL);
    }
}

static void on_written(uv_write_t *req, int status)
{
    struct link *l = req->data;
    l->writing = false;
    link_hub_take_back(l->hub, &l->flight);
    if (l->state == LINK_ENDED) return;
    if (l->state == LINK_OPEN && l->stall_ms > 0) link_clear_deadline(l);
    if (status < 0)
        end_with_uv(l, "sending", status);
    else
        output(l);
}

/* The kernel is full: libuv writes the rest when there is room. The bytes move out of the TLS
 * session's buffer, which may grow meanwhile. */
static bool write_later(struct link *l, const void *data, size_t len)
{
    buf_clear(&l->flight);
    if (buf_add(&l->flight, data, len) != 0) {
        end_with(l, ERR_INTERNAL, "no room for bytes to send");
        return false;
    }
    tls_pulled(l->tls, len);
    uv_buf_t b = uv_buf_init(l->flight.data, (unsigned)len);
    l->write.data = l;
    int status = uv_write(&l->write, (uv_stream_t *)&l->tcp, &b, 1, on_written);
    if (status < 0) {
        end_with_uv(l, "sending", status);
        return false;
    }
    l->writing = true;
    watch_flight(l);
    return true;
}

/* False when the link ended. */
static bool write_now(struct link *l, const void *data, size_t len)
{
    uv_buf_t b = uv_buf_init((char *)data, (unsigned)len);
    int n = uv_try_write((uv_stream_t *)&l->tcp, &b, 1);
    if (n == UV_EAGAIN || n == UV_ENOSYS) n = 0;
    if (n < 0) {
        end_with_uv(l, "sending", n);
        return false;
    }
    tls_pulled(l->tls, (size_t)n);
    if ((size_t)n == len) return true;
    /* tls_pulled moved the rest to the front. */
    tls_pull(l->tls, &data, &len);
    return write_later(l, data, len);
}

static size_t plain_left(const struct link *l)
{
    size_t end = l->state == LINK_CLOSING ? l->close_at : l->out.len;
    return end - l->out_sent;
}

static void drop_sent(struct link *l)
{
    if (l->out_sent == l->out.len) {
        link_hub_take_back(l->hub, &l->out);
    } else if (l->out_sent > l->out.len / 2) {
        buf_consume(&l->out, l->out_sent);
    } else {
        return;
    }
    l->close_at -= l->state == LINK_CLOSING ? l->out_sent : 0;
    l->out_sent = 0;
}

/* Encrypts the next piece. False when there is nothing (more) to encrypt, or the link ended. */
static bool encrypt(struct link *l)
{
    if (l->state != LINK_OPEN && l->state != LINK_CLOSING) return false;
    size_t n = plain_left(l);
    if (n == 0) {
        if (l->state == LINK_OPEN || l->said_goodbye) return false;
        tls_close(l->tls);
        l->said_goodbye = true;
        return true;
    }
    if (n > ENCRYPT_BYTES) n = ENCRYPT_BYTES;
    struct err e;
    if (tls_write(l->tls, l->out.data + l->out_sent, n, &e) != TLS_OK) {
        end_with_tls(l, &e);
        return false;
    }
    l->out_sent += n;
    drop_sent(l);
    return true;
}

/* Sends until the kernel takes no more. */
static void send_all(struct link *l)
{
    while (!l->writing && l->state != LINK_ENDED) {
        const void *data;
        size_t len;
        tls_pull(l->tls, &data, &len);
        if (len > 0) {
            if (!write_now(l, data, len)) return;
        } else if (!encrypt(l)) {
            break;
        }
    }
}

static void output(struct link *l)
{
    send_all(l);
    if (!l->writing && l->state != LINK_ENDED) all_sent(l);
}

/* ---- bytes from the peer ---- */

static void peer_said_goodbye(struct link *l)
{
    l->peer_gone = true;
    link_close(l);
}

/* True when the link is open now. */
static bool handshake(struct link *l)
{
    struct err e = {0};
    enum tls_status status = tls_handshake(l->tls, &e);
    if (status == TLS_FAILED) {
        end_with_tls(l, &e);
        return false;
    }
    if (status != TLS_OK) {
        output(l);
        return false;
    }
    /* The last bytes of the handshake are sent together with the first data. */
    link_clear_deadline(l);
    l->state = LINK_OPEN;
    link_mark(l);
    watch_flight(l);
    l->origin->on_open(l);
    return l->state == LINK_OPEN;
}

static void read_off(struct link *l)
{
    if (!l->reading) return;
    uv_read_stop((uv_stream_t *)&l->tcp);
    l->reading = false;
}

static void deliver(struct link *l)
{
    char data[DELIVER_BYTES];
    while (l->state == LINK_OPEN && !l->paused) {
        struct err e = {0};
        size_t got = 0;
        switch (tls_read(l->tls, data, sizeof(data), &got, &e)) {
        case TLS_OK:
            if (l->handler.on_data != NULL) l->handler.on_data(l, data, got, l->user);
            break;
        case TLS_WAIT:
            return;
        case TLS_CLOSED:
            peer_said_goodbye(l);
            return;
        case TLS_FAILED:
            end_with_tls(l, &e);
            return;
        }
    }
}

static void input(struct link *l)
{
    deliver(l);
    if (l->state == LINK_OPEN && l->paused) read_off(l);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *b)
{
    struct link *l = handle->data;
    (void)suggested;
    *b = uv_buf_init(NULL, 0); /* on_read hears of it, the rest is read in the next turn */
    if (l->reads++ == READS_AT_ONCE) return;
    /* libuv asks for it right before it reads, and on_read is done with it. */
    if (l->hub->read_buf == NULL) l->hub->read_buf = mem_resize(NULL, READ_BYTES, 1);
    *b = uv_buf_init(l->hub->read_buf, READ_BYTES);
}

static void on_end_of_input(struct link *l, int status)
{
    if (l->state == LINK_CLOSING) {
        l->peer_gone = true;
        /* The queued bytes may still reach the peer: it closed only one direction. */
        if (status != UV_EOF || (l->said_goodbye && link_pending(l) == 0))
            link_end(l, NULL);
        else
            read_off(l);
    } else if (l->state == LINK_HANDSHAKE && (status == UV_EOF || status == UV_ECONNRESET)) {
        end_with(
            l, ERR_CLOSED,
            l->connecting != NULL
                ? "the peer closed the connection during the TLS handshake; a coordinator with "
                  "too many connections does so, its log says more"
                : "the peer closed the connection during the TLS handshake");
    } else if (status != UV_EOF) {
        end_with_uv(l, "receiving", status);
    } else {
        end_with(l, ERR_CLOSED, "the peer closed the connection without a goodbye");
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct link *l = stream->data;
    if (n < (ssize_t)READ_BYTES) l->reads = 0; /* libuv stops by itself */
    if (n == UV_ENOBUFS) return;
    if (n > 0 && l->state < LINK_CLOSING) {
        l->heard = true;
        if (tls_lend(l->tls, b->base, (size_t)n) != 0) {
            end_with(l, ERR_INTERNAL, "input was not taken");
        } else if (l->state == LINK_HANDSHAKE) {
            read_off(l); /* until its turn */
            link_mark(l);
        } else {
            turn_worked(&l->hub->share);
            input(l);
        }
        tls_settle(l->tls);
    }
    if (n < 0 && l->state != LINK_ENDED) on_end_of_input(l, (int)n);
}

static void read_on(struct link *l)
{
    if (l->reading || !l->tcp_open) return;
    int status = uv_read_start((uv_stream_t *)&l->tcp, on_alloc, on_read);
    if (status < 0)
        end_with_uv(l, "receiving", status);
    else
        l->reading = true;
}

void link_begin(struct link *l)
{
    struct sockaddr_storage a;
    int len = sizeof(a);
    if (uv_tcp_getpeername(&l->tcp, (struct sockaddr *)&a, &len) == 0)
        link_format_address((const struct sockaddr *)&a, l->remote, sizeof(l->remote));
    uv_tcp_nodelay(&l->tcp, 1);
    uv_tcp_keepalive(&l->tcp, 1, KEEPALIVE_S);
    l->state = LINK_HANDSHAKE;
    read_on(l);
    link_mark(l); /* the client speaks first */
}

static void work(struct link *l)
{
    if (l->state == LINK_OPEN && !l->paused) input(l);
    /* Only now, because the bytes from before the pause had to be delivered first. */
    if (l->state == LINK_OPEN && !l->paused) read_on(l);
    if (l->state == LINK_OPEN || l->state == LINK_CLOSING) output(l);
}

static void shake(struct link *l)
{
    if (handshake(l)) input(l);
    if (l->state == LINK_HANDSHAKE || (l->state == LINK_OPEN && !l->paused)) read_on(l);
}

static const struct link_hub_calls hub_calls = {.work = work,
                                                .shake = shake,
                                                .late = deadline_passed};

struct link_hub *link_hub_open(uv_loop_t *loop)
{
    return link_hub_new(loop, &hub_calls);
}

/* ---- the interface ---- */

void link_set_handler(struct link *l, const struct link_handler *handler, void *user)
{
    l->handler = *handler;
    l->handled = true;
    l->user = user;
}

struct buf *link_out(struct link *l)
{
    link_hub_lend(l->hub, &l->out);
    return &l->out;
}

size_t link_pending(const struct link *l)
{
    const void *data;
    size_t len = 0;
    if (l->tls != NULL) tls_pull(l->tls, &data, &len);
    return plain_left(l) + len +
           (l->writing ? uv_stream_get_write_queue_size((const uv_stream_t *)&l->tcp) : 0);
}

void link_flush_later(struct link *l)
{
    if (l->state >= LINK_CLOSING) {
        /* New bytes are dropped. Bytes that were queued at link_close are still sent. */
        buf_truncate(&l->out, l->state == LINK_CLOSING ? l->close_at : 0);
        if (l->state == LINK_ENDED) l->out_sent = 0;
        return;
    }
    if (link_pending(l) > LIMIT_SEND_QUEUE) {
        end_with(l, ERR_TOO_LARGE, "the peer reads too slowly");
        return;
    }
    l->drain_owed = true;
    link_mark(l);
}

/* The link keeps its mark: whoever waits for on_drain hears of it in the turn. */
void link_flush_now(struct link *l)
{
    link_flush_later(l);
    if (l->state == LINK_OPEN) send_all(l);
}

int link_write(struct link *l, const void *data, size_t len)
{
    if (l->state >= LINK_CLOSING) return ERR_CLOSED;
    if (len > LIMIT_SEND_QUEUE || buf_add(link_out(l), data, len) != 0) {
        end_with(l, ERR_TOO_LARGE, "the peer reads too slowly");
        return ERR_TOO_LARGE;
    }
    link_flush_later(l);
    return l->state == LINK_ENDED ? ERR_TOO_LARGE : 0;
}

void link_pause(struct link *l)
{
    if (l->paused || l->state >= LINK_CLOSING) return;
    l->paused = true;
    if (l->state == LINK_OPEN) read_off(l);
}

void link_resume(struct link *l)
{
    if (!l->paused || l->state >= LINK_CLOSING) return;
    l->paused = false;
    if (l->state >= LINK_HANDSHAKE) link_mark(l);
}

void link_close(struct link *l)
{
    if (l->state >= LINK_CLOSING) return;
    if (l->state < LINK_OPEN) {
        link_end(l, NULL);
        return;
    }
    l->state = LINK_CLOSING;
    if (l->origin != NULL && l->origin->on_closing != NULL) l->origin->on_closing(l);
    l->close_at = l->out.len;
    link_set_deadline(l, LINK_CLOSE_MS);
    if (!l->peer_gone) read_on(l); /* to see its end; the bytes are dropped */
    link_mark(l);
}

void link_abort(struct link *l, const struct err *why)
{
    struct err e;
    if (why == NULL) {
        err_set(&e, ERR_CLOSED, "this side closed the connection early");
        why = &e;
    }
    link_end(l, why);
}

void link_peer(const struct link *l, struct tls_peer *out)
{
    tls_peer(l->tls, out);
}

const char *link_alpn(const struct link *l)
{
    return tls_alpn(l->tls);
}

const char *link_remote(const struct link *l)
{
    return l->remote;
}

uint64_t link_serial(const struct link *l)
{
    return l->serial;
}

void link_format_address(const struct sockaddr *a, char *dst, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
        uv_ip6_name(v6, text, sizeof(text));
        int port = ntohs(v6->sin6_port);
        if (str_starts(text, "::ffff:"))
            snprintf(dst, size, "%s:%d", text + strlen("::ffff:"), port);
        else
            snprintf(dst, size, "[%s]:%d", text, port);
        return;
    }
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
    uv_ip4_name(v4, text, sizeof(text));
    snprintf(dst, size, "%s:%d", text, (int)ntohs(v4->sin_port));
}
