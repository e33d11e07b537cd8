/* What process.c and process_tree.c share. */
#ifndef CADRE_PLATFORM_LINUX_PROCESS_IMPL_H
#define CADRE_PLATFORM_LINUX_PROCESS_IMPL_H

#include "platform/guard.h"
#include "platform/linux/birth.h"
#include "platform/linux/proc_table.h"
#include "platform/linux/spawn.h"
#include "platform/process.h"
#include "platform/read_budget.h"

#include <uv.h>

/* A job's processes carry an oom_score_adj of their own among those that run: it is inherited
 * whatever they do to session and environment, and so tells whose an orphan is. */
#define OOM_TAGS 256

struct process_host {
    uv_loop_t *loop;
    uv_signal_t child_signal;
    uv_timer_t kick;      /* ends that were noticed inside a call are told from the loop */
    uv_prepare_t prepare; /* of each turn */
    struct read_budget budget;
    int open_handles;
    struct process *processes; /* those that have not ended, and remnants */
    char *read_buffer;
    struct spawn_stack stack;
    int null_fd;
    int children_fd
        [2]; /* of the process's first thread and of the loop's; -1: the same, or not to be had */
    pid_t pid, session;
    struct guard *guard; /* NULL: none */
    pid_t guard_pid;     /* in the guard itself, which has no struct guard */
    int oom_base;
    unsigned char oom_used[OOM_TAGS];
    char *cgroup_base; /* NULL: none */
    char *kind;
    char boot_id[64];
    struct proc_table table; /* kept for its memory */
    struct birth_clock births;
    uint64_t quick_ns;    /* when a process that ran for a moment had ended, last */
    int running;          /* of processes: those that are no remnants */
    int64_t oom_seen;     /* the machine's count of the memory killer... */
    uint64_t oom_seen_ns; /* ...at that time */
};

/*  RUNNING -main was reaped-> DRAINING -pipes at their end, or drain_ms over-> SWEEPING
 *          -nothing of the tree left-> EMPTYING -what the pipes still hold was read-> ENDED
 *
 * After process_terminate DRAINING lasts until nothing of the tree is left, or process_kill. */
enum process_phase {
    PROCESS_RUNNING,
    PROCESS_DRAINING,
    PROCESS_SWEEPING,
    PROCESS_EMPTYING,
    PROCESS_ENDED
};

struct process_pipe {
    uv_pipe_t handle; /* once the loop reads it: `attached` */
    int fd;
    bool attached;
    enum process_stream stream;
    bool open; /* end not seen yet */
    struct read_share share;
    size_t rest_bytes; /* read since the end of the process */
};

struct process {
    struct process_host *host;
    struct process *next, **link;
    struct process_handler handler;
    void *user;
    enum process_phase phase;
    struct process_pipe pipes[2];
    uv_timer_t timer;
    int open_handles;
    pid_t pid;
    struct birth birth;
    uint64_t start; /* clock ticks; 0: not asked for yet, or never known */
    bool start_read;
    bool reaped;
    bool asked;   /* process_terminate was called: the tree may take its time */
    bool killing; /* process_kill was called */
    bool paused;
    bool reading; /* the loop reads the pipes */
    bool drain_over;
    bool freed; /* by process_free: no callback from now on */
    int wait_status;
    uint64_t started_ns, reaped_ns, swept_ns;
    int64_t drain_ms;
    int rounds, lingered;
    int oom_tag; /* index of oom_used, -1: none */
    char *mark;
    char *folder;       /* where the main process began; NULL: not said */
    char *cgroup;       /* its folder, NULL: none */
    int64_t oom_before; /* the machine's count of the memory killer; -1: not known */
    bool refused;       /* all that was left in the last round is another account's */
    bool remnant; /* ended for its owner, with processes that live on: see process_remnant.c */
    struct process_list *strays, *alive;
    char *remnant_text;
    bool guarded;
    struct guard_hold hold;
    struct process_end end;
};

/* The start time of the main process, 0 when it is gone already. */
uint64_t process_start_time(struct process *p);

/* Is it certain, at a glance, that nothing is left of p's tree? Its main process has to be
 * reaped. */
bool process_tree_is_clean(struct process *p);
/* As process_tree_is_clean, for a tree that may go on: changes nothing. */
bool process_tree_is_empty(struct process *p);
/* true: each process of the tree has a processor or waits for one; none of them sleeps. */
bool process_tree_is_at_work(struct process *p);
/* Adds what is alive of the tree, or only what is not on its way out. */
void process_tree_list(struct process *p, bool exiting, struct process_list *out);
/* One pass: SIGKILL to all of the tree that can be found. Returns how many were hit. Sets
 * p->refused. */
int process_tree_kill(struct process *p);
/* `number` to each process group of the tree. */
void process_tree_signal(struct process *p, int number);
/* One pass: SIGKILL to what is left of a tree of an earlier life; *left: what was alive before. */
void process_tree_leftover(const char *identity, const char *mark, struct process_list *left);

/* ---- process_remnant.c ---- */
/* From now on p belongs to its host: until nothing of the tree is left, or the host ends. */
void process_keep(struct process *p);
/* Takes p from its host's list and gives its oom_score_adj back. */
void process_unlink(struct process *p);
/* Frees the memory when all handles are closed and neither owner nor host need it. */
void process_release(struct process *p);

#endif
