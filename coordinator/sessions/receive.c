/* Turns an agent's frames into commands. Handlers return 0 and set the result of the frame, or a
 * negative code with the sentence of a refusal. */
#include "coordinator/sessions/session.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

/* Strings change hands: the message's become the command's. */
static char *take(char **s)
{
    char *taken = *s;
    *s = NULL;
    return taken;
}

static struct command *command_for(const struct session_facts *s, enum command_type type,
                                   struct session_heard *out)
{
    struct command *c = command_new(type);
    c->session = s->number;
    out->action = SESSION_COMMAND;
    out->command = c;
    return c;
}

static int refuse(struct session_heard *out, enum refusal r, const char *sentence)
{
    out->action = SESSION_REFUSE;
    out->refusal = r;
    err_set(&out->why, ERR_DENIED, "%s", sentence);
    return 0;
}

/* ---- hello ---- */

static void take_attempts(const struct msg_attempts *list, struct cmd_hello *h)
{
    h->attempts = mem_array(list->count, sizeof *h->attempts);
    h->attempt_count = list->count;
    for (size_t i = 0; i < list->count; i++)
        h->attempts[i] = (struct hello_attempt){.job = list->items[i].job,
                                                .attempt = list->items[i].attempt,
                                                .ended = list->items[i].ended};
}

/* 0: they have no minor in common. */
static int64_t common_minor(const struct msg_hello *m)
{
    if (m->protocol < PROTOCOL_MINOR_MIN || m->protocol_min > PROTOCOL_MINOR ||
        m->protocol_min > m->protocol)
        return 0;
    return m->protocol < PROTOCOL_MINOR ? m->protocol : PROTOCOL_MINOR;
}

static int refuse_minor(const struct msg_hello *m, struct session_heard *out)
{
    char sentence[256];
    str_format(
        sentence, sizeof sentence,
        "the agent (version %s) speaks cadre/1 minor %lld to %lld, this coordinator %d to %d",
        m->version, (long long)m->protocol_min, (long long)m->protocol, PROTOCOL_MINOR_MIN,
        PROTOCOL_MINOR);
    return refuse(out, REFUSAL_PROTOCOL_VERSION, sentence);
}

static int on_hello(struct session_facts *s, struct msg_hello *m, struct session_heard *out,
                    struct err *e)
{
    int64_t minor = common_minor(m);
    if (!minor) return refuse_minor(m, out);
    bool several = minor >= PROTOCOL_MINOR_GROUPS;
    int rc = several ? session_check_groups("hello", m->group, &m->groups, e) : 0;
    if (rc) return rc;
    struct command *c = command_for(s, CMD_HELLO, out);
    struct cmd_hello *h = &c->u.hello;
    take_attempts(&m->attempts, h);
    h->agent = s->agent;
    h->version = take(&m->version);
    h->name = take(&m->name);
    h->group = take(&m->group);
    if (several) h->groups = take(&m->groups);
    h->boot_id = take(&m->boot_id);
    h->host_id = take(&m->host_id);
    h->journal_id = take(&m->journal_id);
    h->folder_id = take(&m->folder_id);
    h->capabilities = take(&m->capabilities);
    h->slots = m->slots;
    h->seq = m->seq;
    h->acked = m->acked;
    h->protocol = minor;
    h->draining = m->draining;
    h->unwell = take(&m->unwell);
    s->protocol = minor;
    s->state = SESSION_GREETED;
    s->greeted = true;
    return 0;
}

/* ---- events ---- */

static void on_ready(const struct session_facts *s, struct msg_ready *m, struct session_heard *out)
{
    struct command *c = command_for(s, CMD_READY, out);
    c->u.ready.slots = m->slots;
    c->u.ready.capabilities = take(&m->capabilities);
    c->u.ready.draining = m->draining;
    c->u.ready.reason = mem_strdup(m->reason);
    c->u.ready.unwell = mem_strdup(m->unwell);
}

static void on_started(const struct session_facts *s, const struct msg_started *m,
                       struct session_heard *out)
{
    struct command *c = command_for(s, CMD_STARTED, out);
    c->u.event.seq = m->seq;
    c->u.event.job = m->job;
    c->u.event.attempt = m->attempt;
}

static int on_finished(const struct session_facts *s, struct msg_finished *m,
                       struct session_heard *out, struct err *e)
{
    enum job_state state;
    if (str_eq(m->state, "SUCCESS"))
        state = JOB_SUCCESS;
    else if (str_eq(m->state, "FAILED"))
        state = JOB_FAILED;
    else if (str_eq(m->state, "KILLED"))
        state = JOB_KILLED;
    else
        return err_set(e, ERR_PROTOCOL, "finished: no job ends in the state '%s'", m->state);
    int reason = m->reason ? reason_find(m->reason) : REASON_NONE;
    if (reason < 0)
        return err_set(e, ERR_PROTOCOL, "finished: the reason '%s' is not known", m->reason);
    struct command *c = command_for(s, CMD_FINISHED, out);
    struct cmd_event *v = &c->u.event;
    v->seq = m->seq;
    v->job = m->job;
    v->attempt = m->attempt;
    v->state = state;
    v->reason = (enum reason)reason;
    v->message = take(&m->message);
    v->exited = m->exited;
    v->truncated = m->truncated;
    v->exit_code = m->exit_code;
    v->written = m->stdout_bytes + m->stderr_bytes;
    v->outputs = take(&m->outputs);
    v->alive = take(&m->alive);
    return 0;
}

