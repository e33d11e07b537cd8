/* Agents that run nothing: enrolled for real, then `started` and `finished` for each job at
 * once. */
#include "tests/bench/load.h"

#include "base/json.h"
#include "base/mem.h"
#include "platform/os.h"
#include "wire/frame.h"
#include "wire/lease.h"
#include "wire/limits.h"
#include "wire/msg.h"

#include <stdio.h>
#include <string.h>

#define ENROL_AT_ONCE 16
#define GROW_S 900
#define NAME_SIZE 64

struct agent {
    struct fleet *fleet;
    size_t number;
    struct pki_key *key;
    char *csr, *certificate, *ca;
    struct link *link;
    struct frame_reader reader;
    uv_timer_t heartbeat;
    int64_t seq, acked, beats, beat_acked, heartbeat_ms;
    bool ready, leaves, answer_waits;
};

struct fleet {
    struct target *target;
    const char *join_token, *group; /* group NULL: the default group */
    int slots;
    struct fleet_hooks hooks;
    struct tls_config *enrol_tls;
    struct agent **agents;
    size_t made;  /* that were ever enrolled */
    size_t count; /* connected and ready: the first of these */
    size_t wanted, joining, leaving, at_once;
    uint64_t lifecycles;
    bool grown, shrunk, closing, deserted, rushes;
    size_t again;
};

static void begin_enrolments(struct fleet *f);

static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static void say(struct agent *a, const struct msg *m)
{
    if (msg_frame_add(link_out(a->link), m)) bench_die("%s does not fit", msg_name(m->type));
    link_flush_later(a->link);
}

/* Agents of several fleets have different names. */
static void name_agent(const struct agent *a, char name[NAME_SIZE], char host[NAME_SIZE])
{
    const char *group = a->fleet->group ? a->fleet->group : "default";
    snprintf(name, NAME_SIZE, "bench-%.32s-%zu", group, a->number);
    snprintf(host, NAME_SIZE, "host-%.32s-%zu", group, a->number);
}

/* ---- a session ---- */

static void send_hello(struct agent *a)
{
    char name[NAME_SIZE], host[NAME_SIZE];
    char facts[] = "{\"os\":\"linux\",\"arch\":\"x86_64\",\"cpus\":2,\"memory\":8589934592,"
                   "\"shell\":[\"sh\"],\"agentVersion\":\"bench\"}";
    name_agent(a, name, host);
    struct msg m = {.type = MSG_HELLO};
    m.u.hello = (struct msg_hello){.protocol = PROTOCOL_MINOR,
                                   .protocol_min = PROTOCOL_MINOR_MIN,
                                   .version = text("bench"),
                                   .name = name,
                                   .group = text(a->fleet->group),
                                   .slots = a->fleet->slots,
                                   .capabilities = facts,
                                   .boot_id = text("boot"),
                                   .host_id = host,
                                   .journal_id = text("journal")};
    say(a, &m);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    struct msg m = {.type = MSG_HEARTBEAT};
    if (!a->link) return;
    a->answer_waits = a->acked >= a->seq && a->beat_acked == a->beats;
    m.u.heartbeat.ack_later = a->answer_waits;
    m.u.heartbeat.n = ++a->beats;
    say(a, &m);
    uv_timer_start(timer, on_heartbeat,
                   (uint64_t)lease_next_heartbeat_ms(a->heartbeat_ms, os_wall_ms()), 0);
}

static void on_welcome(struct agent *a, const struct msg_welcome *w)
{
    struct fleet *f = a->fleet;
    struct msg m = {.type = MSG_READY};
    a->heartbeat_ms = w->heartbeat_ms;
    a->beat_acked = a->beats;
    a->answer_waits = false;
    a->seq = a->acked = w->seq;
    m.u.ready.free_slots = f->slots;
    say(a, &m);
    /* Those of a real fleet did not all come in the same seconds. */
    uv_timer_start(&a->heartbeat, on_heartbeat,
                   (uint64_t)w->heartbeat_ms * (a->number % 100 + 1) / 100, 0);
    a->ready = true;
    f->joining--;
    f->count++;
    f->grown = f->count == f->wanted;
    begin_enrolments(f);
}

static void on_job(struct agent *a, const struct msg_job *job)
{
    struct fleet *f = a->fleet;
    struct msg m = {.type = MSG_STARTED};
    if (f->hooks.on_job) f->hooks.on_job(job->job, f->hooks.user);
    if (f->hooks.on_spec) f->hooks.on_spec(job->spec, f->hooks.user);
    m.u.started =
        (struct msg_started){.seq = ++a->seq, .job = job->job, .attempt = job->attempt, .pid = 1};
    say(a, &m);
    m.type = MSG_FINISHED;
    m.u.finished = (struct msg_finished){.seq = ++a->seq,
                                         .job = job->job,
                                         .attempt = job->attempt,
                                         .state = text("SUCCESS"),
                                         .exited = true};
    say(a, &m);
    if (a->answer_waits) on_heartbeat(&a->heartbeat); /* the job has crossed it */
}

