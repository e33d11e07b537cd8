/* Listeners: each has a door (wire/door.h), which decides about its connections; here are their
 * sockets and the clock. */
#include "wire/link_uv.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <stdio.h>
#include <string.h>

#define ANY_PORT_TRIES 10
#define BACKLOG 4096                        /* the system's own ceiling applies */
#define TURN_MS 20                          /* how often the door is asked while somebody waits */
#define WAIT_MS 30000                       /* for a place */
#define MAPPED UINT64_C(0x0000ffff00000000) /* an IPv4 address as the key of a door */

/* The door of a listener and of those that were opened beside it. */
struct shared_door {
    struct door *door;
    struct door_limits limits;
    unsigned refs;
};

struct link_listener {
    struct link_hub *hub;
    uv_tcp_t tcp;
    uv_timer_t timer; /* of the door's next turn */
    unsigned handles;
    uint16_t port;
    struct tls_config *tls;
    link_accept_fn *on_accept;
    link_crowd_fn *on_crowd;
    void *user;
    struct shared_door *shared;
    struct door *door; /* shared->door */
    bool beside;       /* it was another listener's before */
    int64_t stall_ms, stall_known_ms;
    struct link_listener_counters counters;
    struct link *first; /* all links that the door knows */
    bool closing;
};

static int64_t now_ms(const struct link_listener *ls)
{
    return (int64_t)uv_now(ls->hub->loop);
}

/* ---- addresses ---- */

static uint64_t number_of(const uint8_t *bytes, size_t count)
{
    uint64_t n = 0;
    for (size_t i = 0; i < count; i++)
        n = n << 8 | bytes[i];
    return n;
}

/* An IPv4 address, or an IPv6 one without the half that its owner may choose freely. */
static uint64_t key_of(const struct link *l)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct sockaddr_storage a;
    int len = sizeof(a);
    if (uv_tcp_getpeername(&l->tcp, (struct sockaddr *)&a, &len) != 0) return 0;
    if (a.ss_family == AF_INET)
        return MAPPED | number_of((const uint8_t *)&((const struct sockaddr_in *)&a)->sin_addr, 4);
    if (a.ss_family != AF_INET6) return 0;
    const uint8_t *bytes = (const uint8_t *)&((const struct sockaddr_in6 *)&a)->sin6_addr;
    if (memcmp(bytes, mapped, sizeof(mapped)) == 0) return MAPPED | number_of(bytes + 12, 4);
    return number_of(bytes, 8);
}

static void format_key(uint64_t key, char *dst, size_t size)
{
    uint8_t bytes[16] = {0};
    char text[INET6_ADDRSTRLEN] = "?";
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(key >> (56 - 8 * i));
    bool v4 = (key & UINT64_C(0xffffffff00000000)) == MAPPED;
    if (v4)
        uv_inet_ntop(AF_INET, bytes + 4, text, sizeof(text));
    else
        uv_inet_ntop(AF_INET6, bytes, text, sizeof(text));
    snprintf(dst, size, "%s%s", text, v4 ? "" : "/64");
}

/* ---- links of the door ---- */

static void on_open(struct link *l);
static void on_handshake_ended(struct link *l);
static void on_closing(struct link *l);
static void on_visit_ended(struct link *l);
/* The origin of a link until its handshake is done, and after that. */
static const struct link_origin arriving = {.on_open = on_open, .on_end = on_handshake_ended};
static const struct link_origin visiting = {.on_closing = on_closing, .on_end = on_visit_ended};

static void list_link(struct link_listener *ls, struct link *l)
{
    l->listener = ls;
    l->origin = &arriving;
    l->listed_prev = NULL;
    l->listed_next = ls->first;
    if (ls->first != NULL) ls->first->listed_prev = l;
    ls->first = l;
}

/* The link and its listener do not know each other any more. */
static void part(struct link_listener *ls, struct link *l, enum door_end how)
{
    door_leave(ls->door, &l->guest, how, now_ms(ls));
    *(l->listed_prev != NULL ? &l->listed_prev->listed_next : &ls->first) = l->listed_next;
    if (l->listed_next != NULL) l->listed_next->listed_prev = l->listed_prev;
    l->listed_prev = l->listed_next = NULL;
    l->listener = NULL;
    l->origin = NULL;
}

