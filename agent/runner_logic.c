/* The state machine of attempts: see runner_logic.h. */
#include "agent/runner_impl.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "wire/frame.h"
#include "wire/lease.h"
#include "wire/spec.h"

#include <string.h>

_Static_assert(GUARD_MARGIN_MS == GUARD_LATE_MS, "the guard keeps to the order in wire/lease.h");

#define SETTLE_MS 1000 /* what the journal may commit later is committed by then */
/* Where jobs follow each other that end about as soon as they have started, start and end of a job
 * are told together: one commit and one message to the coordinator less. */
#define QUICK_MS 4      /* such a job runs no longer; and a start is told no later */
#define QUICK_FOR_MS 50 /* jobs are thought to be quick for so long after one was */

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

/* Called after every change of a deadline. */
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

static struct attempt *find(const struct runner_logic *r, int64_t job, int64_t number)
{
    for (struct attempt *a = r->attempts; a; a = a->next)
        if (a->face.job == job && a->face.number == number) return a;
    return NULL;
}

/* ---- events ---- */

/* Called after each function of runner_say.h. */
static void told(struct runner_logic *r, int rc, const struct err *e)
{
    if (rc != 0)
        fatal(r, e);
    else
        changed(r);
}

static struct runner_who who(const struct attempt *a)
{
    return (struct runner_who){a->face.job, a->face.number};
}

static void put_journal(struct attempt *a, enum journal_state state, const char *identity)
{
    struct journal_attempt entry = {.job = a->face.job, .attempt = a->face.number, .state = state};
    struct err e;
    (void)str_copy(entry.mark, sizeof entry.mark, a->face.mark);
    (void)str_copy(entry.identity, sizeof entry.identity, identity);
    a->listed = true;
    if (journal_put_attempt(a->runner->o.journal, &entry, &e) != 0) fatal(a->runner, &e);
}

/* Before anything else is said or done about an attempt that is not to be started in this turn. */
static void list(struct attempt *a)
{
    if (!a->listed) put_journal(a, JOURNAL_ACCEPTED, "");
}

static bool is_any_held(const struct runner_logic *r)
{
    for (const struct attempt *a = r->attempts; a; a = a->next)
        if (a->held) return true;
    return false;
}

/* runs: it has not ended yet. */
static void say_started(struct attempt *a, bool runs)
{
    struct runner_logic *r = a->runner;
    struct err e;
    if (!a->held) return;
    a->held = false;
    if (!is_any_held(r)) deadline_clear(&r->deadlines, &r->held_deadline);
    if (a->silent) return;
    if (runs) put_journal(a, JOURNAL_RUNNING, a->identity);
    told(r, runner_say_started(&r->voice, who(a), a->pid, &e), &e);
}

static void say_held(struct runner_logic *r)
{
    for (struct attempt *a = r->attempts; a; a = a->next)
        say_started(a, true);
}

static void on_chunk(int stream, int64_t offset, const void *data, size_t len, void *user)
{
    struct attempt *a = user;
    struct frame_output chunk = {.stream = (uint8_t)stream,
                                 .offset = offset,
                                 .data = data,
                                 .len = len};
    struct err e;
    a->runner->turn_bytes += len;
    say_started(a, true);
    if (!a->silent) told(a->runner, runner_say_output(&a->runner->voice, who(a), chunk, &e), &e);
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
    if (!is_any_held(r)) deadline_clear(&r->deadlines, &r->held_deadline);
    act_on(a, RUNNER_FORGET);
    output_fini(&a->output);
    mem_free(a->failure);
    mem_free(a->face.spec);
    mem_free(a);
}

/* Ends an attempt that has no process; unless the attempt was cancelled, it is declined with that
 * reason and message (NULL: none). */
static void end_unstarted_saying(struct attempt *a, const char *reason, const char *message)
{
    struct runner_logic *r = a->runner;
    struct err e;
    list(a);
    if (!a->silent && str_eq(a->why, "cancelled"))
        told(r, runner_say_cancelled(&r->voice, who(a), &e), &e);
    else if (!a->silent)
        told(r, runner_say_declined(&r->voice, who(a), reason, message, &e), &e);
    forget(a);
    changed(r);
}

