/* From effects to messages for the agent. */
#include "coordinator/sessions/session.h"

#include "base/log.h"
#include "base/mem.h"
#include "platform/os.h"

#include "cadre_version.h"

static void send_welcome(struct session *s, const struct effect *x)
{
    const struct sessions_options *o = &s->owner->o;
    char version[] = CADRE_VERSION;
    struct msg m = {.type = MSG_WELCOME};
    m.u.welcome = (struct msg_welcome){.protocol = s->protocol,
                                       .version = version,
                                       .lease_ms = o->lease_ms,
                                       .heartbeat_ms = o->heartbeat_ms,
                                       .seq = x->seq,
                                       .output_limit = o->output_limit_bytes,
                                       .wall_ms = os_wall_ms()};
    s->state = SESSION_LIVE;
    session_send(s, &m);
}

static void send_job(struct session *s, const struct effect *x)
{
    struct msg_job job = {.job = x->job,
                          .attempt = x->attempt,
                          .lease_ms = x->ms,
                          .timeout_ms = x->ms2,
                          .output_limit = x->seq};
    int rc = msg_job_frame_add(link_out(s->link), &job, x->json);
    if (!rc) {
        link_flush_later(s->link);
        return;
    }
    struct err e;
    err_set(&e, rc, "a job could not be sent: %s", err_sentence(rc));
    log_error("session %llu: %s", (unsigned long long)s->number, e.msg);
    link_abort(s->link, &e);
}

static void send_kill(struct session *s, const struct effect *x)
{
    struct msg m = {.type = MSG_KILL};
    m.u.kill = (struct msg_kill){.job = x->job,
                                 .attempt = x->attempt,
                                 .reason = x->text,
                                 .grace_ms = x->ms};
    session_send(s, &m);
}

static void send_ack(struct session *s, const struct effect *x)
{
    struct msg m = {.type = MSG_ACK};
    m.u.ack = (struct msg_ack){.seq = x->seq, .heartbeat = x->n};
    session_send(s, &m);
}

static void send_discard(struct session *s, const struct effect *x)
{
    struct msg m = {.type = MSG_DISCARD};
    m.u.discard = (struct msg_discard){.job = x->job, .attempt = x->attempt, .reason = x->text};
    session_send(s, &m);
}

static void send_drain(struct session *s, const struct effect *x)
{
    struct msg m = {.type = MSG_DRAIN};
    m.u.drain = (struct msg_drain){.on = x->flag, .reason = x->text};
    session_send(s, &m);
}

void session_on_effect(struct session *s, struct effect *x)
{
    switch (x->type) {
    case EFFECT_ENROLLED:
        session_enrolled(s, x);
        break;
    case EFFECT_WELCOME:
        send_welcome(s, x);
        break;
    case EFFECT_REFUSED:
        session_refuse(s, x->text ? x->text : "refused", err_text(&x->err), x->ms);
        break;
    case EFFECT_JOB:
        send_job(s, x);
        break;
    case EFFECT_KILL:
        send_kill(s, x);
        break;
    case EFFECT_ACK:
        send_ack(s, x);
        break;
    case EFFECT_DISCARD:
        send_discard(s, x);
        break;
    case EFFECT_DRAIN:
        send_drain(s, x);
        break;
    case EFFECT_CLOSE:
        session_close(s);
        break;
    default:
        break;
    }
}