/* ---- the door's turns ---- */

static struct link *link_of(struct door_guest *g)
{
    return (struct link *)((char *)g - offsetof(struct link, guest));
}

static void start_handshake(struct link *l)
{
    const struct link_listener *ls = l->listener;
    struct err e = {0};
    if (tls_new(ls->tls, NULL, &l->tls, &e) != 0) {
        link_end(l, &e);
        return;
    }
    link_set_deadline(l, door_patience_ms(ls->door));
    link_begin(l);
}

/* Its place is another's. */
static void cut(struct link *l)
{
    struct err e;
    l->listener->counters.cut++;
    /* Its last bytes are on their way, and it has a deadline of its own. */
    if (l->state == LINK_CLOSING) return;
    err_set(&e, ERR_UNAVAILABLE, "too many connections that are not authenticated");
    if (l->state == LINK_OPEN && l->on_crowded != NULL)
        l->on_crowded(l, l->user);
    else
        link_end(l, &e);
}

static void tell_crowd(struct link_listener *ls)
{
    struct door_report r;
    if (ls->on_crowd == NULL || !door_report(ls->door, now_ms(ls), &r)) return;
    struct link_crowd c = {.cut = r.cut,
                           .failed = r.failed,
                           .worst_cut = r.worst_cut,
                           .worst_failed = r.worst_failed};
    format_key(r.worst, c.worst, sizeof(c.worst));
    ls->on_crowd(&c, ls->user);
}

static void on_turn(uv_timer_t *timer);

static void turn_in(struct link_listener *ls, uint64_t ms)
{
    if (!ls->closing) uv_timer_start(&ls->timer, on_turn, ms, 0);
}

/* The guests may be another listener's, of the same door. */
static void take_turn(struct link_listener *ls)
{
    struct door_guest *g;
    enum door_step step;
    while (!ls->closing && (step = door_next(ls->door, now_ms(ls), &g)) != DOOR_NOTHING) {
        if (step == DOOR_LET_IN)
            start_handshake(link_of(g));
        else
            cut(link_of(g));
    }
    tell_crowd(ls);
    if (door_waiting(ls->door) > 0) turn_in(ls, TURN_MS);
}

static void on_turn(uv_timer_t *timer)
{
    take_turn(timer->data);
}

/* A place may have come free. Not at once: callbacks never come from inside a call. */
static void turn_soon(struct link_listener *ls)
{
    turn_in(ls, 0);
}

/* ---- what links tell ---- */

/* Hands the link to the program. */
static void on_open(struct link *l)
{
    struct link_listener *ls = l->listener;
    l->origin = &visiting;
    ls->counters.opened++;
    ls->on_accept(l, ls->user);
    if (!l->handled) link_close(l);
}

static void on_handshake_ended(struct link *l)
{
    struct link_listener *ls = l->listener;
    if (l->err.code == ERR_TIMEOUT)
        ls->counters.late++;
    else if (l->guest.stage != DOOR_AWAY)
        ls->counters.failed++;
    /* Failed: who says what is not TLS or fails it, and who connects and keeps silent. Not failed:
     * a probe that connects and leaves, and one who spoke but was not done in time or gave up. That
     * is how it looks when this machine is too busy. */
    bool spoke_wrongly = l->heard && l->err.code != ERR_TIMEOUT && l->err.code != ERR_CLOSED;
    bool kept_silent = !l->heard && l->err.code == ERR_TIMEOUT;
    part(ls, l, spoke_wrongly || kept_silent ? DOOR_FAILED : l->heard ? DOOR_STRANGER : DOOR_LEFT);
    turn_soon(ls);
}

static void on_closing(struct link *l)
{
    door_set_idle(l->listener->door, &l->guest, true);
}

static void on_visit_ended(struct link *l)
{
    struct link_listener *ls = l->listener;
    part(ls, l, DOOR_STRANGER);
    turn_soon(ls);
}

