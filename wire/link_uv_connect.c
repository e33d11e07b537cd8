#include "wire/link_uv.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define ADDRESSES_MAX 16
#define HOST_MAX 256
#define TRY_MIN_MS 250 /* an address gets at least that long */

struct link_connecting {
    struct link *link; /* NULL: the link ended while the resolver was still busy */
    uv_getaddrinfo_t resolve;
    bool resolving;
    uv_connect_t connect;
    char host[HOST_MAX];
    uint16_t port;
    int64_t timeout_ms, until_ms;
    struct link_try how;
    struct sockaddr_storage address[ADDRESSES_MAX];
    unsigned count, next;
    int last_status;
    char failures[ERR_MSG_MAX / 2]; /* "192.0.2.1: connection refused; ..." */
    bool mixed;                     /* the addresses failed in different ways */
};

/* The error says where the link was to go: "connecting to host:port: ...". */
static void on_end(struct link *l)
{
    const struct link_connecting *c = l->connecting;
    bool v6 = strchr(c->host, ':') != NULL;
    if (l->err.code == ERR_OK) return;
    err_wrap(&l->err, "connecting to %s%s%s:%u", v6 ? "[" : "", c->host, v6 ? "]" : "",
             (unsigned)c->port);
}

static void on_free(struct link *l)
{
    struct link_connecting *c = l->connecting;
    l->origin = NULL;
    l->connecting = NULL;
    c->link = NULL;
    if (c->resolving)
        uv_cancel((uv_req_t *)&c->resolve); /* on_resolved is called in any case and frees c */
    else
        mem_free(c);
}

static void on_open(struct link *l)
{
    on_free(l);
    if (l->handler.on_open != NULL) l->handler.on_open(l, l->user);
}

static int64_t now_ms(const struct link *l)
{
    return (int64_t)uv_now(l->hub->loop);
}

static void give_up(struct link *l)
{
    const struct link_connecting *c = l->connecting;
    struct err e;
    int code = c->last_status == UV_ETIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE;
    const char *why = c->last_status == UV_ETIMEDOUT ? "no answer" : uv_strerror(c->last_status);
    if (c->mixed)
        err_set(&e, code, "%s", c->failures);
    else if (c->next > 1)
        err_set(&e, code, "%s (all %u addresses)", why, c->next);
    else
        err_set(&e, code, "%s", why);
    link_end(l, &e);
}

static void note_failure(struct link_connecting *c, int status)
{
    char text[64];
    size_t used = strlen(c->failures);
    link_format_address((const struct sockaddr *)&c->address[c->next - 1], text, sizeof(text));
    const char *why = status == UV_ETIMEDOUT ? "no answer" : uv_strerror(status);
    if (used + strlen(text) + strlen(why) + 8 < sizeof(c->failures))
        snprintf(c->failures + used, sizeof(c->failures) - used, "%s%s: %s", used > 0 ? "; " : "",
                 text, why);
    if (c->next > 1 && status != c->last_status) c->mixed = true;
    c->last_status = status;
}

/* This address failed: tries the next address, with a new socket. */
static void try_failed(struct link *l, int status)
{
    note_failure(l->connecting, status);
    link_drop_socket(l);
}

static void on_connected(uv_connect_t *req, int status)
{
    struct link *l = req->data;
    if (l->state != LINK_CONNECTING || l->tcp_closing) return;
    if (status < 0) {
        try_failed(l, status);
        return;
    }
    int64_t left_ms = l->connecting->until_ms - now_ms(l);
    link_set_deadline(l, left_ms > 0 ? left_ms : 0);
    link_begin(l);
}

static void try_next(struct link *l)
{
    struct link_connecting *c = l->connecting;
    int64_t left_ms = c->until_ms - now_ms(l);
    if (c->next == c->count || (c->next > 0 && left_ms <= 0)) {
        give_up(l);
        return;
    }
    /* An address that swallows packets must not use up the time of the others. */
    int64_t share_ms = left_ms / (int64_t)(c->count - c->next);
    if (share_ms < TRY_MIN_MS) share_ms = left_ms < TRY_MIN_MS ? left_ms : TRY_MIN_MS;
    if (c->how.connect_ms > 0 && share_ms > c->how.connect_ms) share_ms = c->how.connect_ms;
    link_set_deadline(l, share_ms > 0 ? share_ms : 0);
    c->connect.data = l;
    int status = uv_tcp_connect(&c->connect, &l->tcp,
                                (const struct sockaddr *)&c->address[c->next++], on_connected);
    if (status < 0) try_failed(l, status);
}

static void on_socket_gone(struct link *l)
{
    uv_tcp_init(l->hub->loop, &l->tcp);
    l->tcp.data = l;
    l->tcp_open = true;
    try_next(l);
}

