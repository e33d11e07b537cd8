/* See logic_world.h. */
#include "tests/unit/agent/logic_world.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "wire/frame.h"
#include "wire/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void note(struct world *w, const char *fmt, ...) CADRE_PRINTF(2, 3);
static void note(struct world *w, const char *fmt, ...)
{
    size_t len = strlen(w->did);
    va_list args;
    va_start(args, fmt);
    vsnprintf(w->did + len, sizeof w->did - len, fmt, args);
    va_end(args);
    len = strlen(w->did);
    assert_true(len + 3 < sizeof w->did);
    memcpy(w->did + len, ", ", 3);
}

static void is_text(char *text, const char *expected)
{
    size_t len = strlen(text);
    if (len >= 2) text[len - 2] = '\0';
    assert_string_equal(text, expected);
    text[0] = '\0';
}

void did(struct world *w, const char *expected)
{
    is_text(w->did, expected);
}

/* ---- frames as words ---- */

static const char *or_none(const char *text)
{
    return text ? text : "-";
}

static void note_message(struct world *w, const struct msg *m)
{
    const char *name = msg_name(m->type);
    switch (m->type) {
    case MSG_STARTED:
        note(w, "%s %d-%d", name, (int)m->u.started.job, (int)m->u.started.attempt);
        break;
    case MSG_FINISHED:
        note(w, "%s %d-%d %s %s", name, (int)m->u.finished.job, (int)m->u.finished.attempt,
             m->u.finished.state, or_none(m->u.finished.reason));
        if (m->u.finished.alive) {
            w->did[strlen(w->did) - 2] = '\0'; /* the comma behind it */
            note(w, " alive %s", m->u.finished.alive);
        }
        break;
    case MSG_CLEARED:
        note(w, "%s %d-%d", name, (int)m->u.cleared.job, (int)m->u.cleared.attempt);
        break;
    case MSG_DECLINED:
        note(w, "%s %d-%d %s%s%s", name, (int)m->u.declined.job, (int)m->u.declined.attempt,
             m->u.declined.reason, m->u.declined.message ? ": " : "",
             m->u.declined.message ? m->u.declined.message : "");
        break;
    case MSG_HEARTBEAT:
        note(w, "%s %d%s", name, (int)m->u.heartbeat.n, m->u.heartbeat.ack_later ? " later" : "");
        break;
    case MSG_READY:
        note(w, "%s %d/%d%s%s%s%s%s%s%s", name, (int)m->u.ready.free_slots, (int)m->u.ready.slots,
             m->u.ready.draining ? " draining" : "", m->u.ready.reason ? ": " : "",
             m->u.ready.reason ? m->u.ready.reason : "", m->u.ready.unwell ? " unwell: " : "",
             m->u.ready.unwell ? m->u.ready.unwell : "", m->u.ready.capabilities ? " can " : "",
             m->u.ready.capabilities ? m->u.ready.capabilities : "");
        break;
    case MSG_HELLO:
        w->hello_acked = m->u.hello.acked;
        note(w, "%s%s%s%s seq %d, %d attempts%s%s%s", name, m->u.hello.group ? " of " : "",
             m->u.hello.group ? m->u.hello.group : "", m->u.hello.groups ? m->u.hello.groups : "",
             (int)m->u.hello.seq, (int)m->u.hello.attempts.count,
             m->u.hello.draining ? " draining" : "", m->u.hello.unwell ? " unwell: " : "",
             m->u.hello.unwell ? m->u.hello.unwell : "");
        break;
    default:
        note(w, "%s", name);
        break;
    }
}

