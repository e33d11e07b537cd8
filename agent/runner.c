/* Attempts and their processes: see runner.h. */
#include "agent/runner.h"

#include "agent/folders.h"
#include "agent/output.h"
#include "base/deadline.h"
#include "base/duration.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/guard.h"
#include "platform/guard_table.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/process.h"
#include "wire/frame.h"
#include "wire/lease.h"
#include "wire/limits.h"

#include <string.h>
#include <uv.h>

#define DRAIN_PIPES_MS 2000
#define MARK_SIZE 64

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
    struct attempt *next;
    struct runner *runner;
    int64_t job, number;
    char text[ID_TEXT_SIZE];
    char mark[MARK_SIZE];
    struct json *spec;
    int64_t lease_ms, timeout_ms, grace_ms;
    enum phase phase;
    const char *why; /* of our own end: "timeout", "cancelled", "drain", "lost"; NULL */
    bool silent;     /* discarded: no events */
    struct preparation *preparation; /* while it is under way */
    struct launch launch;
    struct process *process;
    struct output output;
    struct deadline deadline; /* of the preparation; then timeout, then kill */
};

/* What an earlier life of the agent left in the journal. */
struct leftover {
    struct leftover *next;
    struct journal_attempt entry;
};

struct runner {
    struct runner_options o;
    struct process_host *host;
    struct guard *guard;
    int64_t lease_base_ms;
    struct folders *folders;
    struct attempt *attempts;
    struct leftover *leftovers;
    struct deadline_queue deadlines;
    struct deadline drain_deadline;
    uv_timer_t timer;
    bool draining, paused;
    struct buf frame;
};

static void changed(struct runner *r)
{
    r->o.on_change(r->o.user);
}

static void fatal(struct runner *r, const struct err *e)
{
    r->o.on_fatal(e, r->o.user);
}

static bool has_process(const struct attempt *a)
{
    return a->phase >= PHASE_RUNNING;
}

static struct attempt *find(const struct runner *r, int64_t job, int64_t number)
{
    for (struct attempt *a = r->attempts; a; a = a->next)
        if (a->job == job && a->number == number) return a;
    return NULL;
}

/* ---- events ---- */

static int add_event(struct runner *r, struct msg *m, int64_t seq, int64_t job, int64_t attempt,
                     bool ends, struct err *e)
{
    buf_clear(&r->frame);
    int rc = msg_frame_add(&r->frame, m);
    if (rc != 0) return err_set(e, rc, "encoding %s failed", msg_name(m->type));
    rc = journal_add_event(r->o.journal, seq, job, attempt, ends, r->frame.data, r->frame.len, e);
    if (rc == 0) changed(r);
    return rc;
}

static void say(struct runner *r, struct msg *m, int64_t seq, int64_t job, int64_t attempt,
                bool ends)
{
    struct err e;
    if (add_event(r, m, seq, job, attempt, ends, &e) != 0) fatal(r, &e);
}

static void say_declined(struct runner *r, int64_t job, int64_t attempt, char *reason)
{
    struct msg m = {.type = MSG_DECLINED};
    m.u.declined.seq = journal_next_seq(r->o.journal);
    m.u.declined.job = job;
    m.u.declined.attempt = attempt;
    m.u.declined.reason = reason;
    say(r, &m, m.u.declined.seq, job, attempt, true);
}

static void put_journal(struct runner *r, const struct attempt *a, enum journal_state state)
{
    struct journal_attempt entry = {.job = a->job, .attempt = a->number, .state = state};
    struct err e;
    (void)str_copy(entry.mark, sizeof entry.mark, a->mark);
    if (state == JOURNAL_RUNNING && process_identity(a->process, entry.identity) != 0)
        entry.identity[0] = 0;
    if (journal_put_attempt(r->o.journal, &entry, &e) != 0) fatal(r, &e);
}

