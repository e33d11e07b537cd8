/* Processes, work folders and guard of attempts: see runner.h. */
#include "agent/runner.h"

#include "agent/file_work.h"
#include "agent/folders.h"
#include "agent/trial.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/guard.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/process.h"

#include <string.h>
#include <uv.h>

#define DRAIN_PIPES_MS 2000

_Static_assert(RUNNER_PREPARE_MS == FILE_WORK_HUNG_MS,
               "a preparation is given up when its file operation counts as hung");

/* The processes and files of an attempt on this machine. */
struct owned {
    struct runner *runner;
    struct runner_attempt *attempt;
    struct preparation *preparation; /* NULL unless the preparation is under way */
    struct launch launch;
    struct spare spare; /* if its folder is one */
    struct process *process;
    bool may_be_left; /* processes of it */
};

struct runner {
    struct runner_options o;
    struct runner_logic *logic;
    struct process_host *host;
    struct guard *guard;
    struct folders *folders;
    struct trial *trial; /* NULL unless the agent tries itself */
    uv_timer_t timer;
};

/* ---- events of attempts ---- */

static void on_process_output(struct process *p, enum process_stream stream, const void *data,
                              size_t len, void *user)
{
    (void)p;
    struct owned *w = user;
    runner_logic_output(w->runner->logic, w->attempt, stream, data, len);
}

static void on_process_end(struct process *p, const struct process_end *end, void *user)
{
    (void)p;
    struct owned *w = user;
    w->may_be_left = end->stray || end->held || end->unended || end->alive || end->strays;
    runner_logic_ended(w->runner->logic, os_mono_ms(), w->attempt, end);
}

static const struct process_handler process_handler = {on_process_output, on_process_end};

static void on_prepared(const struct prepared *p, void *user)
{
    struct owned *w = user;
    w->preparation = NULL;
    if (p->rc == 0) {
        w->launch = *p->launch;
        *p->launch = (struct launch){0};
    }
    runner_logic_prepared(w->runner->logic, os_mono_ms(), w->attempt, p->rc, p->late, p->e);
}

static void on_timer(uv_timer_t *timer)
{
    struct runner *r = timer->data;
    runner_logic_wake(r->logic, os_mono_ms());
}

/* ---- actions ---- */

static void prepare(struct runner *r, struct runner_attempt *a, bool *at_once)
{
    struct launch_input in = {.job = a->job,
                              .attempt = a->number,
                              .agent_env = r->o.env,
                              .agent_name = r->o.agent_name};
    struct owned *w = mem_alloc(sizeof *w);
    *w = (struct owned){.runner = r, .attempt = a};
    a->owned = w;
    *at_once = folders_prepare_at_once(r->folders, &in, a->spec, &w->launch, &w->spare);
    if (*at_once) return;
    w->preparation = folders_prepare(r->folders, &in, a->spec, a->mark, on_prepared, w);
    a->spec = NULL;
}

static void describe_late(struct runner *r, const struct runner_attempt *a, struct runner_late *out)
{
    struct file_work_state s;
    if (!a) {
        if (r->trial) trial_describe(r->trial, &out->err);
        return;
    }
    const struct owned *w = a->owned;
    out->named = folders_describe(w->preparation, &out->err);
    folders_look(r->folders, &s);
    log_warn("job %s: attempt %lld: %s (%zu file operations are under way, %d may be)", a->text,
             (long long)a->number, err_text(&out->err), s.under_way, FILE_WORK_THREADS);
}

static bool may_start(void *user)
{
    const struct runner *r = user;
    return guard_ready(r->guard);
}

static void on_tried(const struct err *why, void *user)
{
    struct runner *r = user;
    r->trial = NULL;
    runner_logic_tried(r->logic, os_mono_ms(), why);
}

static void try_self(struct runner *r)
{
    struct trial_options o = {.folders = r->folders,
                              .host = r->host,
                              .command = r->o.trial,
                              .may_start = may_start,
                              .done = on_tried,
                              .user = r};
    trial_abandon(r->trial);
    r->trial = trial_begin(&o);
}

