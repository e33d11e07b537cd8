/* Attempts and what becomes of them: see runner_logic.h. */
#include "agent/runner_logic.h"

#include "agent/output.h"
#include "base/deadline.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "wire/frame.h"
#include "wire/lease.h"
#include "wire/limits.h"
#include "wire/spec.h"

#include <string.h>

_Static_assert(GUARD_MARGIN_MS == GUARD_LATE_MS, "the guard keeps to the order in wire/lease.h");

enum phase {
    PHASE_ACCEPTED,
    PHASE_PREPARING, /* its work folder is being made */
    PHASE_PREPARED,
    /* a process is there: */
    PHASE_RUNNING,
    PHASE_TERMINATING,
    PHASE_KILLED
};

struct attempt {
    struct runner_attempt face; /* the first member: the owner's pointer is ours, too */
    struct attempt *next;
    struct runner_logic *runner;
    int64_t timeout_ms, grace_ms;
    enum phase phase;
    const char *why; /* of our own end: "timeout", "cancelled", "drain", "lost"; NULL */
    bool silent;     /* discarded: no events */
    struct output output;
    struct deadline deadline; /* of the preparation; then timeout, then kill */
};

/* What an earlier life of the agent left in the journal. */
struct leftover {
    struct leftover *next;
    struct journal_attempt entry;
};

struct runner_logic {
    struct runner_logic_options o;
    int64_t lease_base_ms;
    struct attempt *attempts;
    struct leftover *leftovers;
    struct deadline_queue deadlines;
    struct deadline drain_deadline;
    int64_t wake_ms; /* as it was last asked for */
    bool draining, paused;
    struct buf frame;
};

/* ---- actions ---- */

static void act(struct runner_logic *r, const struct runner_action *a)
{
    r->o.act(a, r->o.user);
}

static void act_on(struct attempt *a, enum runner_action_type type)
{
    act(a->runner, &(struct runner_action){.type = type, .attempt = &a->face});
}

static void changed(struct runner_logic *r)
{
    act(r, &(struct runner_action){.type = RUNNER_CHANGED});
}

static void fatal(struct runner_logic *r, const struct err *e)
{
    act(r, &(struct runner_action){.type = RUNNER_FATAL, .u.err = e});
}

/* Behind every change of a deadline. */
static void ask_to_be_woken(struct runner_logic *r)
{
    struct deadline *first = deadline_first(&r->deadlines);
    int64_t at_ms = first ? first->at_ms : INT64_MAX;
    if (at_ms == r->wake_ms) return;
    r->wake_ms = at_ms;
    act(r, &(struct runner_action){.type = RUNNER_WAKE, .u.at_ms = at_ms});
}

static struct attempt *attempt_of(struct runner_attempt *face)
{
    return (struct attempt *)(void *)face;
}

static bool has_process(const struct attempt *a)
{
    return a->phase >= PHASE_RUNNING;
}

static struct attempt *find(const struct runner_logic *r, int64_t job, int64_t number)
{
    for (struct attempt *a = r->attempts; a; a = a->next)
        if (a->face.job == job && a->face.number == number) return a;
    return NULL;
}

/* ---- events ---- */

/* The event is complete but for its frame: that is the message. */
static int add_event(struct runner_logic *r, const struct msg *m, struct journal_event event,
                     struct err *e)
{
    buf_clear(&r->frame);
    int rc = msg_frame_add(&r->frame, m);
    if (rc != 0) return err_set(e, rc, "encoding %s failed", msg_name(m->type));
    event.frame = r->frame.data;
    event.len = r->frame.len;
    rc = journal_add_event(r->o.journal, &event, e);
    if (rc == 0) changed(r);
    return rc;
}

static void say(struct attempt *a, const struct msg *m, int64_t seq, bool ends)
{
    struct err e;
    struct journal_event event = {.seq = seq,
                                  .job = a->face.job,
                                  .attempt = a->face.number,
                                  .ends = ends};
    if (add_event(a->runner, m, event, &e) != 0) fatal(a->runner, &e);
}