static void note_frame(struct world *w, const void *frame, size_t len)
{
    const uint8_t *bytes = frame;
    struct msg m = {0};
    struct err e = {0};
    if (bytes[4] == FRAME_OUTPUT) {
        struct frame_output o;
        assert_int_equal(frame_output_decode(bytes + FRAME_HEAD, len - FRAME_HEAD, &o, &e), 0);
        note(w, "output %d-%d %d+%d", (int)o.job, (int)o.attempt, (int)o.offset, (int)o.len);
        return;
    }
    struct msg_peer agent = {.agent = true, .known = true};
    if (msg_decode(bytes + FRAME_HEAD, len - FRAME_HEAD, agent, &m, &e) != 0) fail_msg("%s", e.msg);
    note_message(w, &m);
    msg_fini(&m);
}

static int look(int64_t seq, const void *frame, size_t len, void *user)
{
    struct world *w = user;
    note_frame(w, frame, len);
    w->sent_seq = seq;
    return 0;
}

void said(struct world *w, const char *expected)
{
    char before[sizeof w->did];
    memcpy(before, w->did, sizeof before);
    w->did[0] = '\0';
    assert_int_equal(journal_each_event(w->journal, w->sent_seq, look, w, NULL), 0);
    is_text(w->did, expected);
    memcpy(w->did, before, sizeof before);
}

/* ---- actions ---- */

static void on_runner_act(const struct runner_action *a, void *user)
{
    static const char *const words[] = {
        [RUNNER_PREPARE] = "prepare", [RUNNER_LATE] = "late",     [RUNNER_START] = "start",
        [RUNNER_PAUSE] = "pause",     [RUNNER_RESUME] = "resume", [RUNNER_TERMINATE] = "terminate",
        [RUNNER_KILL] = "kill",       [RUNNER_FORGET] = "forget",
    };
    struct world *w = user;
    switch (a->type) {
    case RUNNER_WAKE:
        w->runner_wake_ms = a->u.at_ms;
        return;
    case RUNNER_CHANGED:
        w->changed = true;
        return;
    case RUNNER_FATAL:
        w->fatal = true;
        return;
    case RUNNER_LIMIT:
        note(w, "limit %d", (int)a->u.bytes);
        return;
    case RUNNER_RENEW:
        note(w, "renew %d", (int)a->u.at_ms);
        return;
    case RUNNER_TRY:
        note(w, "try");
        return;
    case RUNNER_LATE:
        a->u.late->named = w->late_is_named;
        err_set(&a->u.late->err, ERR_TIMEOUT, "%s takes too long", a->attempt ? "it" : "a trial");
        if (a->attempt) break;
        note(w, "late");
        return;
    case RUNNER_LEFTOVER:
        note(w, "leftover %s", a->u.leftover.entry->mark);
        if (w->tough)
            process_list_add(a->u.leftover.alive, (struct process_id){4711, 7}, "sleep", "root");
        return;
    case RUNNER_REMNANT:
        note(w, "remnant %s %s", a->u.remnant.entry->mark, a->u.remnant.entry->identity);
        if (w->tough)
            process_list_add(a->u.remnant.left, (struct process_id){4711, 7}, "sleep", "root");
        return;
    default:
        break;
    }
    int64_t job = a->attempt->job;
    note(w, "%s %d-%d", words[a->type], (int)job, (int)a->attempt->number);
    assert_in_range(job, 0, WORLD_JOBS - 1);
    w->attempts[job] = a->type == RUNNER_FORGET ? NULL : a->attempt;
    if (a->type == RUNNER_PREPARE) *a->u.at_once = w->prepares_at_once;
    if (a->type != RUNNER_START) return;
    a->u.started->rc = w->start_rc;
    if (w->start_rc != 0) err_set(&a->u.started->err, w->start_rc, "as the test wants it");
    a->u.started->pid = 100 + job;
    (void)str_format(a->u.started->identity, sizeof a->u.started->identity, "%d 7 boot 500",
                     100 + (int)job);
}