static void start(struct runner *r, struct runner_attempt *a, struct runner_started *out)
{
    struct owned *w = a->owned;
    struct process_options po = {.argv = (const char *const *)w->launch.argv,
                                 .env = (const char *const *)w->launch.env,
                                 .cwd = w->launch.cwd,
                                 .program = w->launch.program,
                                 .own_folder = w->launch.work_folder,
                                 .stdin_path = w->launch.stdin_path,
                                 .mark = a->mark,
                                 .drain_ms = DRAIN_PIPES_MS,
                                 .lease_ms = a->lease_ms};
    out->rc = process_start(r->host, &po, &process_handler, w, &w->process, &out->err);
    if (out->rc != 0) {
        bool of_program = w->launch.named_by && strstr(out->err.msg, w->launch.argv[0]);
        if (of_program) (void)err_wrap(&out->err, "%s", w->launch.named_by);
        return;
    }
    w->may_be_left = true;
    out->pid = process_pid(w->process);
    if (process_identity(w->process, out->identity) != 0) out->identity[0] = 0;
}

static void forget(struct runner *r, struct runner_attempt *a)
{
    struct owned *w = a->owned;
    if (!w) return;
    process_free(w->process);
    if (w->preparation) folders_abandon(w->preparation);
    folders_release(r->folders, &w->launch, &w->spare, !w->may_be_left);
    mem_free(w);
    a->owned = NULL;
}

static void end_leftover(const struct journal_attempt *l, struct process_list *alive)
{
    int killed = 0;
    struct err why;
    if (process_kill_leftover(l->identity, l->mark, &killed, &why) != 0) {
        char text[PROCESS_LIST_TEXT_SIZE];
        process_watch_remnant(NULL, l->identity, l->mark, alive);
        log_warn("job %s: was running when the agent ended; %s: %s", l->mark, err_text(&why),
                 process_list_format(alive, true, text));
        return;
    }
    log_warn("job %s: was running when the agent ended; %d of its processes were still there "
             "and were ended",
             l->mark, killed);
}

static void wake_at(struct runner *r, int64_t at_ms)
{
    if (at_ms == INT64_MAX) {
        uv_timer_stop(&r->timer);
        return;
    }
    int64_t wait = at_ms - os_mono_ms();
    uv_update_time(r->o.loop);
    uv_timer_start(&r->timer, on_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

static struct process *process_of(const struct runner_attempt *a)
{
    const struct owned *w = a->owned;
    return w->process;
}

static void act(const struct runner_action *a, void *user)
{
    struct runner *r = user;
    switch (a->type) {
    case RUNNER_PREPARE:
        prepare(r, a->attempt, a->u.at_once);
        break;
    case RUNNER_LATE:
        describe_late(r, a->attempt, a->u.late);
        break;
    case RUNNER_TRY:
        try_self(r);
        break;
    case RUNNER_START:
        start(r, a->attempt, a->u.started);
        break;
    case RUNNER_PAUSE:
        process_pause(process_of(a->attempt));
        break;
    case RUNNER_RESUME:
        process_resume(process_of(a->attempt));
        break;
    case RUNNER_TERMINATE:
        process_terminate(process_of(a->attempt));
        break;
    case RUNNER_KILL:
        process_kill(process_of(a->attempt));
        break;
    case RUNNER_FORGET:
        forget(r, a->attempt);
        break;
    case RUNNER_LEFTOVER:
        end_leftover(a->u.leftover.entry, a->u.leftover.alive);
        break;
    case RUNNER_REMNANT:
        process_watch_remnant(r->host, a->u.remnant.entry->identity, a->u.remnant.entry->mark,
                              a->u.remnant.left);
        break;
    case RUNNER_RENEW:
        guard_renew(r->guard, a->u.at_ms);
        break;
    case RUNNER_LIMIT:
        process_host_limit_turn(r->host, a->u.bytes);
        break;
    case RUNNER_WAKE:
        wake_at(r, a->u.at_ms);
        break;
    case RUNNER_CHANGED:
        r->o.on_change(r->o.user);
        break;
    case RUNNER_FATAL:
        r->o.on_fatal(a->u.err, r->o.user);
        break;
    }
}

/* ---- life ---- */

struct runner_logic *runner_logic_of(const struct runner *r)
{
    return r->logic;
}

const char *runner_kind(const struct runner *r)
{
    return process_host_kind(r->host);
}

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
    struct runner_logic_options lo = {.journal = o->journal,
                                      .may_start = may_start,
                                      .act = act,
                                      .user = r};
    r->o = *o;
    int rc = runner_logic_new(&lo, &r->logic, e);
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
    process_host_free(r->host);
    guard_free(r->guard);
    runner_logic_free(r->logic);
    mem_free(r);
    return rc;
}

static void on_timer_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void runner_free(struct runner *r)
{
    if (!r) return;
    runner_logic_free(r->logic);
    trial_abandon(r->trial);
    folders_free(r->folders);
    process_host_free(r->host);
    guard_free(r->guard);
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}