/* The message does not change its texts. */
static char *text_of(const char *s)
{
    return (char *)(uintptr_t)s;
}

static void say_declined(struct attempt *a, const char *reason)
{
    struct msg m = {.type = MSG_DECLINED};
    m.u.declined.seq = journal_next_seq(a->runner->o.journal);
    m.u.declined.job = a->face.job;
    m.u.declined.attempt = a->face.number;
    m.u.declined.reason = text_of(reason);
    say(a, &m, m.u.declined.seq, true);
}

static struct msg_finished *begin_finished(struct attempt *a, struct msg *m)
{
    struct msg_finished *f = &m->u.finished;
    *m = (struct msg){.type = MSG_FINISHED};
    f->seq = journal_next_seq(a->runner->o.journal);
    f->job = a->face.job;
    f->attempt = a->face.number;
    return f;
}

static void put_journal(struct attempt *a, enum journal_state state, const char *identity)
{
    struct journal_attempt entry = {.job = a->face.job, .attempt = a->face.number, .state = state};
    struct err e;
    (void)str_copy(entry.mark, sizeof entry.mark, a->face.mark);
    (void)str_copy(entry.identity, sizeof entry.identity, identity);
    if (journal_put_attempt(a->runner->o.journal, &entry, &e) != 0) fatal(a->runner, &e);
}

static void on_chunk(int stream, int64_t offset, const void *data, size_t len, void *user)
{
    struct attempt *a = user;
    struct runner_logic *r = a->runner;
    if (a->silent) return;
    struct frame_output o = {.seq = journal_next_seq(r->o.journal),
                             .job = a->face.job,
                             .attempt = (int32_t)a->face.number,
                             .stream = (uint8_t)stream,
                             .offset = offset,
                             .data = data,
                             .len = len};
    struct err e;
    buf_clear(&r->frame);
    int rc = frame_output_add(&r->frame, &o);
    if (rc != 0) err_set(&e, rc, "encoding output failed");
    if (rc == 0)
        rc = journal_add_event(r->o.journal,
                               &(struct journal_event){.seq = o.seq,
                                                       .job = a->face.job,
                                                       .attempt = a->face.number,
                                                       .frame = r->frame.data,
                                                       .len = r->frame.len},
                               &e);
    if (rc != 0) fatal(r, &e);
    changed(r);
}

/* ---- the end of an attempt ---- */

static bool is_over(const struct attempt *a, int64_t now_ms)
{
    return a->face.lease_ms <= now_ms - a->runner->lease_base_ms;
}

static void forget(struct attempt *a)
{
    struct runner_logic *r = a->runner;
    for (struct attempt **p = &r->attempts; *p; p = &(*p)->next) {
        if (*p != a) continue;
        *p = a->next;
        break;
    }
    deadline_clear(&r->deadlines, &a->deadline);
    act_on(a, RUNNER_FORGET);
    output_fini(&a->output);
    mem_free(a->face.spec);
    mem_free(a);
}

static void say_cancelled(struct attempt *a)
{
    struct msg m;
    struct msg_finished *f = begin_finished(a, &m);
    f->state = text_of("KILLED");
    f->reason = text_of("cancelled");
    say(a, &m, f->seq, true);
}

/* Ends an attempt that has no process; unless it was cancelled, it is declined for that reason. */
static void end_unstarted(struct attempt *a, const char *reason)
{
    struct runner_logic *r = a->runner;
    if (!a->silent && str_eq(a->why, "cancelled"))
        say_cancelled(a);
    else if (!a->silent)
        say_declined(a, reason);
    forget(a);
    changed(r);
}

