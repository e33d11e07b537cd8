/* The guard on Linux: the agent's side. The guard's own program is guard_main.c. */
#include "platform/guard.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "platform/linux/guard_impl.h"
#include "platform/linux/spawn.h"
#include "platform/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define RISE_POLL_MS 5  /* while one starts */
#define RESTART_MS 1000 /* after one that did not last */
#define GOODBYE_MS 1000
#define LASTS_MS 2000

/* The agent's end of the line. The guard holds the other end: when it is gone, this one says so. */
struct line {
    uv_poll_t poll;
    int fd;
};

struct guard {
    struct guard_options o;
    struct guard_table *table;
    struct guard_free_slots slots;
    struct spawn_stack stack;
    int memory;
    struct line *line; /* NULL: no guard is running */
    pid_t pid;
    uv_timer_t timer; /* looks whether one is up, or starts another one */
    int64_t started_ms;
};

static bool is_full(const struct guard *g)
{
    return g->slots.count == 0;
}

bool guard_ready(const struct guard *g)
{
    return g->line && !is_full(g) && atomic_load(&g->table->sleeps_until_ms) != 0;
}

int64_t guard_pid(const struct guard *g)
{
    return g->line ? g->pid : 0;
}

struct guard_table *guard_table_of(const struct guard *g)
{
    return g->table;
}

/* ---- starting it --------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void on_line_closed(uv_handle_t *handle)
{
    struct line *line = (struct line *)(void *)handle;
    close(line->fd);
    mem_free(line);
}

static void drop_line(struct guard *g)
{
    struct line *line = g->line;
    g->line = NULL;
    uv_close((uv_handle_t *)&line->poll, on_line_closed);
}

/* The other end was closed: the guard is dead. Whoever reaps the loop's children has reaped it, or
 * will. */
static void on_line(uv_poll_t *poll, int status, int events)
{
    struct guard *g = poll->data;
    (void)status;
    (void)events;
    bool lasted = os_mono_ms() - g->started_ms > LASTS_MS;
    log_error("guard: its process %d has ended; no job is started until another one watches",
              (int)g->pid);
    drop_line(g);
    atomic_store(&g->table->sleeps_until_ms, 0);
    uv_timer_start(&g->timer, on_timer, lasted ? 0 : RESTART_MS, 0);
    g->o.on_change(g->o.user);
}