static void on_chunk(int stream, int64_t offset, const void *data, size_t len, void *user)
{
    struct attempt *a = user;
    struct runner *r = a->runner;
    if (a->silent) return;
    struct frame_output o = {.seq = journal_next_seq(r->o.journal),
                             .job = a->job,
                             .attempt = (int32_t)a->number,
                             .stream = (uint8_t)stream,
                             .offset = offset,
                             .data = data,
                             .len = len};
    struct err e;
    buf_clear(&r->frame);
    int rc = frame_output_add(&r->frame, &o);
    if (rc != 0) err_set(&e, rc, "encoding output failed");
    if (rc == 0)
        rc = journal_add_event(r->o.journal, o.seq, a->job, a->number, false, r->frame.data,
                               r->frame.len, &e);
    if (rc != 0) fatal(r, &e);
    changed(r);
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer);

static void set_timer(struct runner *r)
{
    struct deadline *first = deadline_first(&r->deadlines);
    if (!first) {
        uv_timer_stop(&r->timer);
        return;
    }
    int64_t wait = first->at_ms - os_mono_ms();
    uv_update_time(r->o.loop);
    uv_timer_start(&r->timer, on_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void end_attempt(struct runner *r, struct attempt *a, char *reason);

/* SIGTERM now, the whole tree after the grace. */
static void terminate(struct runner *r, struct attempt *a, const char *why)
{
    if (a->phase == PHASE_TERMINATING || a->phase == PHASE_KILLED) return;
    a->why = why;
    if (!has_process(a)) {
        end_attempt(r, a, "draining");
        return;
    }
    a->phase = PHASE_TERMINATING;
    process_terminate(a->process);
    deadline_set(&r->deadlines, &a->deadline, os_mono_ms() + a->grace_ms);
    set_timer(r);
}

static void kill_now(struct runner *r, struct attempt *a)
{
    if (!has_process(a)) {
        end_attempt(r, a, "draining");
        return;
    }
    a->phase = PHASE_KILLED;
    deadline_clear(&r->deadlines, &a->deadline);
    process_kill(a->process);
}

static void drain_ladder(struct runner *r)
{
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        terminate(r, a, "drain");
    }
}

/* What its folder's file system does not give back in time is not waited for: another agent may
 * have the job. */
static void give_up_preparation(struct runner *r, struct attempt *a)
{
    struct file_work_state s;
    folders_look(r->folders, &s);
    log_warn("job %s: attempt %lld: making its work folder took longer than %d s, and it is given "
             "back (%zu of %d file operations hang)",
             a->text, (long long)a->number, FILE_WORK_HUNG_MS / 1000, s.hung, FILE_WORK_THREADS);
    end_attempt(r, a, "never-started");
}

static void on_timer(uv_timer_t *timer)
{
    struct runner *r = timer->data;
    int64_t now = os_mono_ms();
    struct deadline *d;
    while ((d = deadline_pop(&r->deadlines, now)) != NULL) {
        if (d == &r->drain_deadline) {
            drain_ladder(r);
            continue;
        }
        struct attempt *a =
            (struct attempt *)(void *)((char *)d - offsetof(struct attempt, deadline));
        if (a->phase == PHASE_PREPARING)
            give_up_preparation(r, a);
        else if (a->phase == PHASE_TERMINATING)
            kill_now(r, a);
        else
            terminate(r, a, "timeout");
    }
    set_timer(r);
}

/* ---- the end of an attempt ---- */

static bool is_over(const struct runner *r, const struct attempt *a, int64_t now)
{
    return a->lease_ms <= now - r->lease_base_ms;
}

static void unlink_attempt(struct runner *r, struct attempt *a)
{
    for (struct attempt **p = &r->attempts; *p; p = &(*p)->next) {
        if (*p != a) continue;
        *p = a->next;
        break;
    }
    deadline_clear(&r->deadlines, &a->deadline);
}

static void attempt_free(struct runner *r, struct attempt *a)
{
    process_free(a->process);
    if (a->preparation) folders_abandon(a->preparation);
    if (a->launch.work_folder) folders_remove(r->folders, a->launch.work_folder);
    launch_fini(&a->launch);
    output_fini(&a->output);
    json_free(a->spec);
    mem_free(a);
}

static void say_cancelled(struct runner *r, const struct attempt *a)
{
    struct msg m = {.type = MSG_FINISHED};
    m.u.finished.seq = journal_next_seq(r->o.journal);
    m.u.finished.job = a->job;
    m.u.finished.attempt = a->number;
    m.u.finished.state = "KILLED";
    m.u.finished.reason = "cancelled";
    say(r, &m, m.u.finished.seq, a->job, a->number, true);
}

/* Removes an attempt that was accepted and never started; unless it was cancelled, it is declined
 * for that reason. */
static void end_attempt(struct runner *r, struct attempt *a, char *reason)
{
    unlink_attempt(r, a);
    if (!a->silent && str_eq(a->why, "cancelled"))
        say_cancelled(r, a);
    else if (!a->silent)
        say_declined(r, a->job, a->number, reason);
    changed(r);
    attempt_free(r, a);
}

static void fill_state(const struct attempt *a, const struct process_end *end,
                       struct msg_finished *f)
{
    if (str_eq(a->why, "cancelled")) {
        f->state = "KILLED";
        f->reason = "cancelled";
    } else if (a->why) {
        f->state = "FAILED";
        f->reason = (char *)(uintptr_t)a->why;
    } else if (end->exit_code == 0) {
        f->state = "SUCCESS";
    } else {
        f->state = "FAILED";
        f->reason = "exit-code";
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
        duration_format(a->lease_ms, text);
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

static void say_finished(struct runner *r, struct attempt *a, const struct process_end *end)
{
    char message[256];
    struct msg m = {.type = MSG_FINISHED};
    struct msg_finished *f = &m.u.finished;
    fill_message(a, end, message, sizeof message);
    fill_state(a, end, f);
    f->seq = journal_next_seq(r->o.journal);
    f->job = a->job;
    f->attempt = a->number;
    f->message = message[0] ? message : NULL;
    f->exited = true;
    f->exit_code = end->exit_code;
    f->signal = end->signal;
    f->stdout_bytes = a->output.side[0].offset;
    f->stderr_bytes = a->output.side[1].offset;
    f->truncated = a->output.truncated;
    f->run_ms = end->run_ms;
    f->outputs = a->output.outputs.tree;
    say(r, &m, f->seq, a->job, a->number, true);
    log_info("job %s: attempt %lld ended state=%s exit=%u%s", a->text, (long long)a->number,
             f->state, (unsigned)end->exit_code,
             end->stray ? " (what it left running was ended)" : "");
}

/* By now the guard has ended it, or is about to. */
static void say_held_up(const struct attempt *a)
{
    log_warn("job %s: attempt %lld is lost: this agent was held up for longer than its lease, and "
             "its guard ended it",
             a->text, (long long)a->number);
}

static void on_process_end(struct process *p, const struct process_end *end, void *user)
{
    (void)p;
    struct attempt *a = user;
    struct runner *r = a->runner;
    output_end(&a->output);
    /* Whatever it ended with, it may be another agent's by now. */
    if (end->expired || is_over(r, a, os_mono_ms())) {
        if (!str_eq(a->why, "lost")) say_held_up(a);
        a->why = "lost";
    }
    if (!a->silent) say_finished(r, a, end);
    unlink_attempt(r, a);
    set_timer(r);
    changed(r);
    attempt_free(r, a);
}

static void on_process_output(struct process *p, enum process_stream stream, const void *data,
                              size_t len, void *user)
{
    (void)p;
    struct attempt *a = user;
    output_add(&a->output, stream == PROCESS_STDOUT ? STREAM_STDOUT : STREAM_STDERR, data, len);
    changed(a->runner);
}

static const struct process_handler process_handler = {on_process_output, on_process_end};

/* ---- the beginning ---- */

static void say_not_started(struct runner *r, struct attempt *a, int rc, const struct err *e)
{
    char text[LIMIT_MESSAGE];
    struct msg m = {.type = MSG_FINISHED};
    struct msg_finished *f = &m.u.finished;
    (void)str_copy(text, sizeof text, err_text(e));
    f->seq = journal_next_seq(r->o.journal);
    f->job = a->job;
    f->attempt = a->number;
    f->state = "FAILED";
    f->reason = "not-started";
    f->message = text;
    f->exited = true; /* as a shell has it: 127 not found, 126 found but not to be started */
    f->exit_code = rc == ERR_NOT_FOUND ? 127 : 126;
    say(r, &m, f->seq, a->job, a->number, true);
    log_info("job %s: attempt %lld was not started: %s", a->text, (long long)a->number, text);
    unlink_attempt(r, a);
    attempt_free(r, a);
}

static void say_started(struct runner *r, struct attempt *a)
{
    struct msg m = {.type = MSG_STARTED};
    m.u.started.seq = journal_next_seq(r->o.journal);
    m.u.started.job = a->job;
    m.u.started.attempt = a->number;
    m.u.started.pid = process_pid(a->process);
    say(r, &m, m.u.started.seq, a->job, a->number, false);
}

static void on_prepared(const struct prepared *p, void *user)
{
    struct attempt *a = user;
    struct runner *r = a->runner;
    a->preparation = NULL;
    deadline_clear(&r->deadlines, &a->deadline);
    if (p->late) {
        give_up_preparation(r, a);
    } else if (p->rc != 0) {
        say_not_started(r, a, p->rc, p->e);
    } else {
        a->launch = *p->launch;
        *p->launch = (struct launch){0};
        a->phase = PHASE_PREPARED;
    }
    set_timer(r);
    changed(r); /* which brings it to runner_start_accepted */
}

static void prepare(struct runner *r, struct attempt *a)
{
    struct launch_input in = {.job = a->job,
                              .attempt = a->number,
                              .agent_env = r->o.env,
                              .agent_name = r->o.agent_name};
    a->phase = PHASE_PREPARING;
    a->preparation = folders_prepare(r->folders, &in, a->spec, a->mark, on_prepared, a);
    a->spec = NULL;
    deadline_set(&r->deadlines, &a->deadline, os_mono_ms() + FILE_WORK_HUNG_MS);
}

static void start(struct runner *r, struct attempt *a)
{
    struct err e = {0};
    struct process_options po = {.argv = (const char *const *)a->launch.argv,
                                 .env = (const char *const *)a->launch.env,
                                 .cwd = a->launch.cwd,
                                 .stdin_path = a->launch.stdin_path,
                                 .mark = a->mark,
                                 .drain_ms = DRAIN_PIPES_MS,
                                 .lease_ms = a->lease_ms};
    int rc = process_start(r->host, &po, &process_handler, a, &a->process, &e);
    if (rc == ERR_TIMEOUT) {
        log_warn("job %s: attempt %lld: %s", a->text, (long long)a->number, err_text(&e));
        end_attempt(r, a, "never-started");
        return;
    }
    if (rc != 0) {
        say_not_started(r, a, rc, &e);
        return;
    }
    a->phase = PHASE_RUNNING;
    if (r->paused) process_pause(a->process);
    put_journal(r, a, JOURNAL_RUNNING);
    say_started(r, a);
    if (a->timeout_ms > 0) deadline_set(&r->deadlines, &a->deadline, os_mono_ms() + a->timeout_ms);
    log_info("job %s: attempt %lld started pid=%lld", a->text, (long long)a->number,
             (long long)process_pid(a->process));
}

void runner_renew(struct runner *r, int64_t base_ms)
{
    r->lease_base_ms = base_ms;
    guard_renew(r->guard, base_ms);
}

bool runner_start_accepted(struct runner *r)
{
    int started = 0, begun = 0;
    for (struct attempt *a = r->attempts, *next; a && guard_ready(r->guard); a = next) {
        next = a->next;
        bool waits = a->phase == PHASE_ACCEPTED || a->phase == PHASE_PREPARED;
        if (!waits || os_mono_ms() - r->lease_base_ms > lease_start_ms(a->lease_ms)) continue;
        if (a->phase == PHASE_ACCEPTED) {
            begun++;
            prepare(r, a);
        } else if (started == RUNNER_TURN_STARTS) {
            changed(r);
            break;
        } else {
            started++;
            start(r, a);
        }
    }
    if (begun + started > 0) set_timer(r);
    return started > 0;
}

void runner_give_back(struct runner *r, char *reason)
{
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (!has_process(a)) end_attempt(r, a, reason);
    }
}

void runner_accept(struct runner *r, struct msg_job *msg, int64_t slots)
{
    if (find(r, msg->job, msg->attempt)) return;
    for (const struct leftover *l = r->leftovers; l; l = l->next)
        if (l->entry.job == msg->job && l->entry.attempt == msg->attempt) return;
    struct attempt *a = mem_alloc(sizeof *a);
    a->runner = r;
    a->job = msg->job;
    a->number = msg->attempt;
    id_format(a->job, a->text);
    (void)str_format(a->mark, sizeof a->mark, "%s-%lld", a->text, (long long)a->number);
    a->lease_ms = msg->lease_ms;
    a->timeout_ms = msg->timeout_ms;
    a->spec = msg->spec;
    msg->spec = NULL;
    a->grace_ms = json_get_int(a->spec, "killGraceMs", KILL_GRACE_DEFAULT_MS);
    output_init(&a->output, msg->output_limit, on_chunk, a);
    if (r->draining || (int64_t)runner_count(r) >= slots) {
        put_journal(r, a, JOURNAL_ACCEPTED);
        say_declined(r, a->job, a->number, r->draining ? "draining" : "no-slot");
        attempt_free(r, a);
        return;
    }
    struct attempt **last = &r->attempts;
    while (*last)
        last = &(*last)->next;
    *last = a;
    /* Once committed, its process may exist; it is started behind that commit. */
    put_journal(r, a, JOURNAL_STARTING);
    changed(r);
}

/* ---- orders ---- */

void runner_kill(struct runner *r, int64_t job, int64_t attempt, const char *reason,
                 int64_t grace_ms)
{
    struct attempt *a = find(r, job, attempt);
    if (!a) return;
    if (grace_ms >= 0) a->grace_ms = grace_ms;
    terminate(r, a, str_eq(reason, "timeout") ? "timeout" : "cancelled");
}

void runner_discard(struct runner *r, int64_t job, int64_t attempt)
{
    struct err e;
    struct attempt *a = find(r, job, attempt);
    if (a) {
        a->silent = true;
        kill_now(r, a);
    }
    for (struct leftover **p = &r->leftovers; *p; p = &(*p)->next) {
        if ((*p)->entry.job != job || (*p)->entry.attempt != attempt) continue;
        struct leftover *l = *p;
        *p = l->next;
        mem_free(l);
        break;
    }
    if (journal_drop_attempt(r->o.journal, job, attempt, &e) != 0) fatal(r, &e);
    changed(r);
}

void runner_expire_leases(struct runner *r)
{
    int64_t now = os_mono_ms();
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (!has_process(a) || a->phase == PHASE_KILLED || !is_over(r, a, now)) continue;
        if (now - r->lease_base_ms - a->lease_ms >= GUARD_MARGIN_MS)
            say_held_up(a);
        else
            log_warn("job %s: attempt %lld is ended: the coordinator was out of reach for its "
                     "whole lease",
                     a->text, (long long)a->number);
        a->why = "lost";
        kill_now(r, a);
    }
}

int64_t runner_shortest_lease(const struct runner *r)
{
    int64_t shortest = INT64_MAX;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->lease_ms < shortest && a->phase != PHASE_KILLED) shortest = a->lease_ms;
    return shortest;
}

