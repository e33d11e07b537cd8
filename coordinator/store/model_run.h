/* Task runs: what an execution does of its flow's tasks, one row for each time that a task runs.
 * They form a tree, which coordinator/engine/runs.c tells about. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_RUN_H
#define CADRE_COORDINATOR_STORE_MODEL_RUN_H

#include "coordinator/store/model_flow.h"

#define RUNS_MOST 10000 /* task runs of an execution */
#define RUNS_SPARE 1000 /* beyond these for what stands in `errors` and `finally` */
/* Numbers go as far: one beyond each of the two is refused, and has a row that says so. */
#define RUNS_NUMBER_MOST (RUNS_MOST + RUNS_SPARE + 2)
#define RUN_BRANCHES 1000     /* task runs right below one that holds others */
#define RUN_DEPTH_MOST 32     /* from the execution down to a task run */
#define RUN_NO_ITERATION (-1) /* run_row.iteration of one that is none */

/* Order is stored in the database: append only. */
enum run_state {
    RUN_RUNNING = 0, /* its job is open, its children are, or it sleeps */
    RUN_PAUSED = 1,
    RUN_SUCCESS = 2,
    RUN_WARNING = 3,
    RUN_FAILED = 4,
    RUN_KILLED = 5,
    RUN_CANCELLED = 6, /* its job was, before it began */
    RUN_SKIPPED = 7,   /* runIf said no */
    RUN_STATES
};
extern const char *const run_state_names[RUN_STATES];
static inline bool run_is_final(enum run_state s)
{
    return s >= RUN_SUCCESS;
}

/* Of a task whose job is in this state: RUN_RUNNING until it has ended. */
enum run_state run_state_of_job(enum job_state job);

struct run_row {
    int64_t execution, number; /* number: within the execution, from 1, a parent before its own */
    int64_t parent;            /* number of the run that holds it; 0: the flow does */
    char *task;
    enum run_state state;
    int64_t iteration; /* from 0; RUN_NO_ITERATION: it is none */
    char *value;       /* JSON text: of the iteration, or what an If or a Switch decided by */
    int64_t chosen;    /* of an If and a Switch: which list runs (runs.h); else 0 */
    int64_t job;       /* 0: none (yet); of a control task never */
    int64_t child;     /* execution that a Subflow started; 0: none */
    enum reason reason;
    char *message;      /* of one that did not end well: as the execution would say it */
    char *outputs;      /* JSON object text, of one without a job; NULL: none, of an update: as
                           they are */
    int64_t created_ms; /* wall, as all of these */
    int64_t started_ms, ended_ms;
    int64_t due_ms;   /* it sleeps, or is paused, until then; 0: it is not, or without an end */
    bool due_changed; /* of an update: due_ms is another one than it was */
};
void run_row_fini(struct run_row *r);

#endif
