/* The state machine of the agent's session: see uplink_logic.h. */
#include "agent/uplink_logic.h"

#include "base/backoff.h"
#include "base/duration.h"
#include "base/fsm.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "wire/frame.h"
#include "wire/lease.h"
#include "wire/limits.h"
#include "wire/msg.h"
#include "wire/refusal.h"

#include <string.h>

#define BACKOFF_MIN_MS 500
#define PERMANENT_RETRY_MS 300000
#define SEEK_MS 250       /* between two tries to find the owner */
#define SEEK_MOST_MS 5000 /* ... at most, whatever retryMs says */
#define SEEK_MISSES 16    /* so many that met nobody, in a row, and the back-off begins */
#define IN_FLIGHT_MAX (4 * 1024 * 1024) /* bytes sent and not acknowledged */
#define LINK_QUEUE_MAX (1024 * 1024)    /* bytes the kernel has not taken */
#define HEARTBEATS_REMEMBERED 16
#define SKEW_WORTH_A_WARNING_MS 60000
#define MINOR_WITH_CLEARED 2
#define MINOR_WITH_UNWELL 2 /* the first minor version that has ready.unwell */

enum uplink_state {
    UPLINK_DISCONNECTED,
    UPLINK_CONNECTING,
    UPLINK_HELLO,
    UPLINK_READY,
    UPLINK_DRAINING
};

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

enum due { DUE_RETRY, DUE_HEARTBEAT, DUE_LEASE, DUES };

struct uplink_logic {
    struct uplink_logic_options o;
    enum uplink_state state;
    bool linked; /* from the order to connect until closed */
    bool ending; /* the link was told to close: nothing is sent or taken any more */
    struct frame_reader reader;
    struct buf frame;
    struct backoff backoff;
    struct rng rng;
    char *capabilities; /* JSON text */
    bool caps_told;     /* in this session, as they are */
    char *resting;      /* why no jobs are wanted just now; NULL: they are */
    char *told_unwell;  /* as the coordinator was told last in this session; NULL: well */
    int64_t minor;      /* of this session's protocol */
    int64_t retry_at_least_ms;
    char refused_code[64]; /* of the last refusal that was logged */
    bool stopped, held;    /* held: the coordinator said drain */

    /* The owner is sought: who answered last does not own the queue. */
    bool seeking;
    bool turned_away; /* on this link; else the try met nobody */
    bool jumps;       /* the next try is at an address that was just told */
    char *owner_told; /* its addresses, as logged last; NULL: none yet */
    bool nobody_told; /* that there is none, the same */
    int misses;
    int64_t seek_ms;             /* between tries */
    int64_t tried_ms, jumped_ms; /* when the last try and the last jump began */

    int64_t sent_seq, acked_seq;
    int64_t seen_seq; /* events up to here were sent, or dropped before they could be */
    int64_t in_flight_bytes;
    uint64_t heartbeat_n, heartbeat_acked; /* the last that was sent, and was acknowledged */
    bool answer_waits; /* the last one said ackLater, and was not acknowledged */
    int64_t heartbeat_sent_ms[HEARTBEATS_REMEMBERED];
    int64_t heartbeat_ms, heartbeat_every_ms;
    /* sending time of the last thing the coordinator is known to have heard */
    int64_t lease_base_ms;
    int64_t acknowledged_ms; /* wall: when a heartbeat was; 0: none */
    int64_t heard_ms;
    int64_t hello_sent_ms;
    int64_t output_limit; /* of a job without a limit of its own */

    int64_t due_ms[DUES]; /* INT64_MAX: not awaited */
    int64_t wake_ms;      /* the time of the last WAKE action */
};

/* ---- actions ---- */

static void act(struct uplink_logic *l, const struct uplink_action *a)
{
    l->o.act(a, l->o.user);
}

static void act_plain(struct uplink_logic *l, enum uplink_action_type type)
{
    act(l, &(struct uplink_action){.type = type});
}

static void act_text(struct uplink_logic *l, enum uplink_action_type type, const char *text)
{
    act(l, &(struct uplink_action){.type = type, .u.text = text});
}

static void act_err(struct uplink_logic *l, enum uplink_action_type type, const struct err *e)
{
    act(l, &(struct uplink_action){.type = type, .u.err = e});
}

static void close_link(struct uplink_logic *l)
{
    if (!l->linked || l->ending) return;
    l->ending = true;
    act_plain(l, UPLINK_CLOSE);
}