int64_t runner_running_lease(const struct runner *r)
{
    int64_t shortest = INT64_MAX;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->lease_ms < shortest && has_process(a) && a->phase != PHASE_KILLED)
            shortest = a->lease_ms;
    return shortest;
}

void runner_drain(struct runner *r, int64_t timeout_ms)
{
    r->draining = true;
    if (timeout_ms <= 0) {
        deadline_clear(&r->deadlines, &r->drain_deadline);
        drain_ladder(r);
    } else if (r->attempts && !deadline_is_set(&r->drain_deadline)) {
        deadline_set(&r->deadlines, &r->drain_deadline, os_mono_ms() + timeout_ms);
    }
    set_timer(r);
}

void runner_drain_now(struct runner *r)
{
    r->draining = true;
    deadline_clear(&r->deadlines, &r->drain_deadline);
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (!a->why) a->why = "drain";
        kill_now(r, a);
    }
    set_timer(r);
}

bool runner_draining(const struct runner *r)
{
    return r->draining;
}

void runner_flush_output(struct runner *r)
{
    for (struct attempt *a = r->attempts; a; a = a->next)
        if (a->process) output_flush(&a->output);
}

void runner_pause(struct runner *r, bool on)
{
    if (r->paused == on) return;
    r->paused = on;
    for (struct attempt *a = r->attempts; a; a = a->next) {
        if (!a->process) continue;
        if (on)
            process_pause(a->process);
        else
            process_resume(a->process);
    }
}