static void fill_state(const struct attempt *a, const struct process_end *end,
                       struct msg_finished *f)
{
    if (str_eq(a->why, "cancelled")) {
        f->state = text_of("KILLED");
        f->reason = text_of("cancelled");
    } else if (a->why) {
        f->state = text_of("FAILED");
        f->reason = text_of(a->why);
    } else if (end->exit_code == 0) {
        f->state = text_of("SUCCESS");
    } else {
        f->state = text_of("FAILED");
        f->reason = text_of("exit-code");
    }
}

static void fill_message(const struct attempt *a, const struct process_end *end, char *out,
                         size_t size)
{
    char text[DURATION_TEXT_SIZE];
    out[0] = 0;
    if (str_eq(a->why, "timeout")) {
        duration_format(a->timeout_ms, text);
        (void)str_format(out, size, "it ran longer than its timeout of %s", text);
    } else if (str_eq(a->why, "lost")) {
        duration_format(a->face.lease_ms, text);
        (void)str_format(out, size,
                         end->expired
                             ? "the agent was held up for longer than the lease of %s, and "
                               "its guard ended the job"
                             : "the coordinator was out of reach for longer than the "
                               "lease of %s",
                         text);
    } else if (str_eq(a->why, "drain")) {
        (void)str_format(out, size, "the agent was stopped and the drain time ran out");
    } else if (!a->why && end->signal != 0) {
        (void)str_format(out, size, "ended by signal %d", end->signal);
    } else if (!a->why && end->exit_code >= 0xC0000000u) {
        (void)str_format(out, size, "exit code 0x%08X", (unsigned)end->exit_code);
    }
}

static void say_finished(struct attempt *a, const struct process_end *end)
{
    char message[256];
    struct msg m;
    struct msg_finished *f = begin_finished(a, &m);
    fill_message(a, end, message, sizeof message);
    fill_state(a, end, f);
    f->message = message[0] ? message : NULL;
    f->exited = true;
    f->exit_code = end->exit_code;
    f->signal = end->signal;
    f->stdout_bytes = a->output.side[0].offset;
    f->stderr_bytes = a->output.side[1].offset;
    f->truncated = a->output.truncated;
    f->run_ms = end->run_ms;
    if (a->output.outputs.tree) f->outputs = json_text(a->output.outputs.tree);
    say(a, &m, f->seq, true);
    log_info("job %s: attempt %lld ended state=%s exit=%u%s", a->face.text,
             (long long)a->face.number, f->state, (unsigned)end->exit_code,
             end->stray ? " (what it left running was ended)" : "");
    mem_free(f->outputs);
}

/* By now the guard has ended it, or is about to. */
static void say_held_up(const struct attempt *a)
{
    log_warn("job %s: attempt %lld is lost: this agent was held up for longer than its lease, and "
             "its guard ended it",
             a->face.text, (long long)a->face.number);
}

void runner_logic_ended(struct runner_logic *r, int64_t now_ms, struct runner_attempt *face,
                        const struct process_end *end)
{
    struct attempt *a = attempt_of(face);
    output_end(&a->output);
    /* Whatever it ended with, it may be another agent's by now. */
    if (end->expired || is_over(a, now_ms)) {
        if (!str_eq(a->why, "lost")) say_held_up(a);
        a->why = "lost";
    }
    if (!a->silent) say_finished(a, end);
    forget(a);
    ask_to_be_woken(r);
    changed(r);
}

void runner_logic_output(struct runner_logic *r, struct runner_attempt *face,
                         enum process_stream stream, const void *data, size_t len)
{
    struct attempt *a = attempt_of(face);
    output_add(&a->output, stream == PROCESS_STDOUT ? STREAM_STDOUT : STREAM_STDERR, data, len);
    changed(r);
}

/* ---- the ladder ---- */

/* Asked now, the whole tree killed after the grace. */
static void terminate(struct attempt *a, const char *why, int64_t now_ms)
{
    struct runner_logic *r = a->runner;
    if (a->phase == PHASE_TERMINATING || a->phase == PHASE_KILLED) return;
    a->why = why;
    if (!has_process(a)) {
        end_unstarted(a, "draining");
        return;
    }
    a->phase = PHASE_TERMINATING;
    deadline_set(&r->deadlines, &a->deadline, now_ms + a->grace_ms);
    act_on(a, RUNNER_TERMINATE);
}