static void abort_link(struct uplink_logic *l, const struct err *why)
{
    if (!l->linked || l->ending) return;
    l->ending = true;
    act_err(l, UPLINK_ABORT, why);
}

/* Each function of the interface ends with this call. */
static void ask_to_be_woken(struct uplink_logic *l)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < DUES; i++)
        if (l->due_ms[i] < first) first = l->due_ms[i];
    if (first == l->wake_ms) return;
    l->wake_ms = first;
    act(l, &(struct uplink_action){.type = UPLINK_WAKE, .u.at_ms = first});
}

static void send_bytes(struct uplink_logic *l, const void *data, size_t len)
{
    act(l, &(struct uplink_action){.type = UPLINK_SEND, .u.send = {data, len}});
}

static void say(struct uplink_logic *l, const struct msg *m)
{
    if (!l->linked || l->ending) return;
    buf_clear(&l->frame);
    int rc = msg_frame_add(&l->frame, m);
    if (rc != 0) {
        struct err e;
        err_set(&e, rc, "sending %s: it does not fit", msg_name(m->type));
        abort_link(l, &e);
        return;
    }
    send_bytes(l, l->frame.data, l->frame.len);
}

static void move(struct uplink_logic *l, enum uplink_state to, const char *why)
{
    if (!fsm_may(&uplink_fsm, (int)l->state, (int)to))
        log_error("session: %s -> %s is not legal (%s)", fsm_name(&uplink_fsm, (int)l->state),
                  fsm_name(&uplink_fsm, (int)to), why);
    log_debug("session: %s -> %s (%s)", fsm_name(&uplink_fsm, (int)l->state),
              fsm_name(&uplink_fsm, (int)to), why);
    l->state = to;
}

int64_t uplink_logic_acknowledged_ms(const struct uplink_logic *l)
{
    return l->acknowledged_ms;
}

bool uplink_logic_is_live(const struct uplink_logic *l)
{
    return l->state == UPLINK_READY || l->state == UPLINK_DRAINING;
}

/* ---- leases and heartbeats ---- */

/* The lease clock runs whenever an attempt is held: it began when the last acknowledged heartbeat
 * was sent. */
static void watch_lease(struct uplink_logic *l)
{
    int64_t lease = runner_logic_running_lease(l->o.runner);
    l->due_ms[DUE_LEASE] = lease == INT64_MAX ? INT64_MAX : l->lease_base_ms + lease;
}

/* The coordinator has received the messages that were sent then. */
static void renew_leases(struct uplink_logic *l, int64_t sent_ms)
{
    if (sent_ms <= l->lease_base_ms) return;
    l->lease_base_ms = sent_ms;
    runner_logic_renew(l->o.runner, sent_ms);
}

static int64_t heartbeat_interval(const struct uplink_logic *l)
{
    int64_t third = lease_heartbeat_ms(runner_logic_shortest_lease(l->o.runner));
    return third < l->heartbeat_ms ? third : l->heartbeat_ms;
}

static void plan_heartbeat(struct uplink_logic *l, const struct moment *now)
{
    l->heartbeat_every_ms = heartbeat_interval(l);
    l->due_ms[DUE_HEARTBEAT] =
        now->mono_ms + lease_next_heartbeat_ms(l->heartbeat_every_ms, now->wall_ms);
}

/* Nothing depends on what the coordinator acknowledges. */
static bool is_idle(const struct uplink_logic *l)
{
    return runner_logic_count(l->o.runner) == 0 && journal_pending_bytes(l->o.journal) == 0;
}

static void note_answer(struct uplink_logic *l, uint64_t heartbeat)
{
    if (heartbeat > l->heartbeat_acked) l->heartbeat_acked = heartbeat;
    if (l->heartbeat_acked == l->heartbeat_n) l->answer_waits = false;
}

static void beat(struct uplink_logic *l, const struct moment *now)
{
    struct msg m = {.type = MSG_HEARTBEAT};
    l->answer_waits = is_idle(l) && l->heartbeat_acked == l->heartbeat_n;
    m.u.heartbeat.ack_later = l->answer_waits;
    m.u.heartbeat.n = (int64_t)++l->heartbeat_n;
    l->heartbeat_sent_ms[l->heartbeat_n % HEARTBEATS_REMEMBERED] = now->mono_ms;
    say(l, &m);
    plan_heartbeat(l, now);
}

