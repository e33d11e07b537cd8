/* Starting a program with as few system calls as its isolation allows: the child borrows our memory
 * until it executes (as vfork(2) does), on a stack of its own. */
#ifndef CADRE_PLATFORM_LINUX_SPAWN_H
#define CADRE_PLATFORM_LINUX_SPAWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum spawn_step { SPAWN_CLONE, SPAWN_SETUP, SPAWN_CWD, SPAWN_REVOKED, SPAWN_EXEC };

struct spawn {
    const char *path;
    const char *const *argv;
    const char *const *env;
    const char *cwd;      /* NULL: as it is */
    int fds[3];           /* become 0, 1, 2; all of them above 2 */
    int cgroup;           /* descriptor of the cgroup's folder to be born in, -1: none */
    int oom_score_adj;    /* to be raised to; 0: leave it */
    bool die_with_parent; /* with the thread that calls */
    bool same_session;    /* as ours; else it leads one of its own */
    int *pid;             /* the kernel writes it there before the child runs; NULL: nowhere */
    /* Its pidfd, the caller's to close; -1 from kernels before 5.2. NULL: not wanted. For what is
     * started away from the loop, which reaps whatever child has ended: its number may be another
     * one's by then. Not together with pid. */
    int *pidfd;
    /* it executes only while *permit is `permitted`; NULL: always */
    const _Atomic uint64_t *permit;
    uint64_t permitted;
    /* out, when it failed */
    volatile enum spawn_step step;
    volatile int error;
};

struct spawn_stack {
    void *base;
    size_t bytes;
    uint64_t ignored; /* a bit for each signal that this process ignored when the stack was made */
};

/* The stack serves one start after the other. What this process ignores is known from here on:
 * signals that it ignores later are ignored in its children. 0 or -errno. */
int spawn_stack_init(struct spawn_stack *k);
void spawn_stack_fini(struct spawn_stack *k);

/* The child's pid, or -1 with step and error set (nothing is left to be waited for). It has signals
 * as a new process has them, and no descriptor but 0, 1, 2. Returns when the child executes. */
pid_t spawn_process(struct spawn *s, const struct spawn_stack *k);
/* The same file under a number that leaves 0, 1, 2 alone, whatever was closed there; what has
 * another number is closed. -1 with errno. */
int spawn_above_standard(int fd);
/* Reaps the child of a pidfd if it has ended and nobody else was quicker. Never waits. */
void spawn_reap(int pidfd);

#endif
