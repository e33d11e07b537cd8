/* From effects to frames for the agent. */
#include "coordinator/sessions/session.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include "cadre_version.h"

void session_facts_fini(struct session_facts *s)
{
    mem_free(s->csr);
    s->csr = NULL;
}

static int add(const struct msg *m, struct buf *out, struct err *e)
{
    int rc = msg_frame_add(out, m);
    if (!rc) return 0;
    return err_set(e, rc, "'%s' could not be sent: %s", msg_name(m->type), err_sentence(rc));
}

static int send_welcome(struct session_facts *s, const struct session_terms *terms,
                        const struct effect *x, struct buf *out, struct err *e)
{
    char version[] = CADRE_VERSION;
    struct msg m = {.type = MSG_WELCOME};
    m.u.welcome = (struct msg_welcome){.protocol = s->protocol,
                                       .version = version,
                                       .lease_ms = terms->lease_ms,
                                       .heartbeat_ms = terms->heartbeat_ms,
                                       .seq = x->u.welcome.seq,
                                       .output_limit = terms->output_limit_bytes,
                                       .wall_ms = terms->wall_ms,
                                       .addresses = (char *)(uintptr_t)terms->addresses};
    s->state = SESSION_LIVE;
    s->acked_seq = x->u.welcome.seq;
    return add(&m, out, e);
}

static int send_job(const struct effect *x, struct buf *out, struct err *e)
{
    struct msg m = {.type = MSG_JOB};
    m.u.job = (struct msg_job){.job = x->u.job.job,
                               .attempt = x->u.job.attempt,
                               .spec = x->u.job.spec,
                               .lease_ms = x->u.job.lease_ms,
                               .timeout_ms = x->u.job.timeout_ms,
                               .output_limit = x->u.job.output_limit};
    return add(&m, out, e);
}

static int send_kill(const struct effect *x, struct buf *out, struct err *e)
{
    struct msg m = {.type = MSG_KILL};
    m.u.kill = (struct msg_kill){.job = x->u.kill.job,
                                 .attempt = x->u.kill.attempt,
                                 .reason = (char *)(uintptr_t)x->u.kill.reason,
                                 .grace_ms = x->u.kill.grace_ms};
    return add(&m, out, e);
}

static int send_ack(struct session_facts *s, const struct effect *x, struct buf *out, struct err *e)
{
    struct msg m = {.type = MSG_ACK};
    s->acked_seq = m.u.ack.seq = x->u.ack.seq;
    m.u.ack.heartbeat = s->kept_beat;
    s->kept_beat = 0;
    return add(&m, out, e);
}

static int send_discard(const struct effect *x, struct buf *out, struct err *e)
{
    struct msg m = {.type = MSG_DISCARD};
    m.u.discard = (struct msg_discard){.job = x->u.discard.job,
                                       .attempt = x->u.discard.attempt,
                                       .reason = x->u.discard.reason};
    return add(&m, out, e);
}

static int send_drain(const struct effect *x, struct buf *out, struct err *e)
{
    struct msg m = {.type = MSG_DRAIN};
    m.u.drain = (struct msg_drain){.on = x->u.drain.on, .reason = x->u.drain.reason};
    return add(&m, out, e);
}

int session_send(struct session_facts *s, const struct session_terms *terms, const struct effect *x,
                 struct buf *out, struct err *e)
{
    switch (x->type) {
    case EFFECT_WELCOME:
        return send_welcome(s, terms, x, out, e);
    case EFFECT_REFUSED:
        return session_send_refused(s, x->u.refused.code, x->u.refused.sentence,
                                    x->u.refused.retry_ms, out, e);
    case EFFECT_JOB:
        return send_job(x, out, e);
    case EFFECT_KILL:
        return send_kill(x, out, e);
    case EFFECT_ACK:
        return send_ack(s, x, out, e);
    case EFFECT_DISCARD:
        return send_discard(x, out, e);
    case EFFECT_DRAIN:
        return send_drain(x, out, e);
    case EFFECT_CLOSE:
        s->state = SESSION_CLOSING;
        return 0;
    default:
        return 0;
    }
}

int session_send_beat(struct session_facts *s, int64_t beat, struct buf *out, struct err *e)
{
    struct msg m = {.type = MSG_ACK};
    m.u.ack = (struct msg_ack){.seq = s->acked_seq, .heartbeat = beat};
    s->kept_beat = 0;
    return add(&m, out, e);
}

void session_keep_beat(struct session_facts *s, int64_t beat)
{
    s->kept_beat = beat;
}

int session_send_kept_beat(struct session_facts *s, struct buf *out, struct err *e)
{
    return s->kept_beat ? session_send_beat(s, s->kept_beat, out, e) : 0;
}

int session_send_enrolled(struct session_facts *s, const struct effect *x, const char *certificate,
                          const char *ca, struct buf *out, struct err *e)
{
    char id[ID_TEXT_SIZE];
    id_format(x->u.enrolled.agent, id);
    struct msg m = {.type = MSG_ENROLLED};
    m.u.enrolled = (struct msg_enrolled){.agent = id,
                                         .name = x->u.enrolled.name,
                                         .group = x->u.enrolled.group,
                                         .certificate = (char *)(uintptr_t)certificate,
                                         .ca = (char *)(uintptr_t)ca};
    s->state = SESSION_CLOSING;
    return add(&m, out, e);
}

int session_send_certificate(const char *certificate, struct buf *out, struct err *e)
{
    struct msg m = {.type = MSG_CERTIFICATE};
    m.u.certificate.certificate = (char *)(uintptr_t)certificate;
    return add(&m, out, e);
}

int session_send_not_owner(struct session_facts *s, const char *addresses, int64_t retry_ms,
                           struct buf *out, struct err *e)
{
    char none[] = "no coordinator owns the queue at the moment";
    char other[] = "another coordinator owns the queue";
    char code[] = "not-owner";
    struct msg m = {.type = MSG_REFUSED};
    m.u.refused = (struct msg_refused){.code = code,
                                       .message = addresses ? other : none,
                                       .retry_ms = retry_ms,
                                       .addresses = (char *)(uintptr_t)addresses};
    s->state = SESSION_CLOSING;
    if (addresses && msg_frame_add(out, &m) == 0) return 0;
    m.u.refused.addresses = NULL;
    return add(&m, out, e);
}

int session_send_refused(struct session_facts *s, const char *code, const char *sentence,
                         int64_t retry_ms, struct buf *out, struct err *e)
{
    char text[LIMIT_MESSAGE + 1], short_code[48];
    if (str_format(text, sizeof text, "%s", sentence)) str_copy(text, sizeof text, code);
    if (str_copy(short_code, sizeof short_code, code))
        str_copy(short_code, sizeof short_code, "refused");
    struct msg m = {.type = MSG_REFUSED};
    m.u.refused = (struct msg_refused){.code = short_code, .message = text, .retry_ms = retry_ms};
    s->state = SESSION_CLOSING;
    return add(&m, out, e);
}
