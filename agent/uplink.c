/* One agent's conversation with its coordinator: see uplink.h. */
#include "agent/uplink.h"

#include "base/backoff.h"
#include "base/duration.h"
#include "base/fsm.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "platform/os.h"
#include "wire/frame.h"
#include "wire/lease.h"
#include "wire/limits.h"
#include "wire/link.h"
#include "wire/msg.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <string.h>
#include <uv.h>

#define CONNECT_TIMEOUT_MS 15000
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 30000
#define PERMANENT_RETRY_MS 300000
#define RENEW_PAUSE_MS 60000
#define IN_FLIGHT_MAX (4 * 1024 * 1024) /* bytes sent and not acknowledged */
#define LINK_QUEUE_MAX (1024 * 1024)    /* bytes the kernel has not taken */
#define HEARTBEATS_REMEMBERED 16

#define BIT(state) (1u << (state))
static const struct fsm_state uplink_states[] = {
    [UPLINK_DISCONNECTED] = {"disconnected", BIT(UPLINK_CONNECTING), false},
    [UPLINK_CONNECTING] = {"connecting", BIT(UPLINK_HELLO) | BIT(UPLINK_DISCONNECTED), false},
    [UPLINK_HELLO] = {"hello", BIT(UPLINK_READY) | BIT(UPLINK_DRAINING) | BIT(UPLINK_DISCONNECTED),
                      false},
    [UPLINK_READY] = {"ready", BIT(UPLINK_DRAINING) | BIT(UPLINK_DISCONNECTED), false},
    [UPLINK_DRAINING] = {"draining", BIT(UPLINK_DISCONNECTED), false},
};
static const struct fsm uplink_fsm = {"uplink", uplink_states, 5};

struct uplink {
    struct uplink_options o;
    enum uplink_state state;
    struct tls_config *tls;
    struct link *link;
    struct frame_reader reader;
    struct backoff backoff;
    struct rng rng;
    size_t address;     /* index of the next one to try */
    char *capabilities; /* JSON text */
    char *resting;      /* why no jobs are wanted just now; NULL: they are */
    int64_t retry_at_least_ms;
    char refused_code[64]; /* of the last refusal that was logged */
    bool stopped, held;    /* held: the coordinator said drain */

    int64_t sent_seq, acked_seq;
    int64_t seen_seq; /* events up to here were sent, or dropped before they could be */
    int64_t in_flight_bytes;
    uint64_t heartbeat_n;
    int64_t heartbeat_sent_ms[HEARTBEATS_REMEMBERED];
    int64_t heartbeat_ms, heartbeat_every_ms;
    /* sending time of the last thing the coordinator is known to have heard */
    int64_t lease_base_ms;
    int64_t heard_ms;
    int64_t hello_sent_ms;
    int64_t output_limit; /* of a job that has none of its own */

    uv_timer_t retry_timer, heartbeat_timer, lease_timer, renew_timer;
    int open_handles;
};

static int64_t now_ms(void)
{
    struct moment m;
    os_now(&m);
    return m.mono_ms;
}

static void move(struct uplink *u, enum uplink_state to, const char *why)
{
    if (!fsm_may(&uplink_fsm, (int)u->state, (int)to))
        log_error("session: %s -> %s is not legal (%s)", fsm_name(&uplink_fsm, (int)u->state),
                  fsm_name(&uplink_fsm, (int)to), why);
    log_debug("session: %s -> %s (%s)", fsm_name(&uplink_fsm, (int)u->state),
              fsm_name(&uplink_fsm, (int)to), why);
    u->state = to;
}

static bool live(const struct uplink *u)
{
    return u->state == UPLINK_READY || u->state == UPLINK_DRAINING;
}

static void say(struct uplink *u, const struct msg *m)
{
    if (!u->link) return;
    int rc = msg_frame_add(link_out(u->link), m);
    if (rc != 0) {
        struct err e;
        err_set(&e, rc, "sending %s: it does not fit", msg_name(m->type));
        link_abort(u->link, &e);
        return;
    }
    link_flush_later(u->link);
}

/* ---- timers ---- */

