#include "wire/link_uv.h"

#include "base/mem.h"
#include "wire/limits.h"

#include <string.h>

#define BACKLOG 4096     /* the system's own ceiling applies */
#define SILENT_MS 3000   /* without a byte for that long, a handshake yields its place to another */
#define WINDOW_MS 60000  /* of the failure counts */
#define OFFENDER_SETS 64 /* the table of addresses that failed: 64 x 4 entries */
#define OFFENDER_WAYS 4
#define ADDRESS_KEY_BYTES sizeof(((struct link *)NULL)->peer_key)

struct offender {
    uint8_t key[ADDRESS_KEY_BYTES];
    int64_t since_ms;
    unsigned failures; /* 0: the entry is free */
};

struct link_listener {
    struct link_hub *hub;
    uv_tcp_t tcp;
    uint16_t port;
    struct tls_config *tls;
    link_accept_fn *on_accept;
    void *user;
    struct link_listener_limits limits;
    struct link_listener_counters counters;
    struct link *pending_first, *pending_last; /* in the order they came */
    unsigned waiting; /* connections that libuv holds for us until there is room */
    bool accepting;
    uint32_t seed;
    struct offender offenders[OFFENDER_SETS][OFFENDER_WAYS];
};

static int64_t now_ms(const struct link_listener *ls)
{
    return (int64_t)uv_now(ls->hub->loop);
}

/* ---- who fails too often ---- */

/* An IPv4 address as itself, an IPv6 one without the half that its owner may choose freely. */
static bool key_of(const struct link *l, uint8_t key[ADDRESS_KEY_BYTES])
{
    struct sockaddr_storage a;
    int len = sizeof(a);
    memset(key, 0, ADDRESS_KEY_BYTES);
    if (uv_tcp_getpeername(&l->tcp, (struct sockaddr *)&a, &len) != 0) return false;
    if (a.ss_family == AF_INET) {
        key[0] = 4;
        memcpy(key + 12, &((const struct sockaddr_in *)&a)->sin_addr, 4);
        return true;
    }
    if (a.ss_family != AF_INET6) return false;
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const uint8_t *bytes = (const uint8_t *)&((const struct sockaddr_in6 *)&a)->sin6_addr;
    if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        key[0] = 4;
        memcpy(key + 12, bytes + 12, 4);
    } else {
        key[0] = 6;
        memcpy(key + 8, bytes, 8);
    }
    return true;
}

static struct offender *set_of(struct link_listener *ls, const uint8_t key[ADDRESS_KEY_BYTES])
{
    uint32_t hash = ls->seed;
    for (size_t i = 0; i < ADDRESS_KEY_BYTES; i++)
        hash = (hash ^ key[i]) * 16777619u;
    return ls->offenders[(hash ^ hash >> 16) % OFFENDER_SETS];
}

static bool too_many_failures(struct link_listener *ls, const uint8_t key[ADDRESS_KEY_BYTES])
{
    const struct offender *set = set_of(ls, key);
    for (int i = 0; i < OFFENDER_WAYS; i++) {
        if (set[i].failures > 0 && memcmp(set[i].key, key, ADDRESS_KEY_BYTES) == 0)
            return set[i].failures >= ls->limits.failures_per_minute &&
                   now_ms(ls) - set[i].since_ms < WINDOW_MS;
    }
    return false;
}

/* The table is small and stays so: who is not in it takes the place of the one that failed longest
 * ago. */
static void count_failure(struct link_listener *ls, const uint8_t key[ADDRESS_KEY_BYTES])
{
    struct offender *set = set_of(ls, key), *mine = NULL, *oldest = set;
    for (int i = 0; i < OFFENDER_WAYS; i++) {
        if (set[i].failures > 0 && memcmp(set[i].key, key, ADDRESS_KEY_BYTES) == 0) mine = &set[i];
        if (set[i].failures == 0 || (oldest->failures > 0 && set[i].since_ms < oldest->since_ms))
            oldest = &set[i];
    }
    if (mine == NULL) {
        mine = oldest;
        mine->failures = 0;
        memcpy(mine->key, key, ADDRESS_KEY_BYTES);
    }
    if (mine->failures == 0 || now_ms(ls) - mine->since_ms >= WINDOW_MS) {
        mine->since_ms = now_ms(ls);
        mine->failures = 0;
    }
    mine->failures++;
}

/* ---- handshakes that are going on ---- */

static void on_open(struct link *l);
static void on_end(struct link *l);
static const struct link_origin origin = {.on_open = on_open, .on_end = on_end};

static void pending_add(struct link_listener *ls, struct link *l)
{
    l->listener = ls;
    l->origin = &origin;
    l->accepted_ms = now_ms(ls);
    l->pending_prev = ls->pending_last;
    *(ls->pending_last != NULL ? &ls->pending_last->pending_next : &ls->pending_first) = l;
    ls->pending_last = l;
    ls->counters.pending++;
}

static void pending_remove(struct link_listener *ls, struct link *l)
{
    *(l->pending_prev != NULL ? &l->pending_prev->pending_next : &ls->pending_first) =
        l->pending_next;
    *(l->pending_next != NULL ? &l->pending_next->pending_prev : &ls->pending_last) =
        l->pending_prev;
    l->pending_prev = l->pending_next = NULL;
    l->listener = NULL;
    l->origin = NULL;
    ls->counters.pending--;
}

