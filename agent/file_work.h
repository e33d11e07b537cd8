/* File work that grows with a job's files: it has threads of its own, so that a file system that is
 * slow or hangs holds up neither the loop (heartbeats, output, kills) nor the name look-ups of
 * libuv's pool.
 *
 *   added -> waiting -> under way (on a thread) -> back -> done (on the loop)
 *
 * At most FILE_WORK_THREADS operations are under way. An operation that hangs keeps its thread,
 * because a thread cannot be taken out of the kernel. When all operations hang, no new operation
 * begins until one of them returns. Preparations go first. Removals use at most FILE_WORK_REMOVERS
 * threads, so that slow or hanging removals never keep jobs from starting.
 *
 * All calls on the loop's thread, but for file_task_goes_on. */
#ifndef CADRE_AGENT_FILE_WORK_H
#define CADRE_AGENT_FILE_WORK_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_WORK_THREADS 8
#define FILE_WORK_REMOVERS 4
#define FILE_WORK_HUNG_MS 10000     /* an operation without a sign of life for so long hangs */
#define FILE_WORK_LEAVE_OFF_MS 1000 /* how long a stopped operation may take when the agent ends */

struct uv_loop_s;
struct file_work;

enum file_work_kind { FILE_WORK_PREPARE, FILE_WORK_REMOVE, FILE_WORK_KINDS };

/* One operation. The caller embeds it in an object that lives until `done`. */
struct file_task {
    enum file_work_kind kind;
    void (*run)(struct file_task *t);  /* on a thread */
    void (*done)(struct file_task *t); /* on the loop's thread, later; may free the task */
    /* for `done`: */
    bool late;    /* the operation returned FILE_WORK_HUNG_MS or more after it was added */
    bool dropped; /* it never ran: the agent ends */
    /* private to file_work.c: */
    struct file_task *next;
    int64_t added_ms;
    _Atomic int64_t alive_ms; /* its last sign of life */
    atomic_bool leave_off;
};

int file_work_new(struct uv_loop_s *loop, struct file_work **out, struct err *e);
/* Preparations that wait are dropped; removals may go on for goodbye_ms and are then told to stop.
 * `done` is called for every task except those that still hang FILE_WORK_LEAVE_OFF_MS later: the
 * threads and the memory of these stay until the process ends. Handles close asynchronously: run
 * the loop until it is empty. NULL is fine. */
void file_work_free(struct file_work *w, int64_t goodbye_ms);

/* The caller fills kind, run and done first. May be called from within a `done`, also after
 * file_work_free. */
void file_work_add(struct file_work *w, struct file_task *t);
/* true: the task had not begun; the caller owns it again, and `done` is not called. false: the task
 * is told to stop, and `done` is called as usual. */
bool file_work_take_back(struct file_work *w, struct file_task *t);

/* Called by `run` at each step, as a sign of life. false: stop as soon as possible. */
bool file_task_goes_on(struct file_task *t);

struct file_work_state {
    size_t waiting;
    size_t under_way;
    size_t hung;     /* of those under way */
    size_t threads;  /* made so far */
    int64_t idle_ms; /* since the oldest last sign of life of all operations */
};
void file_work_look(struct file_work *w, struct file_work_state *out);

#endif
