/* All sessions: their connections, the clock, the end. */
#include "coordinator/sessions/sessions.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/map.h"
#include "coordinator/sessions/session.h"
#include "platform/os.h"
#include "wire/lease.h"
#include "wire/link.h"

#include <uv.h>

#define SWEEP_MS 250
#define SWEEP_ROUND 8  /* many sessions are looked at in so many sweeps ... */
#define SWEEP_LEAST 64 /* ... of at least so many */
#define LATE_MS 2000   /* after a later sweep the coordinator was slow, not the agents */
#define SIGN_RETRY_MS 5000

struct session {
    /* What the sweep looks at lies together: a look at an idle session is a cache line or two. */
    struct sessions *owner;
    int64_t opened_ms, heard_ms;
    struct session *next, *prev;
    bool paused; /* waits for the spine to have room */
    struct session_facts facts;
    struct link *link;
    struct frame_reader reader;
    struct tls_peer *distrust; /* why the certificate is not valid; NULL: valid, or none */
    char *parting;      /* why we close the connection; NULL: we do not, or the engine does */
    int64_t beat;       /* the heartbeat to be acknowledged; 0: none */
    bool beat_can_wait; /* not at the end of what was received */
    bool ack_due;       /* when all effects are there */
    bool listed;        /* it is in the owner's list of those that had effects */
    int64_t ack_seq;
    struct session *next_listed;
};

struct sessions {
    struct sessions_options o;
    char *addresses; /* JSON list; NULL: none */
    struct map by_number;
    struct session *first;
    struct session *swept;  /* the next to be looked at; NULL: the first */
    struct session *listed; /* that had effects and were not settled since */
    size_t count;
    int64_t swept_ms;
    uv_timer_t *timer; /* frees itself when closed */
    bool stopped;
};

static unsigned long long number_of(const struct session *s)
{
    return (unsigned long long)s->facts.number;
}

/* ---- the beginning and the end of a session ---- */

static void free_session(struct session *s)
{
    frame_reader_fini(&s->reader);
    session_facts_fini(&s->facts);
    mem_free(s->distrust);
    mem_free(s->parting);
    mem_free(s);
}

/* why: the link's. */
static void push_gone(struct session *s, const struct err *why)
{
    if (!s->facts.greeted || s->owner->stopped) return;
    struct command *c = command_new(CMD_GONE);
    c->session = s->facts.number;
    c->text = mem_strdup(s->parting ? s->parting : why->code ? err_text(why) : NULL);
    spine_push(s->owner->o.spine, c);
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct session *s = user;
    struct sessions *owner = s->owner;
    (void)l;
    /* Strangers come and go in numbers: the door has a line for them. */
    enum log_level level = s->facts.agent ? LOG_INFO : LOG_DEBUG;
    if (e->code && s->facts.state != SESSION_CLOSING && log_enabled(level))
        log_write(level, "session %llu: ended: %s", number_of(s), err_text(e));
    push_gone(s, e);
    map_remove(&owner->by_number, s->facts.number);
    if (owner->swept == s) owner->swept = s->next;
    if (s->prev)
        s->prev->next = s->next;
    else
        owner->first = s->next;
    if (s->next) s->next->prev = s->prev;
    owner->count--;
    free_session(s);
}

static void close_session(struct session *s)
{
    if (s->facts.state == SESSION_CLOSING) return;
    s->facts.state = SESSION_CLOSING;
    link_close(s->link);
}

static void part(struct session *s, const char *why)
{
    if (!s->parting) s->parting = mem_strdup(why);
}

/* Sends the bytes that session_send... appended. rc: their result. */
static void sent(struct session *s, int rc, const struct err *why)
{
    if (!rc) {
        link_flush_later(s->link);
        if (s->facts.state == SESSION_CLOSING) link_close(s->link);
        return;
    }
    log_error("session %llu: %s", number_of(s), err_text(why));
    link_abort(s->link, why);
}

static void refuse(struct session *s, const char *code, const char *sentence, int64_t retry_ms)
{
    struct err e = {0};
    log_info("session %llu from %s: refused, %s: %s", number_of(s), link_remote(s->link), code,
             sentence);
    part(s, sentence);
    int rc = session_send_refused(&s->facts, code, sentence, retry_ms, link_out(s->link), &e);
    sent(s, rc, &e);
}

static void refuse_for(struct session *s, enum refusal r, const char *sentence)
{
    refuse(s, refusal_code(r), sentence, refusal_retry_ms(r));
}

/* The engine keeps why an agent that is known was not let in. */
static void push_refused(const struct session *s, enum refusal r, const char *sentence)
{
    if (!s->facts.agent || s->owner->stopped) return;
    struct command *c = command_new(CMD_REFUSED);
    c->u.refused.agent = s->facts.agent;
    c->u.refused.code = mem_strdup(refusal_code(r));
    c->u.refused.message = mem_strdup(sentence);
    spine_push(s->owner->o.spine, c);
}