static void accept_one(struct link_listener *ls)
{
    struct err e = {0};
    struct link *l = link_new(ls->hub);
    ls->waiting--;
    if (uv_accept((uv_stream_t *)&ls->tcp, (uv_stream_t *)&l->tcp) != 0) {
        link_end(l, NULL);
        return;
    }
    l->serial = ++ls->counters.accepted;
    if ((key_of(l, l->peer_key) && too_many_failures(ls, l->peer_key)) ||
        tls_new(ls->tls, NULL, &l->tls, &e) != 0) {
        ls->counters.refused++;
        link_end(l, NULL);
        return;
    }
    pending_add(ls, l);
    link_set_deadline(l, ls->limits.handshake_ms);
    link_begin(l);
}

/* Makes room by cutting a connection that has sent nothing. */
static bool cut_silent(struct link_listener *ls)
{
    for (struct link *l = ls->pending_first; l != NULL; l = l->pending_next) {
        if (now_ms(ls) - l->accepted_ms < SILENT_MS) return false;
        if (!l->heard) {
            struct err e;
            err_set(&e, ERR_UNAVAILABLE, "silent while others are waiting");
            link_end(l, &e);
            return true;
        }
    }
    return false;
}

/* Takes what is waiting as long as there is room; the rest stays with the system, which makes the
 * clients wait instead of turning them away: after a restart all agents come at once. */
static void accept_waiting(struct link_listener *ls)
{
    if (ls->accepting) return;
    ls->accepting = true;
    while (ls->waiting > 0 && (ls->counters.pending < ls->limits.handshakes || cut_silent(ls)))
        accept_one(ls);
    ls->accepting = false;
}

/* Hands the link to the program. */
static void on_open(struct link *l)
{
    struct link_listener *ls = l->listener;
    pending_remove(ls, l);
    ls->counters.opened++;
    ls->on_accept(l, ls->user);
    if (!l->handled) link_close(l);
    accept_waiting(ls);
}

static void on_end(struct link *l)
{
    struct link_listener *ls = l->listener;
    pending_remove(ls, l);
    if (l->err.code == ERR_TIMEOUT)
        ls->counters.late++;
    else
        ls->counters.failed++;
    /* Counted: who says what is not TLS or fails it, and who connects and keeps silent. Not
     * counted: a probe that connects and leaves, and one who spoke but was not done in time or gave
     * up. That is how it looks when this machine is too busy, and a whole site behind one address
     * would be locked out. */
    bool spoke_wrongly = l->heard && l->err.code != ERR_TIMEOUT && l->err.code != ERR_CLOSED;
    bool kept_silent = !l->heard && l->err.code == ERR_TIMEOUT;
    if (spoke_wrongly || kept_silent) count_failure(ls, l->peer_key);
    accept_waiting(ls);
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
    ls->waiting++;
    accept_waiting(ls);
}

static void on_listener_gone(uv_handle_t *handle)
{
    struct link_listener *ls = handle->data;
    tls_config_unref(ls->tls);
    link_hub_unref(ls->hub);
    mem_free(ls);
}

static int address_of(const char *text, uint16_t port, struct sockaddr_storage *out)
{
    if (uv_ip4_addr(text, port, (struct sockaddr_in *)out) == 0) return 0;
    return uv_ip6_addr(text, port, (struct sockaddr_in6 *)out);
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
    if (status != 0)
        return err_set(e, ERR_UNAVAILABLE, "listening on %s, port %u: %s", address, (unsigned)port,
                       uv_strerror(status));
    ls->port = ntohs(a.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&a)->sin6_port
                                             : ((const struct sockaddr_in *)&a)->sin_port);
    return 0;
}

int link_listen(const struct link_listen_options *o, struct link_listener **out, struct err *e)
{
    struct link_listener *ls = mem_alloc(sizeof(*ls));
    ls->hub = link_hub_open(o->loop);
    ls->tls = tls_config_ref(o->tls);
    ls->on_accept = o->on_accept;
    ls->user = o->user;
    ls->seed = (uint32_t)uv_hrtime();
    ls->limits.handshake_ms = LIMIT_HANDSHAKE_MS;
    ls->limits.handshakes = LIMIT_UNKNOWN_CONNECTIONS;
    ls->limits.failures_per_minute = LIMIT_FAILED_HANDSHAKES;
    uv_tcp_init(o->loop, &ls->tcp);
    ls->tcp.data = ls;
    int rc = open_socket(ls, o->address, o->port, e);
    if (rc != 0) {
        link_listener_close(ls);
        return rc;
    }
    *out = ls;
    return 0;
}

void link_listener_set_limits(struct link_listener *ls, const struct link_listener_limits *limits)
{
    if (limits->handshake_ms > 0) ls->limits.handshake_ms = limits->handshake_ms;
    if (limits->handshakes > 0) ls->limits.handshakes = limits->handshakes;
    if (limits->failures_per_minute > 0)
        ls->limits.failures_per_minute = limits->failures_per_minute;
}

void link_listener_counters(const struct link_listener *ls, struct link_listener_counters *out)
{
    *out = ls->counters;
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
    ls->accepting = true; /* no new connections are accepted */
    while (ls->pending_first != NULL) {
        struct link *l = ls->pending_first;
        pending_remove(ls, l);
        link_end(l, NULL);
    }
    uv_close((uv_handle_t *)&ls->tcp, on_listener_gone);
}