void link_admit(struct link *l)
{
    if (l->listener == NULL || l->guest.stage != DOOR_INSIDE) return;
    l->stall_ms = l->listener->stall_known_ms;
    door_admit(l->listener->door, &l->guest, now_ms(l->listener));
    turn_soon(l->listener);
}

void link_set_crowded(struct link *l, link_crowded_fn *fn)
{
    l->on_crowded = fn;
}

void link_set_idle(struct link *l, bool idle)
{
    if (l->listener != NULL && l->guest.stage == DOOR_INSIDE)
        door_set_idle(l->listener->door, &l->guest, idle);
}

/* ---- the listener ---- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct link_listener *ls = stream->data;
    if (status < 0) {
        /* No descriptor is left: libuv has closed the connection with its reserved descriptor. */
        ls->counters.refused++;
        return;
    }
    struct link *l = link_new(ls->hub);
    if (uv_accept(stream, (uv_stream_t *)&l->tcp) != 0) {
        link_end(l, NULL);
        return;
    }
    l->serial = ++ls->counters.accepted;
    l->stall_ms = ls->stall_ms;
    l->state = LINK_WAITING;
    list_link(ls, l);
    door_arrive(ls->door, &l->guest, key_of(l), now_ms(ls));
    link_set_deadline(l, WAIT_MS);
    take_turn(ls);
}

static void leave_door(struct shared_door *s)
{
    if (--s->refs > 0) return;
    door_free(s->door);
    mem_free(s);
}

static void on_handle_gone(uv_handle_t *handle)
{
    struct link_listener *ls = handle->data;
    if (--ls->handles > 0) return;
    tls_config_unref(ls->tls);
    link_hub_unref(ls->hub);
    leave_door(ls->shared);
    mem_free(ls);
}

static int address_of(const char *text, uint16_t port, struct sockaddr_storage *out)
{
    if (uv_ip4_addr(text, port, (struct sockaddr_in *)out) == 0) return 0;
    return uv_ip6_addr(text, port, (struct sockaddr_in6 *)out);
}

bool link_is_address(const char *text)
{
    struct sockaddr_storage a;
    return address_of(text, 0, &a) == 0;
}

static int refuse(const char *address, uint16_t port, int status, struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "listening on %s, port %u: %s", address, (unsigned)port,
                   uv_strerror(status));
}

int link_may_listen(const char *address, uint16_t port, struct err *e)
{
    uv_loop_t loop;
    uv_tcp_t tcp;
    struct sockaddr_storage a;
    int len = sizeof(a);
    memset(&a, 0, sizeof(a));
    if (address_of(address, port, &a) != 0)
        return err_set(e, ERR_INVALID, "\"%s\" is not an IPv4 or IPv6 address", address);
    int status = uv_loop_init(&loop);
    if (status != 0) return refuse(address, port, status, e);
    uv_tcp_init(&loop, &tcp);
    status = uv_tcp_bind(&tcp, (const struct sockaddr *)&a, 0);
    /* tells what bind has kept for later */
    if (status == 0) status = uv_tcp_getsockname(&tcp, (struct sockaddr *)&a, &len);
    uv_close((uv_handle_t *)&tcp, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return status == 0 ? 0 : refuse(address, port, status, e);
}

static int open_socket(struct link_listener *ls, const char *address, uint16_t port, struct err *e)
{
    struct sockaddr_storage a;
    int len = sizeof(a);
    memset(&a, 0, sizeof(a));
    if (address_of(address, port, &a) != 0)
        return err_set(e, ERR_INVALID, "\"%s\" is not an IPv4 or IPv6 address", address);
    int status = uv_tcp_bind(&ls->tcp, (const struct sockaddr *)&a, 0);
    if (status == 0) status = uv_listen((uv_stream_t *)&ls->tcp, BACKLOG, on_connection);
    if (status == 0) status = uv_tcp_getsockname(&ls->tcp, (struct sockaddr *)&a, &len);
    if (status != 0) return refuse(address, port, status, e);
    ls->port = ntohs(a.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&a)->sin6_port
                                             : ((const struct sockaddr_in *)&a)->sin_port);
    return 0;
}

