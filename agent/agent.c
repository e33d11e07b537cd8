/* Wiring and life of the agent: see agent.h.
 *
 * Each turn of the loop ends in one place, on_prepare: runner_logic_turn commits the journal and
 * starts jobs on the strength of that commit, and what is committed is sent. */
#include "agent/agent.h"

#include "agent/identity.h"
#include "agent/journal.h"
#include "agent/meter_file.h"
#include "agent/runner.h"
#include "agent/space.h"
#include "agent/uplink.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "platform/capabilities.h"
#include "platform/file_facts.h"
#include "platform/files.h"
#include "platform/log_sink.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/service.h"
#include "platform/state_folder.h"
#include "wire/limits.h"
#include "wire/pki.h"

#include <string.h>
#include <uv.h>

#define CAPABILITIES_EVERY_MS (10 * 60 * 1000)
#define STOPPING_MS 30000 /* a stop that goes on says so, and asks for as much time again... */
#define STOPPING_EVERY_MS 10000 /* ...this often */
#define STOP_MARGIN_MS 60000    /* to end killed jobs and to send the last results */
#define AWAIT_ROUNDS 6          /* as often when only killed jobs are left */
#define GOODBYE_MS 10000        /* how long the last results may wait for their acknowledgement */
#define SPACE_EVERY_MS 1000
#define FOLDER_EVERY_MS 1000

struct agent {
    uv_loop_t loop;
    struct agent_config config;
    int argc;
    char **argv;
    char *name;
    struct identity identity;
    struct file_lock *lock;
    struct file_facts folder; /* what the state folder was at the start */
    int64_t folder_looked_ms; /* mono */
    struct journal *journal;
    struct runner *runner;
    struct uplink *uplink;
    struct meter_file *meter; /* NULL: no metrics are wanted */
    int64_t started_ms;       /* wall */
    struct service *service;
    struct space space;
    size_t room; /* bytes of output that a turn may pass on */
    char *self;
    const char *trial[3]; /* the command with which the agent tries itself */
    uv_prepare_t prepare;
    uv_idle_t again; /* makes the loop take another turn at once */
    uv_timer_t capabilities_timer, goodbye_timer, watchdog_timer, space_timer, stopping_timer;
    uv_work_t gather;
    char *gathered;
    int awaiting; /* rounds */
    bool gathering, dirty, draining, stopping, announced;
    bool reload_wanted; /* put off: the gathering thread reads the configuration */
    int exit_code;
    struct err fatal; /* why the journal cannot be written */
};

static void stop_now(struct agent *a, const char *reason);

static size_t job_count(const struct agent *a)
{
    return runner_logic_count(runner_logic_of(a->runner));
}

/* ---- capabilities ---- */

/* The PATH of `env`, which every job gets; NULL: jobs have that of the account. */
static const char *jobs_path(const struct opt_map *env)
{
    for (size_t i = 0; i < env->count; i++)
        if (str_eq(env->items[i].key, "PATH") || str_eq(env->items[i].key, "Path"))
            return env->items[i].value;
    return NULL;
}

char *agent_capabilities(const struct agent_config *c)
{
    struct buf text;
    struct jw w;
    buf_init(&text, LIMIT_CAPABILITIES);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    capabilities_write(&w, c->state, jobs_path(&c->env));
    jw_str(&w, "agentVersion", CADRE_VERSION);
    for (size_t i = 0; i < c->labels.count; i++) {
        char *key = str_dupf("label.%s", c->labels.items[i].key);
        jw_str(&w, key, c->labels.items[i].value);
        mem_free(key);
    }
    jw_end(&w);
    int rc = jw_finish(&w);
    char *out = rc == 0 ? buf_detach(&text) : mem_strdup("{}");
    buf_fini(&text);
    return out;
}

static void gather_work(uv_work_t *work)
{
    struct agent *a = work->data;
    a->gathered = agent_capabilities(&a->config);
}

static void reload(struct agent *a);

static void gather_done(uv_work_t *work, int status)
{
    struct agent *a = work->data;
    a->gathering = false;
    if (status == 0 && a->uplink && !a->stopping)
        uplink_set_capabilities(a->uplink, a->gathered);
    else
        mem_free(a->gathered);
    a->gathered = NULL;
    if (a->reload_wanted && !a->stopping) reload(a);
}

