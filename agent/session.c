/* One agent's conversation with its coordinator: see session.h. */
#include "agent/session.h"

#include "base/backoff.h"
#include "base/duration.h"
#include "base/fsm.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "platform/os.h"
#include "wire/frame.h"
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
static const struct fsm_state session_states[] = {
    [SESSION_DISCONNECTED] = {"disconnected", BIT(SESSION_CONNECTING), false},
    [SESSION_CONNECTING] = {"connecting", BIT(SESSION_HELLO) | BIT(SESSION_DISCONNECTED), false},
    [SESSION_HELLO] = {"hello",
                       BIT(SESSION_READY) | BIT(SESSION_DRAINING) | BIT(SESSION_DISCONNECTED),
                       false},
    [SESSION_READY] = {"ready", BIT(SESSION_DRAINING) | BIT(SESSION_DISCONNECTED), false},
    [SESSION_DRAINING] = {"draining", BIT(SESSION_DISCONNECTED), false},
};
static const struct fsm session_fsm = {"session", session_states, 5};

struct session {
    struct session_options o;
    enum session_state state;
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

static void move(struct session *s, enum session_state to, const char *why)
{
    if (!fsm_may(&session_fsm, (int)s->state, (int)to))
        log_error("session: %s -> %s is not legal (%s)", fsm_name(&session_fsm, (int)s->state),
                  fsm_name(&session_fsm, (int)to), why);
    log_debug("session: %s -> %s (%s)", fsm_name(&session_fsm, (int)s->state),
              fsm_name(&session_fsm, (int)to), why);
    s->state = to;
}

static bool live(const struct session *s)
{
    return s->state == SESSION_READY || s->state == SESSION_DRAINING;
}

static void say(struct session *s, const struct msg *m)
{
    if (!s->link) return;
    int rc = msg_frame_add(link_out(s->link), m);
    if (rc != 0) {
        struct err e;
        err_set(&e, rc, "sending %s: it does not fit", msg_name(m->type));
        link_abort(s->link, &e);
        return;
    }
    link_flush_later(s->link);
}

/* ---- timers ---- */

static void start_timer(struct session *s, uv_timer_t *t, uv_timer_cb fn, int64_t after_ms)
{
    uv_update_time(s->o.loop);
    uv_timer_start(t, fn, after_ms > 0 ? (uint64_t)after_ms : 0, 0);
}

static void on_lease_timer(uv_timer_t *t);

/* The lease clock runs whenever an attempt is held: it began when the last acknowledged heartbeat
 * was sent. */
static void watch_lease(struct session *s)
{
    int64_t lease = runner_running_lease(s->o.runner);
    if (lease == INT64_MAX) {
        uv_timer_stop(&s->lease_timer);
        return;
    }
    start_timer(s, &s->lease_timer, on_lease_timer, s->lease_base_ms + lease - now_ms());
}

/* The coordinator has heard what was sent then. */
static void renew_leases(struct session *s, int64_t sent_ms)
{
    if (sent_ms <= s->lease_base_ms) return;
    s->lease_base_ms = sent_ms;
    runner_renew(s->o.runner, sent_ms);
}

static void on_lease_timer(uv_timer_t *t)
{
    struct session *s = t->data;
    runner_expire_leases(s->o.runner);
    watch_lease(s);
    s->o.on_change(s->o.user);
}

static int64_t heartbeat_interval(const struct session *s)
{
    int64_t third = runner_shortest_lease(s->o.runner) / 3;
    return third < s->heartbeat_ms ? third : s->heartbeat_ms;
}

static void on_heartbeat_timer(uv_timer_t *t);

static void arm_heartbeat(struct session *s)
{
    s->heartbeat_every_ms = heartbeat_interval(s);
    start_timer(s, &s->heartbeat_timer, on_heartbeat_timer, s->heartbeat_every_ms);
}

static void beat(struct session *s, int64_t now)
{
    struct msg m = {.type = MSG_HEARTBEAT};
    m.u.heartbeat.n = (int64_t)++s->heartbeat_n;
    s->heartbeat_sent_ms[s->heartbeat_n % HEARTBEATS_REMEMBERED] = now;
    say(s, &m);
    arm_heartbeat(s);
}

static void on_heartbeat_timer(uv_timer_t *t)
{
    struct session *s = t->data;
    int64_t now = now_ms();
    if (!s->link || !live(s)) return;
    if (now - s->heard_ms > 3 * s->heartbeat_every_ms + 5000) {
        struct err e;
        err_set(&e, ERR_TIMEOUT, "the coordinator has been silent for %lld s",
                (long long)(now - s->heard_ms) / 1000);
        link_abort(s->link, &e);
        return;
    }
    beat(s, now);
}

/* ---- certificate renewal ---- */

static void on_renew_timer(uv_timer_t *t);

/* A fresh certificate is not renewed at once, even where the clocks differ so much (or the CA's end
 * is so near) that it seems due. */
static void watch_certificate(struct session *s, bool fresh)
{
    struct pki_cert_info info;
    struct err e;
    struct moment now;
    if (pki_cert_info(s->o.identity->cert_pem, &info, &e) != 0) return;
    os_now(&now);
    int64_t third = (info.not_after_ms - info.not_before_ms) / 3;
    int64_t wait = info.not_before_ms + third * 2 - now.wall_ms;
    int64_t pause = third < RENEW_PAUSE_MS ? third : RENEW_PAUSE_MS;
    if (fresh && wait < pause) wait = pause;
    start_timer(s, &s->renew_timer, on_renew_timer, wait);
}

static void on_renew_timer(uv_timer_t *t)
{
    struct session *s = t->data;
    if (!live(s)) return; /* asked again after the next welcome */
    struct pki_key *key = NULL;
    struct err e;
    struct msg m = {.type = MSG_ENROL};
    int rc = pki_key_parse(s->o.identity->key_pem, &key, &e);
    if (rc == 0) rc = pki_csr_make(key, s->o.identity->agent, &m.u.enrol.csr, &e);
    if (rc == 0) {
        log_info("certificate: asking for a new one");
        say(s, &m);
    } else {
        log_error("certificate: cannot ask for a new one: %s", err_text(&e));
    }
    mem_free(m.u.enrol.csr);
    pki_key_free(key);
    /* Should the answer be lost, ask again. */
    start_timer(s, &s->renew_timer, on_renew_timer, RENEW_PAUSE_MS);
}

static int make_tls(struct session *s, struct err *e)
{
    struct tls_client_options o = {.alpn = ALPN_CADRE,
                                   .cert_pem = s->o.identity->cert_pem,
                                   .key_pem = s->o.identity->key_pem,
                                   .ca_pem = s->o.identity->ca_pem};
    struct tls_config *c = NULL;
    int rc = tls_config_client(&o, &c, e);
    if (rc != 0) return rc;
    tls_config_unref(s->tls);
    s->tls = c;
    return 0;
}

static void on_certificate(struct session *s, const struct msg_certificate *m)
{
    struct pki_key *key = NULL;
    struct err e;
    int rc = pki_key_parse(s->o.identity->key_pem, &key, &e);
    if (rc == 0 && !pki_cert_matches_key(m->certificate, key))
        rc = err_set(&e, ERR_INVALID, "it is not for this agent's key");
    pki_key_free(key);
    if (rc == 0) rc = identity_save_cert(s->o.config->state, m->certificate, &e);
    if (rc == 0) {
        mem_free(s->o.identity->cert_pem);
        s->o.identity->cert_pem = mem_strdup(m->certificate);
        rc = make_tls(s, &e);
    }
    if (rc != 0) {
        log_error("certificate: the new one cannot be used: %s", err_text(&e));
        return;
    }
    log_info("certificate: renewed");
    watch_certificate(s, true);
}

/* ---- sending events ---- */

struct pump {
    struct session *s;
    bool stopped; /* there may be more */
};

static int pump_one(int64_t seq, const void *frame, size_t len, void *user)
{
    struct pump *p = user;
    struct session *s = p->s;
    p->stopped = true;
    if (buf_add(link_out(s->link), frame, len) != 0) return 1;
    s->sent_seq = seq;
    s->in_flight_bytes += (int64_t)len;
    p->stopped = s->in_flight_bytes >= IN_FLIGHT_MAX ||
                 link_pending(s->link) + link_out(s->link)->len >= LINK_QUEUE_MAX;
    return p->stopped;
}

void session_pump(struct session *s)
{
    if (!s->link || !live(s)) return;
    /* A shorter lease than before wants a quicker heartbeat, the first one now: its job may wait
     * for the answer. */
    if (heartbeat_interval(s) < s->heartbeat_every_ms) beat(s, now_ms());
    watch_lease(s);
    if (journal_seq(s->o.journal) <= s->seen_seq || s->in_flight_bytes >= IN_FLIGHT_MAX ||
        link_pending(s->link) >= LINK_QUEUE_MAX)
        return;
    struct pump p = {.s = s};
    struct err e;
    int64_t before = s->sent_seq;
    if (journal_each_event(s->o.journal, s->sent_seq, pump_one, &p, &e) != 0) {
        s->o.on_fatal(&e, s->o.user);
        return;
    }
    if (!p.stopped) s->seen_seq = journal_seq(s->o.journal);
    /* Only then: what is flushed is answered by on_drain, which brings us here again. */
    if (s->sent_seq != before) link_flush_later(s->link);
}

/* ---- hello ---- */

static void say_ready(struct session *s, bool with_capabilities)
{
    struct msg m = {.type = MSG_READY};
    struct err e;
    int64_t slots = agent_config_slots(s->o.config);
    int64_t busy = (int64_t)runner_count(s->o.runner);
    m.u.ready.slots = slots;
    m.u.ready.free_slots = busy < slots ? slots - busy : 0;
    m.u.ready.draining = s->resting || runner_draining(s->o.runner);
    m.u.ready.reason = runner_draining(s->o.runner) ? NULL : s->resting;
    if (with_capabilities &&
        json_parse(s->capabilities, strlen(s->capabilities), &m.u.ready.capabilities, &e) != 0)
        m.u.ready.capabilities = NULL;
    say(s, &m);
    json_free(m.u.ready.capabilities);
}

void session_announce(struct session *s)
{
    if (!live(s)) return;
    if (runner_draining(s->o.runner) && s->state == SESSION_READY)
        move(s, SESSION_DRAINING, "stopping");
    say_ready(s, false);
}

void session_rest(struct session *s, const char *why)
{
    mem_free(s->resting);
    s->resting = mem_strdup(why);
    session_announce(s);
}

void session_set_capabilities(struct session *s, char *json)
{
    bool same = str_eq(s->capabilities, json);
    mem_free(s->capabilities);
    s->capabilities = json;
    if (!same && live(s)) say_ready(s, true);
}

static void say_hello(struct session *s)
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
    h->name = (char *)(uintptr_t)s->o.name;
    h->group = s->o.config->group;
    h->slots = agent_config_slots(s->o.config);
    h->boot_id = boot;
    h->host_id = host;
    h->journal_id = (char *)(uintptr_t)journal_id(s->o.journal);
    h->seq = journal_seq(s->o.journal);
    h->attempts = runner_attempts(s->o.runner);
    h->draining = s->resting || runner_draining(s->o.runner);
    if (json_parse(s->capabilities, strlen(s->capabilities), &h->capabilities, &e) != 0)
        h->capabilities = json_new(JSON_OBJECT);
    s->hello_sent_ms = now_ms();
    say(s, &m);
    json_free(h->attempts);
    json_free(h->capabilities);
}