static void kill_now(struct attempt *a)
{
    if (!has_process(a)) {
        end_unstarted(a, "draining");
        return;
    }
    a->phase = PHASE_KILLED;
    deadline_clear(&a->runner->deadlines, &a->deadline);
    act_on(a, RUNNER_KILL);
}

static void terminate_all(struct runner_logic *r, int64_t now_ms)
{
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        terminate(a, "drain", now_ms);
    }
}

/* What its folder's file system does not give back in time is not waited for: another agent may
 * have the job. */
static void give_up_preparation(struct attempt *a)
{
    act_on(a, RUNNER_LATE);
    end_unstarted(a, "never-started");
}

static void on_deadline(struct attempt *a, int64_t now_ms)
{
    if (a->phase == PHASE_PREPARING)
        give_up_preparation(a);
    else if (a->phase == PHASE_TERMINATING)
        kill_now(a);
    else
        terminate(a, "timeout", now_ms);
}

void runner_logic_wake(struct runner_logic *r, int64_t now_ms)
{
    struct deadline *d;
    r->wake_ms = INT64_MAX; /* whoever woke too early is asked again */
    while ((d = deadline_pop(&r->deadlines, now_ms)) != NULL) {
        if (d == &r->drain_deadline)
            terminate_all(r, now_ms);
        else
            on_deadline((struct attempt *)(void *)((char *)d - offsetof(struct attempt, deadline)),
                        now_ms);
    }
    ask_to_be_woken(r);
}

/* ---- the beginning ---- */

static void say_not_started(struct attempt *a, int rc, const struct err *why)
{
    char text[LIMIT_MESSAGE];
    struct msg m;
    struct msg_finished *f = begin_finished(a, &m);
    (void)str_copy(text, sizeof text, err_text(why));
    f->state = text_of("FAILED");
    f->reason = text_of("not-started");
    f->message = text;
    f->exited = true; /* as a shell has it: 127 not found, 126 found but not to be started */
    f->exit_code = rc == ERR_NOT_FOUND ? 127 : 126;
    say(a, &m, f->seq, true);
    log_info("job %s: attempt %lld was not started: %s", a->face.text, (long long)a->face.number,
             text);
    forget(a);
}

static void say_started(struct attempt *a, int64_t pid)
{
    struct msg m = {.type = MSG_STARTED};
    m.u.started.seq = journal_next_seq(a->runner->o.journal);
    m.u.started.job = a->face.job;
    m.u.started.attempt = a->face.number;
    m.u.started.pid = pid;
    say(a, &m, m.u.started.seq, false);
}

void runner_logic_prepared(struct runner_logic *r, struct runner_attempt *face, int rc, bool late,
                           const struct err *why)
{
    struct attempt *a = attempt_of(face);
    deadline_clear(&r->deadlines, &a->deadline);
    a->phase = PHASE_PREPARED;
    if (late)
        give_up_preparation(a);
    else if (rc != 0)
        say_not_started(a, rc, why);
    ask_to_be_woken(r);
    changed(r); /* the next turn starts it */
}

static void prepare(struct attempt *a, int64_t now_ms)
{
    a->phase = PHASE_PREPARING;
    deadline_set(&a->runner->deadlines, &a->deadline, now_ms + RUNNER_PREPARE_MS);
    act_on(a, RUNNER_PREPARE);
}