/* On a thread of its own: gathering starts programs and waits for them, and heartbeats must not
 * wait. */
static void gather(struct agent *a)
{
    if (a->gathering || a->stopping) return;
    a->gathering = true;
    a->gather.data = a;
    if (uv_queue_work(&a->loop, &a->gather, gather_work, gather_done) != 0) a->gathering = false;
}

static void on_capabilities_timer(uv_timer_t *t)
{
    gather(t->data);
}

/* ---- a turn ---- */

static void on_again(uv_idle_t *idle)
{
    uv_idle_stop(idle);
}

static void note_change(void *user)
{
    struct agent *a = user;
    if (a->stopping) return;
    a->dirty = true;
    /* Work that comes up outside a poll (from the prepare phase itself) must not wait for the next
     * event. */
    uv_idle_start(&a->again, on_again);
}

static void on_fatal(const struct err *e, void *user)
{
    struct agent *a = user;
    if (a->exit_code != 0) return;
    log_error("agent: %s; the agent ends because it cannot record the state of its jobs",
              err_text(e));
    a->exit_code = 1;
    a->fatal = *e;
    /* The call may come from within the handling of an attempt or a message: the agent ends between
     * two turns. */
    note_change(a);
}

/* Reserves space within the journal's own files; without it, the journal depends on the space that
 * other programs leave. */
static void set_room_aside(struct agent *a)
{
    struct err e;
    if (a->config.disk_reserve_bytes <= 0) return;
    journal_hurry(a->journal);
    if (journal_commit(a->journal, &(struct err){0}) == 0 && journal_reserve(a->journal, &e) != 0)
        log_warn("agent: %s", err_text(&e));
}

/* Runs only while space is low; otherwise each turn that writes checks the space. */
static void on_space_timer(uv_timer_t *t)
{
    note_change(t->data);
}

/* Who moves the state folder away takes journal and identity with it; what is made anew in its
 * place is lost at the next start. Not in each turn: a job has several. */
static void look_at_folder(struct agent *a, int64_t now_ms)
{
    struct file_facts now;
    struct err e;
    if (now_ms - a->folder_looked_ms < FOLDER_EVERY_MS) return;
    a->folder_looked_ms = now_ms;
    if (file_look(a->config.state, &now, NULL) != 0 || file_is_same(&now, &a->folder)) return;
    err_set(&e, ERR_NOT_FOUND, "the state folder %s was moved or removed while the agent ran",
            a->config.state);
    on_fatal(&e, a);
}

/* Before this turn's commit, and before jobs are started. */
static void look_at_space(struct agent *a)
{
    char text[LIMIT_MESSAGE];
    bool changed = space_look(&a->space);
    if (changed && a->space.low) {
        space_sentence(&a->space, text, sizeof text);
        log_warn(
            "agent: %s: the agent takes no jobs and holds output back until more space is free",
            text);
        /* what waits for the coordinator may have used up what was set aside */
        set_room_aside(a);
        uplink_rest(a->uplink, text);
        uv_timer_start(&a->space_timer, on_space_timer, SPACE_EVERY_MS, SPACE_EVERY_MS);
    } else if (changed) {
        log_info("agent: the disk has enough free space again; the agent takes jobs");
        uv_timer_stop(&a->space_timer);
        set_room_aside(a);
        uplink_rest(a->uplink, NULL);
    }
    if (a->space.low) runner_logic_give_back(runner_logic_of(a->runner), "disk-full");
}

static void apply_back_pressure(struct agent *a)
{
    int64_t waiting = journal_pending_bytes(a->journal);
    struct runner_logic *runner = runner_logic_of(a->runner);
    a->room = space_room(&a->space, waiting, uplink_is_live(a->uplink), a->room);
    if (a->room > 0) runner_logic_limit_turn(runner, a->room);
    runner_logic_pause(runner, a->room == 0);
}

/* The agent is drained, and every result is acknowledged (or there is no coordinator to take it:
 * the journal keeps it). */