static void start_timer(struct uplink *u, uv_timer_t *t, uv_timer_cb fn, int64_t after_ms)
{
    uv_update_time(u->o.loop);
    uv_timer_start(t, fn, after_ms > 0 ? (uint64_t)after_ms : 0, 0);
}

static void on_lease_timer(uv_timer_t *t);

/* The lease clock runs whenever an attempt is held: it began when the last acknowledged heartbeat
 * was sent. */
static void watch_lease(struct uplink *u)
{
    int64_t lease = runner_running_lease(u->o.runner);
    if (lease == INT64_MAX) {
        uv_timer_stop(&u->lease_timer);
        return;
    }
    start_timer(u, &u->lease_timer, on_lease_timer, u->lease_base_ms + lease - now_ms());
}

/* The coordinator has heard what was sent then. */
static void renew_leases(struct uplink *u, int64_t sent_ms)
{
    if (sent_ms <= u->lease_base_ms) return;
    u->lease_base_ms = sent_ms;
    runner_renew(u->o.runner, sent_ms);
}

static void on_lease_timer(uv_timer_t *t)
{
    struct uplink *u = t->data;
    runner_expire_leases(u->o.runner);
    watch_lease(u);
    u->o.on_change(u->o.user);
}

static int64_t heartbeat_interval(const struct uplink *u)
{
    int64_t third = lease_heartbeat_ms(runner_shortest_lease(u->o.runner));
    return third < u->heartbeat_ms ? third : u->heartbeat_ms;
}

static void on_heartbeat_timer(uv_timer_t *t);

static void arm_heartbeat(struct uplink *u)
{
    u->heartbeat_every_ms = heartbeat_interval(u);
    start_timer(u, &u->heartbeat_timer, on_heartbeat_timer, u->heartbeat_every_ms);
}

static void beat(struct uplink *u, int64_t now)
{
    struct msg m = {.type = MSG_HEARTBEAT};
    m.u.heartbeat.n = (int64_t)++u->heartbeat_n;
    u->heartbeat_sent_ms[u->heartbeat_n % HEARTBEATS_REMEMBERED] = now;
    say(u, &m);
    arm_heartbeat(u);
}

static void on_heartbeat_timer(uv_timer_t *t)
{
    struct uplink *u = t->data;
    int64_t now = now_ms();
    if (!u->link || !live(u)) return;
    if (now - u->heard_ms > lease_silence_ms(u->heartbeat_every_ms)) {
        struct err e;
        err_set(&e, ERR_TIMEOUT, "the coordinator has been silent for %lld s",
                (long long)(now - u->heard_ms) / 1000);
        link_abort(u->link, &e);
        return;
    }
    beat(u, now);
}

/* ---- certificate renewal ---- */

static void on_renew_timer(uv_timer_t *t);

/* A fresh certificate is not renewed at once, even where the clocks differ so much (or the CA's end
 * is so near) that it seems due. */
static void watch_certificate(struct uplink *u, bool fresh)
{
    struct pki_cert_info info;
    struct err e;
    struct moment now;
    if (pki_cert_info(u->o.identity->cert_pem, &info, &e) != 0) return;
    os_now(&now);
    int64_t third = (info.not_after_ms - info.not_before_ms) / 3;
    int64_t wait = info.not_before_ms + third * 2 - now.wall_ms;
    int64_t pause = third < RENEW_PAUSE_MS ? third : RENEW_PAUSE_MS;
    if (fresh && wait < pause) wait = pause;
    start_timer(u, &u->renew_timer, on_renew_timer, wait);
}

