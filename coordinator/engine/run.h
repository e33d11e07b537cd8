/* The open task runs of an execution in memory: the part of the tree that is not over yet. Of what
 * has ended only what its parent has to know stays, in struct children; the rows tell all of it
 * again after a start. What happens to them stands in runs.c. */
#ifndef CADRE_COORDINATOR_ENGINE_RUN_H
#define CADRE_COORDINATOR_ENGINE_RUN_H

#include "coordinator/engine/core.h"
#include "coordinator/flow/task.h"
#include "coordinator/store/model_run.h"

struct execution;
struct flow;

#define RUN_NO_TASK SIZE_MAX
/* run_row.chosen of an iteration of a Loop that does not transmitFailed: how it ends does not
 * count, unless a limit was met. */
#define RUN_UNCOUNTED 1

/* The youngest child, and what of those that ended counts. */
struct children {
    size_t open;
    int64_t begun;         /* all that ever were */
    int64_t iterations;    /* of these, of a ForEach or Loop */
    size_t last;           /* task of the youngest, in the list that is under way; RUN_NO_TASK */
    char *last_id;         /* the same as it was loaded, until the flow is read; else NULL */
    enum flow_branch list; /* FLOW_TASKS (whichever was chosen), FLOW_ERRORS or FLOW_FINALLY */
    bool stopped;          /* one of `list` did not end well */
    /* the worst end of all of them, and of several the first */
    enum run_state worst;
    enum reason reason;
    char *message;
    int64_t worst_ms; /* wall: when that was */
};

/* An open task run; or, in the execution itself, the flow, which holds the first ones. */
struct run {
    struct run_row row; /* of the flow: number 0, and nothing else but `execution` */
    struct execution *x;
    struct run *up;          /* NULL: it is the flow */
    struct run *prev, *next; /* of the execution's open ones, oldest first */
    size_t task;             /* index of the flow's task; RUN_NO_TASK: not looked up yet */
    int64_t depth;           /* of the flow 0 */
    bool stored;             /* the store has its row */
    bool in_finally;         /* it stands in a `finally`, at whatever depth */
    bool in_spare;           /* or in `errors` */
    struct children has;     /* of a control task */
    /* of a ForEach or Loop: its values, NULL: not read yet; and the next one (iteration.h) */
    struct json *values;
    const struct json *next_value;
    bool waits;   /* it stands in execution.look_first */
    bool at_hand; /* it is looked at just now */
    struct run *look_next;
    int64_t until_ms; /* mono: it sleeps until then; else NEVER */
};

/* Takes the strings of row. Before its parent's end. */
struct run *run_add(struct engine *g, struct execution *x, struct run *up, struct run_row *row);
/* Ended, or the execution goes. */
void run_remove(struct engine *g, struct run *r);
void runs_init(struct execution *x); /* the flow alone */
void runs_free(struct engine *g, struct execution *x);
struct run *run_of_job(const struct engine *g, int64_t job); /* NULL: no open one */
/* Notes that it is to be looked at. */
void run_look(struct run *r);
struct run *run_take(struct execution *x);             /* the next that is; NULL: none */
void run_has_job(struct engine *g, struct run *r);     /* row.job was set */
void run_sleep(const struct engine *g, struct run *r); /* until row.due_ms */
/* A child of it ended so. */
void children_note(struct children *c, const struct run_row *child);
/* One row of those that the store has, in the order of their numbers. */
void run_load(struct engine *g, struct execution *x, const struct run_row *row);
/* After all rows: what is to be looked at. */
void runs_loaded(struct execution *x);
void run_place(struct run *r, const struct flow *f, size_t task);
/* The tasks of the runs, once the flow is there. */
void runs_name(struct execution *x, const struct flow *f);

#endif