static void on_heartbeat_due(struct uplink_logic *l, const struct moment *now)
{
    if (!l->linked || !uplink_logic_is_live(l)) return;
    int64_t silent_ms = now->mono_ms - l->heard_ms;
    if (silent_ms > lease_silence_ms(l->heartbeat_every_ms)) {
        struct err e;
        err_set(&e, ERR_TIMEOUT, "the coordinator has been silent for %lld s",
                (long long)silent_ms / 1000);
        abort_link(l, &e);
        return;
    }
    beat(l, now);
}

static void on_lease_due(struct uplink_logic *l, int64_t now_ms)
{
    runner_logic_expire(l->o.runner, now_ms);
    watch_lease(l);
    act_plain(l, UPLINK_CHANGED);
}

/* ---- connecting ---- */

static void connect_now(struct uplink_logic *l, const struct moment *now)
{
    l->tried_ms = now->mono_ms;
    frame_reader_init(&l->reader, LIMIT_FRAME_KNOWN);
    move(l, UPLINK_CONNECTING, "time");
    l->linked = true;
    l->ending = false;
    act_plain(l, UPLINK_CONNECT);
}

static void say_retry(struct uplink_logic *l, bool was_live, const struct err *why, int64_t wait_ms)
{
    char text[DURATION_TEXT_SIZE];
    duration_format(wait_ms - wait_ms % 100, text);
    l->refused_code[0] = 0;
    log_warn("session: %s: %s; trying again in %s",
             was_live ? "lost the coordinator" : "cannot connect",
             why->code == ERR_OK ? "it closed the connection" : err_text(why), text);
}

/* Is the owner still sought, now that the link is closed? */
static bool goes_on_seeking(struct uplink_logic *l, const struct err *why)
{
    bool met = l->turned_away;
    l->turned_away = false;
    if (!l->seeking) return false;
    l->misses = met ? 0 : l->misses + 1;
    if (!met) {
        log_debug("session: %s; the owner is still sought", err_text(why));
        l->jumps = false;
    }
    l->seeking = l->misses < SEEK_MISSES;
    return l->seeking;
}

static int64_t seek_wait(struct uplink_logic *l, const struct moment *now)
{
    int64_t pause = l->misses > 0 ? SEEK_MS : l->seek_ms;
    if (l->jumps) {
        l->jumps = false;
        l->jumped_ms = now->mono_ms;
        return 0;
    }
    int64_t due = l->tried_ms + pause + (int64_t)rng_below(&l->rng, (uint64_t)(pause / 4 + 1));
    return due > now->mono_ms ? due - now->mono_ms : 0;
}

static int64_t retry_wait(struct uplink_logic *l, const struct moment *now, bool was_live,
                          const struct err *why)
{
    int64_t least = l->retry_at_least_ms;
    l->retry_at_least_ms = 0;
    /* Who refuses says when; it knows how many wait, and what for. */
    if (least > 0) return least + (int64_t)rng_below(&l->rng, (uint64_t)(least / 4 + 1));
    if (goes_on_seeking(l, why)) return seek_wait(l, now);
    int64_t wait = backoff_next(&l->backoff, &l->rng);
    say_retry(l, was_live, why, wait);
    return wait;
}

void uplink_logic_closed(struct uplink_logic *l, const struct moment *now, const struct err *why)
{
    bool was_live = uplink_logic_is_live(l);
    if (!l->linked) return;
    l->linked = false;
    l->due_ms[DUE_HEARTBEAT] = INT64_MAX;
    frame_reader_fini(&l->reader);
    move(l, UPLINK_DISCONNECTED, "link closed");
    runner_logic_give_back(l->o.runner, "never-started");
    act_plain(l, UPLINK_CHANGED);
    if (!l->stopped) {
        l->due_ms[DUE_RETRY] = now->mono_ms + retry_wait(l, now, was_live, why);
        act_text(l, UPLINK_STATUS, "no connection to the coordinator yet; trying");
    }
    ask_to_be_woken(l);
}

/* ---- hello ---- */

/* The message does not change its texts. */
static char *text_of(const char *s)
{
    return (char *)(uintptr_t)s;
}