/* Every second event is a `finished`: both of a job are numbered together. */
static void on_ack(struct agent *a, const struct msg_ack *ack)
{
    struct fleet *f = a->fleet;
    if (ack->heartbeat > a->beat_acked) a->beat_acked = ack->heartbeat;
    if (a->beat_acked == a->beats) a->answer_waits = false;
    if (ack->seq <= a->acked) return;
    uint64_t more = (uint64_t)(ack->seq / 2 - a->acked / 2);
    a->acked = ack->seq;
    f->lifecycles += more;
    if (more && f->hooks.on_acked) f->hooks.on_acked(more, f->hooks.user);
}

static void begin_session(struct agent *a);

static void on_enrolled(struct agent *a, const struct msg_enrolled *m)
{
    a->certificate = mem_strdup(m->certificate);
    a->ca = mem_strdup(m->ca);
    link_close(a->link);
}

static void on_msg(struct agent *a, const struct msg *m)
{
    switch (m->type) {
    case MSG_ENROLLED:
        on_enrolled(a, &m->u.enrolled);
        break;
    case MSG_WELCOME:
        on_welcome(a, &m->u.welcome);
        break;
    case MSG_JOB:
        on_job(a, &m->u.job);
        break;
    case MSG_ACK:
        on_ack(a, &m->u.ack);
        break;
    case MSG_REFUSED:
        bench_die("agent %zu was refused (%s): %s", a->number, m->u.refused.code,
                  m->u.refused.message);
    default:
        bench_die("agent %zu got '%s'", a->number, msg_name(m->type));
    }
}

/* ---- the link ---- */

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct agent *a = user;
    struct frame f;
    struct err e = {0};
    (void)l;
    bench_must(frame_reader_add(&a->reader, data, len, &e), &e, "an agent");
    int rc;
    while ((rc = frame_reader_next(&a->reader, &f, &e)) == 1) {
        struct msg m = {0};
        bench_must(msg_decode(f.body, f.len, (struct msg_peer){.known = true}, &m, &e), &e,
                   "an agent");
        on_msg(a, &m);
        msg_fini(&m);
    }
    bench_must(rc, &e, "an agent");
}

static void on_enrol_open(struct link *l, void *user)
{
    struct agent *a = user;
    char name[NAME_SIZE], host[NAME_SIZE];
    struct msg m = {.type = MSG_ENROL};
    (void)l;
    name_agent(a, name, host);
    m.u.enrol = (struct msg_enrol){.token = text(a->fleet->join_token),
                                   .csr = a->csr,
                                   .name = name,
                                   .host_id = host,
                                   .version = text("bench")};
    say(a, &m);
}

static void on_enrol_close(struct link *l, const struct err *e, void *user)
{
    struct agent *a = user;
    (void)l;
    a->link = NULL;
    if (!a->certificate) bench_die("agent %zu could not enrol: %s", a->number, err_text(e));
    begin_session(a);
}

static void on_session_open(struct link *l, void *user)
{
    (void)l;
    send_hello(user);
}

static void on_session_close(struct link *l, const struct err *e, void *user)
{
    struct agent *a = user;
    struct fleet *f = a->fleet;
    (void)l;
    a->link = NULL;
    if (!a->ready && f->rushes && !f->closing) {
        f->again++;
        begin_session(a);
        return;
    }
    a->ready = false;
    uv_timer_stop(&a->heartbeat);
    if (f->deserted) {
        f->count--;
        return;
    }
    if (!f->closing && !a->leaves)
        bench_die("the session of agent %zu ended: %s", a->number, err_text(e));
    if (!a->leaves) return;
    a->leaves = false;
    f->count--;
    f->shrunk = --f->leaving == 0;
}

static const struct link_handler enrol_handler = {on_enrol_open, on_data, NULL, on_enrol_close};
static const struct link_handler session_handler = {on_session_open, on_data, NULL,
                                                    on_session_close};

static void begin_session(struct agent *a)
{
    struct err e = {0};
    char *key_pem = NULL;
    struct tls_config *tls = NULL;
    struct target *t = a->fleet->target;
    bench_must(pki_key_format(a->key, &key_pem, &e), &e, "a key");
    struct tls_client_options o = {.alpn = ALPN_CADRE,
                                   .cert_pem = a->certificate,
                                   .key_pem = key_pem,
                                   .ca_pem = a->ca};
    bench_must(tls_config_client(&o, &tls, &e), &e, "TLS");
    frame_reader_fini(&a->reader);
    frame_reader_init(&a->reader, LIMIT_FRAME_KNOWN);
    a->link = link_connect(t->loop, tls, &(struct link_to){t->host, t->port, LIMIT_HANDSHAKE_MS},
                           &session_handler, a);
    tls_config_unref(tls);
    mem_free(key_pem);
}

/* ---- the fleet ---- */

