/* Link, timers and certificate of the agent's connection: see uplink.h. */
#include "agent/uplink.h"

#include "agent/addresses.h"
#include "agent/uplink_logic.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/file_facts.h"
#include "platform/os.h"
#include "wire/link.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <inttypes.h>
#include <uv.h>

#define CONNECT_TIMEOUT_MS 15000
#define SEEK_CONNECT_MS 2000 /* where there are other coordinators to ask */
#define RENEW_PAUSE_MS 60000

struct uplink {
    struct uplink_options o;
    struct uplink_logic *logic;
    char boot_id[128], host_id[128], folder_id[40];
    struct agent_groups groups;
    struct addresses addresses;
    char address[TOKEN_ADDRESS_SIZE]; /* the one that is tried, or connected */
    bool several;                     /* there are coordinators that do not own the queue */
    struct tls_config *tls;
    struct link *link;
    uv_timer_t wake_timer, renew_timer;
    int open_handles;
};

static struct moment now(void)
{
    struct moment m;
    os_now(&m);
    return m;
}

static void start_timer(struct uplink *u, uv_timer_t *t, uv_timer_cb fn, int64_t after_ms)
{
    uv_update_time(u->o.loop);
    uv_timer_start(t, fn, after_ms > 0 ? (uint64_t)after_ms : 0, 0);
}

/* ---- certificate renewal ---- */

static void on_renew_timer(uv_timer_t *t);

/* A fresh certificate is not renewed at once, even where the clocks differ so much (or the CA's end
 * is so near) that it seems due. */
static void watch_certificate(struct uplink *u, bool fresh)
{
    struct pki_cert_info info;
    struct err e;
    if (pki_cert_info(u->o.identity->cert_pem, &info, &e) != 0) return;
    int64_t third = (info.not_after_ms - info.not_before_ms) / 3;
    int64_t wait = info.not_before_ms + third * 2 - now().wall_ms;
    int64_t pause = third < RENEW_PAUSE_MS ? third : RENEW_PAUSE_MS;
    if (fresh && wait < pause) wait = pause;
    start_timer(u, &u->renew_timer, on_renew_timer, wait);
}

static void on_renew_timer(uv_timer_t *t)
{
    struct uplink *u = t->data;
    if (!uplink_is_live(u)) return; /* asked again after the next welcome */
    struct pki_key *key = NULL;
    char *csr = NULL;
    struct err e;
    int rc = pki_key_parse(u->o.identity->key_pem, &key, &e);
    if (rc == 0) rc = pki_csr_make(key, u->o.identity->agent, &csr, &e);
    if (rc == 0) {
        log_info("certificate: asking for a new certificate");
        uplink_logic_ask_certificate(u->logic, csr);
    } else {
        log_error("certificate: cannot ask for a new certificate: %s", err_text(&e));
    }
    mem_free(csr);
    pki_key_free(key);
    /* Should the answer be lost, ask again. */
    start_timer(u, &u->renew_timer, on_renew_timer, RENEW_PAUSE_MS);
}

static int make_tls(struct uplink *u, struct err *e)
{
    struct tls_client_options o = {.alpn = ALPN_CADRE,
                                   .cert_pem = u->o.identity->cert_pem,
                                   .key_pem = u->o.identity->key_pem,
                                   .ca_pem = u->o.identity->ca_pem};
    struct tls_config *c = NULL;
    int rc = tls_config_client(&o, &c, e);
    if (rc != 0) return rc;
    tls_config_unref(u->tls);
    u->tls = c;
    return 0;
}

static void take_certificate(struct uplink *u, const char *pem)
{
    struct pki_key *key = NULL;
    struct err e;
    int rc = pki_key_parse(u->o.identity->key_pem, &key, &e);
    if (rc == 0 && !pki_cert_matches_key(pem, key))
        rc = err_set(&e, ERR_INVALID, "the certificate is not for this agent's key");
    pki_key_free(key);
    if (rc == 0) rc = identity_save_cert(u->o.config->state, pem, &e);
    if (rc == 0) {
        mem_free(u->o.identity->cert_pem);
        u->o.identity->cert_pem = mem_strdup(pem);
        rc = make_tls(u, &e);
    }
    if (rc != 0) {
        log_error("certificate: the new certificate cannot be used: %s", err_text(&e));
        return;
    }
    log_info("certificate: renewed");
    watch_certificate(u, true);
}

/* ---- the link ---- */

