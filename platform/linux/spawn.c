/* The child's side runs in the parent's memory while the parent waits: it makes system calls and
 * nothing else, and tells of a failure by writing into the parent's struct. */
#include "platform/linux/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD ((idtype_t)3) /* waitid(2); not in every header set */
#endif

#define STACK_BYTES (64u * 1024)
#define SIGNALS 64
#define FIRST_OTHER_FD 3

/* A sanitizer keeps its own books about stack frames, and would go on to do so in the parent's
 * memory about frames that never return. */
#if defined(__clang__)
#define IN_CHILD __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define IN_CHILD __attribute__((noinline, no_sanitize("address", "thread", "undefined")))
#endif

struct start {
    struct spawn *s;
    pid_t parent;
    bool join;        /* join the cgroup: the child was not born in it */
    bool handlers;    /* the child was born with our handlers of signals */
    uint64_t ignored; /* signals */
    char oom[8];
};

/* struct sigaction of the kernel: glibc's wrapper does more than is allowed here. */
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

/* A bit for each signal that is ignored, or handled, too. */
IN_CHILD static uint64_t find_changed_signals(bool handled)
{
    struct kernel_sigaction now;
    uint64_t found = 0;
    for (long number = 1; number <= SIGNALS; number++) {
        if (syscall(SYS_rt_sigaction, number, NULL, &now, sizeof now.mask) != 0) continue;
        bool ignored = (uintptr_t)now.handler == (uintptr_t)SIG_IGN;
        if (ignored || (handled && now.handler)) found |= UINT64_C(1) << (number - 1);
    }
    return found;
}

IN_CHILD static void reset_signals(uint64_t which)
{
    struct kernel_sigaction fresh = {.handler = NULL};
    for (long number = 1; which != 0; number++, which >>= 1) {
        if (which & 1) syscall(SYS_rt_sigaction, number, &fresh, NULL, sizeof fresh.mask);
    }
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

/* linux_dirent64, see getdents(2) */
struct fd_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

/* What kernels before close_range(2) need. Closing while listing skips nothing: the offset is the
 * number. */
IN_CHILD static void close_listed(void)
{
    _Alignas(8) char text[1024];
    long dir = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0) return;
    long n;
    while ((n = syscall(SYS_getdents64, dir, text, sizeof text)) > 0) {
        for (long at = 0; at < n;) {
            struct fd_entry *entry = (struct fd_entry *)(void *)(text + at);
            at += entry->size;
            long fd = 0;
            const char *digit = entry->name;
            for (; *digit >= '0' && *digit <= '9'; digit++)
                fd = fd * 10 + (*digit - '0');
            if (digit != entry->name && fd >= FIRST_OTHER_FD && fd != dir) syscall(SYS_close, fd);
        }
    }
    syscall(SYS_close, dir);
}

IN_CHILD static void close_others(void)
{
    if (syscall(SYS_close_range, FIRST_OTHER_FD, ~0u, 0) != 0) close_listed();
}

/* Best effort: what starts the job decides what it may do to others, not whether it runs. */
IN_CHILD static void raise_oom_score(const char *text)
{
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0) return;
    long len = 0;
    while (text[len])
        len++;
    syscall(SYS_write, fd, text, len);
    syscall(SYS_close, fd);
}

IN_CHILD static void join_cgroup(int folder)
{
    long fd = syscall(SYS_openat, folder, "cgroup.procs", O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0) return;
    syscall(SYS_write, fd, "0", 1);
    syscall(SYS_close, fd);
}

IN_CHILD static void give_up(struct spawn *s, enum spawn_step step)
{
    s->error = errno;
    s->step = step;
    for (;;)
        syscall(SYS_exit_group, 127);
}

IN_CHILD static int child_main(void *arg)
{
    struct start *t = arg;
    struct spawn *s = t->s;
    if (!s->same_session) syscall(SYS_setsid);
    if (s->die_with_parent) {
        syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        /* had the parent died before, nobody would tell us any more */
        if (syscall(SYS_getppid) != t->parent) syscall(SYS_exit_group, 127);
    }
    if (t->join) join_cgroup(s->cgroup);
    for (int i = 0; i < 3; i++) {
        if (syscall(SYS_dup3, s->fds[i], i, 0) < 0) give_up(s, SPAWN_SETUP);
    }
    if (t->oom[0]) raise_oom_score(t->oom);
    if (s->cwd && syscall(SYS_chdir, s->cwd) != 0) give_up(s, SPAWN_CWD);
    close_others();
    reset_signals(t->handlers ? find_changed_signals(true) : t->ignored);
    /* the last check: the parent may have been stopped since it decided to start the process */
    if (s->permit && atomic_load(s->permit) != s->permitted) {
        errno = ECANCELED;
        give_up(s, SPAWN_REVOKED);
    }
    syscall(SYS_execve, s->path, s->argv, s->env);
    give_up(s, SPAWN_EXEC);
    return 127;
}

