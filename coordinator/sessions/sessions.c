/* All sessions: acceptance, the clock, the end. */
#include "coordinator/sessions/sessions.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/sessions/session.h"
#include "platform/os.h"
#include "wire/lease.h"

#include <uv.h>

#define SWEEP_MS 250
#define LATE_MS 2000 /* a sweep that comes later than this tells of us, not of the agents */
#define CERTIFICATE_RETRY_MS 60000 /* clocks get set right */
#define PROTOCOL_RETRY_MS 30000

/* ---- one session's beginning and end ---- */

static void session_free(struct session *s)
{
    frame_reader_fini(&s->reader);
    mem_free(s->csr);
    mem_free(s->distrust);
    mem_free(s);
}

static void push_gone(struct session *s)
{
    if (!s->greeted || s->owner->stopped) return;
    struct command *c = command_new(CMD_GONE);
    c->session = s->number;
    spine_push(s->owner->o.spine, c);
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct session *s = user;
    struct sessions *owner = s->owner;
    (void)l;
    if (e->code && s->state != SESSION_CLOSING)
        log_info("session %llu: ended: %s", (unsigned long long)s->number, err_text(e));
    push_gone(s);
    map_remove(&owner->by_number, s->number);
    if (s->prev)
        s->prev->next = s->next;
    else
        owner->first = s->next;
    if (s->next) s->next->prev = s->prev;
    owner->count--;
    if (!s->agent) owner->unknown_count--;
    session_free(s);
}

void session_close(struct session *s)
{
    if (s->state == SESSION_CLOSING) return;
    s->state = SESSION_CLOSING;
    link_close(s->link);
}

void session_send(struct session *s, const struct msg *m)
{
    int rc = msg_frame_add(link_out(s->link), m);
    if (!rc) {
        link_flush_later(s->link);
        return;
    }
    struct err e = {0};
    err_set(&e, rc, "session %llu: '%s' could not be sent: %s", (unsigned long long)s->number,
            msg_name(m->type), err_sentence(rc));
    log_error("%s", e.msg);
    link_abort(s->link, &e);
}

void session_refuse(struct session *s, const char *code, const char *sentence, int64_t retry_ms)
{
    char text[LIMIT_MESSAGE + 1];
    if (str_format(text, sizeof text, "%s", sentence)) str_copy(text, sizeof text, code);
    struct msg m = {.type = MSG_REFUSED};
    char short_code[48];
    if (str_copy(short_code, sizeof short_code, code))
        str_copy(short_code, sizeof short_code, "refused");
    m.u.refused = (struct msg_refused){.code = short_code, .message = text, .retry_ms = retry_ms};
    log_info("session %llu from %s: refused, %s: %s", (unsigned long long)s->number,
             link_remote(s->link), short_code, text);
    session_send(s, &m);
    session_close(s);
}

/* ---- bytes ---- */

/* Certificates that do not count are told so at the first message, not before: an answer to
 * nothing would cross the peer's hello and be lost when the connection is reset. */
static void refuse_certificate(struct session *s)
{
    const struct tls_peer *p = s->distrust;
    switch (p->state) {
    case TLS_PEER_UNKNOWN_CA:
        session_refuse(s, "certificate-unknown-ca", p->sentence, 0);
        break;
    case TLS_PEER_EXPIRED:
        session_refuse(s, "certificate-expired", p->sentence, 0);
        break;
    case TLS_PEER_NOT_YET_VALID:
        session_refuse(s, "certificate-not-yet-valid", p->sentence, CERTIFICATE_RETRY_MS);
        break;
    default:
        session_refuse(s, "certificate-bad", p->sentence, 0);
        break;
    }
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct session *s = user;
    struct err e = {0};
    struct frame f;
    if (s->state == SESSION_CLOSING || s->owner->stopped) return;
    s->heard_ms = os_mono_ms();
    int rc = frame_reader_add(&s->reader, data, len, &e);
    while (!rc && s->state != SESSION_CLOSING && (rc = frame_reader_next(&s->reader, &f, &e)) > 0) {
        if (s->distrust) {
            refuse_certificate(s);
            return;
        }
        rc = session_on_frame(s, &f, &e);
    }
    if (rc < 0 && s->state != SESSION_CLOSING) {
        session_refuse(s, rc == ERR_TOO_LARGE ? "too-large" : "protocol", err_text(&e),
                       PROTOCOL_RETRY_MS);
        return;
    }
    if (s->state != SESSION_CLOSING && spine_is_full(s->owner->o.spine) && !s->paused) {
        s->paused = true;
        link_pause(l);
    }
}