static void end_unstarted(struct attempt *a, const char *reason)
{
    end_unstarted_saying(a, reason, NULL);
}

/* All that have no process. */
static void give_back(struct runner_logic *r, const char *reason, const char *message)
{
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (is_unstarted(a)) end_unstarted_saying(a, reason, message);
    }
}

static void say_finished(struct attempt *a, const struct process_end *process)
{
    struct runner_end end = {.why = a->why,
                             .lease_ms = a->face.lease_ms,
                             .timeout_ms = a->timeout_ms,
                             .process = process,
                             .output = &a->output};
    const char *state;
    char text[LIMIT_MESSAGE];
    struct err e;
    say_started(a, false);
    if (runner_end_notes(&end, text)[0]) output_note(&a->output, text);
    told(a->runner, runner_say_finished(&a->runner->voice, who(a), &end, &state, &e), &e);
    const char *message = runner_end_message(&end, text);
    bool said = str_eq(state, "SUCCESS") || (!a->why && process->exit_code == 1);
    log_write(!a->evaluation ? LOG_INFO
              : said         ? LOG_DEBUG
                             : LOG_WARN,
              "job %s: attempt %lld ended state=%s exit=%u%s%s", a->face.text,
              (long long)a->face.number, state, (unsigned)process->exit_code,
              message[0] ? ": " : "", message);
}

static void plan_remnants(struct runner_logic *r)
{
    int64_t due_ms = remnants_due_ms(&r->remnants);
    if (due_ms == INT64_MAX)
        deadline_clear(&r->deadlines, &r->remnant_deadline);
    else
        deadline_set(&r->deadlines, &r->remnant_deadline, due_ms);
}

/* identity: for process_watch_remnant. */
static void keep_remnant(struct runner_logic *r, struct runner_who who, const char *mark,
                         const char *identity, bool silent)
{
    struct journal_remnant what = {.job = who.job, .attempt = who.attempt};
    struct err e;
    (void)str_copy(what.mark, sizeof what.mark, mark);
    (void)str_copy(what.identity, sizeof what.identity, identity);
    if (remnants_add(&r->remnants, &what, silent, &e) != 0) fatal(r, &e);
    plan_remnants(r);
}

static void keep_leftover(struct runner_logic *r, const struct leftover *l, bool silent)
{
    char identity[PROCESS_REMNANT_SIZE];
    if (l->alive.count == 0) return;
    (void)str_copy(identity, sizeof identity, l->entry.identity);
    if (identity[0]) process_list_write_ids(&l->alive, identity, sizeof identity);
    keep_remnant(r, (struct runner_who){l->entry.job, l->entry.attempt}, l->entry.mark, identity,
                 silent);
}

static void finish(struct attempt *a)
{
    struct runner_logic *r = a->runner;
    if (!a->silent) say_finished(a, &a->end);
    if (a->end.alive && a->end.remnant)
        keep_remnant(r, who(a), a->face.mark, a->end.remnant, a->silent);
    forget(a);
    changed(r);
}

/* By now the guard has ended the attempt, or is about to. */
static void say_held_up(const struct attempt *a)
{
    log_warn("job %s: attempt %lld is lost: this agent was held up for longer than the lease, and "
             "its guard ended the job",
             a->face.text, (long long)a->face.number);
}

/* Whatever its exit code, the job may belong to another agent by now. */
static void lose(struct attempt *a)
{
    a->why = "lost";
    output_drop_end(&a->output);
    finish(a);
}

void runner_logic_ended(struct runner_logic *r, int64_t now_ms, struct runner_attempt *face,
                        const struct process_end *end)
{
    struct attempt *a = attempt_of(face);
    deadline_clear(&r->deadlines, &a->deadline);
    a->phase = PHASE_ENDED;
    a->end = *end;
    if (end->run_ms <= QUICK_MS) r->quick_ms = now_ms;
    output_end(&a->output);
    if (end->expired || is_over(a, now_ms)) {
        if (!str_eq(a->why, "lost")) say_held_up(a);
        lose(a);
    } else if (a->silent || !output_has_end(&a->output)) {
        finish(a);
    } else {
        changed(r);
    }
    ask_to_be_woken(r);
}