static void on_welcome(struct session *s, const struct msg_welcome *w)
{
    struct err e;
    int rc = journal_raise_seq(s->o.journal, w->seq, &e);
    if (rc == 0) rc = journal_ack(s->o.journal, w->seq, &e);
    if (rc == 0) rc = runner_report_leftovers(s->o.runner, &e);
    if (rc != 0) {
        s->o.on_fatal(&e, s->o.user);
        return;
    }
    s->sent_seq = s->acked_seq = s->seen_seq = w->seq;
    s->in_flight_bytes = 0;
    s->heartbeat_ms = w->heartbeat_ms;
    s->output_limit = w->output_limit;
    renew_leases(s, s->hello_sent_ms);
    s->refused_code[0] = 0;
    frame_reader_set_max(&s->reader, LIMIT_FRAME_KNOWN);
    backoff_reset(&s->backoff);
    move(s, runner_draining(s->o.runner) ? SESSION_DRAINING : SESSION_READY, "welcome");
    log_info("session: connected to %s version=%s as=%s group=%s", link_remote(s->link), w->version,
             s->o.name, s->o.config->group ? s->o.config->group : "(default)");
    struct moment now;
    os_now(&now);
    int64_t skew = w->wall_ms > 0 ? now.wall_ms - w->wall_ms : 0;
    if (skew > 60000 || skew < -60000)
        log_warn("session: this machine's clock and the coordinator's differ by %lld s; "
                 "certificates depend on it",
                 (long long)skew / 1000);
    say_ready(s, false);
    arm_heartbeat(s);
    watch_certificate(s, false);
    s->o.on_attempted("connected", s->o.user);
    s->o.on_change(s->o.user);
}