/* ---- certificates ---- */

static void enrolled(struct session *s, const struct effect *x)
{
    const struct effect_enrolled *n = &x->u.enrolled;
    const struct authority *a = s->owner->o.authority;
    char id[ID_TEXT_SIZE];
    char *pem;
    struct err e = {0};
    if (!s->facts.csr) return;
    if (authority_sign(a, s->facts.csr, n->agent, os_wall_ms(), &pem, &e)) {
        log_error("agent %s: its certificate could not be made: %s", n->name, err_text(&e));
        refuse(s, "internal", "the certificate could not be made", SIGN_RETRY_MS);
        return;
    }
    link_admit(s->link);
    id_format(n->agent, id);
    log_info("agent %s: enrolled as '%s' from %s", id, n->name, link_remote(s->link));
    int rc = session_send_enrolled(&s->facts, x, pem, authority_ca(a), link_out(s->link), &e);
    sent(s, rc, &e);
    mem_free(pem);
}

static void renew(struct session *s, const char *csr)
{
    char *pem;
    struct err e = {0};
    if (authority_sign(s->owner->o.authority, csr, s->facts.agent, os_wall_ms(), &pem, &e)) {
        log_error("session %llu: a certificate could not be renewed: %s", number_of(s),
                  err_text(&e));
        return; /* the agent asks again */
    }
    int rc = session_send_certificate(pem, link_out(s->link), &e);
    sent(s, rc, &e);
    mem_free(pem);
}

/* ---- bytes ---- */

/* Certificates that do not count are told so at the first message, not before: an answer to
 * nothing would cross the peer's hello and be lost when the connection is reset. */
static void refuse_certificate(struct session *s)
{
    const struct tls_peer *p = s->distrust;
    switch (p->state) {
    case TLS_PEER_UNKNOWN_CA:
        refuse_for(s, REFUSAL_CERTIFICATE_UNKNOWN_CA, p->sentence);
        break;
    case TLS_PEER_EXPIRED:
        refuse_for(s, REFUSAL_CERTIFICATE_EXPIRED, p->sentence);
        break;
    case TLS_PEER_NOT_YET_VALID: /* clocks get set right */
        refuse_for(s, REFUSAL_CERTIFICATE_NOT_YET_VALID, p->sentence);
        break;
    default:
        refuse_for(s, REFUSAL_CERTIFICATE_BAD, p->sentence);
        break;
    }
}

static void on_frame(struct session *s, const struct frame *f)
{
    struct session_heard heard;
    if (s->distrust) {
        refuse_certificate(s);
        return;
    }
    session_receive(&s->facts, f, &heard);
    switch (heard.action) {
    case SESSION_COMMAND:
        spine_push(s->owner->o.spine, heard.command);
        break;
    case SESSION_BEAT:
        s->beat_can_wait = heard.ack_later && (!s->beat || s->beat_can_wait);
        s->beat = heard.beat;
        break;
    case SESSION_RENEW:
        renew(s, heard.csr);
        mem_free(heard.csr);
        break;
    case SESSION_REFUSE:
        push_refused(s, heard.refusal, err_text(&heard.why));
        refuse_for(s, heard.refusal, err_text(&heard.why));
        break;
    case SESSION_BYE:
        part(s, err_text(&heard.why));
        close_session(s);
        break;
    }
}

/* Nothing is to be decided about a heartbeat, so that the engine only hears of it. */
static void answer_beat(struct session *s)
{
    struct err e = {0};
    int64_t beat = s->beat;
    s->beat = 0;
    if (!spine_owns_queue(s->owner->o.spine)) return;
    spine_heard(s->owner->o.spine, s->facts.agent);
    if (s->beat_can_wait) {
        session_keep_beat(&s->facts, beat);
        return;
    }
    int rc = session_send_beat(&s->facts, beat, link_out(s->link), &e);
    sent(s, rc, &e);
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct session *s = user;
    struct err e = {0};
    struct frame f;
    if (s->facts.state == SESSION_CLOSING || s->owner->stopped) return;
    s->heard_ms = os_mono_ms();
    int rc = frame_reader_add(&s->reader, data, len, &e);
    while (!rc && s->facts.state != SESSION_CLOSING &&
           (rc = frame_reader_next(&s->reader, &f, &e)) > 0) {
        on_frame(s, &f);
        rc = 0;
    }
    if (s->facts.state == SESSION_CLOSING) return;
    if (s->beat) answer_beat(s);
    spine_pass_on(s->owner->o.spine);
    if (rc < 0) {
        refuse_for(s, rc == ERR_TOO_LARGE ? REFUSAL_TOO_LARGE : REFUSAL_PROTOCOL, err_text(&e));
        return;
    }
    if (spine_is_full(s->owner->o.spine) && !s->paused) {
        s->paused = true;
        link_pause(l);
    }
}