/* Passes on the ends of the outputs of jobs that have ended: a bounded amount in a turn, and
 * nothing while output waits. */
static void pass_ends(struct runner_logic *r, int64_t now_ms)
{
    size_t least = r->turn_most / 4; /* however loud the others are */
    size_t most = r->turn_bytes + least < r->turn_most ? r->turn_most - r->turn_bytes : least;
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (a->phase != PHASE_ENDED) continue;
        if (is_over(a, now_ms)) {
            lose(a);
        } else if (!r->paused) {
            int64_t before = output_tail_bytes(&a->output.end);
            bool more = output_pass_end(&a->output, most);
            size_t passed = (size_t)(before - output_tail_bytes(&a->output.end));
            /* the rest of a character that was cut is taken beyond the limit */
            most -= passed < most ? passed : most;
            if (!more) finish(a);
            changed(r);
        } else if (r->hurried) {
            output_drop_end(&a->output);
            finish(a);
        }
    }
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
    if (a->phase >= PHASE_TERMINATING) return;
    a->why = why;
    if (is_unstarted(a)) {
        end_unstarted(a, "draining");
        return;
    }
    a->phase = PHASE_TERMINATING;
    deadline_set(&r->deadlines, &a->deadline, now_ms + a->grace_ms);
    act_on(a, RUNNER_TERMINATE);
}

static void kill_now(struct attempt *a)
{
    if (is_unstarted(a)) {
        end_unstarted(a, "draining");
        return;
    }
    if (a->phase == PHASE_ENDED) return;
    a->phase = PHASE_KILLED;
    deadline_clear(&a->runner->deadlines, &a->deadline);
    act_on(a, RUNNER_KILL);
}

/* The time to drain is over. */
static void terminate_all(struct runner_logic *r, int64_t now_ms)
{
    r->hurried = true;
    changed(r);
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        terminate(a, "drain", now_ms);
    }
}

/* ---- this machine's health ---- */

static bool is_machines_fault(int rc)
{
    return rc == ERR_MACHINE || rc == ERR_UNAVAILABLE || rc == ERR_FULL;
}

/* What ran out for a moment may be there again, so a process is tried once more. */
static void settle_doubted(struct runner_logic *r)
{
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (a->phase != PHASE_DOUBTED) continue;
        if (a->failed_starts == 1) {
            mem_free(a->failure);
            a->failure = NULL;
            a->phase = PHASE_PREPARED;
            put_journal(a, JOURNAL_STARTING, "");
            continue;
        }
        log_warn("job %s: attempt %lld could not be started and goes back: %s", a->face.text,
                 (long long)a->face.number, a->failure);
        end_unstarted_saying(a, "could-not-start", a->failure);
    }
}

/* May end attempts that have no process. */
static void on_health(struct runner_logic *r, enum health_news news)
{
    const char *reason = err_text(&r->health.reason);
    switch (news) {
    case HEALTH_TRY:
        act(r, &(struct runner_action){.type = RUNNER_TRY});
        break;
    case HEALTH_CLEARED:
        settle_doubted(r);
        break;
    case HEALTH_FELL_ILL:
        log_warn(
            "agent: this machine cannot start jobs: %s; the agent takes none, and tries itself "
            "again until it can",
            reason);
        give_back(r, "unwell", reason);
        break;
    case HEALTH_RECOVERED:
        log_info("agent: this machine can start jobs again; the agent takes jobs");
        break;
    case HEALTH_CHANGED:
    case HEALTH_NO_NEWS:
        break;
    }
    if (r->health.due_ms == INT64_MAX)
        deadline_clear(&r->deadlines, &r->health_deadline);
    else
        deadline_set(&r->deadlines, &r->health_deadline, r->health.due_ms);
    changed(r);
}