static struct agent *agent_make(struct fleet *f)
{
    struct agent *a = mem_alloc(sizeof *a);
    a->fleet = f;
    a->number = f->made++;
    f->agents[a->number] = a;
    uv_timer_init(f->target->loop, &a->heartbeat);
    uv_unref((uv_handle_t *)&a->heartbeat);
    a->heartbeat.data = a;
    frame_reader_init(&a->reader, LIMIT_FRAME_KNOWN);
    return a;
}

static void begin_enrolment(struct fleet *f)
{
    struct err e = {0};
    struct agent *a = agent_make(f);
    bench_must(pki_key_generate(&a->key, &e), &e, "a key");
    bench_must(pki_csr_make(a->key, "bench", &a->csr, &e), &e, "a request");
    a->link = link_connect(f->target->loop, f->enrol_tls,
                           &(struct link_to){f->target->host, f->target->port, LIMIT_HANDSHAKE_MS},
                           &enrol_handler, a);
}

static void begin_enrolments(struct fleet *f)
{
    while (f->count + f->joining < f->wanted && f->joining < f->at_once) {
        size_t number = f->count + f->joining++;
        if (number < f->made)
            begin_session(f->agents[number]);
        else
            begin_enrolment(f);
    }
}

struct fleet *fleet_new(struct target *t, const char *join_token, int slots,
                        const struct fleet_hooks *hooks)
{
    struct fleet *f = mem_alloc(sizeof *f);
    struct token token;
    struct err e = {0};
    bench_must(token_parse(join_token, &token, &e), &e, "the join token");
    struct tls_client_options o = {.alpn = ALPN_CADRE, .pin = token.pin};
    bench_must(tls_config_client(&o, &f->enrol_tls, &e), &e, "TLS");
    f->target = t;
    f->at_once = ENROL_AT_ONCE;
    f->join_token = join_token;
    f->slots = slots;
    f->hooks = *hooks;
    return f;
}

void fleet_join(struct fleet *f, const char *group)
{
    f->group = group;
}

void fleet_adopt(struct fleet *f, const char *key, const char *ca, char *const *certificates,
                 size_t count)
{
    struct err e = {0};
    f->agents = mem_resize(f->agents, count, sizeof *f->agents);
    for (size_t i = 0; i < count; i++) {
        struct agent *a = agent_make(f);
        bench_must(pki_key_parse(key, &a->key, &e), &e, "a key");
        a->certificate = mem_strdup(certificates[i]);
        a->ca = mem_strdup(ca);
    }
}

void fleet_rush(struct fleet *f, size_t at_once)
{
    f->at_once = at_once;
    f->rushes = true;
}

size_t fleet_again(const struct fleet *f)
{
    return f->again;
}

void fleet_desert(struct fleet *f)
{
    f->deserted = true;
}

void fleet_empty(struct fleet *f)
{
    while (f->count > 0)
        uv_run(f->target->loop, UV_RUN_ONCE);
    f->deserted = false;
}

void fleet_grow(struct fleet *f, size_t count)
{
    if (count <= f->count) return;
    if (count > f->made) f->agents = mem_resize(f->agents, count, sizeof *f->agents);
    f->wanted = count;
    f->grown = false;
    begin_enrolments(f);
    target_wait(f->target, &f->grown, GROW_S, "agents to become ready");
}

void fleet_shrink(struct fleet *f, size_t count)
{
    if (count >= f->count) return;
    f->leaving = f->count - count;
    f->shrunk = false;
    for (size_t i = f->count; i-- > count;) {
        f->agents[i]->leaves = true;
        link_close(f->agents[i]->link);
    }
    target_wait(f->target, &f->shrunk, GROW_S, "agents to leave");
}

void fleet_slots(struct fleet *f, int slots)
{
    size_t count = f->count;
    if (slots == f->slots) return;
    fleet_shrink(f, 0);
    f->slots = slots;
    fleet_grow(f, count);
}

uint64_t fleet_lifecycles(const struct fleet *f)
{
    return f->lifecycles;
}

static void agent_free(uv_handle_t *h)
{
    struct agent *a = h->data;
    frame_reader_fini(&a->reader);
    pki_key_free(a->key);
    mem_free(a->csr);
    mem_free(a->certificate);
    mem_free(a->ca);
    mem_free(a);
}

void fleet_free(struct fleet *f)
{
    f->closing = true;
    for (size_t i = 0; i < f->made; i++)
        if (f->agents[i]->link) link_abort(f->agents[i]->link, NULL);
    for (size_t i = 0; i < f->made; i++) {
        while (f->agents[i]->link)
            uv_run(f->target->loop, UV_RUN_ONCE);
    }
    for (size_t i = 0; i < f->made; i++)
        uv_close((uv_handle_t *)&f->agents[i]->heartbeat, agent_free);
    uv_run(f->target->loop, UV_RUN_NOWAIT);
    tls_config_unref(f->enrol_tls);
    mem_free(f->agents);
    mem_free(f);
}