static void start(struct attempt *a, int64_t now_ms)
{
    struct runner_logic *r = a->runner;
    struct runner_started s = {0};
    act(r, &(struct runner_action){.type = RUNNER_START, .attempt = &a->face, .u.started = &s});
    if (s.rc == ERR_TIMEOUT) {
        log_warn("job %s: attempt %lld: %s", a->face.text, (long long)a->face.number,
                 err_text(&s.err));
        end_unstarted(a, "never-started");
        return;
    }
    if (s.rc != 0) {
        say_not_started(a, s.rc, &s.err);
        return;
    }
    a->phase = PHASE_RUNNING;
    if (r->paused) act_on(a, RUNNER_PAUSE);
    put_journal(a, JOURNAL_RUNNING, s.identity);
    say_started(a, s.pid);
    if (a->timeout_ms > 0) deadline_set(&r->deadlines, &a->deadline, now_ms + a->timeout_ms);
    log_info("job %s: attempt %lld started pid=%lld", a->face.text, (long long)a->face.number,
             (long long)s.pid);
}

static void start_what_waits(struct runner_logic *r, int64_t now_ms)
{
    int started = 0;
    for (struct attempt *a = r->attempts, *next; a && r->o.may_start(r->o.user); a = next) {
        next = a->next;
        bool waits = a->phase == PHASE_ACCEPTED || a->phase == PHASE_PREPARED;
        if (!waits || now_ms - r->lease_base_ms > lease_start_ms(a->face.lease_ms)) continue;
        if (a->phase == PHASE_ACCEPTED) {
            prepare(a, now_ms);
        } else if (started < RUNNER_TURN_STARTS) {
            started++;
            start(a, now_ms);
        } else {
            changed(r);
            break;
        }
    }
}

int runner_logic_turn(struct runner_logic *r, int64_t now_ms, struct err *e)
{
    for (struct attempt *a = r->attempts; a; a = a->next)
        if (has_process(a)) output_flush(&a->output);
    int rc = journal_commit(r->o.journal, e);
    if (rc == 0) {
        start_what_waits(r, now_ms);
        rc = journal_commit(r->o.journal, e);
    }
    if (rc == 0 && journal_drops(r->o.journal)) changed(r);
    ask_to_be_woken(r);
    return rc;
}

static struct attempt *attempt_new(struct runner_logic *r, struct msg_job *msg)
{
    struct attempt *a = mem_alloc(sizeof *a);
    a->runner = r;
    a->face.job = msg->job;
    a->face.number = msg->attempt;
    id_format(msg->job, a->face.text);
    (void)str_format(a->face.mark, sizeof a->face.mark, "%s-%lld", a->face.text,
                     (long long)msg->attempt);
    a->face.lease_ms = msg->lease_ms;
    a->timeout_ms = msg->timeout_ms;
    a->face.spec = msg->spec;
    msg->spec = NULL;
    a->grace_ms = spec_kill_grace_ms(a->face.spec);
    output_init(&a->output, msg->output_limit, on_chunk, a);
    return a;
}

void runner_logic_accept(struct runner_logic *r, struct msg_job *msg, int64_t slots)
{
    if (find(r, msg->job, msg->attempt)) return;
    for (const struct leftover *l = r->leftovers; l; l = l->next)
        if (l->entry.job == msg->job && l->entry.attempt == msg->attempt) return;
    bool full = (int64_t)runner_logic_count(r) >= slots;
    struct attempt *a = attempt_new(r, msg);
    struct attempt **last = &r->attempts;
    while (*last)
        last = &(*last)->next;
    *last = a;
    if (r->draining || full) {
        put_journal(a, JOURNAL_ACCEPTED, "");
        end_unstarted(a, r->draining ? "draining" : "no-slot");
        return;
    }
    /* Once committed, its process may exist; it is started behind that commit. */
    put_journal(a, JOURNAL_STARTING, "");
    changed(r);
}

/* ---- orders ---- */

void runner_logic_renew(struct runner_logic *r, int64_t base_ms)
{
    r->lease_base_ms = base_ms;
    act(r, &(struct runner_action){.type = RUNNER_RENEW, .u.at_ms = base_ms});
}