static void on_refused(struct session *s, const struct msg_refused *m)
{
    bool again = str_eq(m->code, s->refused_code);
    s->retry_at_least_ms = m->retry_ms > 0 ? m->retry_ms : PERMANENT_RETRY_MS;
    if (!again) log_error("session: refused code=%s: %s", m->code, m->message);
    if (str_copy(s->refused_code, sizeof s->refused_code, m->code) != 0) s->refused_code[0] = 0;
    link_close(s->link);
}

/* ---- messages ---- */

static void on_ack(struct session *s, const struct msg_ack *m)
{
    struct err e;
    if (m->heartbeat > 0 && (uint64_t)m->heartbeat <= s->heartbeat_n &&
        s->heartbeat_n - (uint64_t)m->heartbeat < HEARTBEATS_REMEMBERED) {
        int64_t sent = s->heartbeat_sent_ms[(uint64_t)m->heartbeat % HEARTBEATS_REMEMBERED];
        renew_leases(s, sent);
    }
    if (m->seq <= s->acked_seq) return;
    s->acked_seq = m->seq;
    int64_t before = journal_pending_bytes(s->o.journal);
    if (journal_ack(s->o.journal, m->seq, &e) != 0) {
        s->o.on_fatal(&e, s->o.user);
        return;
    }
    s->in_flight_bytes -= before - journal_pending_bytes(s->o.journal);
    if (s->in_flight_bytes < 0 || m->seq >= s->sent_seq) s->in_flight_bytes = 0;
}