static void on_uplink_act(const struct uplink_action *a, void *user)
{
    struct world *w = user;
    switch (a->type) {
    case UPLINK_CONNECT:
        note(w, "connect");
        w->linked = true;
        break;
    case UPLINK_SEND:
        note_frame(w, a->u.send.data, a->u.send.len);
        w->sent_bytes += a->u.send.len;
        break;
    case UPLINK_CLOSE:
        note(w, "close");
        break;
    case UPLINK_ABORT:
        note(w, "abort");
        break;
    case UPLINK_WAKE:
        w->uplink_wake_ms = a->u.at_ms;
        break;
    case UPLINK_CHANGED:
        w->changed = true;
        break;
    case UPLINK_FATAL:
        w->fatal = true;
        break;
    case UPLINK_CERTIFICATE:
        note(w, "certificate %s", a->u.text);
        break;
    case UPLINK_ADDRESSES:
        note(w, "addresses %s", a->u.text);
        break;
    case UPLINK_OWNER:
        note(w, "owner %s", a->u.owner.addresses ? a->u.owner.addresses : "none");
        *a->u.owner.fresh = w->owner_is_fresh;
        break;
    case UPLINK_WELCOMED:
    case UPLINK_STATUS:
        break;
    }
}

static bool may_start(void *user)
{
    const struct world *w = user;
    return w->may_start;
}

/* Stands before the true one (CMakeLists.txt). */
static struct world *committing;
int __real_journal_commit(struct journal *j, struct err *e);
int __wrap_journal_commit(struct journal *j, struct err *e);
int __wrap_journal_commit(struct journal *j, struct err *e)
{
    if (committing && committing->commits_fail) return err_set(e, ERR_FULL, "as the test wants it");
    if (committing && committing->tells_commits) note(committing, "commit");
    return __real_journal_commit(j, e);
}

/* ---- life ---- */

static void begin(struct world *w)
{
    struct err e = {0};
    bool damaged;
    if (journal_open(w->folder, "boot-1", &w->journal, &damaged, &e) != 0) fail_msg("%s", e.msg);
    struct runner_logic_options ro = {.journal = w->journal,
                                      .may_start = may_start,
                                      .act = on_runner_act,
                                      .user = w};
    if (runner_logic_new(&ro, &w->runner, &e) != 0) fail_msg("%s", e.msg);
    struct uplink_logic_options uo = {.journal = w->journal,
                                      .runner = w->runner,
                                      .name = "a",
                                      .group = w->group ? w->group : "default", /* as if unsaid */
                                      .groups = w->groups,
                                      .boot_id = "boot",
                                      .host_id = "host",
                                      .capabilities = "{}",
                                      .slots = WORLD_SLOTS,
                                      .seed = 1,
                                      .act = on_uplink_act,
                                      .user = w};
    w->uplink = uplink_logic_new(&uo);
    w->runner_wake_ms = w->uplink_wake_ms = INT64_MAX;
}

int world_up(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    *w = (struct world){.now = {.mono_ms = 1000000, .wall_ms = 1700000000000},
                        .slots = WORLD_SLOTS,
                        .may_start = true,
                        .minor = 2,
                        .heartbeat_ms = 10000};
    assert_int_equal(str_copy(w->folder, sizeof w->folder, "logic-XXXXXX"), 0);
    assert_non_null(mkdtemp(w->folder));
    begin(w);
    *state = w;
    return 0;
}

static void end(struct world *w)
{
    uplink_logic_free(w->uplink);
    runner_logic_free(w->runner);
    memset(w->attempts, 0, sizeof w->attempts);
    w->did[0] = '\0';
}

void world_again(struct world *w)
{
    end(w);
    journal_close(w->journal);
    begin(w);
}

int world_down(void **state)
{
    struct world *w = *state;
    end(w);
    journal_close(w->journal);
    assert_int_equal(dir_remove_tree(w->folder, NULL), 0);
    mem_free(w);
    return 0;
}

void world_pass(struct world *w, int64_t ms)
{
    w->now.mono_ms += ms;
    w->now.wall_ms += ms;
}