void runner_logic_give_back(struct runner_logic *r, const char *reason)
{
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (!has_process(a)) end_unstarted(a, reason);
    }
    ask_to_be_woken(r);
}

void runner_logic_kill(struct runner_logic *r, int64_t now_ms, const struct msg_kill *m)
{
    struct attempt *a = find(r, m->job, m->attempt);
    if (!a) return;
    if (m->grace_ms >= 0) a->grace_ms = m->grace_ms;
    terminate(a, str_eq(m->reason, "timeout") ? "timeout" : "cancelled", now_ms);
    ask_to_be_woken(r);
}

void runner_logic_discard(struct runner_logic *r, int64_t job, int64_t attempt)
{
    struct err e;
    struct attempt *a = find(r, job, attempt);
    if (a) {
        a->silent = true;
        kill_now(a);
    }
    for (struct leftover **p = &r->leftovers; *p; p = &(*p)->next) {
        if ((*p)->entry.job != job || (*p)->entry.attempt != attempt) continue;
        struct leftover *l = *p;
        *p = l->next;
        mem_free(l);
        break;
    }
    if (journal_drop_attempt(r->o.journal, job, attempt, &e) != 0) fatal(r, &e);
    ask_to_be_woken(r);
    changed(r);
}

void runner_logic_expire(struct runner_logic *r, int64_t now_ms)
{
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (!has_process(a) || a->phase == PHASE_KILLED || !is_over(a, now_ms)) continue;
        if (now_ms - r->lease_base_ms - a->face.lease_ms >= GUARD_MARGIN_MS)
            say_held_up(a);
        else
            log_warn("job %s: attempt %lld is ended: the coordinator was out of reach for its "
                     "whole lease",
                     a->face.text, (long long)a->face.number);
        a->why = "lost";
        kill_now(a);
    }
    ask_to_be_woken(r);
}

void runner_logic_drain(struct runner_logic *r, int64_t now_ms, int64_t timeout_ms)
{
    r->draining = true;
    if (timeout_ms <= 0) {
        deadline_clear(&r->deadlines, &r->drain_deadline);
        terminate_all(r, now_ms);
    } else if (r->attempts && !deadline_is_set(&r->drain_deadline)) {
        deadline_set(&r->deadlines, &r->drain_deadline, now_ms + timeout_ms);
    }
    ask_to_be_woken(r);
}

void runner_logic_drain_now(struct runner_logic *r)
{
    r->draining = true;
    deadline_clear(&r->deadlines, &r->drain_deadline);
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (!a->why) a->why = "drain";
        kill_now(a);
    }
    ask_to_be_woken(r);
}

void runner_logic_pause(struct runner_logic *r, bool on)
{
    if (r->paused == on) return;
    r->paused = on;
    for (struct attempt *a = r->attempts; a; a = a->next)
        if (has_process(a)) act_on(a, on ? RUNNER_PAUSE : RUNNER_RESUME);
}

/* ---- telling ---- */

bool runner_logic_draining(const struct runner_logic *r)
{
    return r->draining;
}

size_t runner_logic_count(const struct runner_logic *r)
{
    size_t n = 0;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        n++;
    return n;
}

bool runner_logic_only_killed(const struct runner_logic *r)
{
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->phase != PHASE_KILLED) return false;
    return r->attempts != NULL;
}

int64_t runner_logic_shortest_lease(const struct runner_logic *r)
{
    int64_t shortest = INT64_MAX;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->face.lease_ms < shortest && a->phase != PHASE_KILLED) shortest = a->face.lease_ms;
    return shortest;
}

int64_t runner_logic_running_lease(const struct runner_logic *r)
{
    int64_t shortest = INT64_MAX;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->face.lease_ms < shortest && has_process(a) && a->phase != PHASE_KILLED)
            shortest = a->face.lease_ms;
    return shortest;
}