void runner_logic_tried(struct runner_logic *r, int64_t now_ms, const struct err *why)
{
    on_health(r, health_tried(&r->health, now_ms, why));
    ask_to_be_woken(r);
}

static void on_health_due(struct runner_logic *r, int64_t now_ms)
{
    struct runner_late late = {0};
    if (r->health.trying) act(r, &(struct runner_action){.type = RUNNER_LATE, .u.late = &late});
    on_health(r, health_wake(&r->health, now_ms, err_text(&late.err)));
}

/* It was not there for too long while jobs waited. */
static void on_guard_due(struct runner_logic *r, int64_t now_ms)
{
    if (!r->o.may_start(r->o.user)) on_health(r, health_doubt(&r->health, now_ms));
}

/* It waits for the end of a trial, unless that is known already. */
static void doubt(struct attempt *a, int64_t now_ms, const struct err *why)
{
    struct runner_logic *r = a->runner;
    deadline_clear(&r->deadlines, &a->deadline);
    if (r->health.state == HEALTH_UNWELL) {
        end_unstarted_saying(a, "unwell", err_text(&r->health.reason));
        return;
    }
    /* Its process is not there, and will not be, should the agent die now. */
    if (a->phase == PHASE_PREPARED) {
        a->failed_starts++;
        put_journal(a, JOURNAL_ACCEPTED, "");
    }
    a->phase = PHASE_DOUBTED;
    a->failure = mem_strdup(err_text(why));
    on_health(r, health_doubt(&r->health, now_ms));
}

/* A file operation that does not come back is not waited for. In the agent's own folder it means
 * that no job can be started here; what one job named may hang for that job alone. */
static void give_up_preparation(struct attempt *a, int64_t now_ms)
{
    struct runner_logic *r = a->runner;
    struct runner_late late = {0};
    act(r, &(struct runner_action){.type = RUNNER_LATE, .attempt = &a->face, .u.late = &late});
    if (late.named) {
        doubt(a, now_ms, &late.err);
        return;
    }
    on_health(r, health_hang(&r->health, now_ms, err_text(&late.err)));
    give_back(r, "unwell", err_text(&r->health.reason));
}

static void on_deadline(struct attempt *a, int64_t now_ms)
{
    if (a->phase == PHASE_PREPARING)
        give_up_preparation(a, now_ms);
    else if (a->phase == PHASE_TERMINATING)
        kill_now(a);
    else
        terminate(a, "timeout", now_ms);
}

static void look_at_remnant(const struct journal_remnant *what, struct process_list *left,
                            void *user)
{
    act(user, &(struct runner_action){.type = RUNNER_REMNANT, .u.remnant = {what, left}});
}

static void look_at_remnants(struct runner_logic *r, int64_t now_ms)
{
    struct err e;
    if (remnants_look(&r->remnants, now_ms, look_at_remnant, r, &e) != 0) fatal(r, &e);
    plan_remnants(r);
    changed(r);
}

void runner_logic_wake(struct runner_logic *r, int64_t now_ms)
{
    struct deadline *d;
    r->wake_ms = INT64_MAX; /* after a wake-up that was too early, the WAKE action is sent again */
    while ((d = deadline_pop(&r->deadlines, now_ms)) != NULL) {
        if (d == &r->drain_deadline)
            terminate_all(r, now_ms);
        else if (d == &r->remnant_deadline)
            look_at_remnants(r, now_ms);
        else if (d == &r->health_deadline)
            on_health_due(r, now_ms);
        else if (d == &r->guard_deadline)
            on_guard_due(r, now_ms);
        else if (d == &r->held_deadline)
            say_held(r);
        else
            on_deadline((struct attempt *)(void *)((char *)d - offsetof(struct attempt, deadline)),
                        now_ms);
    }
    ask_to_be_woken(r);
}

/* ---- the beginning ---- */

