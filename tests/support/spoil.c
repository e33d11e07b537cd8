/*
 * Spoils a machine for an agent, until it gets SIGTERM:
 *
 *   spoil hang FOLDER    what is in the folder hangs: a FUSE mount whose server never answers
 *   spoil memory PID     no process can be started for want of memory: the main thread of that
 *                        process gets ENOMEM (by ptrace; x86-64 only)
 *
 * Prints "spoilt" when that holds. Exit code 77 and a reason: not to be had here.
 */
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void on_term(int number)
{
    (void)number;
    over = 1;
}

static int not_here(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    return 77;
}

static void catch_term(sigset_t *before)
{
    struct sigaction act = {.sa_handler = on_term}; /* interrupts what waits */
    sigset_t term;
    sigaction(SIGTERM, &act, NULL);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, before);
    puts("spoilt");
}

static int hang(const char *folder)
{
    char options[128];
    sigset_t before;
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0) return not_here("/dev/fuse");
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd,
             (int)getuid(), (int)getgid());
    if (mount("spoil", folder, "fuse", MS_NOSUID | MS_NODEV, options) != 0)
        return not_here("mounting FUSE");
    catch_term(&before);
    while (!over)
        sigsuspend(&before);
    umount2(folder, MNT_DETACH);
    close(fd); /* what hangs fails now */
    return 0;
}

#if defined(__x86_64__)

static bool starts_process(const struct user_regs_struct *r)
{
    return r->orig_rax == SYS_clone3 || r->orig_rax == SYS_clone || r->orig_rax == SYS_fork ||
           r->orig_rax == SYS_vfork;
}

/* At the entry of a call that is to fail it is made none, at its exit it gets its result. */
static void meddle(pid_t pid, bool *failing)
{
    struct user_regs_struct r;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &r) != 0) return;
    if (*failing)
        r.rax = (unsigned long long)-ENOMEM;
    else if (starts_process(&r) && (long long)r.rax == -ENOSYS)
        r.orig_rax = (unsigned long long)-1;
    else
        return;
    *failing = !*failing;
    ptrace(PTRACE_SETREGS, pid, NULL, &r);
}

static int starve(pid_t pid)
{
    bool failing = false;
    int status;
    if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) != 0) return not_here("ptrace");
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    sigset_t before;
    catch_term(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    for (bool asked = false;;) {
        if (over && !asked) asked = ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0;
        if (waitpid(pid, &status, __WALL) < 0) {
            if (errno == EINTR) continue;
            return 0;
        }
        if (!WIFSTOPPED(status)) return 0; /* it has ended */
        int number = WSTOPSIG(status);
        bool event = status >> 16 != 0;
        if (!event && number == (SIGTRAP | 0x80)) meddle(pid, &failing);
        if (over && !failing) {
            ptrace(PTRACE_DETACH, pid, NULL,
                   event || number == (SIGTRAP | 0x80) ? 0L : (long)number);
            return 0;
        }
        bool signalled = !event && number != (SIGTRAP | 0x80);
        ptrace(PTRACE_SYSCALL, pid, NULL, signalled ? (long)number : 0L);
    }
}

#else

static int starve(pid_t pid)
{
    (void)pid;
    puts("the calls of this processor are not known");
    return 77;
}

#endif

int main(int argc, char **argv)
{
    int64_t pid = 0;
    if (argc == 3 && str_eq(argv[1], "hang")) return hang(argv[2]);
    if (argc == 3 && str_eq(argv[1], "memory") && str_int64(argv[2], &pid) == 0 && pid > 0)
        return starve((pid_t)pid);
    fprintf(stderr, "usage: spoil hang FOLDER | memory PID\n");
    return 2;
}