/* ---- telling ---- */

size_t runner_count(const struct runner *r)
{
    size_t n = 0;
    for (const struct attempt *a = r->attempts; a; a = a->next)
        n++;
    return n;
}

static void list_attempt(struct json *list, int64_t job, int64_t attempt, const char *state)
{
    char id[ID_TEXT_SIZE];
    struct json *item = json_new(JSON_OBJECT);
    id_format(job, id);
    (void)json_add(item, "job", json_new_str(id));
    (void)json_add(item, "attempt", json_new_num((double)attempt));
    (void)json_add(item, "state", json_new_str(state));
    json_push(list, item);
}

static int list_ended(const struct journal_attempt *j, void *user)
{
    if (j->state == JOURNAL_ENDED) list_attempt(user, j->job, j->attempt, "ended");
    return 0;
}

bool runner_awaits_the_dead(const struct runner *r)
{
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->phase != PHASE_KILLED) return false;
    return r->attempts != NULL;
}

struct json *runner_attempts(const struct runner *r)
{
    struct err e;
    struct json *list = json_new(JSON_ARRAY);
    for (const struct attempt *a = r->attempts; a; a = a->next)
        list_attempt(list, a->job, a->number, "running");
    /* Their ends are made after the welcome: to say that they are in the journal would let the
     * coordinator look for them among the events up to hello.seq, and take an attempt that ran for
     * one that never did. */
    for (const struct leftover *l = r->leftovers; l; l = l->next)
        list_attempt(list, l->entry.job, l->entry.attempt, "running");
    if (journal_each_attempt(r->o.journal, list_ended, list, &e) != 0)
        fatal((struct runner *)(uintptr_t)r, &e);
    return list;
}