static void on_renew_timer(uv_timer_t *t)
{
    struct uplink *u = t->data;
    if (!live(u)) return; /* asked again after the next welcome */
    struct pki_key *key = NULL;
    struct err e;
    struct msg m = {.type = MSG_ENROL};
    int rc = pki_key_parse(u->o.identity->key_pem, &key, &e);
    if (rc == 0) rc = pki_csr_make(key, u->o.identity->agent, &m.u.enrol.csr, &e);
    if (rc == 0) {
        log_info("certificate: asking for a new one");
        say(u, &m);
    } else {
        log_error("certificate: cannot ask for a new one: %s", err_text(&e));
    }
    mem_free(m.u.enrol.csr);
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

static void on_certificate(struct uplink *u, const struct msg_certificate *m)
{
    struct pki_key *key = NULL;
    struct err e;
    int rc = pki_key_parse(u->o.identity->key_pem, &key, &e);
    if (rc == 0 && !pki_cert_matches_key(m->certificate, key))
        rc = err_set(&e, ERR_INVALID, "it is not for this agent's key");
    pki_key_free(key);
    if (rc == 0) rc = identity_save_cert(u->o.config->state, m->certificate, &e);
    if (rc == 0) {
        mem_free(u->o.identity->cert_pem);
        u->o.identity->cert_pem = mem_strdup(m->certificate);
        rc = make_tls(u, &e);
    }
    if (rc != 0) {
        log_error("certificate: the new one cannot be used: %s", err_text(&e));
        return;
    }
    log_info("certificate: renewed");
    watch_certificate(u, true);
}

/* ---- sending events ---- */

struct pump {
    struct uplink *u;
    bool stopped; /* there may be more */
};

static int pump_one(int64_t seq, const void *frame, size_t len, void *user)
{
    struct pump *p = user;
    struct uplink *u = p->u;
    p->stopped = true;
    if (buf_add(link_out(u->link), frame, len) != 0) return 1;
    u->sent_seq = seq;
    u->in_flight_bytes += (int64_t)len;
    p->stopped = u->in_flight_bytes >= IN_FLIGHT_MAX ||
                 link_pending(u->link) + link_out(u->link)->len >= LINK_QUEUE_MAX;
    return p->stopped;
}

void uplink_pump(struct uplink *u)
{
    if (!u->link || !live(u)) return;
    /* A shorter lease than before wants a quicker heartbeat, the first one now: its job may wait
     * for the answer. */
    if (heartbeat_interval(u) < u->heartbeat_every_ms) beat(u, now_ms());
    watch_lease(u);
    if (journal_seq(u->o.journal) <= u->seen_seq || u->in_flight_bytes >= IN_FLIGHT_MAX ||
        link_pending(u->link) >= LINK_QUEUE_MAX)
        return;
    struct pump p = {.u = u};
    struct err e;
    int64_t before = u->sent_seq;
    if (journal_each_event(u->o.journal, u->sent_seq, pump_one, &p, &e) != 0) {
        u->o.on_fatal(&e, u->o.user);
        return;
    }
    if (!p.stopped) u->seen_seq = journal_seq(u->o.journal);
    /* Only then: what is flushed is answered by on_drain, which brings us here again. */
    if (u->sent_seq != before) link_flush_later(u->link);
}

/* ---- hello ---- */

static void say_ready(struct uplink *u, bool with_capabilities)
{
    struct msg m = {.type = MSG_READY};
    struct err e;
    int64_t slots = agent_config_slots(u->o.config);
    int64_t busy = (int64_t)runner_count(u->o.runner);
    m.u.ready.slots = slots;
    m.u.ready.free_slots = busy < slots ? slots - busy : 0;
    m.u.ready.draining = u->resting || runner_draining(u->o.runner);
    m.u.ready.reason = runner_draining(u->o.runner) ? NULL : u->resting;
    if (with_capabilities &&
        json_parse(u->capabilities, strlen(u->capabilities), &m.u.ready.capabilities, &e) != 0)
        m.u.ready.capabilities = NULL;
    say(u, &m);
    json_free(m.u.ready.capabilities);
}

void uplink_announce(struct uplink *u)
{
    if (!live(u)) return;
    if (runner_draining(u->o.runner) && u->state == UPLINK_READY)
        move(u, UPLINK_DRAINING, "stopping");
    say_ready(u, false);
}

void uplink_rest(struct uplink *u, const char *why)
{
    mem_free(u->resting);
    u->resting = mem_strdup(why);
    uplink_announce(u);
}

void uplink_set_capabilities(struct uplink *u, char *json)
{
    bool same = str_eq(u->capabilities, json);
    mem_free(u->capabilities);
    u->capabilities = json;
    if (!same && live(u)) say_ready(u, true);
}

static void say_hello(struct uplink *u)
{
    struct msg m = {.type = MSG_HELLO};
    struct msg_hello *h = &m.u.hello;
    struct err e;
    char boot[128], host[128];
    if (os_boot_id(boot, sizeof boot) != 0) boot[0] = 0;
    if (os_host_id(host, sizeof host) != 0) host[0] = 0;
    h->protocol = PROTOCOL_MINOR;
    h->protocol_min = PROTOCOL_MINOR_MIN;
    h->version = CADRE_VERSION;
    h->name = (char *)(uintptr_t)u->o.name;
    h->group = u->o.config->group;
    h->slots = agent_config_slots(u->o.config);
    h->boot_id = boot;
    h->host_id = host;
    h->journal_id = (char *)(uintptr_t)journal_id(u->o.journal);
    h->seq = journal_seq(u->o.journal);
    h->attempts = runner_attempts(u->o.runner);
    h->draining = u->resting || runner_draining(u->o.runner);
    if (json_parse(u->capabilities, strlen(u->capabilities), &h->capabilities, &e) != 0)
        h->capabilities = json_new(JSON_OBJECT);
    u->hello_sent_ms = now_ms();
    say(u, &m);
    json_free(h->attempts);
    json_free(h->capabilities);
}

static void on_welcome(struct uplink *u, const struct msg_welcome *w)
{
    struct err e;
    int rc = journal_raise_seq(u->o.journal, w->seq, &e);
    if (rc == 0) rc = journal_ack(u->o.journal, w->seq, &e);
    if (rc == 0) rc = runner_report_leftovers(u->o.runner, &e);
    if (rc != 0) {
        u->o.on_fatal(&e, u->o.user);
        return;
    }
    u->sent_seq = u->acked_seq = u->seen_seq = w->seq;
    u->in_flight_bytes = 0;
    u->heartbeat_ms = w->heartbeat_ms;
    u->output_limit = w->output_limit;
    renew_leases(u, u->hello_sent_ms);
    u->refused_code[0] = 0;
    frame_reader_set_max(&u->reader, LIMIT_FRAME_KNOWN);
    backoff_reset(&u->backoff);
    move(u, runner_draining(u->o.runner) ? UPLINK_DRAINING : UPLINK_READY, "welcome");
    log_info("session: connected to %s version=%s as=%s group=%s", link_remote(u->link), w->version,
             u->o.name, u->o.config->group ? u->o.config->group : "(default)");
    struct moment now;
    os_now(&now);
    int64_t skew = w->wall_ms > 0 ? now.wall_ms - w->wall_ms : 0;
    if (skew > 60000 || skew < -60000)
        log_warn("session: this machine's clock and the coordinator's differ by %lld s; "
                 "certificates depend on it",
                 (long long)skew / 1000);
    say_ready(u, false);
    arm_heartbeat(u);
    watch_certificate(u, false);
    u->o.on_attempted("connected", u->o.user);
    u->o.on_change(u->o.user);
}

static void on_refused(struct uplink *u, const struct msg_refused *m)
{
    bool again = str_eq(m->code, u->refused_code);
    u->retry_at_least_ms = m->retry_ms > 0 ? m->retry_ms : PERMANENT_RETRY_MS;
    if (!again) log_error("session: refused code=%s: %s", m->code, m->message);
    if (str_copy(u->refused_code, sizeof u->refused_code, m->code) != 0) u->refused_code[0] = 0;
    link_close(u->link);
}

/* ---- messages ---- */

static void on_ack(struct uplink *u, const struct msg_ack *m)
{
    struct err e;
    if (m->heartbeat > 0 && (uint64_t)m->heartbeat <= u->heartbeat_n &&
        u->heartbeat_n - (uint64_t)m->heartbeat < HEARTBEATS_REMEMBERED) {
        int64_t sent = u->heartbeat_sent_ms[(uint64_t)m->heartbeat % HEARTBEATS_REMEMBERED];
        renew_leases(u, sent);
    }
    if (m->seq <= u->acked_seq) return;
    u->acked_seq = m->seq;
    int64_t before = journal_pending_bytes(u->o.journal);
    if (journal_ack(u->o.journal, m->seq, &e) != 0) {
        u->o.on_fatal(&e, u->o.user);
        return;
    }
    u->in_flight_bytes -= before - journal_pending_bytes(u->o.journal);
    if (u->in_flight_bytes < 0 || m->seq >= u->sent_seq) u->in_flight_bytes = 0;
}

static void on_drain_order(struct uplink *u, const struct msg_drain *m)
{
    if (u->held == m->on) return;
    u->held = m->on;
    log_info("session: the coordinator %s%s%s", m->on ? "sends no more jobs" : "sends jobs again",
             m->reason ? ": " : "", m->reason ? m->reason : "");
}

static void on_message(struct uplink *u, struct msg *m)
{
    switch (m->type) {
    case MSG_JOB:
        if (m->u.job.output_limit == 0) m->u.job.output_limit = u->output_limit;
        runner_accept(u->o.runner, &m->u.job, agent_config_slots(u->o.config));
        break;
    case MSG_KILL:
        runner_kill(u->o.runner, m->u.kill.job, m->u.kill.attempt, m->u.kill.reason,
                    m->u.kill.grace_ms);
        break;
    case MSG_ACK:
        on_ack(u, &m->u.ack);
        break;
    case MSG_DISCARD:
        runner_discard(u->o.runner, m->u.discard.job, m->u.discard.attempt);
        break;
    case MSG_DRAIN:
        on_drain_order(u, &m->u.drain);
        break;
    case MSG_CERTIFICATE:
        on_certificate(u, &m->u.certificate);
        break;
    default:
        log_warn("session: %s is not expected now", msg_name(m->type));
        break;
    }
}

static void on_first_message(struct uplink *u, struct msg *m, struct err *e)
{
    if (m->type == MSG_WELCOME) {
        on_welcome(u, &m->u.welcome);
    } else if (m->type == MSG_REFUSED) {
        on_refused(u, &m->u.refused);
    } else {
        err_set(e, ERR_PROTOCOL, "%s came where welcome or refused was due", msg_name(m->type));
        link_abort(u->link, e);
    }
}

static int on_frame(struct uplink *u, const struct frame *f, struct err *e)
{
    struct msg m = {0};
    if (f->type != FRAME_JSON)
        return err_set(e, ERR_PROTOCOL, "a frame of type %u is not expected", f->type);
    int rc = msg_decode(f->body, f->len, &m, e);
    if (rc != 0) return rc;
    if (msg_from_agent(m.type))
        rc = err_set(e, ERR_PROTOCOL, "%s comes from agents only", msg_name(m.type));
    else if (m.type == MSG_REFUSED)
        on_refused(u, &m.u.refused);
    else if (live(u))
        on_message(u, &m);
    else
        on_first_message(u, &m, e);
    msg_fini(&m);
    return rc;
}

/* ---- the link ---- */

static void on_open(struct link *l, void *user)
{
    (void)l;
    struct uplink *u = user;
    move(u, UPLINK_HELLO, "TLS is up");
    say_hello(u);
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct uplink *u = user;
    struct frame f;
    struct err e = {0};
    u->heard_ms = now_ms();
    int rc = frame_reader_add(&u->reader, data, len, &e);
    while (rc == 0 && u->link == l && u->retry_at_least_ms == 0 &&
           (rc = frame_reader_next(&u->reader, &f, &e)) == 1)
        rc = on_frame(u, &f, &e);
    if (rc < 0 && u->link == l) {
        err_wrap(&e, "the coordinator sent what is not cadre/1");
        link_abort(l, &e);
    }
    u->o.on_change(u->o.user);
}

static void on_link_drain(struct link *l, void *user)
{
    (void)l;
    struct uplink *u = user;
    u->o.on_change(u->o.user);
}

static void connect_now(struct uplink *u);

static void on_retry_timer(uv_timer_t *t)
{
    connect_now(t->data);
}

static void on_link_close(struct link *l, const struct err *e, void *user)
{
    (void)l;
    struct uplink *u = user;
    bool was_live = live(u);
    bool refused = u->retry_at_least_ms > 0; /* which was logged in its own words */
    u->link = NULL;
    uv_timer_stop(&u->heartbeat_timer);
    uv_timer_stop(&u->renew_timer);
    frame_reader_fini(&u->reader);
    move(u, UPLINK_DISCONNECTED, "link closed");
    runner_give_back(u->o.runner, "never-started");
    u->o.on_change(u->o.user);
    if (u->stopped) return;
    int64_t wait = backoff_next(&u->backoff, &u->rng);
    if (u->retry_at_least_ms > wait)
        wait = u->retry_at_least_ms +
               (int64_t)rng_below(&u->rng, (uint64_t)(u->retry_at_least_ms / 4 + 1));
    char text[DURATION_TEXT_SIZE];
    duration_format(wait - wait % 100, text);
    if (!refused) {
        u->refused_code[0] = 0;
        log_warn("session: %s: %s; trying again in %s",
                 was_live ? "lost the coordinator" : "cannot connect",
                 e->code == ERR_OK ? "it closed the connection" : err_text(e), text);
    }
    u->retry_at_least_ms = 0;
    u->o.on_attempted("no connection to the coordinator yet; trying", u->o.user);
    start_timer(u, &u->retry_timer, on_retry_timer, wait);
}

static const struct link_handler link_events = {on_open, on_data, on_link_drain, on_link_close};

static void connect_now(struct uplink *u)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port = DEFAULT_PORT;
    struct err e;
    const struct opt_list *list = &u->o.config->coordinator;
    const char *address = list->items[u->address++ % list->count];
    if (address_parse(address, DEFAULT_PORT, host, sizeof host, &port, &e) != 0) {
        u->o.on_fatal(&e, u->o.user);
        return;
    }
    frame_reader_init(&u->reader, LIMIT_FRAME_KNOWN);
    move(u, UPLINK_CONNECTING, address);
    u->link = link_connect(u->o.loop, u->tls, host, port, CONNECT_TIMEOUT_MS, &link_events, u);
}