static void on_open(struct link *l, void *user)
{
    (void)l;
    struct uplink *u = user;
    struct moment m = now();
    uplink_logic_opened(u->logic, &m);
}

/* What a link before the newest still brings counts for nothing. */
static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct uplink *u = user;
    if (l != u->link) return;
    struct moment m = now();
    uplink_logic_received(u->logic, &m, data, len);
}

static void on_link_drain(struct link *l, void *user)
{
    (void)l;
    struct uplink *u = user;
    u->o.on_change(u->o.user);
}

static void on_link_close(struct link *l, const struct err *e, void *user)
{
    (void)l;
    struct uplink *u = user;
    struct moment m = now();
    u->link = NULL;
    uv_timer_stop(&u->renew_timer);
    uplink_logic_closed(u->logic, &m, e);
}

static const struct link_handler link_events = {on_open, on_data, on_link_drain, on_link_close};

static void connect_next(struct uplink *u)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port = DEFAULT_PORT;
    struct err e;
    struct link_try how = {.connect_ms = u->several ? SEEK_CONNECT_MS : 0};
    (void)str_copy(u->address, sizeof u->address, addresses_next(&u->addresses, &how.first));
    if (address_parse(u->address, DEFAULT_PORT, host, sizeof host, &port, &e) != 0) {
        u->o.on_fatal(&e, u->o.user);
        return;
    }
    u->link = link_connect_by(u->o.loop, u->tls, &(struct link_to){host, port, CONNECT_TIMEOUT_MS},
                              &how, &link_events, u);
}

static void send_frames(struct uplink *u, const void *data, size_t len)
{
    struct err e;
    int rc = buf_add(link_out(u->link), data, len);
    if (rc == 0) {
        link_flush_later(u->link);
        return;
    }
    err_set(&e, rc, "the coordinator reads too slowly");
    link_abort(u->link, &e);
}

/* ---- actions ---- */

static void on_wake_timer(uv_timer_t *t)
{
    struct uplink *u = t->data;
    struct moment m = now();
    uplink_logic_wake(u->logic, &m);
}

static void wake_at(struct uplink *u, int64_t at_ms)
{
    if (at_ms == INT64_MAX)
        uv_timer_stop(&u->wake_timer);
    else
        start_timer(u, &u->wake_timer, on_wake_timer, at_ms - now().mono_ms);
}

static void on_welcomed(struct uplink *u, const char *version)
{
    log_info("session: connected to %s version=%s as=%s group=%s", link_remote(u->link), version,
             u->o.name, u->groups.names);
    watch_certificate(u, false);
    struct err e;
    if (addresses_good(&u->addresses, u->o.config->state, u->address, &e) != 0)
        log_warn("session: the coordinator's address could not be kept: %s", err_text(&e));
}

/* The address of this connection stays the first to try, unless the coordinator does not tell of it
 * any more. */
static void learn_addresses(struct uplink *u, const char *json)
{
    struct err e;
    bool changed;
    if (addresses_learn(&u->addresses, u->o.config->state, json, &changed, &e) != 0)
        log_warn("session: the coordinator's addresses could not be kept: %s", err_text(&e));
    size_t count = addresses_count(&u->addresses);
    for (size_t i = u->o.config->coordinator.count; changed && i < count; i++)
        log_info("session: the coordinator is also found at %s", addresses_at(&u->addresses, i));
}

static void act(const struct uplink_action *a, void *user)
{
    struct uplink *u = user;
    switch (a->type) {
    case UPLINK_CONNECT:
        connect_next(u);
        break;
    case UPLINK_SEND:
        send_frames(u, a->u.send.data, a->u.send.len);
        break;
    case UPLINK_CLOSE:
        if (u->link) link_close(u->link); /* else its address was no address */
        break;
    case UPLINK_ABORT:
        /* A try at who says nothing would last as long as a connection may take. */
        if (a->u.err->code == ERR_TIMEOUT) addresses_silent(&u->addresses);
        link_abort(u->link, a->u.err);
        break;
    case UPLINK_WAKE:
        wake_at(u, a->u.at_ms);
        break;
    case UPLINK_WELCOMED:
        on_welcomed(u, a->u.text);
        break;
    case UPLINK_ADDRESSES:
        learn_addresses(u, a->u.text);
        break;
    case UPLINK_OWNER:
        u->several = true;
        *a->u.owner.fresh = addresses_told(&u->addresses, a->u.owner.addresses, now().mono_ms);
        break;
    case UPLINK_CERTIFICATE:
        take_certificate(u, a->u.text);
        break;
    case UPLINK_STATUS:
        u->o.on_attempted(a->u.text, u->o.user);
        break;
    case UPLINK_CHANGED:
        u->o.on_change(u->o.user);
        break;
    case UPLINK_FATAL:
        u->o.on_fatal(a->u.err, u->o.user);
        break;
    }
}

