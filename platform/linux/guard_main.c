/* The guard's own program on Linux. It sees the job's processes as the agent does, through
 * process_tree.c: the table tells it what the agent knows of them. */
#include "platform/guard.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "platform/linux/cgroup.h"
#include "platform/linux/guard_impl.h"
#include "platform/linux/process_impl.h"
#include "platform/log_sink.h"
#include "platform/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MIN_MS 2
#define PAUSE_MAX_MS 100
#define LEFTOVER_PAUSE_S 1

struct watch {
    struct guard_table *table;
    size_t bytes;
    int timer;
    uint64_t *seen, *ended;  /* per slot: the state last logged, the state without processes */
    struct process *mirrors; /* of the agent's processes, a place per slot */
    struct process_host host;
    int64_t pause_ms;
};

/* A reader of the log that does not read must not hold the guard up. */
static bool log_takes(void)
{
    struct pollfd fd = {.fd = GUARD_LOG_FD, .events = POLLOUT};
    return poll(&fd, 1, 0) == 1 && fd.revents == POLLOUT;
}

/* ---- while the agent lives ----------------------------------------------------------------- */

static void mirror_fini(struct process *p)
{
    mem_free(p->mark);
    mem_free(p->cgroup);
    memset(p, 0, sizeof *p);
}

static void mirror_fill(struct watch *w, struct process *p, const struct guard_attempt *a)
{
    struct proc now;
    p->host = &w->host;
    p->pid = a->pid;
    p->start = a->start;
    p->start_read = true;
    p->reaped = proc_read(a->pid, &now) != 0 || (a->start != 0 && now.start != a->start);
    p->oom_tag = a->score - w->host.oom_base;
    if (p->oom_tag >= OOM_TAGS) p->oom_tag = -1;
    p->mark = mem_strdup(a->mark);
    if (w->host.cgroup_base) p->cgroup = cgroup_path(w->host.cgroup_base, a->mark);
}

/* What the agent wrote into the table before it took the first slot. The guard may be up earlier:
 * this is read when there is a slot to look at, and not before. */
static void learn(struct watch *w)
{
    w->host.oom_base = w->table->oom_base;
    w->host.cgroup_base = w->table->cgroup_base[0] ? w->table->cgroup_base : NULL;
}

/* All that run, since whose an orphan is can only be told with the others in view. */
static void look(struct watch *w)
{
    struct guard_attempt a;
    learn(w);
    w->host.processes = NULL;
    for (uint32_t i = 0; i < atomic_load(&w->table->top); i++) {
        struct process *p = &w->mirrors[i];
        mirror_fini(p);
        if (!guard_table_read(w->table, i, &a) || a.pid <= 0) continue;
        mirror_fill(w, p, &a);
        p->next = w->host.processes;
        w->host.processes = p;
    }
}

static bool is_due(struct watch *w, uint32_t slot, struct guard_attempt *a)
{
    return guard_table_read(w->table, slot, a) && guard_state_of(a->state) == GUARD_EXPIRED &&
           w->ended[slot] != a->state;
}

/* One pass over the expired slots. True: some of their processes may be left. */
static bool end_expired(struct watch *w)
{
    struct guard_attempt a;
    bool any = false, left = false;
    for (uint32_t i = 0; i < atomic_load(&w->table->top); i++)
        any = is_due(w, i, &a) || any;
    if (!any) return false;
    look(w);
    for (uint32_t i = 0; i < atomic_load(&w->table->top); i++) {
        if (!is_due(w, i, &a)) continue;
        struct process *p = &w->mirrors[i];
        /* no process yet: the start checks the state once more before it executes the program */
        int hit = p->pid > 0 ? process_tree_kill(p) : 0;
        if (hit > 0)
            left = true;
        else
            w->ended[i] = a.state;
        if (w->seen[i] != a.state && log_takes())
            log_warn("job %s: the lease has ended and the agent has not ended the job; the guard "
                     "ends it",
                     a.mark);
        w->seen[i] = a.state;
    }
    return left;
}