static void finish_drain(struct agent *a)
{
    if (!a->draining || job_count(a) > 0) return;
    bool connected = uplink_is_live(a->uplink);
    if (connected && journal_pending_bytes(a->journal) > 0) return;
    stop_now(a, "the agent was stopped");
}

static void on_goodbye_timer(uv_timer_t *t)
{
    struct agent *a = t->data;
    log_warn("agent: the coordinator has not acknowledged all events; the journal keeps them for "
             "the next start");
    stop_now(a, "the agent was stopped");
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct agent *a = prepare->data;
    struct err e;
    if (!a->dirty || a->stopping) return;
    a->dirty = false;
    int rc = 0;
    int64_t now_ms = os_mono_ms();
    if (a->exit_code == 0) look_at_folder(a, now_ms);
    if (a->exit_code == 0) look_at_space(a);
    if (a->exit_code == 0) rc = runner_logic_turn(runner_logic_of(a->runner), now_ms, &e);
    if (rc != 0) on_fatal(&e, a);
    if (a->exit_code == 0) uplink_pump(a->uplink);
    if (a->exit_code != 0) {
        stop_now(a, err_text(&a->fatal));
        return;
    }
    apply_back_pressure(a);
    if (a->meter) meter_file_note(a->meter);
    if (a->draining && job_count(a) == 0 && !uv_is_active((uv_handle_t *)&a->goodbye_timer))
        uv_timer_start(&a->goodbye_timer, on_goodbye_timer, GOODBYE_MS, 0);
    finish_drain(a);
}

/* ---- the service's wishes ---- */

/* A process that hangs in the kernel cannot be ended. Then it is the service manager's turn. */
static void on_stopping_timer(uv_timer_t *t)
{
    struct agent *a = t->data;
    a->awaiting = runner_logic_only_killed(runner_logic_of(a->runner)) ? a->awaiting + 1 : 0;
    if (a->awaiting < AWAIT_ROUNDS) {
        service_stopping(STOPPING_MS);
        return;
    }
    log_error("agent: %zu killed jobs have not ended; the agent asks for no more time",
              job_count(a));
    uv_timer_stop(t);
}

static void on_stop(bool again, void *user)
{
    struct agent *a = user;
    if (a->stopping) return;
    int64_t wait = again ? 0 : a->config.drain_timeout_ms;
    int64_t grace_ms = runner_logic_longest_grace_ms(runner_logic_of(a->runner));
    if (!a->draining)
        log_info("agent: stopping; %zu running jobs may finish within %lld s", job_count(a),
                 (long long)wait / 1000);
    else
        log_info("agent: stopping at once");
    a->draining = true;
    /* A service manager need not know how long drainTimeout is, and still notices when we hang in
     * it. */
    service_stopping(STOPPING_MS);
    service_stop_limit(wait + (again ? 0 : grace_ms) + STOP_MARGIN_MS);
    uv_timer_start(&a->stopping_timer, on_stopping_timer, STOPPING_EVERY_MS, STOPPING_EVERY_MS);
    if (again)
        runner_logic_drain_now(runner_logic_of(a->runner));
    else
        runner_logic_drain(runner_logic_of(a->runner), os_mono_ms(), wait);
    uplink_announce(a->uplink);
    note_change(a);
}

static void reload(struct agent *a)
{
    struct agent_config fresh;
    struct opt_args args;
    struct err e;
    a->reload_wanted = false;
    service_reloading(false);
    if (agent_config_load(&fresh, a->argc, a->argv, &args, &e) != 0) {
        log_error("agent: the configuration was not read again: %s", err_text(&e));
        service_reloading(true);
        return;
    }
    struct buf others;
    buf_init(&others, LIMIT_MESSAGE);
    agent_config_take(&a->config, &fresh, &others);
    a->space.reserve_bytes = a->config.disk_reserve_bytes;
    agent_config_fini(&fresh);
    log_info("agent: configuration read again slots=%lld",
             (long long)agent_config_slots(&a->config));
    if (others.len > 0)
        log_warn("agent: changed in %s, but not in force before the agent is restarted: %s",
                 a->config.config_path, others.data);
    buf_fini(&others);
    uplink_announce(a->uplink);
    gather(a);
    service_reloading(true);
}