enum uplink_state uplink_state(const struct uplink *u)
{
    return u->state;
}

/* ---- life ---- */

static void on_handle_closed(uv_handle_t *h)
{
    struct uplink *u = h->data;
    if (--u->open_handles > 0) return;
    tls_config_unref(u->tls);
    mem_free(u->capabilities);
    mem_free(u->resting);
    mem_free(u);
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
    rng_init(&u->rng, os_seed());
    backoff_init(&u->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
    u->capabilities = mem_strdup(o->capabilities);
    uv_timer_t *timers[] = {&u->retry_timer, &u->heartbeat_timer, &u->lease_timer, &u->renew_timer};
    for (size_t i = 0; i < 4; i++) {
        uv_timer_init(o->loop, timers[i]);
        timers[i]->data = u;
        u->open_handles++;
    }
    *out = u;
    return 0;
}

void uplink_start(struct uplink *u)
{
    connect_now(u);
}

void uplink_stop(struct uplink *u, const char *reason)
{
    u->stopped = true;
    uv_timer_stop(&u->retry_timer);
    uv_timer_stop(&u->heartbeat_timer);
    uv_timer_stop(&u->lease_timer);
    uv_timer_stop(&u->renew_timer);
    if (!u->link) return;
    if (live(u)) {
        struct msg m = {.type = MSG_BYE};
        m.u.bye.reason = (char *)(uintptr_t)reason;
        say(u, &m);
    }
    link_close(u->link);
}

void uplink_free(struct uplink *u)
{
    static const struct link_handler nobody = {0};
    if (!u) return;
    if (u->link) {
        link_set_handler(u->link, &nobody, NULL);
        link_close(u->link);
    }
    frame_reader_fini(&u->reader);
    uv_close((uv_handle_t *)&u->retry_timer, on_handle_closed);
    uv_close((uv_handle_t *)&u->heartbeat_timer, on_handle_closed);
    uv_close((uv_handle_t *)&u->lease_timer, on_handle_closed);
    uv_close((uv_handle_t *)&u->renew_timer, on_handle_closed);
}
