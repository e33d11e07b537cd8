/* One job's processes: started contained, watched, and ended as a whole tree. Twin files.
 *
 * Linux: own session; the agent is the subreaper; a delegated cgroup v2 per job where there is one
 * (cgroup.kill), else the tree is found by session, parentage and the job's mark in the
 * environment, until none is left. Windows: a Job Object per job, joined before the first
 * instruction, kill on close; only the job's own pipe ends are inherited.
 * One turn of the loop reads at most READ_BUDGET_STREAM bytes of a stream and READ_BUDGET_ALL of
 * all (read_budget.h). All on the loop's thread; callbacks never from inside the call that caused
 * them. */
#ifndef CADRE_PLATFORM_PROCESS_H
#define CADRE_PLATFORM_PROCESS_H

#include "base/err.h"
#include "platform/process_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;

/* Once per loop that starts processes: SIGCHLD / subreaper, cgroup set-up. */
struct process_host;
int process_host_new(struct uv_loop_s *loop, struct process_host **out, struct err *e);
/* After the last process is gone; handles close asynchronously: run the loop until it is empty. */
void process_host_free(struct process_host *h);
/* "cgroup v2 at /sys/fs/cgroup/…", "process groups", "Job Objects": for the log. */
const char *process_host_kind(const struct process_host *h);

/* What is started with a lease from now on is guarded by g (guard.h), which lives until
 * process_host_free. */
struct guard;
void process_host_set_guard(struct process_host *h, struct guard *g);

/* At most so many bytes of the output of all processes together are read in one turn of the loop;
 * never more than READ_BUDGET_ALL. */
void process_host_limit_turn(struct process_host *h, size_t bytes);

struct process;

enum process_stream { PROCESS_STDOUT = 1, PROCESS_STDERR = 2 };

struct process_end {
    uint32_t
        exit_code; /* 32 bits as the system has it; 128 + signal when a signal ended it (Linux) */
    int signal;    /* 0: it exited */
    bool stray;    /* something outlived it: a process that was ended, or who held its pipes */
    bool held;     /* a pipe was still open when the time to drain was over */
    bool expired;  /* the guard found its lease over and ended it */
    int oom_kills; /* of its processes, by the kernel's memory killer; 0: none is known */
    bool oom_hint; /* it ended as if by the memory killer, which was at work on this machine */
    int64_t run_ms;
    /* What outlived the main process of a job that nobody ended, and was ended then; NULL: nothing.
     * Lives as long as the process. */
    const struct process_list *strays;
    /* What could not be ended: processes of another account, or such that hang in the kernel;
     * NULL: nothing. Lives as long as the process. */
    const struct process_list *alive;
    const char *remnant; /* of what is alive: its identity for process_watch_remnant; or NULL */
    bool unended;        /* the main process is among them: there is no exit code */
};

struct process_handler {
    void (*on_output)(struct process *p, enum process_stream stream, const void *data, size_t len,
                      void *user);
    /* Once: the process ended, its pipes are at their end (or were drained for drain_ms while a
     * stray grandchild held them open), and what was left of the tree was killed. After
     * process_terminate: nothing of the tree is left, or process_kill ended the rest. What cannot
     * be ended is given up after a few seconds. process_free may be called. */
    void (*on_end)(struct process *p, const struct process_end *end, void *user);
};

struct process_options {
    const char *const
        *argv; /* NULL-terminated; argv[0] is looked up in PATH of `env` when it has no separator */
    const char *program;    /* where argv[0] was found just now; NULL: it is looked up */
    const char *const *env; /* NULL-terminated "K=V": all there is */
    const char *cwd;
    const char *own_folder; /* NULL: none. What is in it is the caller's and not named by the job */
    const char *stdin_path; /* a file of the caller's; NULL: the null device */
    const char *
        mark; /* unique for this attempt, [a-z0-9-]: names cgroup / Job Object; also found in env as
                                  CADRE_JOB_ID and CADRE_ATTEMPT by the caller */
    int64_t drain_ms; /* design: 2000 */
    int64_t lease_ms; /* with a guard: it ends the tree when the lease is over; 0: not guarded */
};

/* The fault of the job, which named what cannot be started: ERR_NOT_FOUND: no such command (or
 * folder: e tells which); ERR_DENIED: not executable; ERR_IO: too long, and the like.
 * The fault of this machine, on which any job may fail so: ERR_MACHINE (no memory, descriptors or
 * processes left, a disk that fails, a file of own_folder that is gone); ERR_UNAVAILABLE, ERR_FULL:
 * the process cannot be guarded now.
 * ERR_TIMEOUT: its lease was over before its first instruction. */
int process_start(struct process_host *h, const struct process_options *o,
                  const struct process_handler *handler, void *user, struct process **out,
                  struct err *e);
int64_t process_pid(const struct process *p);
/* Back-pressure on both streams. */
void process_pause(struct process *p);
void process_resume(struct process *p);
/* Asks the whole tree to end: SIGTERM to all its process groups / CTRL_BREAK and WM_CLOSE. From
 * then on the tree has time until process_kill, whenever the main process ends. */
void process_terminate(struct process *p);
/* Ends the whole tree now and makes sure that nothing is left; on_end follows. Fine to repeat. */
void process_kill(struct process *p);
/* NULL is fine; only after on_end, or to give up a process at shutdown (kills it first). */
void process_free(struct process *p);

/* What a later life of the agent needs to know this tree again and never to hit a stranger that got
 * the same pid: pid, start time, boot. A line of text for the journal. */
#define PROCESS_IDENTITY_SIZE 160
int process_identity(const struct process *p, char out[PROCESS_IDENTITY_SIZE]);
/* Kills what is left of such a tree (same mark and identity); returns the number of processes
 * killed. An empty identity: its process was being started and nobody knows more of it than the
 * mark. */
int process_kill_leftover(const char *identity, const char *mark, int *killed, struct err *e);

/* process_identity, with what is alive. */
#define PROCESS_REMNANT_SIZE 320
int process_remnant(const struct process *p, char out[PROCESS_REMNANT_SIZE]);
/* One more try to end such a tree, or one that process_kill_leftover could not end; *left: what was
 * alive before. h: of this life, which keeps its own such trees in view after process_free; NULL:
 * the tree is of an earlier life. Never waits. */
void process_watch_remnant(struct process_host *h, const char *identity, const char *mark,
                           struct process_list *left);

/* Base environment of a job: NULL-terminated "K=V" list, free with process_env_free. Linux: PATH
 * HOME USER LOGNAME SHELL TERM LANG TZ (from the account and a fixed PATH); Windows:
 * CreateEnvironmentBlock of the account, made afresh. */
char **process_env_base(void);
void process_env_free(char **env);

/* Full path of a program found in `path` (":"/";"-list), NULL when there is none; mem_free. */
char *process_find_program(const char *name, const char *path);

/* Does the search for it, in `path` (NULL: it was not sought), touch only folders of the file
 * system that this program itself lies on? Blocking. false: not known. */
bool process_program_is_at_hand(const char *program, const char *path);

/* Starts a program that lives on its own, without a handle kept: `cadre-coordinator dev` starts its
 * parts with it. stdout and stderr go to the file. *pid: to be ended with process_end_detached. */
int process_start_detached(const char *const *argv, const char *log_path, int64_t *pid,
                           struct err *e);
bool process_is_alive(int64_t pid);
int process_end_detached(int64_t pid, bool force,
                         struct err *e); /* SIGTERM / CTRL_BREAK, or kill */

#endif