/* A coordinator that does not know the word must not send jobs either. */
static void add_unwell(struct uplink_logic *l, struct msg_ready *m)
{
    const char *why = runner_logic_unwell(l->o.runner);
    mem_free(l->told_unwell);
    l->told_unwell = mem_strdup(why);
    if (l->minor >= MINOR_WITH_UNWELL) {
        m->unwell = text_of(why);
    } else if (why && !m->draining) {
        m->draining = true;
        m->reason = text_of(why);
    }
}

static void say_ready(struct uplink_logic *l)
{
    struct msg m = {.type = MSG_READY};
    int64_t busy = (int64_t)runner_logic_slots_taken(l->o.runner);
    m.u.ready.slots = l->o.slots;
    m.u.ready.free_slots = busy < l->o.slots ? l->o.slots - busy : 0;
    m.u.ready.draining = l->resting || runner_logic_draining(l->o.runner);
    m.u.ready.reason = runner_logic_draining(l->o.runner) ? NULL : l->resting;
    add_unwell(l, &m.u.ready);
    if (!l->caps_told) m.u.ready.capabilities = l->capabilities;
    l->caps_told = true;
    say(l, &m);
}

static void say_hello(struct uplink_logic *l, int64_t now_ms)
{
    struct msg m = {.type = MSG_HELLO};
    struct msg_hello *h = &m.u.hello;
    h->protocol = PROTOCOL_MINOR;
    h->protocol_min = PROTOCOL_MINOR_MIN;
    h->version = text_of(CADRE_VERSION);
    h->name = text_of(l->o.name);
    h->group = text_of(str_is_default_group(l->o.group) ? NULL : l->o.group);
    h->groups = text_of(l->o.groups);
    h->slots = l->o.slots;
    h->boot_id = text_of(l->o.boot_id);
    h->host_id = text_of(l->o.host_id);
    h->folder_id = text_of(l->o.folder_id);
    h->journal_id = text_of(journal_id(l->o.journal));
    h->seq = journal_seq(l->o.journal);
    h->acked = journal_acked(l->o.journal);
    runner_logic_attempts(l->o.runner, &h->attempts);
    h->draining = l->resting || runner_logic_draining(l->o.runner);
    h->unwell = text_of(runner_logic_unwell(l->o.runner));
    h->capabilities = l->capabilities;
    l->caps_told = true;
    l->hello_sent_ms = now_ms;
    say(l, &m);
    mem_free(h->attempts.items);
}

static void warn_of_skew(const struct moment *now, const struct msg_welcome *w)
{
    int64_t skew = w->wall_ms > 0 ? now->wall_ms - w->wall_ms : 0;
    if (skew > SKEW_WORTH_A_WARNING_MS || skew < -SKEW_WORTH_A_WARNING_MS)
        log_warn("session: this machine's clock and the coordinator's differ by %lld s; "
                 "certificates depend on it",
                 (long long)skew / 1000);
}

/* The coordinator does not know of several groups. */
static void warn_of_groups(const struct uplink_logic *l, const struct msg_welcome *w)
{
    if (l->o.groups && w->protocol < PROTOCOL_MINOR_GROUPS)
        log_warn("session: the coordinator (version %s) is older than agents of several groups: "
                 "this one serves %s alone, the first of %s",
                 w->version, l->o.group ? l->o.group : STR_DEFAULT_GROUP, l->o.groups);
}

static void on_welcome(struct uplink_logic *l, const struct moment *now,
                       const struct msg_welcome *w)
{
    struct err e;
    int rc = journal_raise_seq(l->o.journal, w->seq, &e);
    if (rc == 0) rc = journal_ack(l->o.journal, w->seq, &e);
    if (rc == 0) rc = runner_logic_report_leftovers(l->o.runner, &e);
    if (rc != 0) {
        act_err(l, UPLINK_FATAL, &e);
        return;
    }
    l->sent_seq = l->acked_seq = l->seen_seq = w->seq;
    l->in_flight_bytes = 0;
    l->minor = w->protocol;
    l->heartbeat_ms = w->heartbeat_ms;
    l->output_limit = w->output_limit;
    renew_leases(l, l->hello_sent_ms);
    note_answer(l, l->heartbeat_n);
    l->refused_code[0] = 0;
    l->seeking = l->jumps = false;
    l->misses = 0;
    backoff_init(&l->backoff, BACKOFF_MIN_MS, lease_retry_ms(w->heartbeat_ms));
    move(l, runner_logic_draining(l->o.runner) ? UPLINK_DRAINING : UPLINK_READY, "welcome");
    act_text(l, UPLINK_WELCOMED, w->version);
    if (w->addresses) act_text(l, UPLINK_ADDRESSES, w->addresses);
    warn_of_skew(now, w);
    warn_of_groups(l, w);
    say_ready(l);
    plan_heartbeat(l, now);
    act_text(l, UPLINK_STATUS, "connected");
    act_plain(l, UPLINK_CHANGED);
}