static void end_not_started(struct attempt *a, int rc, const struct err *why)
{
    struct err e;
    told(a->runner, runner_say_not_started(&a->runner->voice, who(a), rc, why, &e), &e);
    log_write(a->evaluation ? LOG_WARN : LOG_INFO, "job %s: attempt %lld was not started: %s",
              a->face.text, (long long)a->face.number, err_text(why));
    forget(a);
}

/* Once this is committed, its process may exist: it is started after that. */
static void be_prepared(struct attempt *a)
{
    a->phase = PHASE_PREPARED;
    put_journal(a, JOURNAL_STARTING, "");
}

void runner_logic_prepared(struct runner_logic *r, int64_t now_ms, struct runner_attempt *face,
                           int rc, bool late, const struct err *why)
{
    struct attempt *a = attempt_of(face);
    struct err slow;
    if (a->phase != PHASE_PREPARING) return; /* it was given up */
    deadline_clear(&r->deadlines, &a->deadline);
    if (late) {
        err_set(&slow, ERR_TIMEOUT, "its preparation took longer than %d s",
                RUNNER_PREPARE_MS / 1000);
        doubt(a, now_ms, &slow);
    } else if (is_machines_fault(rc)) {
        doubt(a, now_ms, why);
    } else if (rc != 0) {
        end_not_started(a, rc, why);
    } else {
        be_prepared(a);
    }
    ask_to_be_woken(r);
    changed(r);
}

static void prepare(struct attempt *a, int64_t now_ms)
{
    bool at_once = false;
    a->phase = PHASE_PREPARING;
    act(a->runner, &(struct runner_action){.type = RUNNER_PREPARE,
                                           .attempt = &a->face,
                                           .u.at_once = &at_once});
    if (at_once) {
        be_prepared(a);
        return;
    }
    list(a);
    deadline_set(&a->runner->deadlines, &a->deadline, now_ms + RUNNER_PREPARE_MS);
}

/* While a start is held, the journal has the attempt as one that may have started: as in the moment
 * in which its process is made. Its guard knows the process. */
static void hold_start(struct attempt *a, int64_t now_ms)
{
    struct runner_logic *r = a->runner;
    a->held = true;
    if (now_ms - r->quick_ms > QUICK_FOR_MS)
        say_held(r);
    else if (!deadline_is_set(&r->held_deadline))
        deadline_set(&r->deadlines, &r->held_deadline, now_ms + QUICK_MS);
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
    if (is_machines_fault(s.rc)) {
        doubt(a, now_ms, &s.err);
        return;
    }
    if (s.rc != 0) {
        end_not_started(a, s.rc, &s.err);
        return;
    }
    a->phase = PHASE_RUNNING;
    if (r->paused) act_on(a, RUNNER_PAUSE);
    a->pid = s.pid;
    (void)str_copy(a->identity, sizeof a->identity, s.identity);
    hold_start(a, now_ms);
    if (a->timeout_ms > 0) deadline_set(&r->deadlines, &a->deadline, now_ms + a->timeout_ms);
    log_write(a->evaluation ? LOG_DEBUG : LOG_INFO, "job %s: attempt %lld started pid=%lld%s%s",
              a->face.text, (long long)a->face.number, (long long)s.pid,
              a->traceparent[0] ? " traceparent=" : "", a->traceparent);
}

static bool waits_for_start(const struct attempt *a, enum phase phase, int64_t now_ms)
{
    return a->phase == phase &&
           now_ms - a->runner->lease_base_ms <= lease_start_ms(a->face.lease_ms);
}

/* A guard is started again a second after its end. When that fails, jobs wait for it. */
static bool may_start(struct runner_logic *r, int64_t now_ms)
{
    if (r->health.state != HEALTH_WELL) return false;
    bool guarded = r->o.may_start(r->o.user);
    if (guarded)
        deadline_clear(&r->deadlines, &r->guard_deadline);
    else if (!deadline_is_set(&r->guard_deadline))
        deadline_set(&r->deadlines, &r->guard_deadline, now_ms + RUNNER_GUARD_MS);
    return guarded;
}