const char *runner_kind(const struct runner *r)
{
    return process_host_kind(r->host);
}

/* ---- what an earlier life left ---- */

static int take_leftover(const struct journal_attempt *j, void *user)
{
    struct runner *r = user;
    if (j->state == JOURNAL_ENDED) return 0;
    struct leftover *l = mem_alloc(sizeof *l);
    l->entry = *j;
    l->next = r->leftovers;
    r->leftovers = l;
    return 0;
}

static int end_leftovers(struct runner *r, struct err *e)
{
    int rc = journal_each_attempt(r->o.journal, take_leftover, r, e);
    for (struct leftover *l = r->leftovers; rc == 0 && l; l = l->next) {
        int killed = 0;
        struct err why;
        if (l->entry.state == JOURNAL_ACCEPTED) continue;
        if (process_kill_leftover(l->entry.identity, l->entry.mark, &killed, &why) != 0)
            log_warn("job %s: looking for its processes failed: %s", l->entry.mark, err_text(&why));
        log_warn("job %s: was running when the agent ended; %d of its processes were still there "
                 "and were ended",
                 l->entry.mark, killed);
    }
    return rc;
}

int runner_report_leftovers(struct runner *r, struct err *e)
{
    int rc = 0;
    while (rc == 0 && r->leftovers) {
        struct leftover *l = r->leftovers;
        struct msg m = {0};
        int64_t seq = journal_next_seq(r->o.journal);
        if (l->entry.state == JOURNAL_ACCEPTED) {
            m.type = MSG_DECLINED;
            m.u.declined.seq = seq;
            m.u.declined.job = l->entry.job;
            m.u.declined.attempt = l->entry.attempt;
            m.u.declined.reason = "never-started";
        } else {
            m.type = MSG_FINISHED;
            m.u.finished.seq = seq;
            m.u.finished.job = l->entry.job;
            m.u.finished.attempt = l->entry.attempt;
            m.u.finished.state = "FAILED";
            m.u.finished.reason = "interrupted";
            m.u.finished.message = "the agent ended while the job was running";
        }
        rc = add_event(r, &m, seq, l->entry.job, l->entry.attempt, true, e);
        r->leftovers = l->next;
        mem_free(l);
    }
    return rc;
}