static void on_drain_order(struct session *s, const struct msg_drain *m)
{
    if (s->held == m->on) return;
    s->held = m->on;
    log_info("session: the coordinator %s%s%s", m->on ? "sends no more jobs" : "sends jobs again",
             m->reason ? ": " : "", m->reason ? m->reason : "");
}

static void on_message(struct session *s, struct msg *m)
{
    switch (m->type) {
    case MSG_JOB:
        if (m->u.job.output_limit == 0) m->u.job.output_limit = s->output_limit;
        runner_accept(s->o.runner, &m->u.job, agent_config_slots(s->o.config));
        break;
    case MSG_KILL:
        runner_kill(s->o.runner, m->u.kill.job, m->u.kill.attempt, m->u.kill.reason,
                    m->u.kill.grace_ms);
        break;
    case MSG_ACK:
        on_ack(s, &m->u.ack);
        break;
    case MSG_DISCARD:
        runner_discard(s->o.runner, m->u.discard.job, m->u.discard.attempt);
        break;
    case MSG_DRAIN:
        on_drain_order(s, &m->u.drain);
        break;
    case MSG_CERTIFICATE:
        on_certificate(s, &m->u.certificate);
        break;
    default:
        log_warn("session: %s is not expected now", msg_name(m->type));
        break;
    }
}

static void on_first_message(struct session *s, struct msg *m, struct err *e)
{
    if (m->type == MSG_WELCOME) {
        on_welcome(s, &m->u.welcome);
    } else if (m->type == MSG_REFUSED) {
        on_refused(s, &m->u.refused);
    } else {
        err_set(e, ERR_PROTOCOL, "%s came where welcome or refused was due", msg_name(m->type));
        link_abort(s->link, e);
    }
}

static int on_frame(struct session *s, const struct frame *f, struct err *e)
{
    struct msg m = {0};
    if (f->type != FRAME_JSON)
        return err_set(e, ERR_PROTOCOL, "a frame of type %u is not expected", f->type);
    int rc = msg_decode(f->body, f->len, &m, e);
    if (rc != 0) return rc;
    if (msg_from_agent(m.type))
        rc = err_set(e, ERR_PROTOCOL, "%s comes from agents only", msg_name(m.type));
    else if (m.type == MSG_REFUSED)
        on_refused(s, &m.u.refused);
    else if (live(s))
        on_message(s, &m);
    else
        on_first_message(s, &m, e);
    msg_fini(&m);
    return rc;
}

/* ---- the link ---- */

static void on_open(struct link *l, void *user)
{
    (void)l;
    struct session *s = user;
    move(s, SESSION_HELLO, "TLS is up");
    say_hello(s);
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct session *s = user;
    struct frame f;
    struct err e = {0};
    s->heard_ms = now_ms();
    int rc = frame_reader_add(&s->reader, data, len, &e);
    while (rc == 0 && s->link == l && s->retry_at_least_ms == 0 &&
           (rc = frame_reader_next(&s->reader, &f, &e)) == 1)
        rc = on_frame(s, &f, &e);
    if (rc < 0 && s->link == l) {
        err_wrap(&e, "the coordinator sent what is not cadre/1");
        link_abort(l, &e);
    }
    s->o.on_change(s->o.user);
}

static void on_link_drain(struct link *l, void *user)
{
    (void)l;
    struct session *s = user;
    s->o.on_change(s->o.user);
}

static void connect_now(struct session *s);