/* Born in the cgroup: moving a process there afterwards makes the kernel wait for all
 * processors. */
#if defined(__x86_64__)
static long clone_into(struct start *t, const struct spawn_stack *k)
{
    struct clone_args args = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
        .exit_signal = SIGCHLD,
        .stack = (uint64_t)(uintptr_t)k->base,
        .stack_size = k->bytes,
    };
    if (t->s->pid) {
        args.flags |= CLONE_PARENT_SETTID;
        args.parent_tid = (uint64_t)(uintptr_t)t->s->pid;
    }
    if (t->s->pidfd) {
        args.flags |= CLONE_PIDFD;
        args.pidfd = (uint64_t)(uintptr_t)t->s->pidfd;
    }
    if (t->s->cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)t->s->cgroup;
    }
    register struct start *arg __asm__("r8") = t;
    long result = SYS_clone3;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r8, %%rdi\n\t"
                     "call *%%rdx\n\t"
                     "hlt\n"
                     "1:"
                     : "+a"(result)
                     : "D"(&args), "S"(sizeof args), "d"(child_main), "r"(arg)
                     : "rcx", "r11", "memory", "cc");
    return result;
}
#else
static long clone_into(struct start *t, const struct spawn_stack *k)
{
    (void)t;
    (void)k;
    return -ENOSYS;
}
#endif

static pid_t clone_child(struct start *t, const struct spawn_stack *k)
{
    long pid = clone_into(t, k);
    if (pid >= 0) return (pid_t)pid;
    /* kernels before 5.7 and sandboxes that do not know clone3 */
    if (pid == -ENOSYS || pid == -EINVAL || pid == -EPERM) {
        t->join = t->s->cgroup >= 0;
        t->handlers = true;
        int flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (t->s->pid ? CLONE_PARENT_SETTID : 0) |
                    (t->s->pidfd ? CLONE_PIDFD : 0);
        pid = clone(child_main, (char *)k->base + k->bytes, flags, t,
                    t->s->pidfd ? t->s->pidfd : t->s->pid);
        if (pid < 0) pid = -errno;
    }
    if (pid >= 0) return (pid_t)pid;
    t->s->error = (int)-pid;
    return -1;
}

int spawn_stack_init(struct spawn_stack *k)
{
    long page = sysconf(_SC_PAGESIZE);
    size_t guard = page > 0 ? (size_t)page : 4096;
    char *base = mmap(NULL, STACK_BYTES + guard, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (base == MAP_FAILED) return -errno;
    mprotect(base, guard, PROT_NONE);
    k->base = base + guard;
    k->bytes = STACK_BYTES;
    k->ignored = find_changed_signals(false);
    return 0;
}

void spawn_stack_fini(struct spawn_stack *k)
{
    if (!k->base) return;
    long page = sysconf(_SC_PAGESIZE);
    size_t guard = page > 0 ? (size_t)page : 4096;
    munmap((char *)k->base - guard, k->bytes + guard);
    k->base = NULL;
}

static void format_number(char *out, int n)
{
    char digits[8];
    int len = 0;
    while (n > 0 && len < 6) {
        digits[len++] = (char)('0' + n % 10);
        n /= 10;
    }
    while (len > 0)
        *out++ = digits[--len];
    *out = '\0';
}

int spawn_above_standard(int fd)
{
    if (fd < 0 || fd > 2) return fd;
    int other = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int error = errno;
    close(fd);
    errno = error;
    return other;
}

void spawn_reap(int pidfd)
{
    siginfo_t info;
    waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
}

/* The process has ended, or is about to. */
static void reap_failed(const struct spawn *s, pid_t pid)
{
    if (s->pidfd && *s->pidfd >= 0) {
        struct pollfd end = {.fd = *s->pidfd, .events = POLLIN};
        while (poll(&end, 1, -1) < 0 && errno == EINTR)
            continue;
        spawn_reap(*s->pidfd);
        close(*s->pidfd);
        *s->pidfd = -1;
        return;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

pid_t spawn_process(struct spawn *s, const struct spawn_stack *k)
{
    struct start t = {.s = s, .parent = getpid(), .ignored = k->ignored};
    s->step = SPAWN_CLONE;
    s->error = 0;
    if (s->pidfd) *s->pidfd = -1;
    format_number(t.oom, s->oom_score_adj);
    /* a handler of ours must not run in the child, which has our memory */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = clone_child(&t, k);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid >= 0 && s->error != 0) {
        reap_failed(s, pid);
        return -1;
    }
    return pid;
}