void world_turn(struct world *w)
{
    struct err e = {0};
    w->changed = false;
    committing = w;
    int rc = runner_logic_turn(w->runner, w->now.mono_ms, &e);
    if (rc != (w->commits_fail ? ERR_FULL : 0)) fail_msg("%s", e.msg);
    committing = NULL;
    uplink_logic_pump(w->uplink, &w->now, 0);
}

void wake_runner(struct world *w)
{
    w->runner_wake_ms = INT64_MAX;
    runner_logic_wake(w->runner, w->now.mono_ms);
}

/* ---- the runner's life ---- */

void take_job_of(struct world *w, const struct msg_job *job)
{
    struct msg_job m = *job;
    m.spec = mem_strdup(job->spec ? job->spec : "{\"command\":[\"true\"]}");
    runner_logic_accept(w->runner, &m, w->slots);
    mem_free(m.spec);
}

void take_job(struct world *w, int64_t job, int64_t attempt)
{
    struct msg_job m = {.job = job, .attempt = attempt, .lease_ms = WORLD_LEASE_MS};
    take_job_of(w, &m);
}

void prepared(struct world *w, int64_t job, int rc)
{
    struct err why = {0};
    if (rc != 0) err_set(&why, rc, "as the test wants it");
    assert_non_null(w->attempts[job]);
    runner_logic_prepared(w->runner, w->now.mono_ms, w->attempts[job], rc, false, &why);
}

void tried(struct world *w, const char *why)
{
    struct err e;
    err_set(&e, ERR_MACHINE, "%s", why ? why : "");
    runner_logic_tried(w->runner, w->now.mono_ms, why ? &e : NULL);
}

void ended(struct world *w, int64_t job, uint32_t exit_code)
{
    struct process_end end = {.exit_code = exit_code, .run_ms = 1};
    assert_non_null(w->attempts[job]);
    runner_logic_ended(w->runner, w->now.mono_ms, w->attempts[job], &end);
}

void kill_job(struct world *w, int64_t job, const char *reason, int64_t grace_ms)
{
    char text[32];
    assert_int_equal(str_copy(text, sizeof text, reason), 0);
    struct msg_kill m = {.job = job, .attempt = 1, .reason = text, .grace_ms = grace_ms};
    runner_logic_kill(w->runner, w->now.mono_ms, &m);
}

void running(struct world *w, int64_t job)
{
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, job, 1);
    world_turn(w);
    prepared(w, job, 0);
    world_turn(w);
    assert_non_null(w->attempts[job]);
    w->did[0] = '\0';
    assert_int_equal(journal_each_event(w->journal, w->sent_seq, look, w, NULL), 0);
    w->did[0] = '\0';
}

/* ---- the coordinator's side ---- */

void hear(struct world *w, struct msg m)
{
    struct buf b;
    buf_init(&b, LIMIT_FRAME_KNOWN + FRAME_HEAD);
    assert_int_equal(msg_frame_add(&b, &m), 0);
    uplink_logic_received(w->uplink, &w->now, b.data, b.len);
    buf_fini(&b);
}

void welcome(struct world *w, int64_t seq)
{
    char version[] = "9.9.9";
    struct msg m = {.type = MSG_WELCOME};
    m.u.welcome = (struct msg_welcome){.protocol = w->minor,
                                       .version = version,
                                       .lease_ms = WORLD_LEASE_MS,
                                       .heartbeat_ms = w->heartbeat_ms,
                                       .seq = seq,
                                       .output_limit = 1000};
    hear(w, m);
}

void be_live(struct world *w)
{
    if (!w->linked) uplink_logic_start(w->uplink, &w->now);
    uplink_logic_opened(w->uplink, &w->now);
    welcome(w, 0);
    assert_true(uplink_logic_is_live(w->uplink));
    w->did[0] = '\0';
}

void lose_link(struct world *w)
{
    struct err why = {.code = ERR_CLOSED};
    w->linked = false;
    uplink_logic_closed(w->uplink, &w->now, &why);
}