static int above_standard(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* Its standard streams are all that it gets: the line, the shared memory, the log. */
static pid_t spawn_guard(struct guard *g, int line_end)
{
    static const char *const argv[] = {"cadre-agent", "guard", NULL};
    const char *env[2] = {NULL, NULL};
    char *journal = NULL;
    const char *stream = getenv("JOURNAL_STREAM"); /* decides how a line of the log looks */
    if (stream) env[0] = journal = str_dupf("JOURNAL_STREAM=%s", stream);
    struct spawn s = {.path = "/proc/self/exe", .argv = argv, .env = env, .cwd = "/", .cgroup = -1};
    s.fds[0] = above_standard(line_end);
    s.fds[1] = above_standard(g->memory);
    s.fds[2] = above_standard(2);
    pid_t pid = -1;
    if (s.fds[0] >= 0 && s.fds[1] >= 0 && s.fds[2] >= 0) {
        pid = spawn_process(&s, &g->stack);
        errno = s.error;
    }
    int error = errno;
    for (int i = 0; i < 3; i++) {
        if (s.fds[i] >= 0) close(s.fds[i]);
    }
    mem_free(journal);
    errno = error;
    return pid;
}

static int start(struct guard *g, struct err *e)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(e, ERR_IO, "cannot make a pipe to the guard: %s", strerror(errno));
    pid_t pid = spawn_guard(g, pair[0]);
    int error = errno;
    close(pair[0]);
    if (pid < 0) {
        close(pair[1]);
        return err_set(e, ERR_IO, "cannot start the guard: %s", strerror(error));
    }
    g->pid = pid;
    g->started_ms = os_mono_ms();
    g->line = mem_alloc(sizeof *g->line);
    g->line->fd = pair[1];
    uv_poll_init(g->o.loop, &g->line->poll, pair[1]);
    g->line->poll.data = g;
    uv_poll_start(&g->line->poll, UV_DISCONNECT, on_line);
    uv_unref((uv_handle_t *)&g->line->poll);
    uv_timer_start(&g->timer, on_timer, RISE_POLL_MS, RISE_POLL_MS);
    return 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct guard *g = timer->data;
    struct err e;
    if (!g->line) {
        if (start(g, &e) != 0) {
            log_error("guard: %s", err_text(&e));
            uv_timer_start(&g->timer, on_timer, RESTART_MS, 0);
        }
        return;
    }
    if (atomic_load(&g->table->sleeps_until_ms) == 0) return;
    uv_timer_stop(timer);
    log_info("guard: process %d watches", (int)g->pid);
    g->o.on_change(g->o.user);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int map_memory(struct guard *g, uint32_t capacity, struct err *e)
{
    size_t bytes = guard_table_size(capacity);
    g->memory = memfd_create("cadre-guard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (g->memory < 0 || ftruncate(g->memory, (off_t)bytes) != 0)
        return err_set(e, ERR_IO, "cannot make memory for the guard: %s", strerror(errno));
    /* a mapping that shrinks would end whoever reads it */
    fcntl(g->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g->memory, 0);
    if (at == MAP_FAILED)
        return err_set(e, ERR_IO, "cannot map memory for the guard: %s", strerror(errno));
    g->table = at;
    guard_table_init(g->table, capacity);
    g->table->agent_pid = getpid();
    g->table->agent_session = getsid(0);
    return 0;
}

static void release(struct guard *g)
{
    if (g->table) munmap(g->table, guard_table_size(g->table->capacity));
    if (g->memory >= 0) close(g->memory);
    spawn_stack_fini(&g->stack);
    guard_free_slots_fini(&g->slots);
    mem_free(g);
}

static void on_closed(uv_handle_t *handle)
{
    release(handle->data);
}

int guard_new(const struct guard_options *o, struct guard **out, struct err *e)
{
    struct guard *g = mem_alloc(sizeof *g);
    g->o = *o;
    g->memory = -1;
    int rc = map_memory(g, o->capacity, e);
    if (rc == 0 && spawn_stack_init(&g->stack) != 0)
        rc = err_set(e, ERR_IO, "cannot make a stack for starting the guard");
    if (rc != 0) {
        release(g);
        return rc;
    }
    guard_free_slots_init(&g->slots, o->capacity);
    uv_timer_init(o->loop, &g->timer);
    uv_unref((uv_handle_t *)&g->timer);
    g->timer.data = g;
    rc = start(g, e);
    if (rc != 0) {
        uv_close((uv_handle_t *)&g->timer, on_closed);
        return rc;
    }
    *out = g;
    return 0;
}

static void kick(const struct guard *g)
{
    char byte = 0;
    /* a full pipe wakes it as well */
    ssize_t n = g->line ? write(g->line->fd, &byte, 1) : 0;
    (void)n;
}

/* In good order: it ends before we do, so that nobody takes it for something that was left
 * behind. */
static void see_off(struct guard *g)
{
    struct pollfd end = {.fd = g->line->fd, .events = 0};
    atomic_store(&g->table->closing, 1);
    kick(g);
    if (poll(&end, 1, GOODBYE_MS) > 0) {
        while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
}

void guard_free(struct guard *g)
{
    if (!g) return;
    if (g->line) {
        see_off(g);
        drop_line(g);
    }
    uv_close((uv_handle_t *)&g->timer, on_closed);
}

/* ---- slots --------------------------------------------------------------------------------- */

void guard_renew(struct guard *g, int64_t base_ms)
{
    atomic_store(&g->table->base_ms, base_ms);
}

int guard_hold(struct guard *g, const char *mark, const char *container, int64_t lease_ms,
               int32_t score, struct guard_hold *out, struct err *e)
{
    bool wake;
    if (!g->line || atomic_load(&g->table->sleeps_until_ms) == 0)
        return err_set(e, ERR_UNAVAILABLE, "the guard is not running");
    if (is_full(g))
        return err_set(e, ERR_FULL, "the guard watches %u attempts already", g->table->capacity);
    out->slot = g->slots.items[--g->slots.count];
    out->permitted = guard_table_hold(g->table, out->slot, mark, container, lease_ms, score, &wake);
    if (wake) kick(g);
    return 0;
}

bool guard_release(struct guard *g, const struct guard_hold *hold)
{
    bool was_full = is_full(g);
    bool expired = guard_table_free(g->table, hold->slot);
    g->slots.items[g->slots.count++] = hold->slot;
    if (was_full) g->o.on_change(g->o.user);
    return expired;
}