static void prepare_what_waits(struct runner_logic *r, int64_t now_ms)
{
    for (struct attempt *a = r->attempts; a; a = a->next) {
        if (!waits_for_start(a, PHASE_ACCEPTED, now_ms)) continue;
        if (!may_start(r, now_ms)) break;
        prepare(a, now_ms);
    }
    for (struct attempt *a = r->attempts; a; a = a->next)
        list(a);
}

/* Behind the commit of what prepare_what_waits and runner_logic_prepared wrote. */
static void start_what_waits(struct runner_logic *r, int64_t now_ms)
{
    int started = 0;
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (!waits_for_start(a, PHASE_PREPARED, now_ms)) continue;
        if (!may_start(r, now_ms)) break;
        if (started == RUNNER_TURN_STARTS) {
            changed(r);
            break;
        }
        started++;
        start(a, now_ms);
    }
}

/* What may wait for the commit of something else has to wait for SETTLE_MS at most, or for
 * the first turn after that. */
static int commit(struct runner_logic *r, int64_t now_ms, struct err *e)
{
    struct journal *j = r->o.journal;
    if (now_ms - r->settled_ms >= SETTLE_MS) journal_hurry(j);
    int rc = journal_commit(j, e);
    if (!journal_waits(j)) r->settled_ms = now_ms;
    return rc;
}

int runner_logic_turn(struct runner_logic *r, int64_t now_ms, struct err *e)
{
    for (struct attempt *a = r->attempts; a; a = a->next)
        if (has_process(a)) output_flush(&a->output);
    pass_ends(r, now_ms);
    r->turn_bytes = 0;
    prepare_what_waits(r, now_ms);
    int rc = commit(r, now_ms, e);
    if (rc == 0) {
        start_what_waits(r, now_ms);
        rc = commit(r, now_ms, e);
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
    const struct spec_glance glance = spec_glance(a->face.spec);
    a->grace_ms = glance.kill_grace_ms;
    a->evaluation = glance.evaluation;
    memcpy(a->traceparent, glance.traceparent, sizeof a->traceparent);
    output_init(&a->output, msg->output_limit, &r->pool, on_chunk, a);
    return a;
}

void runner_logic_accept(struct runner_logic *r, struct msg_job *msg, int64_t slots)
{
    const struct attempt *known = find(r, msg->job, msg->attempt);
    if (known && !known->silent) return;
    for (const struct leftover *l = r->leftovers; l; l = l->next)
        if (l->entry.job == msg->job && l->entry.attempt == msg->attempt) return;
    /* A coordinator that was put back from a backup hands out again what it has had discarded. */
    bool full = known || (int64_t)runner_logic_slots_taken(r) >= slots;
    const char *unwell = runner_logic_unwell(r);
    struct attempt *a = attempt_new(r, msg);
    struct attempt **last = &r->attempts;
    while (*last)
        last = &(*last)->next;
    *last = a;
    if (r->draining || unwell || full) {
        end_unstarted_saying(a,
                             r->draining ? "draining"
                             : unwell    ? "unwell"
                                         : "no-slot",
                             r->draining ? NULL : unwell);
        return;
    }
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
    give_back(r, reason, NULL);
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
        if (a->phase == PHASE_ENDED)
            finish(a);
        else
            kill_now(a);
    }
    for (struct leftover **p = &r->leftovers; *p; p = &(*p)->next) {
        if ((*p)->entry.job != job || (*p)->entry.attempt != attempt) continue;
        struct leftover *l = *p;
        *p = l->next;
        keep_leftover(r, l, true);
        mem_free(l);
        break;
    }
    if (remnants_discard(&r->remnants, job, attempt, &e) != 0) fatal(r, &e);
    if (journal_drop_attempt(r->o.journal, job, attempt, &e) != 0) fatal(r, &e);
    ask_to_be_woken(r);
    changed(r);
}