static const struct link_handler handler = {.on_data = on_data, .on_close = on_close};

static void identify(struct session *s)
{
    struct tls_peer peer;
    link_peer(s->link, &peer);
    if (peer.state == TLS_PEER_NONE) return;
    if (peer.state == TLS_PEER_TRUSTED && id_parse(peer.cert.subject_cn, &s->agent) == 0) return;
    s->agent = 0;
    if (peer.state == TLS_PEER_TRUSTED) {
        peer.state = TLS_PEER_BAD;
        str_copy(peer.sentence, sizeof peer.sentence, "the certificate is not that of an agent");
    }
    s->distrust = mem_dup(&peer, sizeof peer);
}

void sessions_accept(struct sessions *owner, struct link *l)
{
    struct session *s = mem_alloc(sizeof *s);
    s->owner = owner;
    s->link = l;
    identify(s);
    bool crowded = !s->agent && owner->unknown_count >= LIMIT_UNKNOWN_CONNECTIONS;
    s->number = link_serial(l);
    s->opened_ms = s->heard_ms = os_mono_ms();
    frame_reader_init(&s->reader, s->agent ? LIMIT_FRAME_KNOWN : LIMIT_FRAME_UNKNOWN);
    s->next = owner->first;
    if (s->next) s->next->prev = s;
    owner->first = s;
    owner->count++;
    if (!s->agent) owner->unknown_count++;
    map_put(&owner->by_number, s->number, s);
    link_set_handler(l, &handler, s);
    if (crowded || owner->stopped) {
        struct err e;
        err_set(&e, ERR_UNAVAILABLE, "too many connections that are not authenticated");
        link_abort(l, &e);
    }
}

/* ---- the clock ---- */

static void check_silence(struct session *s, int64_t now_ms)
{
    int64_t silence = lease_silence_ms(s->owner->o.heartbeat_ms);
    struct err e;
    if (s->state == SESSION_CLOSING || s->paused) return;
    if (s->state == SESSION_FRESH && now_ms - s->opened_ms >= s->owner->o.first_message_ms)
        err_set(&e, ERR_TIMEOUT, "no first message within %lld ms",
                (long long)s->owner->o.first_message_ms);
    else if (s->state != SESSION_FRESH && now_ms - s->heard_ms >= silence)
        err_set(&e, ERR_TIMEOUT, "nothing heard for %lld ms", (long long)silence);
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
    /* What came while we stood still has not been read yet. */
    if (late) return;
    for (struct session *s = owner->first; s; s = s->next)
        check_silence(s, now_ms);
}

/* ---- all of them ---- */

struct sessions *sessions_new(const struct sessions_options *o)
{
    struct sessions *owner = mem_alloc(sizeof *owner);
    owner->o = *o;
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

void sessions_on_effect(struct sessions *owner, struct effect *x)
{
    struct session *s = map_find(&owner->by_number, x->session);
    /* The link may have ended while the batch was on its way; the engine learns that from
     * CMD_GONE. */
    if (s && s->state != SESSION_CLOSING) session_on_effect(s, x);
}

void sessions_on_relief(struct sessions *owner)
{
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
        session_close(s);
        if (cut) link_abort(s->link, &e);
    }
}

static void on_timer_closed(uv_handle_t *h)
{
    mem_free(h);
}

void sessions_free(struct sessions *owner)
{
    if (!owner) return;
    uv_close(owner->timer, on_timer_closed);
    map_fini(&owner->by_number);
    mem_free(owner);
}
