/* What /proc says of the processes there are, in one pass (proc(5)). A snapshot is old when it is
 * made: whoever acts on it looks again afterwards. */
#ifndef CADRE_PLATFORM_LINUX_PROC_TABLE_H
#define CADRE_PLATFORM_LINUX_PROC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc {
    pid_t pid, parent, group, session;
    uint64_t
        start; /* clock ticks after boot: with the pid and the boot id it is one process for ever */
    char name[16];
    bool runs;    /* or waits for a processor; it does not sleep */
    bool dead;    /* a zombie */
    bool exiting; /* on its way to be one: what it held may be closed already */
    bool marked;  /* proc_table_mark_below's, and the caller's */
};

struct proc_table {
    struct proc *items; /* sorted by pid */
    size_t count, cap;
};

int proc_table_scan(struct proc_table *t); /* refills it; 0 or ERR_IO: no /proc */
void proc_table_fini(struct proc_table *t);
struct proc *proc_table_find(const struct proc_table *t, pid_t pid); /* NULL when there is none */
/* Marks all processes below those that are marked. */
void proc_table_mark_below(struct proc_table *t);

/* ERR_NOT_FOUND: there is no such process (any more). */
int proc_read(pid_t pid, struct proc *out);
int proc_oom_score_adj(pid_t pid, int *out);
/* Has its environment at start both CADRE_JOB_ID and CADRE_ATTEMPT of the mark "JOB-ATTEMPT"? False
 * also when it may not be read. */
bool proc_has_mark(pid_t pid, const char *mark);
/* The account that it acts as, by name or number; "": not known. */
void proc_user(pid_t pid, char *out, size_t size);
/* SIGKILL to this very process, not to one that got its pid meanwhile. ERR_NOT_FOUND: it is gone;
 * ERR_DENIED: it is another account's. */
int proc_kill(const struct proc *p);

#endif