static void wait_until(struct watch *w, int64_t until_ms)
{
    struct itimerspec when = {.it_value = {0, 0}};
    if (until_ms != INT64_MAX) {
        when.it_value.tv_sec = (time_t)(until_ms / 1000);
        when.it_value.tv_nsec = until_ms % 1000 * 1000000 + 1;
    }
    timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &when, NULL);
    struct pollfd fds[2] = {{.fd = GUARD_LINE_FD, .events = POLLIN},
                            {.fd = w->timer, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
}

/* Reads the waiting bytes. False: the agent has ended. */
static bool agent_lives(struct watch *w)
{
    char bytes[64];
    ssize_t n;
    do {
        n = read(GUARD_LINE_FD, bytes, sizeof bytes);
        if (n == 0) return false;
    } while (n > 0 || errno == EINTR);
    return atomic_load(&w->table->closing) == 0;
}

static void watch_agent(struct watch *w)
{
    while (agent_lives(w)) {
        int64_t now_ms = os_mono_ms();
        int64_t until = guard_table_expire(w->table, now_ms);
        if (end_expired(w)) {
            int64_t again = now_ms + w->pause_ms;
            if (again < until) until = again;
            if (w->pause_ms < PAUSE_MAX_MS) w->pause_ms *= 2;
        } else {
            w->pause_ms = PAUSE_MIN_MS;
        }
        if (guard_table_sleep(w->table, until)) wait_until(w, until);
    }
}

/* ---- when the agent is dead ---------------------------------------------------------------- */

/* true: nothing is left */
static bool end_leftover(const struct watch *w, const struct guard_attempt *a)
{
    char identity[PROCESS_IDENTITY_SIZE];
    int killed = 0;
    struct err e;
    if (a->pid <= 0 || str_format(identity, sizeof identity, "%d %" PRIu64 " %s %d", (int)a->pid,
                                  a->start, w->table->boot_id, (int)a->score) != 0) {
        return true;
    }
    if (process_kill_leftover(identity, a->mark, &killed, &e) != 0) {
        if (log_takes()) log_error("guard: %s", err_text(&e));
        return false;
    }
    if (killed > 0 && log_takes())
        log_warn("job %s: the agent has ended; %d processes of the job were still there, and the "
                 "guard ended them",
                 a->mark, killed);
    return true;
}

static void end_all(struct watch *w)
{
    struct guard_attempt a;
    uint32_t top = atomic_load(&w->table->top);
    learn(w);
    /* first what goes at one stroke; main processes die with their parent by themselves */
    for (uint32_t i = 0; i < top && w->host.cgroup_base; i++) {
        if (!guard_table_read(w->table, i, &a)) continue;
        char *path = cgroup_path(w->host.cgroup_base, a.mark);
        cgroup_kill(path);
        mem_free(path);
    }
    for (bool left = true; left;) {
        left = false;
        for (uint32_t i = 0; i < top; i++) {
            if (!guard_table_read(w->table, i, &a) || w->ended[i] == UINT64_MAX) continue;
            if (end_leftover(w, &a))
                w->ended[i] = UINT64_MAX;
            else
                left = true;
        }
        if (left) sleep(LEFTOVER_PAUSE_S);
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

bool guard_is_asked_for(int argc, char *const *argv)
{
    return argc == 2 && str_eq(argv[1], "guard");
}

static int map_table(struct watch *w)
{
    struct stat st, line;
    if (fstat(GUARD_LINE_FD, &line) != 0 || !S_ISFIFO(line.st_mode)) return ERR_INVALID;
    if (fstat(GUARD_MEMORY_FD, &st) != 0 || st.st_size < (off_t)sizeof(struct guard_table))
        return ERR_INVALID;
    w->bytes = (size_t)st.st_size;
    void *at = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, GUARD_MEMORY_FD, 0);
    if (at == MAP_FAILED) return ERR_INVALID;
    w->table = at;
    if (guard_table_fits(w->table, w->bytes)) return 0;
    munmap(at, w->bytes);
    return ERR_INVALID;
}

static void prepare(struct watch *w)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "cadre-guard", 0, 0, 0);
    fcntl(GUARD_LINE_FD, F_SETFL, O_NONBLOCK);
    close(GUARD_MEMORY_FD);
    (void)log_sink_open(NULL, NULL);
    w->host.pid = w->table->agent_pid;
    w->host.session = w->table->agent_session;
    w->host.guard_pid = getpid();
    w->seen = mem_array(w->table->capacity, sizeof *w->seen);
    w->ended = mem_array(w->table->capacity, sizeof *w->ended);
    w->mirrors = mem_array(w->table->capacity, sizeof *w->mirrors);
    w->pause_ms = PAUSE_MIN_MS;
}

int guard_main(int argc, char *const *argv)
{
    struct watch w = {.table = NULL};
    (void)argc;
    (void)argv;
    if (map_table(&w) != 0) {
        fputs("cadre-agent: guard is started by 'cadre-agent run', not by hand\n", stderr);
        return 1;
    }
    w.timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (w.timer < 0) {
        fprintf(stderr, "cadre-agent: guard: no timer: %s\n", strerror(errno));
        return 1;
    }
    prepare(&w);
    watch_agent(&w);
    end_all(&w);
    for (uint32_t i = 0; i < w.table->capacity; i++)
        mirror_fini(&w.mirrors[i]);
    proc_table_fini(&w.host.table);
    mem_free(w.mirrors);
    mem_free(w.seen);
    mem_free(w.ended);
    munmap(w.table, w.bytes);
    log_sink_close();
    return 0;
}