/* ---- the agent's wishes ---- */

void uplink_pump(struct uplink *u)
{
    if (!u->link) return;
    struct moment m = now();
    uplink_logic_pump(u->logic, &m, link_pending(u->link));
}

void uplink_announce(struct uplink *u)
{
    uplink_logic_announce(u->logic, agent_config_slots(u->o.config));
}

void uplink_rest(struct uplink *u, const char *why)
{
    uplink_logic_rest(u->logic, why);
}

void uplink_set_capabilities(struct uplink *u, char *json)
{
    uplink_logic_set_capabilities(u->logic, json);
    mem_free(json);
}

int64_t uplink_acknowledged_ms(const struct uplink *u)
{
    return uplink_logic_acknowledged_ms(u->logic);
}

bool uplink_is_live(const struct uplink *u)
{
    return uplink_logic_is_live(u->logic);
}

/* ---- life ---- */

static void on_handle_closed(uv_handle_t *h)
{
    struct uplink *u = h->data;
    if (--u->open_handles > 0) return;
    tls_config_unref(u->tls);
    agent_groups_fini(&u->groups);
    mem_free(u);
}

static void make_logic(struct uplink *u)
{
    (void)str_format(u->folder_id, sizeof u->folder_id, "%" PRIx64 "-%" PRIx64, u->o.folder->volume,
                     u->o.folder->number);
    agent_config_groups(u->o.config, &u->groups);
    if (os_boot_id(u->boot_id, sizeof u->boot_id) != 0) u->boot_id[0] = 0;
    if (os_host_id(u->host_id, sizeof u->host_id) != 0) u->host_id[0] = 0;
    struct uplink_logic_options o = {.journal = u->o.journal,
                                     .runner = u->o.runner,
                                     .name = u->o.name,
                                     .group = u->groups.count > 0 ? u->groups.keys[0] : NULL,
                                     .groups = u->groups.list,
                                     .boot_id = u->boot_id,
                                     .host_id = u->host_id,
                                     .folder_id = u->folder_id,
                                     .capabilities = u->o.capabilities,
                                     .slots = agent_config_slots(u->o.config),
                                     .seed = os_seed(),
                                     .act = act,
                                     .user = u};
    u->logic = uplink_logic_new(&o);
}

int uplink_new(const struct uplink_options *o, struct uplink **out, struct err *e)
{
    if (o->config->coordinator.count == 0)
        return err_set(e, ERR_INVALID,
                       "%s: 'coordinator' is missing: it is written by 'cadre-agent join TOKEN'; "
                       "or add 'coordinator: "
                       "HOST:PORT'",
                       o->config->config_path);
    struct uplink *u = mem_alloc(sizeof *u);
    u->o = *o;
    int rc = make_tls(u, e);
    if (rc != 0) {
        mem_free(u);
        return rc;
    }
    addresses_load(&u->addresses, &o->config->coordinator, o->config->state);
    u->several = u->addresses.owners.count > 0;
    make_logic(u);
    uv_timer_t *timers[] = {&u->wake_timer, &u->renew_timer};
    for (size_t i = 0; i < 2; i++) {
        uv_timer_init(o->loop, timers[i]);
        timers[i]->data = u;
        u->open_handles++;
    }
    *out = u;
    return 0;
}

void uplink_start(struct uplink *u)
{
    struct moment m = now();
    uplink_logic_start(u->logic, &m);
}

void uplink_stop(struct uplink *u, const char *reason)
{
    uv_timer_stop(&u->renew_timer);
    uplink_logic_stop(u->logic, reason);
}

void uplink_free(struct uplink *u)
{
    static const struct link_handler nobody = {0};
    if (!u) return;
    if (u->link) {
        link_set_handler(u->link, &nobody, NULL);
        link_close(u->link);
    }
    uplink_logic_free(u->logic);
    uv_close((uv_handle_t *)&u->wake_timer, on_handle_closed);
    uv_close((uv_handle_t *)&u->renew_timer, on_handle_closed);
}