static void list_attempt(struct msg_attempts *list, int64_t job, int64_t attempt, bool ended)
{
    list->items = mem_resize(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = (struct msg_attempt){job, attempt, ended};
}

static int list_ended(const struct journal_attempt *j, void *user)
{
    if (j->state == JOURNAL_ENDED) list_attempt(user, j->job, j->attempt, true);
    return 0;
}

void runner_logic_attempts(struct runner_logic *r, struct msg_attempts *out)
{
    struct err e;
    *out = (struct msg_attempts){NULL, 0};
    for (const struct attempt *a = r->attempts; a; a = a->next)
        list_attempt(out, a->face.job, a->face.number, false);
    /* Their ends are made after the welcome: to say that they are in the journal would let the
     * coordinator look for them among the events up to hello.seq, and take an attempt that ran for
     * one that never did. */
    for (const struct leftover *l = r->leftovers; l; l = l->next)
        list_attempt(out, l->entry.job, l->entry.attempt, false);
    if (journal_each_attempt(r->o.journal, list_ended, out, &e) != 0) fatal(r, &e);
}

/* ---- what an earlier life left ---- */

static int take_leftover(const struct journal_attempt *j, void *user)
{
    struct runner_logic *r = user;
    if (j->state == JOURNAL_ENDED) return 0;
    struct leftover *l = mem_alloc(sizeof *l);
    l->entry = *j;
    l->next = r->leftovers;
    r->leftovers = l;
    return 0;
}

static struct msg leftover_event(const struct leftover *l, int64_t seq)
{
    struct msg m = {0};
    if (l->entry.state == JOURNAL_ACCEPTED) {
        m.type = MSG_DECLINED;
        m.u.declined.seq = seq;
        m.u.declined.job = l->entry.job;
        m.u.declined.attempt = l->entry.attempt;
        m.u.declined.reason = text_of("never-started");
    } else {
        m.type = MSG_FINISHED;
        m.u.finished.seq = seq;
        m.u.finished.job = l->entry.job;
        m.u.finished.attempt = l->entry.attempt;
        m.u.finished.state = text_of("FAILED");
        m.u.finished.reason = text_of("interrupted");
        m.u.finished.message = text_of("the agent ended while the job was running");
    }
    return m;
}

int runner_logic_report_leftovers(struct runner_logic *r, struct err *e)
{
    int rc = 0;
    while (rc == 0 && r->leftovers) {
        struct leftover *l = r->leftovers;
        int64_t seq = journal_next_seq(r->o.journal);
        struct msg m = leftover_event(l, seq);
        rc = add_event(r, &m,
                       (struct journal_event){.seq = seq,
                                              .job = l->entry.job,
                                              .attempt = l->entry.attempt,
                                              .ends = true},
                       e);
        r->leftovers = l->next;
        mem_free(l);
    }
    return rc;
}

/* ---- life ---- */

int runner_logic_new(const struct runner_logic_options *o, struct runner_logic **out, struct err *e)
{
    struct runner_logic *r = mem_alloc(sizeof *r);
    r->o = *o;
    r->wake_ms = INT64_MAX;
    deadline_queue_init(&r->deadlines);
    buf_init(&r->frame, LIMIT_FRAME_KNOWN + FRAME_HEAD);
    int rc = journal_each_attempt(o->journal, take_leftover, r, e);
    for (const struct leftover *l = r->leftovers; rc == 0 && l; l = l->next)
        if (l->entry.state != JOURNAL_ACCEPTED)
            act(r, &(struct runner_action){.type = RUNNER_LEFTOVER, .u.leftover = &l->entry});
    if (rc != 0)
        runner_logic_free(r);
    else
        *out = r;
    return rc;
}

void runner_logic_free(struct runner_logic *r)
{
    if (!r) return;
    while (r->attempts)
        forget(r->attempts);
    while (r->leftovers) {
        struct leftover *l = r->leftovers;
        r->leftovers = l->next;
        mem_free(l);
    }
    deadline_queue_fini(&r->deadlines);
    buf_fini(&r->frame);
    mem_free(r);
}