/* Each is said once while the owner is sought: with the database down, a standby names the former
 * owner, and that one says that there is none, in turns. */
static void say_owner(struct uplink_logic *l, const char *addresses)
{
    if (!l->seeking) {
        mem_free(l->owner_told);
        l->owner_told = NULL;
        l->nobody_told = false;
    }
    if (addresses && !str_eq(l->owner_told, addresses)) {
        mem_free(l->owner_told);
        l->owner_told = mem_strdup(addresses);
        char *where = json_texts(addresses);
        log_info("session: another coordinator owns the queue; it is found at %s", where);
        mem_free(where);
    } else if (!addresses && !l->nobody_told) {
        l->nobody_told = true;
        log_info("session: no coordinator owns the queue at the moment; looking for one");
    }
}

static void on_not_owner(struct uplink_logic *l, const struct moment *now,
                         const struct msg_refused *m)
{
    const char *addresses = str_eq(m->addresses, "[]") ? NULL : m->addresses;
    bool fresh = false;
    act(l, &(struct uplink_action){.type = UPLINK_OWNER, .u.owner = {addresses, &fresh}});
    say_owner(l, addresses);
    l->jumps = fresh && (!l->seeking || now->mono_ms - l->jumped_ms >= SEEK_MS);
    l->seeking = l->turned_away = true;
    l->seek_ms = m->retry_ms < SEEK_MS        ? SEEK_MS
                 : m->retry_ms > SEEK_MOST_MS ? SEEK_MOST_MS
                                              : m->retry_ms;
    close_link(l);
}

static void on_refused(struct uplink_logic *l, const struct moment *now,
                       const struct msg_refused *m)
{
    if (str_eq(m->code, refusal_code(REFUSAL_NOT_OWNER))) {
        on_not_owner(l, now, m);
        return;
    }
    bool again = str_eq(m->code, l->refused_code);
    l->retry_at_least_ms = m->retry_ms > 0 ? m->retry_ms : PERMANENT_RETRY_MS;
    if (!again) log_error("session: refused code=%s: %s", m->code, m->message);
    if (str_copy(l->refused_code, sizeof l->refused_code, m->code) != 0) l->refused_code[0] = 0;
    close_link(l);
}

/* ---- messages ---- */

static void on_ack(struct uplink_logic *l, const struct moment *now, const struct msg_ack *m)
{
    struct err e;
    if (m->heartbeat > 0 && (uint64_t)m->heartbeat <= l->heartbeat_n &&
        l->heartbeat_n - (uint64_t)m->heartbeat < HEARTBEATS_REMEMBERED) {
        int64_t sent = l->heartbeat_sent_ms[(uint64_t)m->heartbeat % HEARTBEATS_REMEMBERED];
        renew_leases(l, sent);
        l->acknowledged_ms = now->wall_ms;
        note_answer(l, (uint64_t)m->heartbeat);
    }
    if (m->seq <= l->acked_seq) return;
    l->acked_seq = m->seq;
    int64_t before = journal_pending_bytes(l->o.journal);
    if (journal_ack(l->o.journal, m->seq, &e) != 0) {
        act_err(l, UPLINK_FATAL, &e);
        return;
    }
    l->in_flight_bytes -= before - journal_pending_bytes(l->o.journal);
    if (l->in_flight_bytes < 0 || m->seq >= l->sent_seq) l->in_flight_bytes = 0;
}

static void on_drain_order(struct uplink_logic *l, const struct msg_drain *m)
{
    if (l->held == m->on) return;
    l->held = m->on;
    log_info("session: the coordinator %s%s%s", m->on ? "sends no more jobs" : "sends jobs again",
             m->reason ? ": " : "", m->reason ? m->reason : "");
    if (!m->on && l->resting) say_ready(l); /* the operator's reason took its place */
}