static void on_reload(void *user)
{
    struct agent *a = user;
    if (a->gathering)
        a->reload_wanted = true;
    else
        reload(a);
}

static void on_watchdog_timer(uv_timer_t *t)
{
    (void)t;
    service_watchdog();
}

static void on_attempted(const char *status, void *user)
{
    struct agent *a = user;
    if (a->announced)
        service_status(status);
    else
        service_ready(status);
    a->announced = true;
}

/* ---- metrics ---- */

static int count_result(const struct journal_attempt *j, void *user)
{
    size_t *count = user;
    if (j->state == JOURNAL_ENDED) (*count)++;
    return 0;
}

static void read_meter(struct meter_reading *out, void *user)
{
    const struct agent *a = user;
    const struct runner_logic *runner = runner_logic_of(a->runner);
    struct err e;
    out->agent = a->name;
    out->started_ms = a->started_ms;
    out->connected = uplink_is_live(a->uplink);
    out->acknowledged_ms = uplink_acknowledged_ms(a->uplink);
    out->takes_jobs = !a->draining && !a->space.low && !runner_logic_draining(runner) &&
                      !runner_logic_unwell(runner);
    out->slots = agent_config_slots(&a->config);
    out->pending_bytes = journal_pending_bytes(a->journal);
    runner_logic_read(runner, out);
    if (journal_each_attempt(a->journal, count_result, &out->results, &e) != 0) out->results = 0;
}

static void start_meter(struct agent *a)
{
    struct meter_file_options o = {.loop = &a->loop,
                                   .path = a->config.metrics_file,
                                   .state_folder = a->config.state,
                                   .read = read_meter,
                                   .user = a};
    a->started_ms = os_wall_ms();
    if (o.path) a->meter = meter_file_start(&o);
}

/* ---- life ---- */

static void stop_now(struct agent *a, const char *reason)
{
    if (a->stopping) return;
    struct err e;
    a->stopping = true;
    journal_hurry(a->journal);
    if (a->exit_code == 0 && journal_commit(a->journal, &e) != 0)
        log_error("agent: %s", err_text(&e));
    if (a->uplink) uplink_stop(a->uplink, reason);
    uplink_free(a->uplink);
    a->uplink = NULL;
    meter_file_stop(a->meter);
    a->meter = NULL;
    runner_free(a->runner);
    service_detach(a->service);
    uv_close((uv_handle_t *)&a->prepare, NULL);
    uv_close((uv_handle_t *)&a->again, NULL);
    uv_close((uv_handle_t *)&a->capabilities_timer, NULL);
    uv_close((uv_handle_t *)&a->goodbye_timer, NULL);
    uv_close((uv_handle_t *)&a->watchdog_timer, NULL);
    uv_close((uv_handle_t *)&a->space_timer, NULL);
    uv_close((uv_handle_t *)&a->stopping_timer, NULL);
}

static int open_state(struct agent *a, struct err *e)
{
    bool damaged = false;
    char boot_id[128];
    if (os_boot_id(boot_id, sizeof boot_id) != 0) boot_id[0] = 0;
    struct state_look look;
    int rc = state_folder_look(a->config.state, STATE_OF_AGENT, &look, e);
    if (rc == 0) rc = identity_load(a->config.state, &a->identity, e);
    if (rc == 0) rc = state_folder_enter(a->config.state, STATE_OF_AGENT, &a->lock, e);
    if (rc == 0) rc = file_look(a->config.state, &a->folder, e);
    if (rc == 0) rc = journal_open(a->config.state, boot_id, &a->journal, &damaged, e);
    if (damaged)
        log_error("agent: the journal was damaged; it was moved to journal.db.damaged, and the "
                  "jobs that ran are reported as interrupted");
    return rc;
}