static void on_late(struct link *l)
{
    struct link_connecting *c = l->connecting;
    if (l->state == LINK_CONNECTING && c->next < c->count && now_ms(l) < c->until_ms) {
        try_failed(l, UV_ETIMEDOUT);
        return;
    }
    struct err e;
    int64_t most_ms = c->timeout_ms;
    if (l->state == LINK_CONNECTING && c->how.connect_ms > 0 && c->how.connect_ms < most_ms)
        most_ms = c->how.connect_ms;
    if (l->state == LINK_RESOLVING)
        err_set(&e, ERR_TIMEOUT, "the name was not resolved within %lld ms",
                (long long)c->timeout_ms);
    else
        err_set(&e, ERR_TIMEOUT, "no answer within %lld ms", (long long)most_ms);
    link_end(l, &e);
}

static void add_address(struct link_connecting *c, const struct sockaddr *a)
{
    if (c->count == ADDRESSES_MAX) return;
    if (a->sa_family == AF_INET)
        memcpy(&c->address[c->count++], a, sizeof(struct sockaddr_in));
    else if (a->sa_family == AF_INET6)
        memcpy(&c->address[c->count++], a, sizeof(struct sockaddr_in6));
}

static void begin_with(struct link_connecting *c, unsigned first)
{
    struct sockaddr_storage given[ADDRESSES_MAX];
    if (c->count == 0 || first % c->count == 0) return;
    memcpy(given, c->address, sizeof given);
    for (unsigned i = 0; i < c->count; i++)
        c->address[i] = given[(first + i) % c->count];
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct link_connecting *c = req->data;
    struct link *l = c->link;
    c->resolving = false;
    for (const struct addrinfo *a = list; status == 0 && a != NULL; a = a->ai_next)
        add_address(c, a->ai_addr);
    uv_freeaddrinfo(list);
    if (l == NULL) {
        mem_free(c);
        return;
    }
    if (l->state != LINK_RESOLVING) return;
    if (status != 0 || c->count == 0) {
        struct err e;
        err_set(&e, ERR_UNAVAILABLE, "the name cannot be resolved (%s)",
                status != 0 ? uv_strerror(status) : "no address");
        link_end(l, &e);
        return;
    }
    begin_with(c, c->how.first);
    l->state = LINK_CONNECTING;
    try_next(l);
}

/* Starts to connect; a failure is reported later, from the loop, as all others are. */
static void start(struct link *l, struct tls_config *tls)
{
    struct link_connecting *c = l->connecting;
    struct err e = {0};
    if (tls_new(tls, c->host, &l->tls, &e) != 0) {
        link_end(l, &e);
        return;
    }
    struct sockaddr_storage literal = {0};
    link_set_deadline(l, c->timeout_ms);
    if (uv_ip4_addr(c->host, c->port, (struct sockaddr_in *)&literal) == 0 ||
        uv_ip6_addr(c->host, c->port, (struct sockaddr_in6 *)&literal) == 0)
        add_address(c, (const struct sockaddr *)&literal);
    if (c->count > 0) {
        l->state = LINK_CONNECTING;
        try_next(l);
        return;
    }
    struct addrinfo hints = {0};
    char service[8];
    hints.ai_socktype = SOCK_STREAM;
    snprintf(service, sizeof(service), "%u", (unsigned)c->port);
    c->resolve.data = c;
    int status = uv_getaddrinfo(l->hub->loop, &c->resolve, on_resolved, c->host, service, &hints);
    if (status < 0) {
        err_set(&e, ERR_UNAVAILABLE, "the name cannot be resolved (%s)", uv_strerror(status));
        link_end(l, &e);
        return;
    }
    c->resolving = true;
}

static const struct link_origin origin = {.on_open = on_open,
                                          .on_end = on_end,
                                          .on_late = on_late,
                                          .on_socket_gone = on_socket_gone,
                                          .on_free = on_free};

struct link *link_connect(struct uv_loop_s *loop, struct tls_config *tls, const struct link_to *to,
                          const struct link_handler *handler, void *user)
{
    return link_connect_by(loop, tls, to, &(struct link_try){0}, handler, user);
}

struct link *link_connect_by(struct uv_loop_s *loop, struct tls_config *tls,
                             const struct link_to *to, const struct link_try *how,
                             const struct link_handler *handler, void *user)
{
    struct link_hub *hub = link_hub_open(loop);
    struct link *l = link_new(hub);
    link_hub_unref(hub);
    struct link_connecting *c = mem_alloc(sizeof(*c));
    c->link = l;
    c->port = to->port;
    c->timeout_ms = to->timeout_ms;
    c->how = *how;
    l->connecting = c;
    l->origin = &origin;
    link_set_handler(l, handler, user);
    str_format(l->remote, sizeof(l->remote), "%.50s:%u", to->host, (unsigned)to->port);
    uv_update_time(loop);
    c->until_ms = now_ms(l) + to->timeout_ms;
    if (str_copy(c->host, sizeof(c->host), to->host) == 0) {
        start(l, tls);
    } else {
        struct err e;
        err_set(&e, ERR_INVALID, "the name is longer than %d bytes", HOST_MAX - 1);
        link_end(l, &e);
    }
    return l;
}