static void on_message(struct uplink_logic *l, const struct moment *now, struct msg *m)
{
    switch (m->type) {
    case MSG_JOB:
        if (m->u.job.output_limit == 0) m->u.job.output_limit = l->output_limit;
        runner_logic_accept(l->o.runner, &m->u.job, l->o.slots);
        break;
    case MSG_KILL:
        runner_logic_kill(l->o.runner, now->mono_ms, &m->u.kill);
        break;
    case MSG_ACK:
        on_ack(l, now, &m->u.ack);
        break;
    case MSG_DISCARD:
        runner_logic_discard(l->o.runner, m->u.discard.job, m->u.discard.attempt);
        break;
    case MSG_DRAIN:
        on_drain_order(l, &m->u.drain);
        break;
    case MSG_CERTIFICATE:
        act_text(l, UPLINK_CERTIFICATE, m->u.certificate.certificate);
        break;
    default:
        log_warn("session: %s is not expected now", msg_name(m->type));
        break;
    }
}

static int on_first_message(struct uplink_logic *l, const struct moment *now, struct msg *m,
                            struct err *e)
{
    if (m->type != MSG_WELCOME)
        return err_set(e, ERR_PROTOCOL, "%s came where welcome or refused was due",
                       msg_name(m->type));
    on_welcome(l, now, &m->u.welcome);
    return 0;
}

static int on_frame(struct uplink_logic *l, const struct moment *now, const struct frame *f,
                    struct err *e)
{
    struct msg m = {0};
    if (f->type != FRAME_JSON)
        return err_set(e, ERR_PROTOCOL, "a frame of type %u is not expected", f->type);
    int rc = msg_decode(f->body, f->len, (struct msg_peer){.known = true}, &m, e);
    if (rc != 0) return rc;
    if (m.type == MSG_REFUSED)
        on_refused(l, now, &m.u.refused);
    else if (uplink_logic_is_live(l))
        on_message(l, now, &m);
    else
        rc = on_first_message(l, now, &m, e);
    msg_fini(&m);
    return rc;
}

void uplink_logic_opened(struct uplink_logic *l, const struct moment *now)
{
    if (l->state != UPLINK_CONNECTING) return;
    move(l, UPLINK_HELLO, "TLS is up");
    say_hello(l, now->mono_ms);
    ask_to_be_woken(l);
}

void uplink_logic_received(struct uplink_logic *l, const struct moment *now, const void *data,
                           size_t len)
{
    struct frame f;
    struct err e = {0};
    if (!l->linked || l->ending) return;
    l->heard_ms = now->mono_ms;
    int rc = frame_reader_add(&l->reader, data, len, &e);
    while (rc == 0 && !l->ending && (rc = frame_reader_next(&l->reader, &f, &e)) == 1)
        rc = on_frame(l, now, &f, &e);
    if (rc < 0) {
        err_wrap(&e, "the coordinator sent what is not cadre/1");
        abort_link(l, &e);
    }
    act_plain(l, UPLINK_CHANGED);
    ask_to_be_woken(l);
}

/* ---- sending events ---- */

struct pump {
    struct uplink_logic *l;
    size_t pending;
    bool stopped; /* there may be more */
};

/* An event that a coordinator of an earlier minor version would refuse. */
static bool is_cleared(const void *frame, size_t len)
{
    static const char begin[] = "{\"type\":\"cleared\"";
    const size_t n = sizeof begin - 1;
    return len > FRAME_HEAD + n && memcmp((const char *)frame + FRAME_HEAD, begin, n) == 0;
}

static int pump_one(int64_t seq, const void *frame, size_t len, void *user)
{
    struct pump *p = user;
    struct uplink_logic *l = p->l;
    l->sent_seq = seq;
    if (l->minor < MINOR_WITH_CLEARED && is_cleared(frame, len)) return 0;
    send_bytes(l, frame, len);
    l->in_flight_bytes += (int64_t)len;
    p->pending += len;
    p->stopped = l->in_flight_bytes >= IN_FLIGHT_MAX || p->pending >= LINK_QUEUE_MAX;
    return p->stopped;
}

static void pump_events(struct uplink_logic *l, size_t pending)
{
    struct pump p = {.l = l, .pending = pending};
    struct err e;
    if (journal_seq(l->o.journal) <= l->seen_seq || l->in_flight_bytes >= IN_FLIGHT_MAX ||
        pending >= LINK_QUEUE_MAX)
        return;
    if (journal_each_event(l->o.journal, l->sent_seq, pump_one, &p, &e) != 0)
        act_err(l, UPLINK_FATAL, &e);
    else if (!p.stopped)
        l->seen_seq = journal_seq(l->o.journal);
}