static int start_parts(struct agent *a, struct err *e)
{
    struct runner_options ro = {.loop = &a->loop,
                                .journal = a->journal,
                                .state_folder = a->config.state,
                                .agent_name = a->name,
                                .env = &a->config.env,
                                .trial = a->trial,
                                .on_change = note_change,
                                .on_fatal = on_fatal,
                                .user = a};
    int rc = runner_new(&ro, &a->runner, e);
    if (rc != 0) return rc;
    char *capabilities = agent_capabilities(&a->config);
    struct uplink_options so = {.loop = &a->loop,
                                .config = &a->config,
                                .identity = &a->identity,
                                .journal = a->journal,
                                .runner = runner_logic_of(a->runner),
                                .name = a->name,
                                .folder = &a->folder,
                                .capabilities = capabilities,
                                .on_attempted = on_attempted,
                                .on_fatal = on_fatal,
                                .on_change = note_change,
                                .user = a};
    rc = uplink_new(&so, &a->uplink, e);
    mem_free(capabilities);
    if (rc != 0) return rc;
    struct service_control control = {on_stop, on_reload, a};
    return service_attach(&a->loop, &control, &a->service, e);
}

static void init_handles(struct agent *a)
{
    uv_prepare_init(&a->loop, &a->prepare);
    uv_idle_init(&a->loop, &a->again);
    uv_timer_init(&a->loop, &a->capabilities_timer);
    uv_timer_init(&a->loop, &a->goodbye_timer);
    uv_timer_init(&a->loop, &a->watchdog_timer);
    uv_timer_init(&a->loop, &a->space_timer);
    uv_timer_init(&a->loop, &a->stopping_timer);
    a->prepare.data = a->again.data = a;
    a->capabilities_timer.data = a->goodbye_timer.data = a->watchdog_timer.data = a;
    a->space_timer.data = a->stopping_timer.data = a;
}

static void begin(struct agent *a)
{
    int64_t watchdog = service_watchdog_ms();
    set_room_aside(a);
    space_init(&a->space, a->config.state, a->config.disk_reserve_bytes);
    a->room = SPACE_TURN_BYTES;
    uv_prepare_start(&a->prepare, on_prepare);
    uv_timer_start(&a->capabilities_timer, on_capabilities_timer, CAPABILITIES_EVERY_MS,
                   CAPABILITIES_EVERY_MS);
    if (watchdog > 0) uv_timer_start(&a->watchdog_timer, on_watchdog_timer, 0, (uint64_t)watchdog);
    log_info("agent: version=%s name=%s state=%s slots=%lld containment=%s", CADRE_VERSION, a->name,
             a->config.state, (long long)agent_config_slots(&a->config), runner_kind(a->runner));
    start_meter(a);
    uplink_start(a->uplink);
}

static void release(struct agent *a)
{
    journal_close(a->journal);
    identity_fini(&a->identity);
    file_lock_release(a->lock);
    mem_free(a->name);
    mem_free(a->self);
    agent_config_fini(&a->config);
    pki_fini();
}

int agent_run(struct agent_config *c, int argc, char **argv)
{
    struct agent a = {.config = *c, .argc = argc, .argv = argv};
    struct err e = {0};
    a.config.set.config =
        &a.config; /* the table's offsets are into the struct where it lives now */
    a.name = agent_config_name(&a.config);
    a.trial[0] = a.self = paths_self_to_start();
    a.trial[1] = AGENT_TRIAL;
    log_sink_set_agent(a.name);
    os_raise_file_limit();
    os_protect_self();
    int rc = pki_init(&e);
    if (rc == 0) rc = open_state(&a, &e);
    if (rc == 0) {
        uv_loop_init(&a.loop);
        init_handles(&a);
        rc = start_parts(&a, &e);
        if (rc == 0) {
            begin(&a);
        } else {
            a.exit_code = 1;
            stop_now(&a, "not started");
        }
        uv_run(&a.loop, UV_RUN_DEFAULT);
        uv_loop_close(&a.loop);
    }
    if (rc != 0) {
        log_error("agent: %s", err_text(&e));
        service_failed(rc == ERR_NOT_FOUND ? 2 : 1, NULL);
        /* not joined, or no coordinator named: a service manager need not try again */
        a.exit_code = rc == ERR_NOT_FOUND || rc == ERR_INVALID ? 2 : 1;
    } else if (a.exit_code == 0) {
        log_info("agent: stopped");
    }
    release(&a);
    return a.exit_code;
}
