/* The guard's process on Linux. Its own program is guard_main.c. */
#include "platform/guard_process.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "platform/linux/guard_impl.h"
#include "platform/linux/spawn.h"

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

#define GOODBYE_MS 1000

/* The agent's end of the pipe. The guard holds the other end: when the guard is gone, this end is
 * closed. */
struct line {
    uv_poll_t poll;
    int fd;
};

struct guard_process {
    uv_loop_t *loop;
    guard_process_end_fn on_end;
    void *user;
    struct guard_table *table;
    struct spawn_stack stack;
    int memory;
    struct line *line; /* NULL: no guard is running */
    pid_t pid;
};

struct guard_table *guard_process_table(const struct guard_process *p)
{
    return p->table;
}

int64_t guard_process_pid(const struct guard_process *p)
{
    return p->line ? p->pid : 0;
}

static void on_line_closed(uv_handle_t *handle)
{
    struct line *line = (struct line *)(void *)handle;
    close(line->fd);
    mem_free(line);
}

static void drop_line(struct guard_process *p)
{
    struct line *line = p->line;
    p->line = NULL;
    uv_close((uv_handle_t *)&line->poll, on_line_closed);
}

/* The other end was closed: the guard is dead. Whoever reaps the loop's children has reaped it, or
 * will. */
static void on_line(uv_poll_t *poll, int status, int events)
{
    struct guard_process *p = poll->data;
    (void)status;
    (void)events;
    drop_line(p);
    p->on_end(p->pid, p->user);
}

static int above_standard(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* The guard gets only its standard streams: the pipe, the shared memory, the log. */
static pid_t spawn_guard(struct guard_process *p, int line_end)
{
    static const char *const argv[] = {"cadre-agent", "guard", NULL};
    const char *env[2] = {NULL, NULL};
    char *journal = NULL;
    const char *stream = getenv("JOURNAL_STREAM"); /* decides how a line of the log looks */
    if (stream) env[0] = journal = str_dupf("JOURNAL_STREAM=%s", stream);
    struct spawn s = {.path = "/proc/self/exe", .argv = argv, .env = env, .cwd = "/", .cgroup = -1};
    s.fds[0] = above_standard(line_end);
    s.fds[1] = above_standard(p->memory);
    s.fds[2] = above_standard(2);
    pid_t pid = -1;
    if (s.fds[0] >= 0 && s.fds[1] >= 0 && s.fds[2] >= 0) {
        pid = spawn_process(&s, &p->stack);
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

int guard_process_start(struct guard_process *p, struct err *e)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(e, ERR_IO, "cannot make a pipe to the guard: %s", strerror(errno));
    pid_t pid = spawn_guard(p, pair[0]);
    int error = errno;
    close(pair[0]);
    if (pid < 0) {
        close(pair[1]);
        return err_set(e, ERR_IO, "cannot start the guard: %s", strerror(error));
    }
    p->pid = pid;
    p->line = mem_alloc(sizeof *p->line);
    p->line->fd = pair[1];
    uv_poll_init(p->loop, &p->line->poll, pair[1]);
    p->line->poll.data = p;
    uv_poll_start(&p->line->poll, UV_DISCONNECT, on_line);
    uv_unref((uv_handle_t *)&p->line->poll);
    return 0;
}

void guard_process_wake(const struct guard_process *p)
{
    char byte = 0;
    /* a full pipe wakes the guard as well */
    ssize_t n = p->line ? write(p->line->fd, &byte, 1) : 0;
    (void)n;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int map_memory(struct guard_process *p, uint32_t capacity, struct err *e)
{
    size_t bytes = guard_table_size(capacity);
    p->memory = memfd_create("cadre-guard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (p->memory < 0 || ftruncate(p->memory, (off_t)bytes) != 0)
        return err_set(e, ERR_IO, "cannot make memory for the guard: %s", strerror(errno));
    /* a mapping that shrinks would end its readers */
    fcntl(p->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->memory, 0);
    if (at == MAP_FAILED)
        return err_set(e, ERR_IO, "cannot map memory for the guard: %s", strerror(errno));
    p->table = at;
    guard_table_init(p->table, capacity);
    p->table->agent_pid = getpid();
    p->table->agent_session = getsid(0);
    return 0;
}

static void release(struct guard_process *p)
{
    if (p->table) munmap(p->table, guard_table_size(p->table->capacity));
    if (p->memory >= 0) close(p->memory);
    spawn_stack_fini(&p->stack);
    mem_free(p);
}

int guard_process_new(struct uv_loop_s *loop, uint32_t capacity, guard_process_end_fn on_end,
                      void *user, struct guard_process **out, struct err *e)
{
    struct guard_process *p = mem_alloc(sizeof *p);
    *p = (struct guard_process){.loop = loop, .on_end = on_end, .user = user, .memory = -1};
    int rc = map_memory(p, capacity, e);
    if (rc == 0 && spawn_stack_init(&p->stack) != 0)
        rc = err_set(e, ERR_IO, "cannot make a stack for starting the guard");
    if (rc != 0) {
        release(p);
        return rc;
    }
    *out = p;
    return 0;
}

/* So that the guard does not count as a process that a job left. */
static void see_off(struct guard_process *p)
{
    struct pollfd end = {.fd = p->line->fd, .events = 0};
    guard_process_wake(p);
    if (poll(&end, 1, GOODBYE_MS) > 0) {
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
}

void guard_process_free(struct guard_process *p)
{
    if (!p) return;
    if (p->line) {
        see_off(p);
        drop_line(p);
    }
    release(p);
}