void uplink_logic_pump(struct uplink_logic *l, const struct moment *now, size_t pending)
{
    if (!l->linked || !uplink_logic_is_live(l)) return;
    watch_lease(l); /* of what has just started, be the connection about to end or not */
    if (!l->ending) {
        /* A shorter lease than before wants a quicker heartbeat, the first one now: its job may
         * wait for the answer. */
        bool hurries = heartbeat_interval(l) < l->heartbeat_every_ms;
        /* The job crossed a heartbeat whose answer it should have followed. */
        bool crossed = l->answer_waits && !is_idle(l);
        if (hurries || crossed) beat(l, now);
        /* before the events: what is given back must not be given again */
        if (!str_eq(l->told_unwell, runner_logic_unwell(l->o.runner))) say_ready(l);
        pump_events(l, pending);
    }
    ask_to_be_woken(l);
}

/* ---- requests of the agent itself ---- */

void uplink_logic_announce(struct uplink_logic *l, int64_t slots)
{
    l->o.slots = slots;
    if (!uplink_logic_is_live(l)) return;
    if (runner_logic_draining(l->o.runner) && l->state == UPLINK_READY)
        move(l, UPLINK_DRAINING, "stopping");
    say_ready(l);
}

void uplink_logic_rest(struct uplink_logic *l, const char *why)
{
    mem_free(l->resting);
    l->resting = mem_strdup(why);
    uplink_logic_announce(l, l->o.slots);
}

void uplink_logic_set_capabilities(struct uplink_logic *l, const char *json)
{
    if (str_eq(l->capabilities, json)) return;
    mem_free(l->capabilities);
    l->capabilities = mem_strdup(json);
    l->caps_told = false;
    if (uplink_logic_is_live(l)) say_ready(l);
}

void uplink_logic_ask_certificate(struct uplink_logic *l, const char *csr)
{
    struct msg m = {.type = MSG_ENROL};
    m.u.enrol.csr = text_of(csr);
    if (uplink_logic_is_live(l)) say(l, &m);
}

/* ---- life ---- */

void uplink_logic_wake(struct uplink_logic *l, const struct moment *now)
{
    l->wake_ms = INT64_MAX; /* after a wake-up that was too early, the WAKE action is sent again */
    for (int i = 0; i < DUES; i++) {
        if (l->due_ms[i] > now->mono_ms) continue;
        l->due_ms[i] = INT64_MAX;
        if (i == DUE_RETRY) connect_now(l, now);
        if (i == DUE_HEARTBEAT) on_heartbeat_due(l, now);
        if (i == DUE_LEASE) on_lease_due(l, now->mono_ms);
    }
    ask_to_be_woken(l);
}

void uplink_logic_start(struct uplink_logic *l, const struct moment *now)
{
    connect_now(l, now);
}

void uplink_logic_stop(struct uplink_logic *l, const char *reason)
{
    l->stopped = true;
    for (int i = 0; i < DUES; i++)
        l->due_ms[i] = INT64_MAX;
    ask_to_be_woken(l);
    if (uplink_logic_is_live(l)) {
        struct msg m = {.type = MSG_BYE};
        m.u.bye.reason = text_of(reason);
        say(l, &m);
    }
    close_link(l);
}

struct uplink_logic *uplink_logic_new(const struct uplink_logic_options *o)
{
    struct uplink_logic *l = mem_alloc(sizeof *l);
    l->o = *o;
    l->capabilities = mem_strdup(o->capabilities);
    buf_init(&l->frame, LIMIT_FRAME_KNOWN + FRAME_HEAD);
    rng_init(&l->rng, o->seed);
    backoff_init(&l->backoff, BACKOFF_MIN_MS, lease_retry_ms(0));
    for (int i = 0; i < DUES; i++)
        l->due_ms[i] = INT64_MAX;
    l->wake_ms = INT64_MAX;
    return l;
}

void uplink_logic_free(struct uplink_logic *l)
{
    if (!l) return;
    if (l->linked) frame_reader_fini(&l->reader);
    buf_fini(&l->frame);
    mem_free(l->capabilities);
    mem_free(l->resting);
    mem_free(l->told_unwell);
    mem_free(l->owner_told);
    mem_free(l);
}