static uint64_t seed(void)
{
    uint64_t n = 0;
    struct err e;
    if (pki_random((uint8_t *)&n, sizeof(n), &e) != 0) n = uv_hrtime();
    return n;
}

static struct shared_door *open_door(const struct link_listen_options *o)
{
    struct shared_door *s = o->beside ? o->beside->shared : mem_alloc(sizeof *s);
    s->refs++;
    if (o->beside) return s;
    s->limits =
        (struct door_limits){.places = o->places > 0 ? o->places : LIMIT_UNKNOWN_CONNECTIONS,
                             .waiting = LIMIT_WAITING_CONNECTIONS,
                             .patience_ms =
                                 o->handshake_ms > 0 ? o->handshake_ms : LIMIT_HANDSHAKE_MS,
                             .failures = LIMIT_STRANGERS};
    s->door = door_new(&s->limits, seed());
    return s;
}

static int listen_once(const struct link_listen_options *o, struct link_listener **out,
                       struct err *e)
{
    struct link_listener *ls = mem_alloc(sizeof(*ls));
    ls->hub = o->beside ? link_hub_ref(o->beside->hub) : link_hub_open(o->loop);
    ls->tls = tls_config_ref(o->tls);
    ls->on_accept = o->on_accept;
    ls->on_crowd = o->on_crowd;
    ls->user = o->user;
    ls->stall_ms = o->stall_ms > 0 ? o->stall_ms : LIMIT_STALL_MS;
    ls->stall_known_ms = o->stall_ms > 0 ? o->stall_ms : LIMIT_STALL_KNOWN_MS;
    ls->shared = open_door(o);
    ls->door = ls->shared->door;
    ls->beside = o->beside != NULL;
    ls->handles = 2;
    uv_tcp_init(o->loop, &ls->tcp);
    uv_timer_init(o->loop, &ls->timer);
    ls->tcp.data = ls->timer.data = ls;
    int rc = open_socket(ls, o->address, o->port, e);
    if (rc != 0) {
        link_listener_close(ls);
        return rc;
    }
    *out = ls;
    return 0;
}

/* A port that the system chose may be taken by another process between bind and listen. */
int link_listen(const struct link_listen_options *o, struct link_listener **out, struct err *e)
{
    int rc, tries = o->port == 0 ? ANY_PORT_TRIES : 1;
    do {
        rc = listen_once(o, out, e);
    } while (rc == ERR_UNAVAILABLE && --tries > 0);
    return rc;
}

struct link_hub *link_listener_hub(const struct link_listener *ls)
{
    return ls->hub;
}

void link_listener_set_limits(struct link_listener *ls, const struct door_limits *limits)
{
    struct door_limits *own = &ls->shared->limits;
    if (limits->places > 0) own->places = limits->places;
    if (limits->waiting > 0) own->waiting = limits->waiting;
    if (limits->patience_ms > 0) own->patience_ms = limits->patience_ms;
    if (limits->failures > 0) own->failures = limits->failures;
    door_set_limits(ls->door, own);
}

void link_listener_counters(const struct link_listener *ls, struct link_listener_counters *out)
{
    *out = ls->counters;
    out->waiting = ls->beside ? 0 : door_waiting(ls->door);
    out->inside = ls->beside ? 0 : door_inside(ls->door);
}

uint16_t link_listener_port(const struct link_listener *ls)
{
    return ls->port;
}

void link_listener_set_tls(struct link_listener *ls, struct tls_config *tls)
{
    struct tls_config *old = ls->tls;
    ls->tls = tls_config_ref(tls);
    tls_config_unref(old);
}

void link_listener_close(struct link_listener *ls)
{
    ls->closing = true; /* no new connections are accepted */
    while (ls->first != NULL) {
        struct link *l = ls->first;
        part(ls, l, DOOR_LEFT);
        if (l->state < LINK_OPEN) link_end(l, NULL);
    }
    uv_close((uv_handle_t *)&ls->tcp, on_handle_gone);
    uv_close((uv_handle_t *)&ls->timer, on_handle_gone);
}