static void on_declined(const struct session_facts *s, struct msg_declined *m,
                        struct session_heard *out)
{
    struct command *c = command_for(s, CMD_DECLINED, out);
    c->u.event.seq = m->seq;
    c->u.event.job = m->job;
    c->u.event.attempt = m->attempt;
    c->u.event.message = take(&m->message);
    c->u.event.decline = take(&m->reason);
}

static void on_cleared(const struct session_facts *s, const struct msg_cleared *m,
                       struct session_heard *out)
{
    struct command *c = command_for(s, CMD_CLEARED, out);
    c->u.event.seq = m->seq;
    c->u.event.job = m->job;
    c->u.event.attempt = m->attempt;
}

static int on_output(const struct session_facts *s, const struct frame *f,
                     struct session_heard *out, struct err *e)
{
    struct frame_output o;
    int rc = frame_output_decode(f->body, f->len, &o, e);
    if (rc) return rc;
    struct command *c = command_for(s, CMD_OUTPUT, out);
    c->u.output = (struct cmd_output){.seq = o.seq,
                                      .job = o.job,
                                      .attempt = o.attempt,
                                      .offset = o.offset,
                                      .stream = o.stream,
                                      .data = mem_dup(o.data, o.len),
                                      .len = o.len};
    return 0;
}

/* ---- which may come when ---- */

static int on_enrol(struct session_facts *s, struct msg_enrol *m, struct session_heard *out,
                    struct err *e)
{
    if (s->state == SESSION_LIVE && !m->token) {
        session_renew(m, out);
        return 0;
    }
    if (s->state == SESSION_FRESH && !s->agent && m->token) {
        session_enrol(s, m, out);
        return 0;
    }
    return err_set(e, ERR_PROTOCOL,
                   s->agent ? "enrol: a peer with a certificate asks for a new one without token "
                              "and after welcome"
                            : "enrol: a token is needed");
}

static int on_live_msg(struct session_facts *s, struct msg *m, struct session_heard *out,
                       struct err *e)
{
    switch (m->type) {
    case MSG_READY:
        on_ready(s, &m->u.ready, out);
        return 0;
    case MSG_STARTED:
        on_started(s, &m->u.started, out);
        return 0;
    case MSG_FINISHED:
        return on_finished(s, &m->u.finished, out, e);
    case MSG_DECLINED:
        on_declined(s, &m->u.declined, out);
        return 0;
    case MSG_CLEARED:
        on_cleared(s, &m->u.cleared, out);
        return 0;
    case MSG_HEARTBEAT:
        out->action = SESSION_BEAT;
        out->beat = m->u.heartbeat.n;
        out->ack_later = m->u.heartbeat.ack_later;
        return 0;
    case MSG_BYE:
        out->action = SESSION_BYE;
        err_set(&out->why, ERR_CLOSED, "the agent ended it: %s",
                m->u.bye.reason ? m->u.bye.reason : "no reason was given");
        return 0;
    default:
        return err_set(e, ERR_PROTOCOL, "'%s' is not allowed at this point", msg_name(m->type));
    }
}

static int on_msg(struct session_facts *s, struct msg *m, struct session_heard *out, struct err *e)
{
    if (m->type == MSG_ENROL) return on_enrol(s, &m->u.enrol, out, e);
    if (m->type == MSG_HELLO && s->state == SESSION_FRESH) return on_hello(s, &m->u.hello, out, e);
    if (m->type == MSG_BYE && s->state == SESSION_GREETED) return on_live_msg(s, m, out, e);
    if (s->state == SESSION_LIVE) return on_live_msg(s, m, out, e);
    return err_set(e, ERR_PROTOCOL, "'%s' came before welcome", msg_name(m->type));
}

static int on_frame(struct session_facts *s, const struct frame *f, struct session_heard *out,
                    struct err *e)
{
    if (f->type == FRAME_OUTPUT) {
        if (s->state == SESSION_LIVE) return on_output(s, f, out, e);
        return err_set(e, ERR_PROTOCOL, "output came before welcome");
    }
    struct msg m;
    struct msg_peer from = {.agent = true, .known = s->agent != 0};
    int rc = msg_decode(f->body, f->len, from, &m, e);
    if (rc == ERR_DENIED) return refuse(out, REFUSAL_CERTIFICATE_REQUIRED, err_text(e));
    if (rc) return rc;
    rc = on_msg(s, &m, out, e);
    msg_fini(&m);
    return rc;
}

void session_receive(struct session_facts *s, const struct frame *f, struct session_heard *out)
{
    struct err e; /* half a KiB, which only a failure fills; so is out->why */
    out->action = SESSION_BYE;
    out->command = NULL;
    out->csr = NULL;
    out->beat = 0;
    out->ack_later = false;
    int rc = on_frame(s, f, out, &e);
    if (!rc) return;
    command_free(out->command);
    *out = (struct session_heard){.action = SESSION_REFUSE,
                                  .refusal =
                                      rc == ERR_TOO_LARGE ? REFUSAL_TOO_LARGE : REFUSAL_PROTOCOL,
                                  .why = e};
}