void runner_logic_expire(struct runner_logic *r, int64_t now_ms)
{
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (is_unstarted(a) || a->phase == PHASE_KILLED || !is_over(a, now_ms)) continue;
        if (now_ms - r->lease_base_ms - a->face.lease_ms >= GUARD_MARGIN_MS)
            say_held_up(a);
        else
            log_warn("job %s: attempt %lld is ended: the coordinator was out of reach for its "
                     "whole lease",
                     a->face.text, (long long)a->face.number);
        if (a->phase == PHASE_ENDED) {
            lose(a);
        } else {
            a->why = "lost";
            kill_now(a);
        }
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
    r->draining = r->hurried = true;
    deadline_clear(&r->deadlines, &r->drain_deadline);
    for (struct attempt *a = r->attempts, *next; a; a = next) {
        next = a->next;
        if (a->phase != PHASE_ENDED && !a->why) a->why = "drain";
        kill_now(a);
    }
    changed(r);
    ask_to_be_woken(r);
}

void runner_logic_pause(struct runner_logic *r, bool on)
{
    if (r->paused == on) return;
    r->paused = on;
    for (struct attempt *a = r->attempts; a; a = a->next)
        if (has_process(a)) act_on(a, on ? RUNNER_PAUSE : RUNNER_RESUME);
    if (!on) changed(r);
}

void runner_logic_limit_turn(struct runner_logic *r, size_t bytes)
{
    if (bytes == r->turn_most) return;
    r->turn_most = bytes;
    act(r, &(struct runner_action){.type = RUNNER_LIMIT, .u.bytes = bytes});
}

/* ---- queries ---- */

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
        if (!a->silent) list_attempt(out, a->face.job, a->face.number, false);
    /* Their ends are made after the welcome: to say that they are in the journal would let the
     * coordinator look for them among the events up to hello.seq, and take an attempt that ran for
     * one that never did. */
    for (const struct leftover *l = r->leftovers; l; l = l->next)
        list_attempt(out, l->entry.job, l->entry.attempt, false);
    if (journal_each_attempt(r->o.journal, list_ended, out, &e) != 0) fatal(r, &e);
}

/* ---- attempts of an earlier life ---- */

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

int runner_logic_report_leftovers(struct runner_logic *r, struct err *e)
{
    int rc = 0;
    while (rc == 0 && r->leftovers) {
        struct leftover *l = r->leftovers;
        struct runner_who left = {l->entry.job, l->entry.attempt};
        rc =
            l->entry.state == JOURNAL_ACCEPTED
                ? runner_say_declined(&r->voice, left, "never-started", NULL, e)
                : runner_say_interrupted(&r->voice, left, l->alive.count > 0 ? &l->alive : NULL, e);
        keep_leftover(r, l, false);
        r->leftovers = l->next;
        mem_free(l);
        changed(r);
    }
    return rc;
}

static void end_leftover(struct runner_logic *r, struct leftover *l)
{
    act(r, &(struct runner_action){.type = RUNNER_LEFTOVER, .u.leftover = {&l->entry, &l->alive}});
}

/* ---- life ---- */

int runner_logic_new(const struct runner_logic_options *o, struct runner_logic **out, struct err *e)
{
    struct runner_logic *r = mem_alloc(sizeof *r);
    r->o = *o;
    r->wake_ms = INT64_MAX;
    r->quick_ms = INT64_MIN / 2;
    r->turn_most = RUNNER_TURN_BYTES;
    deadline_queue_init(&r->deadlines);
    output_pool_init(&r->pool, OUTPUT_POOL_BLOCKS);
    health_init(&r->health);
    runner_voice_init(&r->voice, o->journal);
    remnants_init(&r->remnants, o->journal, &r->voice);
    int rc = journal_each_attempt(o->journal, take_leftover, r, e);
    for (struct leftover *l = r->leftovers; rc == 0 && l; l = l->next)
        if (l->entry.state != JOURNAL_ACCEPTED) end_leftover(r, l);
    if (rc == 0) rc = remnants_load(&r->remnants, e);
    plan_remnants(r); /* the first turn asks to be woken */
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
    remnants_fini(&r->remnants);
    deadline_queue_fini(&r->deadlines);
    runner_voice_fini(&r->voice);
    mem_free(r);
}