static void on_crowded(struct link *l, void *user)
{
    static const char why[] = "too many connections that are not authenticated";
    struct session *s = user;
    struct err e = {0};
    if (s->facts.state != SESSION_CLOSING && !s->owner->stopped) {
        int rc = session_send_refused(&s->facts, refusal_code(REFUSAL_BUSY), why,
                                      refusal_retry_ms(REFUSAL_BUSY), link_out(l), &e);
        sent(s, rc, &e);
        return;
    }
    err_set(&e, ERR_UNAVAILABLE, "%s", why);
    link_abort(l, &e);
}

static const struct link_handler handler = {.on_data = on_data, .on_close = on_close};

static void identify(struct session *s)
{
    struct tls_peer peer;
    link_peer(s->link, &peer);
    if (peer.state == TLS_PEER_NONE) return;
    if (peer.state == TLS_PEER_TRUSTED && id_parse(peer.cert.subject_cn, &s->facts.agent) == 0)
        return;
    s->facts.agent = 0;
    if (peer.state == TLS_PEER_TRUSTED) {
        peer.state = TLS_PEER_BAD;
        str_copy(peer.sentence, sizeof peer.sentence,
                 "the certificate is not an agent's certificate");
    }
    s->distrust = mem_dup(&peer, sizeof peer);
}

void sessions_accept(struct sessions *owner, struct link *l)
{
    struct session *s = mem_alloc(sizeof *s);
    s->owner = owner;
    s->link = l;
    identify(s);
    if (s->facts.agent) link_admit(l);
    s->facts.number = link_serial(l);
    s->opened_ms = s->heard_ms = os_mono_ms();
    frame_reader_init(&s->reader, s->facts.agent ? LIMIT_FRAME_KNOWN : LIMIT_FRAME_UNKNOWN);
    s->next = owner->first;
    if (s->next) s->next->prev = s;
    owner->first = s;
    owner->count++;
    map_put(&owner->by_number, s->facts.number, s);
    link_set_handler(l, &handler, s);
    link_set_crowded(l, on_crowded);
    if (owner->stopped) {
        struct err e;
        err_set(&e, ERR_UNAVAILABLE, "the coordinator stops");
        link_abort(l, &e);
    }
}

/* ---- the clock ---- */

static void check_silence(struct session *s, int64_t now_ms)
{
    int64_t silence = lease_silence_ms(s->owner->o.heartbeat_ms);
    struct err e;
    if (s->facts.state == SESSION_CLOSING || s->paused) return;
    if (s->facts.state == SESSION_FRESH && now_ms - s->opened_ms >= s->owner->o.first_message_ms)
        err_set(&e, ERR_TIMEOUT, "no first message within %lld ms",
                (long long)s->owner->o.first_message_ms);
    else if (s->facts.state != SESSION_FRESH && now_ms - s->heard_ms >= silence)
        err_set(&e, ERR_TIMEOUT, "no message for %lld ms", (long long)silence);
    else
        return;
    link_abort(s->link, &e);
}

static void on_sweep(uv_timer_t *t)
{
    struct sessions *owner = t->data;
    int64_t now_ms = os_mono_ms();
    bool late = now_ms - owner->swept_ms > LATE_MS;
    owner->swept_ms = now_ms;
    /* Messages that arrived while the loop stood still have not been read yet. */
    if (late) return;
    size_t todo = owner->count / SWEEP_ROUND + 1;
    if (todo < SWEEP_LEAST) todo = SWEEP_LEAST;
    if (todo > owner->count) todo = owner->count;
    for (; todo > 0; todo--) {
        struct session *s = owner->swept ? owner->swept : owner->first;
        owner->swept = s->next;
        check_silence(s, now_ms);
    }
}

/* ---- all sessions ---- */

struct sessions *sessions_new(const struct sessions_options *o)
{
    struct sessions *owner = mem_alloc(sizeof *owner);
    owner->o = *o;
    owner->addresses = mem_strdup(o->addresses);
    if (!owner->o.first_message_ms) owner->o.first_message_ms = LIMIT_HANDSHAKE_MS;
    map_init(&owner->by_number);
    uv_timer_t *t = mem_alloc(sizeof *t);
    t->data = owner;
    uv_timer_init(o->loop, t);
    owner->swept_ms = os_mono_ms();
    uv_timer_start(t, on_sweep, SWEEP_MS, SWEEP_MS);
    owner->timer = t;
    return owner;
}

