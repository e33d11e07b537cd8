/* One job's processes on Linux, from start to end. Which job owns a process, and how a tree is
 * ended: process_tree.c. */
#include "platform/process.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "platform/linux/cgroup.h"
#include "platform/linux/oom.h"
#include "platform/linux/process_impl.h"
#include "platform/linux/start_fault.h"
#include "platform/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES (64u * 1024)
#define REST_MAX_BYTES (2u * 1024 * 1024) /* a pipe holds 1 MiB at most by default */
#define QUICK_MS 2                        /* a process that has ended by then was quick... */
#define QUICK_FOR_NS UINT64_C(50000000)   /* ...and so, it is thought, are those that follow */
#define REST_PAUSE_MS 1                   /* between two reads of the rest in the pipes */
#define TREE_LOOK_MS 200              /* after a soft stop, though no child has ended meanwhile */
#define TREE_LOOK_SOON_MS 5           /* when one has: one look for all that end together */
#define LINGER_ROUNDS 10              /* about 0.1 s */
#define SWEEP_ROUNDS 50               /* at least, about 0.8 s... */
#define SWEEP_NS UINT64_C(3000000000) /* ...and so long, for what was killed and lives on */
#define SWEEP_ROUNDS_REFUSED 20       /* for what may not be killed */
#define KILL_MAIN_MS 500 /* a main process that is killed has ended by then, or never will */
#define SWEEP_PAUSE_MAX_MS 20
#define FREE_ROUNDS 20
#define OOM_FRESH_NS UINT64_C(1000000000)
#define OOM_MIN 500
#define OOM_MAX 1000

/* ---- host ---------------------------------------------------------------------------------- */

static void process_advance(struct process *p);
static void on_timer(uv_timer_t *timer);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void advance_all(struct process_host *h)
{
    /* an on_end may free its own process and start others: the list is looked through anew each
     * time */
    for (bool again = true; again;) {
        again = false;
        for (struct process *p = h->processes; p; p = p->next) {
            if (!p->reaped || p->phase != PROCESS_RUNNING) continue;
            process_advance(p);
            again = true;
            break;
        }
    }
    for (struct process *p = h->processes; p; p = p->next) {
        if (p->phase == PROCESS_DRAINING && p->asked &&
            uv_timer_get_due_in(&p->timer) > TREE_LOOK_SOON_MS)
            uv_timer_start(&p->timer, on_timer, TREE_LOOK_SOON_MS, 0);
    }
}

static void on_kick(uv_timer_t *timer)
{
    advance_all(timer->data);
}

/* Takes up all children that have ended. Makes no callback. true: main processes of ours were among
 * them. */
static bool reap(struct process_host *h)
{
    int status;
    pid_t pid;
    bool any = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (struct process *p = h->processes; p; p = p->next) {
            if (p->pid != pid || p->reaped) continue;
            p->reaped = true;
            p->wait_status = status;
            p->reaped_ns = uv_hrtime();
            any = true;
            break;
        }
    }
    return any;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct process_host *h = prepare->data;
    read_budget_turn(&h->budget);
}

static void on_child_signal(uv_signal_t *handle, int number)
{
    (void)number;
    reap(handle->data);
    advance_all(handle->data);
}

static int open_children(pid_t pid, pid_t thread)
{
    char path[96];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)thread);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void find_cgroup(struct process_host *h)
{
    h->cgroup_base = cgroup_find_base();
    if (h->cgroup_base && cgroup_enter_leaf(h->cgroup_base) != 0) {
        mem_free(h->cgroup_base);
        h->cgroup_base = NULL;
    }
    h->kind = h->cgroup_base ? str_dupf("cgroup v2 at %s", h->cgroup_base)
                             : mem_strdup("sessions and subreaper");
}

static void find_oom_base(struct process_host *h)
{
    int own = 0;
    /* a lower score than the agent's would be refused, and an equal score would not prefer the job
     * to the agent */
    proc_oom_score_adj(h->pid, &own);
    h->oom_base = own < OOM_MIN ? OOM_MIN : own + 1;
}

static void on_host_closed(uv_handle_t *handle)
{
    struct process_host *h = handle->data;
    if (--h->open_handles > 0) return;
    proc_table_fini(&h->table);
    spawn_stack_fini(&h->stack);
    if (h->null_fd >= 0) close(h->null_fd);
    for (int i = 0; i < 2; i++) {
        if (h->children_fd[i] >= 0) close(h->children_fd[i]);
    }
    mem_free(h->cgroup_base);
    mem_free(h->kind);
    mem_free(h->read_buffer);
    mem_free(h);
}