static void on_retry_timer(uv_timer_t *t)
{
    connect_now(t->data);
}

static void on_link_close(struct link *l, const struct err *e, void *user)
{
    (void)l;
    struct session *s = user;
    bool was_live = live(s);
    bool refused = s->retry_at_least_ms > 0; /* which was logged in its own words */
    s->link = NULL;
    uv_timer_stop(&s->heartbeat_timer);
    uv_timer_stop(&s->renew_timer);
    frame_reader_fini(&s->reader);
    move(s, SESSION_DISCONNECTED, "link closed");
    runner_give_back(s->o.runner, "never-started");
    s->o.on_change(s->o.user);
    if (s->stopped) return;
    int64_t wait = backoff_next(&s->backoff, &s->rng);
    if (s->retry_at_least_ms > wait)
        wait = s->retry_at_least_ms +
               (int64_t)rng_below(&s->rng, (uint64_t)(s->retry_at_least_ms / 4 + 1));
    char text[DURATION_TEXT_SIZE];
    duration_format(wait - wait % 100, text);
    if (!refused) {
        s->refused_code[0] = 0;
        log_warn("session: %s: %s; trying again in %s",
                 was_live ? "lost the coordinator" : "cannot connect",
                 e->code == ERR_OK ? "it closed the connection" : err_text(e), text);
    }
    s->retry_at_least_ms = 0;
    s->o.on_attempted("no connection to the coordinator yet; trying", s->o.user);
    start_timer(s, &s->retry_timer, on_retry_timer, wait);
}

static const struct link_handler link_events = {on_open, on_data, on_link_drain, on_link_close};

static void connect_now(struct session *s)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port = DEFAULT_PORT;
    struct err e;
    const struct opt_list *list = &s->o.config->coordinator;
    const char *address = list->items[s->address++ % list->count];
    if (address_parse(address, DEFAULT_PORT, host, sizeof host, &port, &e) != 0) {
        s->o.on_fatal(&e, s->o.user);
        return;
    }
    frame_reader_init(&s->reader, LIMIT_FRAME_KNOWN);
    move(s, SESSION_CONNECTING, address);
    s->link = link_connect(s->o.loop, s->tls, host, port, CONNECT_TIMEOUT_MS, &link_events, s);
}

enum session_state session_state(const struct session *s)
{
    return s->state;
}

/* ---- life ---- */

static void on_handle_closed(uv_handle_t *h)
{
    struct session *s = h->data;
    if (--s->open_handles > 0) return;
    tls_config_unref(s->tls);
    mem_free(s->capabilities);
    mem_free(s->resting);
    mem_free(s);
}

int session_new(const struct session_options *o, struct session **out, struct err *e)
{
    if (o->config->coordinator.count == 0)
        return err_set(e, ERR_INVALID,
                       "%s: 'coordinator' is missing: it is written by 'cadre-agent join TOKEN'; "
                       "or add 'coordinator: "
                       "HOST:PORT'",
                       o->config->config_path);
    struct session *s = mem_alloc(sizeof *s);
    s->o = *o;
    int rc = make_tls(s, e);
    if (rc != 0) {
        mem_free(s);
        return rc;
    }
    rng_init(&s->rng, os_seed());
    backoff_init(&s->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
    s->capabilities = mem_strdup(o->capabilities);
    uv_timer_t *timers[] = {&s->retry_timer, &s->heartbeat_timer, &s->lease_timer, &s->renew_timer};
    for (size_t i = 0; i < 4; i++) {
        uv_timer_init(o->loop, timers[i]);
        timers[i]->data = s;
        s->open_handles++;
    }
    *out = s;
    return 0;
}

void session_start(struct session *s)
{
    connect_now(s);
}

void session_stop(struct session *s, const char *reason)
{
    s->stopped = true;
    uv_timer_stop(&s->retry_timer);
    uv_timer_stop(&s->heartbeat_timer);
    uv_timer_stop(&s->lease_timer);
    uv_timer_stop(&s->renew_timer);
    if (!s->link) return;
    if (live(s)) {
        struct msg m = {.type = MSG_BYE};
        m.u.bye.reason = (char *)(uintptr_t)reason;
        say(s, &m);
    }
    link_close(s->link);
}

void session_free(struct session *s)
{
    static const struct link_handler nobody = {0};
    if (!s) return;
    if (s->link) {
        link_set_handler(s->link, &nobody, NULL);
        link_close(s->link);
    }
    frame_reader_fini(&s->reader);
    uv_close((uv_handle_t *)&s->retry_timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->heartbeat_timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->lease_timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->renew_timer, on_handle_closed);
}