static void send_effect(struct session *s, const struct effect *x)
{
    const struct sessions_options *o = &s->owner->o;
    struct session_terms terms = {.lease_ms = o->lease_ms,
                                  .heartbeat_ms = o->heartbeat_ms,
                                  .output_limit_bytes = o->output_limit_bytes,
                                  .addresses = s->owner->addresses};
    struct err e = {0};
    if (x->type == EFFECT_WELCOME) terms.wall_ms = os_wall_ms();
    int rc = session_send(&s->facts, &terms, x, link_out(s->link), &e);
    sent(s, rc, &e);
}

static void send_due_ack(struct session *s)
{
    struct effect ack = {.type = EFFECT_ACK, .u.ack.seq = s->ack_seq};
    if (s->ack_due && s->facts.state != SESSION_CLOSING) send_effect(s, &ack);
    s->ack_due = false;
}

/* A lease counts from the heartbeat that was acknowledged last. */
static void send_kept_beat(struct session *s)
{
    struct err e = {0};
    if (!s->facts.kept_beat) return;
    int rc = session_send_kept_beat(&s->facts, link_out(s->link), &e);
    sent(s, rc, &e);
}

/* The ack of the last batch of the turn says all that those before it said. */
static void on_ack(struct session *s, const struct effect_ack *ack)
{
    s->ack_due = true;
    s->ack_seq = ack->seq;
}

static void list(struct session *s)
{
    if (s->listed) return;
    s->listed = true;
    s->next_listed = s->owner->listed;
    s->owner->listed = s;
}

static void on_effect(struct session *s, const struct effect *x)
{
    list(s);
    switch (x->type) {
    case EFFECT_ACK:
        on_ack(s, &x->u.ack);
        break;
    case EFFECT_ENROLLED:
        enrolled(s, x);
        break;
    case EFFECT_REFUSED:
        send_due_ack(s);
        refuse(s, x->u.refused.code, x->u.refused.sentence, x->u.refused.retry_ms);
        break;
    case EFFECT_JOB: /* it may be the very attempt whose end is acknowledged (batch.c) */
        send_due_ack(s);
        send_kept_beat(s);
        send_effect(s, x);
        break;
    case EFFECT_CLOSE:
        send_due_ack(s);
        send_effect(s, x);
        break;
    default:
        send_effect(s, x);
        break;
    }
}

void sessions_on_effect(struct sessions *owner, struct effect *x)
{
    struct session *s = map_find(&owner->by_number, x->session);
    /* The link may have ended while the batch was on its way; the engine learns that from
     * CMD_GONE. */
    if (s && s->facts.state != SESSION_CLOSING) on_effect(s, x);
}

void sessions_settle(struct sessions *owner)
{
    for (struct session *s = owner->listed; s; s = s->next_listed) {
        s->listed = false;
        send_due_ack(s);
        link_flush_now(s->link);
    }
    owner->listed = NULL;
}

void sessions_on_relief(struct sessions *owner)
{
    if (spine_is_full(owner->o.spine)) return; /* it is for requests only */
    for (struct session *s = owner->first; s; s = s->next) {
        if (!s->paused) continue;
        s->paused = false;
        s->heard_ms = os_mono_ms();
        link_resume(s->link);
    }
}

size_t sessions_count(const struct sessions *owner)
{
    return owner->count;
}

void sessions_quiesce(struct sessions *owner)
{
    owner->stopped = true;
}

void sessions_stop(struct sessions *owner, bool cut)
{
    struct err e;
    err_set(&e, ERR_CLOSED, "the coordinator stops");
    owner->stopped = true;
    for (struct session *s = owner->first; s; s = s->next) {
        if (s->paused) link_resume(s->link);
        s->paused = false;
        close_session(s);
        if (cut) link_abort(s->link, &e);
    }
}

void sessions_turn_away(struct sessions *owner, const char *addresses)
{
    owner->stopped = true;
    for (struct session *s = owner->first; s; s = s->next) {
        struct err e = {0};
        if (s->facts.state == SESSION_CLOSING) continue;
        s->ack_due = false;
        int rc = session_send_not_owner(&s->facts, addresses, refusal_retry_ms(REFUSAL_NOT_OWNER),
                                        link_out(s->link), &e);
        sent(s, rc, &e);
    }
    sessions_stop(owner, false);
}

static void on_timer_closed(uv_handle_t *h)
{
    mem_free(h);
}

void sessions_free(struct sessions *owner)
{
    if (!owner) return;
    uv_close((uv_handle_t *)owner->timer, on_timer_closed);
    map_fini(&owner->by_number);
    mem_free(owner->addresses);
    mem_free(owner);
}

void sessions_set_addresses(struct sessions *owner, const char *addresses)
{
    char *copy = mem_strdup(addresses);
    mem_free(owner->addresses);
    owner->addresses = copy;
}