static int host_open(struct process_host *h)
{
    int rc = uv_signal_init(h->loop, &h->child_signal);
    if (rc != 0) return rc;
    h->child_signal.data = h;
    h->open_handles = 1;
    uv_timer_init(h->loop, &h->kick);
    h->kick.data = h;
    uv_prepare_init(h->loop, &h->prepare);
    h->prepare.data = h;
    read_budget_init(&h->budget);
    uv_prepare_start(&h->prepare, on_prepare);
    uv_unref((uv_handle_t *)&h->prepare);
    h->open_handles = 3;
    rc = uv_signal_start(&h->child_signal, on_child_signal, SIGCHLD);
    uv_unref((uv_handle_t *)&h->child_signal);
    if (rc == 0) rc = spawn_stack_init(&h->stack);
    if (rc != 0) return rc;
    h->null_fd = spawn_above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (h->null_fd < 0) return -errno;
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

int process_host_new(struct uv_loop_s *loop, struct process_host **out, struct err *e)
{
    struct process_host *h = mem_alloc(sizeof *h);
    h->loop = loop;
    h->null_fd = h->children_fd[0] = h->children_fd[1] = -1;
    h->pid = getpid();
    h->session = getsid(0);
    h->read_buffer = mem_alloc(READ_BYTES);
    birth_clock_init(&h->births);
    int rc = host_open(h);
    if (rc != 0) {
        if (h->open_handles == 0) {
            mem_free(h->read_buffer);
            mem_free(h);
        } else {
            process_host_free(h);
        }
        return err_set(e, ERR_IO, "cannot prepare for starting processes: %s", uv_strerror(rc));
    }
    pid_t thread = (pid_t)syscall(SYS_gettid);
    h->children_fd[0] = open_children(h->pid, h->pid);
    if (thread != h->pid) h->children_fd[1] = open_children(h->pid, thread);
    if (os_boot_id(h->boot_id, sizeof h->boot_id) != 0)
        str_copy(h->boot_id, sizeof h->boot_id, "-");
    find_oom_base(h);
    find_cgroup(h);
    *out = h;
    return 0;
}

void process_host_free(struct process_host *h)
{
    if (!h) return;
    while (h->processes) {
        struct process *p = h->processes;
        process_unlink(p);
        process_release(p);
    }
    uv_close((uv_handle_t *)&h->child_signal, on_host_closed);
    uv_close((uv_handle_t *)&h->kick, on_host_closed);
    uv_close((uv_handle_t *)&h->prepare, on_host_closed);
}

void process_host_set_guard(struct process_host *h, struct guard *g)
{
    struct guard_table *t = guard_table_of(g);
    h->guard = g;
    t->oom_base = h->oom_base;
    (void)str_copy(t->boot_id, sizeof t->boot_id, h->boot_id);
    /* the path is too long: the guard finds the tree without it */
    if (h->cgroup_base) (void)str_copy(t->cgroup_base, sizeof t->cgroup_base, h->cgroup_base);
}

void process_host_limit_turn(struct process_host *h, size_t bytes)
{
    read_budget_limit(&h->budget, bytes);
}

const char *process_host_kind(const struct process_host *h)
{
    return h->kind;
}

/* ---- the way to the end -------------------------------------------------------------------- */

static bool pipes_open(const struct process *p)
{
    return p->pipes[0].open || p->pipes[1].open;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct process *p = handle->data;
    p->open_handles--;
    process_release(p);
}

static void close_pipe(struct process_pipe *pipe)
{
    if (!pipe->open) return;
    pipe->open = false;
    if (pipe->attached)
        uv_close((uv_handle_t *)&pipe->handle, on_handle_closed);
    else
        close(pipe->fd);
}

static void stop_reading(struct process_pipe *pipe)
{
    if (pipe->attached) uv_read_stop((uv_stream_t *)&pipe->handle);
}

static void start_reading(struct process *p)
{
    p->reading = true;
    for (int i = 0; i < 2; i++) {
        struct process_pipe *pipe = &p->pipes[i];
        if (!pipe->open) continue;
        if (!pipe->attached) {
            uv_pipe_init(p->host->loop, &pipe->handle, 0);
            pipe->handle.data = p;
            pipe->attached = true;
            p->open_handles++;
            if (uv_pipe_open(&pipe->handle, pipe->fd) != 0) {
                close(pipe->fd);
                close_pipe(pipe);
                continue;
            }
        }
        uv_read_start((uv_stream_t *)&pipe->handle, on_alloc, on_read);
    }
}

static void give_output(struct process *p, enum process_stream stream, const void *data, size_t len)
{
    if (!p->freed && p->handler.on_output) p->handler.on_output(p, stream, data, len, p->user);
}

enum rest {
    REST_NONE, /* nothing now, or nothing more is wanted */
    REST_END,
    REST_MORE /* in another turn */
};

/* Reads the bytes in the pipe, within the limits of this turn; `most` in all. */
static enum rest read_now(struct process *p, struct process_pipe *pipe, size_t most)
{
    struct process_host *h = p->host;
    while (pipe->rest_bytes < most && !p->freed) {
        size_t room = read_budget_room(&h->budget, &pipe->share);
        if (room == 0) return REST_MORE;
        ssize_t n = read(pipe->fd, h->read_buffer, room < READ_BYTES ? room : READ_BYTES);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0 ? REST_END : REST_NONE;
        pipe->rest_bytes += (size_t)n;
        read_budget_take(&h->budget, &pipe->share, (size_t)n);
        give_output(p, pipe->stream, h->read_buffer, (size_t)n);
    }
    return REST_NONE;
}

/* The time to drain is over. But it may have passed while this program was not given the processor:
 * only what is open after another look is held open by a stray. From here on the pipes are read
 * here alone, and so counted: a stray that writes faster than it is read must not put off the
 * end. */
static void look_again(struct process *p)
{
    bool more = false;
    for (int i = 0; i < 2; i++) {
        if (!p->pipes[i].open) continue;
        stop_reading(&p->pipes[i]);
        enum rest found = read_now(p, &p->pipes[i], REST_MAX_BYTES);
        if (found == REST_END) close_pipe(&p->pipes[i]);
        if (found == REST_MORE) more = true;
    }
    if (more)
        uv_timer_start(&p->timer, on_timer, REST_PAUSE_MS, 0);
    else
        p->drain_over = true;
}

/* The writers are dead; or one that nobody can reach holds the pipe open. Either way what is there
 * now is all. true: it is not read yet. */
static bool read_rest(struct process *p, struct process_pipe *pipe)
{
    if (!pipe->open) return false;
    stop_reading(pipe);
    if (read_now(p, pipe, REST_MAX_BYTES) == REST_MORE) return true;
    close_pipe(pipe);
    return false;
}

/* The process has ended before the loop began to read: mostly all that it said is there, and no
 * more than a pipe holds. Its owner may pause it meanwhile, as always while it is told of
 * output. */
static void read_early(struct process *p)
{
    for (int i = 0; i < 2 && !p->freed && !p->paused; i++) {
        struct process_pipe *pipe = &p->pipes[i];
        if (pipe->open && read_now(p, pipe, READ_BYTES) == REST_END) close_pipe(pipe);
        pipe->rest_bytes = 0;
    }
    if (!p->freed && !p->paused && pipes_open(p)) start_reading(p);
}

/* For its owner the process has ended. */
static void host_remove(struct process *p)
{
    struct process_host *h = p->host;
    if (p->alive)
        process_keep(p);
    else
        process_unlink(p);
    if (p->guarded) p->end.expired = guard_release(h->guard, &p->hold);
    p->guarded = false;
    if (--h->running == 0) uv_unref((uv_handle_t *)&h->child_signal);
}

static void finish(struct process *p)
{
    int status = p->reaped ? p->wait_status : SIGKILL;
    p->end.unended = !p->reaped;
    if (!p->reaped) p->reaped_ns = uv_hrtime();
    p->end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    p->end.exit_code = (uint32_t)(p->end.signal ? 128 + p->end.signal : WEXITSTATUS(status));
    p->end.run_ms = (int64_t)((p->reaped_ns - p->started_ns) / 1000000);
    if (p->reaped && p->end.run_ms <= QUICK_MS) p->host->quick_ns = p->reaped_ns;
    p->phase = PROCESS_ENDED;
    uv_timer_stop(&p->timer);
    host_remove(p);
    if (!p->freed && p->handler.on_end) p->handler.on_end(p, &p->end, p->user);
}

/* Reaps children outside the loop's turn; the ends of other processes are reported from the
 * loop. */
static void reap_aside(struct process_host *h)
{
    if (reap(h)) uv_timer_start(&h->kick, on_kick, 0, 0);
}

/* For the job's log: what is about to be ended though nobody wanted the job to end. */
static void note_strays(struct process *p)
{
    if (!p->strays) p->strays = mem_alloc(sizeof *p->strays);
    process_tree_list(p, false, p->strays);
    p->end.strays = p->strays->count > 0 ? p->strays : NULL;
}

/* What was to be ended and lives on. */
static void note_alive(struct process *p)
{
    struct process_list *alive = mem_alloc(sizeof *alive);
    process_tree_list(p, true, alive);
    if (p->strays) process_list_subtract(p->strays, alive);
    if (p->strays && p->strays->count == 0) p->end.strays = NULL;
    if (alive->count == 0) {
        mem_free(alive);
        return;
    }
    p->end.alive = p->alive = alive;
    p->remnant_text = mem_alloc(PROCESS_REMNANT_SIZE);
    if (process_remnant(p, p->remnant_text) == 0) p->end.remnant = p->remnant_text;
}

static bool is_clean(struct process *p)
{
    return p->reaped && process_tree_is_clean(p);
}

/* The machine's count of the memory killer, at most OOM_FRESH_NS old. */
static int64_t oom_machine_count(struct process_host *h, uint64_t now_ns, bool fresh)
{
    if (fresh || h->oom_seen_ns == 0 || now_ns - h->oom_seen_ns > OOM_FRESH_NS) {
        h->oom_seen = oom_count("/proc/vmstat");
        h->oom_seen_ns = now_ns;
    }
    return h->oom_seen;
}

/* While its cgroup is still there. */
static void look_for_memory_killer(struct process *p)
{
    int64_t kills = p->cgroup ? cgroup_oom_kills(p->cgroup) : -1;
    if (kills > 0) p->end.oom_kills = (int)kills;
    if (kills >= 0 || p->killing || p->asked || !p->reaped) return;
    int status = p->wait_status;
    /* a shell ends with 137 when its child was killed */
    bool killed =
        WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 128 + SIGKILL;
    if (killed && p->oom_before >= 0)
        p->end.oom_hint = oom_machine_count(p->host, uv_hrtime(), true) > p->oom_before;
}

/* A program closes its standard output a moment before it ends: who has just let go of the pipes is
 * given that moment, and is not told of as ended. On a busy machine the moment lasts until the
 * program is given a processor; the time to drain bounds it. */
static bool lingers(struct process *p)
{
    if (p->killing || p->asked || p->end.held || p->rounds > 0) return false;
    bool in_time = uv_hrtime() - p->reaped_ns < (uint64_t)p->drain_ms * 1000000;
    if (p->lingered >= LINGER_ROUNDS && !(in_time && process_tree_is_at_work(p))) return false;
    p->lingered++;
    return true;
}

static bool is_hopeless(const struct process *p)
{
    if (p->refused) return p->rounds > SWEEP_ROUNDS_REFUSED;
    return p->rounds > SWEEP_ROUNDS && uv_hrtime() - p->swept_ns > SWEEP_NS;
}

/* true: no process is left, or no more can be done. */
static bool sweep(struct process *p)
{
    if (is_clean(p)) return true;
    reap_aside(p->host);
    if (is_clean(p)) return true;
    if (lingers(p)) return false;
    if (p->rounds++ == 0) p->swept_ns = uv_hrtime();
    if (is_hopeless(p)) {
        note_alive(p);
        return true;
    }
    if (!p->killing && !p->asked) note_strays(p);
    if (process_tree_kill(p) > 0 && !p->killing) p->end.stray = true;
    /* processes that end at once should not cost a round of waiting */
    reap_aside(p->host);
    return is_clean(p);
}

/* What is waited for while DRAINING. After a soft stop: the whole tree, since a shell ends at once
 * and what it started is still saving its work. */
static bool drains(struct process *p)
{
    if (p->killing) return false;
    if (!p->asked) return pipes_open(p) && !p->drain_over;
    if (process_tree_is_empty(p)) return false;
    reap_aside(p->host);
    if (process_tree_is_empty(p)) return false;
    uv_timer_start(&p->timer, on_timer, TREE_LOOK_MS, 0);
    return true;
}

static void process_advance(struct process *p)
{
    if (p->phase == PROCESS_RUNNING && p->reaped) {
        p->phase = PROCESS_DRAINING;
        if (!p->reading) uv_timer_stop(&p->timer); /* it was to begin */
        if (!p->reading && !p->paused) read_early(p);
        if (p->freed) return;
        if (pipes_open(p) && !p->killing && !p->paused && !p->asked) {
            uv_timer_start(&p->timer, on_timer, (uint64_t)p->drain_ms, 0);
        }
    }
    if (p->phase == PROCESS_DRAINING) {
        if (drains(p)) return;
        uv_timer_stop(&p->timer);
        if (pipes_open(p) && !p->killing && !p->asked) p->end.stray = p->end.held = true;
        look_for_memory_killer(p);
        p->phase = PROCESS_SWEEPING;
    }
    if (p->phase == PROCESS_SWEEPING) {
        bool clean = sweep(p);
        if (!clean) {
            int wait_ms = 2 * p->lingered + p->rounds;
            if (wait_ms > SWEEP_PAUSE_MAX_MS) wait_ms = SWEEP_PAUSE_MAX_MS;
            uv_timer_start(&p->timer, on_timer, (uint64_t)wait_ms, 0);
            return;
        }
        p->phase = PROCESS_EMPTYING;
        p->pipes[0].rest_bytes = p->pipes[1].rest_bytes = 0;
    }
    if (p->phase == PROCESS_EMPTYING && !(p->paused && pipes_open(p))) {
        bool more = read_rest(p, &p->pipes[0]);
        if (read_rest(p, &p->pipes[1])) more = true;
        if (p->freed) return;
        if (more)
            uv_timer_start(&p->timer, on_timer, REST_PAUSE_MS, 0);
        else
            finish(p);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct process *p = timer->data;
    if (p->phase == PROCESS_DRAINING && !p->killing && !p->asked) look_again(p);
    if (p->phase == PROCESS_RUNNING && !p->reading && !p->paused)
        start_reading(p);
    else if (p->phase == PROCESS_RUNNING && p->killing)
        p->phase = PROCESS_SWEEPING;
    if (p->phase != PROCESS_ENDED && !p->freed) process_advance(p);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct process *p = handle->data;
    struct process_host *h = p->host;
    struct process_pipe *pipe =
        (uv_handle_t *)&p->pipes[0].handle == handle ? &p->pipes[0] : &p->pipes[1];
    (void)suggested;
    /* one for all: each read is handed on before the next begins. Without room nothing is read
     * (UV_ENOBUFS), and the next turn begins with it. */
    size_t room = read_budget_room(&h->budget, &pipe->share);
    *buf = uv_buf_init(h->read_buffer, (unsigned)(room < READ_BYTES ? room : READ_BYTES));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct process *p = stream->data;
    struct process_pipe *pipe =
        (uv_stream_t *)&p->pipes[0].handle == stream ? &p->pipes[0] : &p->pipes[1];
    if (n > 0) {
        read_budget_take(&p->host->budget, &pipe->share, (size_t)n);
        give_output(p, pipe->stream, buf->base, (size_t)n);
    } else if (n < 0 && n != UV_ENOBUFS) {
        close_pipe(pipe);
        if (!p->freed) process_advance(p);
    }
}

/* ---- start --------------------------------------------------------------------------------- */

/* The ends of the pipes that a start in progress holds. */
struct ends {
    int child[3];
    int ours[2];
};

static void ends_close(struct ends *s, const struct process_host *h)
{
    for (int i = 0; i < 3; i++) {
        if (s->child[i] >= 0 && s->child[i] != h->null_fd) close(s->child[i]);
    }
    for (int i = 0; i < 2; i++) {
        if (s->ours[i] >= 0) close(s->ours[i]);
    }
}

static int ends_open(struct ends *s, struct process_host *h, const char *stdin_path, struct err *e)
{
    *s = (struct ends){{h->null_fd, -1, -1}, {-1, -1}};
    if (stdin_path) {
        s->child[0] = spawn_above_standard(open(stdin_path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
        if (s->child[0] < 0) {
            return err_set(e, ERR_MACHINE, "cannot open %s for standard input: %s", stdin_path,
                           strerror(errno));
        }
    }
    for (int i = 0; i < 2; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) != 0) {
            ends_close(s, h);
            return err_set(e, ERR_MACHINE, "cannot make a pipe: %s", strerror(errno));
        }
        s->ours[i] = spawn_above_standard(pair[0]);
        s->child[i + 1] = spawn_above_standard(pair[1]);
        if (s->ours[i] >= 0) (void)fcntl(s->ours[i], F_SETFL, O_NONBLOCK);
    }
    if (s->ours[0] >= 0 && s->ours[1] >= 0 && s->child[1] >= 0 && s->child[2] >= 0) return 0;
    ends_close(s, h);
    return err_set(e, ERR_MACHINE, "cannot make a pipe: %s", strerror(errno));
}

static int take_oom_tag(struct process_host *h)
{
    for (int i = 0; i < OOM_TAGS && h->oom_base + i <= OOM_MAX; i++) {
        if (h->oom_used[i]) continue;
        h->oom_used[i] = 1;
        return i;
    }
    return -1;
}

/* From here on the guard knows the attempt. */
static int take_slot(struct process *p, const struct process_options *o, struct err *e)
{
    struct process_host *h = p->host;
    if (!h->guard || o->lease_ms <= 0) return 0;
    int score = p->oom_tag >= 0 ? h->oom_base + p->oom_tag : OOM_MAX;
    struct guard_claim claim = {.mark = p->mark,
                                .container = "",
                                .lease_ms = o->lease_ms,
                                .score = score};
    int rc = guard_hold(h->guard, &claim, &p->hold, e);
    p->guarded = rc == 0;
    return rc;
}

static int spawn_main(struct process *p, const struct process_options *o, const char *file,
                      const struct ends *ends, struct err *e)
{
    struct process_host *h = p->host;
    struct spawn s = {.path = file,
                      .argv = o->argv,
                      .env = o->env,
                      .cwd = o->cwd,
                      .cgroup = -1,
                      .die_with_parent = true};
    memcpy(s.fds, ends->child, sizeof s.fds);
    s.oom_score_adj = p->oom_tag >= 0 ? h->oom_base + p->oom_tag : OOM_MAX;
    if (p->guarded) {
        struct guard_slot *slot = &guard_table_of(h->guard)->slots[p->hold.slot];
        s.pid = (int *)&slot->pid;
        s.permit = &slot->state;
        s.permitted = p->hold.permitted;
    }
    if (h->cgroup_base) {
        p->cgroup = cgroup_path(h->cgroup_base, o->mark);
        s.cgroup = cgroup_make(p->cgroup);
    }
    p->birth.before_ns = birth_now_ns();
    p->pid = spawn_process(&s, &h->stack);
    p->birth.after_ns = birth_now_ns();
    if (s.cgroup >= 0) close(s.cgroup);
    if (p->pid > 0) return 0;
    if (p->cgroup) cgroup_remove(p->cgroup);
    return start_failed(&s, o->own_folder, e);
}

/* From here on nothing fails: the process is there. */
static void watch(struct process *p, struct ends *ends)
{
    struct process_host *h = p->host;
    p->started_ns = uv_hrtime();
    if (p->guarded) {
        uint64_t start = process_start_time(p);
        /* never the start time of anything: only as long as it is not reaped its number would do */
        atomic_store(&guard_table_of(h->guard)->slots[p->hold.slot].start, start > 0 ? start : 1);
    }
    for (int i = 0; i < 2; i++) {
        struct process_pipe *pipe = &p->pipes[i];
        pipe->stream = i == 0 ? PROCESS_STDOUT : PROCESS_STDERR;
        pipe->fd = ends->ours[i];
        pipe->open = true;
        ends->ours[i] = -1;
    }
    uv_timer_init(h->loop, &p->timer);
    p->timer.data = p;
    p->open_handles++;
    /* to have the loop look at the pipes of a process that ends meanwhile would cost more than to
     * read them */
    if (h->quick_ns != 0 && p->started_ns - h->quick_ns < QUICK_FOR_NS) {
        uv_update_time(h->loop);
        uv_timer_start(&p->timer, on_timer, QUICK_MS, 0);
    } else {
        start_reading(p);
    }
    if (h->running++ == 0) uv_ref((uv_handle_t *)&h->child_signal);
    p->next = h->processes;
    if (p->next) p->next->link = &p->next;
    h->processes = p;
    p->link = &h->processes;
}

int process_start(struct process_host *h, const struct process_options *o,
                  const struct process_handler *handler, void *user, struct process **out,
                  struct err *e)
{
    char *file = NULL;
    struct ends ends;
    int rc = start_find_command(o, &file, e);
    if (rc != 0) return rc;
    rc = ends_open(&ends, h, o->stdin_path, e);
    if (rc != 0) {
        mem_free(file);
        return rc;
    }
    struct process *p = mem_alloc(sizeof *p);
    p->host = h;
    p->handler = *handler;
    p->user = user;
    p->drain_ms = o->drain_ms;
    p->mark = mem_strdup(o->mark ? o->mark : "");
    p->folder = mem_strdup(o->cwd);
    p->oom_tag = take_oom_tag(h);
    p->oom_before = oom_machine_count(h, uv_hrtime(), false);
    rc = take_slot(p, o, e);
    if (rc == 0) rc = spawn_main(p, o, file, &ends, e);
    mem_free(file);
    if (rc == 0) {
        watch(p, &ends);
        *out = p;
    } else {
        if (p->oom_tag >= 0) h->oom_used[p->oom_tag] = 0;
        if (p->guarded) guard_release(h->guard, &p->hold);
        mem_free(p->mark);
        mem_free(p->folder);
        mem_free(p->cgroup);
        mem_free(p);
    }
    ends_close(&ends, h);
    return rc;
}

/* ---- while the job runs -------------------------------------------------------------------- */

int64_t process_pid(const struct process *p)
{
    return p->pid;
}

void process_pause(struct process *p)
{
    if (p->paused) return;
    p->paused = true;
    for (int i = 0; i < 2; i++) {
        if (p->pipes[i].open) stop_reading(&p->pipes[i]);
    }
    /* the time to drain is for reading */
    if (p->phase == PROCESS_DRAINING && !p->asked) uv_timer_stop(&p->timer);
}

void process_resume(struct process *p)
{
    if (!p->paused) return;
    p->paused = false;
    start_reading(p);
    if (p->phase == PROCESS_DRAINING && !p->asked) {
        uv_timer_start(&p->timer, on_timer, (uint64_t)p->drain_ms, 0);
    } else if (p->phase == PROCESS_EMPTYING) {
        uv_timer_start(&p->timer, on_timer, 0, 0);
    }
}

void process_terminate(struct process *p)
{
    if (p->phase == PROCESS_ENDED) return;
    process_tree_signal(p, SIGTERM);
    /* a stopped process would never see the signal */
    process_tree_signal(p, SIGCONT);
    p->asked = true;
    if (p->phase != PROCESS_DRAINING) return;
    /* what outlived the main process has its time from now on, and is read again */
    if (!p->paused) start_reading(p);
    uv_timer_start(&p->timer, on_timer, 0, 0);
}

void process_kill(struct process *p)
{
    if (p->phase > PROCESS_SWEEPING) return;
    bool again = p->killing;
    p->killing = true;
    if (p->phase == PROCESS_RUNNING && !p->reading && !p->paused) start_reading(p);
    process_tree_kill(p);
    if (p->phase != PROCESS_RUNNING)
        uv_timer_start(&p->timer, on_timer, 0, 0);
    else if (!again)
        uv_timer_start(&p->timer, on_timer, KILL_MAIN_MS, 0);
}

/* Shutdown: there is no loop to come back to. */
static void end_now(struct process *p)
{
    p->killing = true;
    for (int round = 0; round < FREE_ROUNDS; round++) {
        process_tree_kill(p);
        reap_aside(p->host);
        if (p->reaped && process_tree_is_clean(p)) break;
        struct timespec pause = {.tv_nsec = 1000000L << (round < 4 ? round : 4)};
        nanosleep(&pause, NULL);
    }
    host_remove(p);
    p->phase = PROCESS_ENDED;
}

void process_free(struct process *p)
{
    if (!p || p->freed) return;
    p->freed = true;
    if (p->phase != PROCESS_ENDED) end_now(p);
    for (int i = 0; i < 2; i++)
        close_pipe(&p->pipes[i]);
    uv_close((uv_handle_t *)&p->timer, on_handle_closed);
}