/* ---- life ---- */

/* Jobs run in folders of their own, where a relative path would lead elsewhere. */
static char *absolute(const char *path)
{
    char cwd[4096];
    size_t size = sizeof cwd;
    bool rooted = path[0] == '/' || path[0] == '\\' || (path[0] && path[1] == ':');
    if (rooted || uv_cwd(cwd, &size) != 0) return mem_strdup(path);
    return paths_join(cwd, path);
}

static int start_guard(struct runner *r, struct err *e)
{
    struct guard_options go = {.loop = r->o.loop,
                               .capacity = GUARD_CAPACITY,
                               .on_change = r->o.on_change,
                               .user = r->o.user};
    int rc = guard_new(&go, &r->guard, e);
    if (rc == 0) process_host_set_guard(r->host, r->guard);
    return rc;
}

int runner_new(const struct runner_options *o, struct runner **out, struct err *e)
{
    struct runner *r = mem_alloc(sizeof *r);
    r->o = *o;
    deadline_queue_init(&r->deadlines);
    buf_init(&r->frame, LIMIT_FRAME_KNOWN + FRAME_HEAD);
    int rc = end_leftovers(r, e);
    if (rc == 0) rc = process_host_new(o->loop, &r->host, e);
    if (rc == 0) rc = start_guard(r, e);
    /* Behind the end of what earlier lives left running: nothing in the old folders belongs to
     * anybody any more. */
    char *state = absolute(o->state_folder);
    if (rc == 0) rc = folders_new(o->loop, state, &r->folders, e);
    mem_free(state);
    if (rc == 0) {
        uv_timer_init(o->loop, &r->timer);
        r->timer.data = r;
        *out = r;
        return 0;
    }
    while (r->leftovers) {
        struct leftover *l = r->leftovers;
        r->leftovers = l->next;
        mem_free(l);
    }
    process_host_free(r->host);
    guard_free(r->guard);
    deadline_queue_fini(&r->deadlines);
    buf_fini(&r->frame);
    mem_free(r);
    return rc;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct runner *r = handle->data;
    deadline_queue_fini(&r->deadlines);
    buf_fini(&r->frame);
    mem_free(r);
}

void runner_free(struct runner *r)
{
    if (!r) return;
    while (r->attempts) {
        struct attempt *a = r->attempts;
        unlink_attempt(r, a);
        attempt_free(r, a);
    }
    while (r->leftovers) {
        struct leftover *l = r->leftovers;
        r->leftovers = l->next;
        mem_free(l);
    }
    folders_free(r->folders);
    process_host_free(r->host);
    guard_free(r->guard);
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
