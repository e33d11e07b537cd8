/* Rows of flows, their executions, triggers and evaluations, as model.h has those of jobs. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_FLOW_H
#define CADRE_COORDINATOR_STORE_MODEL_FLOW_H

#include "coordinator/store/model.h"

/* A flow in one of its revisions. coordinator/flow parses the source. */
struct flow_row {
    char *ns, *id;
    int64_t revision; /* from 1; grows with every change of the source */
    char *source;     /* NULL in lists without sources */
    int64_t created_ms, updated_ms;
    int64_t deleted_ms; /* 0: not deleted; the row is kept for the executions */
    char *updated_by;   /* who applied this revision, or deleted the flow */
};
void flow_row_fini(struct flow_row *f);

/* Order is stored in the database: append only. Names and successors: model.c (execution_fsm).
 *
 *   CREATED --> QUEUED --> RUNNING --> SUCCESS | WARNING | FAILED | KILLED | CANCELLED
 *      |           |          |
 *      |           |          +--> KILLING --> KILLED
 *      |           +--> CANCELLED
 *      +--> RUNNING | FAILED | CANCELLED (FAILED, CANCELLED: concurrency.behavior, a trigger's
 *      error)
 */
enum execution_state {
    EXECUTION_CREATED = 0,
    EXECUTION_QUEUED = 1, /* waits for a place within the flow's concurrency limit */
    EXECUTION_RUNNING = 2,
    EXECUTION_KILLING = 3, /* cancelled; its task has not ended yet */
    EXECUTION_SUCCESS = 4,
    EXECUTION_WARNING = 5, /* a task with allowFailure failed */
    EXECUTION_FAILED = 6,
    EXECUTION_KILLED = 7,
    EXECUTION_CANCELLED = 8,
    EXECUTION_STATES
};
extern const struct fsm execution_fsm;
bool execution_is_final(enum execution_state s);

struct execution_row {
    int64_t id;
    char *ns, *flow;
    int64_t revision; /* the flow's, from its start to its end */
    enum execution_state state;
    enum reason reason;
    char *message;
    char *trigger;      /* id of the trigger that started it; NULL: a user started it */
    char *inputs;       /* JSON object text, resolved: defaults filled in */
    char *trigger_vars; /* JSON object text: outputs of the evaluation; NULL: none */
    char *labels;       /* JSON object text; NULL: none, of an update: as they are */
    char *outputs;      /* JSON object text: the flow's, from its end on; NULL: none, as labels */
    /* Of one that an older coordinator began: the number of the task under way, from 0, its job, 0:
     * none; does a task that sleeps do so from then until then (wall)? They become task runs when
     * it goes on (runs_adopt), and are 0 then. The reader sets job to one that is open, and wake_ms
     * to when the first of its task runs that sleeps will wake. */
    int64_t position, job;
    bool warned; /* of an older coordinator, too */
    int64_t asleep_ms, wake_ms;
    int64_t submitter; /* token id; 0: none */
    int64_t depth;     /* how many executions stand before it, each started by the end of another */
    int64_t created_ms, started_ms, ended_ms;
    char *created_by, *cancelled_by;
    char *unique_key; /* idempotency key, scoped by the submitting token; only on its way in */
    int64_t backfill; /* the backfill that started it; 0: none did */
    char *trace;      /* the W3C's traceparent that it is part of; NULL: none */
};
void execution_row_fini(struct execution_row *x);

/* The result of an evaluation of a trigger. The numbers are stored: append only. */
enum evaluation_result {
    EVALUATION_NONE = 0, /* there was none yet */
    EVALUATION_FIRED = 1,
    EVALUATION_NOT_FIRED = 2,
    EVALUATION_ERROR = 3,
    EVALUATION_SKIPPED = 4, /* it did not take place: no agent, no such group, disabled meanwhile */
    EVALUATION_RESULTS
};
extern const char *const evaluation_names[EVALUATION_RESULTS]; /* NULL, "fired", "not-fired", ... */

/* What makes a trigger start an execution. The numbers are stored: append only. */
enum trigger_kind {
    TRIGGER_POLLING = 0,  /* a check on an agent, every interval */
    TRIGGER_SCHEDULE = 1, /* a cron expression */
    TRIGGER_WEBHOOK = 2,  /* a request with a key */
    TRIGGER_FLOW = 3,     /* the end of an execution of another flow */
    TRIGGER_KINDS
};
extern const char *const trigger_kind_names[TRIGGER_KINDS]; /* "polling", ... */

/* A trigger of a flow that is not deleted. */
struct trigger_row {
    int64_t id; /* of the row, set by the store */
    char *ns, *flow, *name;
    enum trigger_kind kind; /* does not change; nor do the names */
    bool file_disabled;     /* what the flow said when it was applied last */
    bool disabled;          /* the present value: set by the flow, an operator or stopAfter */
    char *why;              /* of disabled: "disabled in the flow"; NULL when it is not */
    char *disabled_by;      /* the operator who did; NULL: not disabled, or not by one */
    bool concurrent;        /* allowConcurrent */
    int64_t interval_ms;    /* polling, else 0 */
    /* wall: when the next evaluation or firing is due; 0: never set, or none is to come */
    int64_t next_ms;
    int64_t job; /* the evaluation under way; 0: none */
    /* of the last evaluation that ended */
    enum evaluation_result result;
    char *message;
    int64_t ended_ms;
    int64_t execution;   /* the last execution that it started; 0: none */
    int64_t evaluations; /* how many have ended; the number of the last in the history */
    int64_t fired, errors, skipped;
    /* of a schedule: the moment up to which all is decided; how many moments were missed for good;
     * how many were missed and wait for their turn (missed_moments); the expression and the name of
     * its zone, as they were applied */
    int64_t planned_ms, missed, backlog;
    char *cron, *zone;
    char *key_hash; /* of a webhook: SHA-256 of the key, hexadecimal; NULL: there is none */
    bool holds;     /* edge: the check held when it was evaluated last */
};
void trigger_row_fini(struct trigger_row *t);

/* The planned moments of a schedule from the first to the last have an execution each, or it is not
 * known of them (first_ms 0). */
struct fired_range {
    int64_t first_ms, last_ms;
};

/* A backfill of a schedule that is under way: its planned moments from start_ms to end_ms, both
 * included, each with an execution. */
struct backfill_row {
    int64_t id, trigger; /* trigger: the number of its row */
    int64_t start_ms, end_ms;
    bool missed;       /* only the moments that have no execution yet */
    int64_t cursor_ms; /* all moments up to there have their execution */
    int64_t parallel;  /* so many executions at a time */
    int64_t started;   /* executions so far */
    int64_t created_ms;
    char *inputs; /* JSON object text: over those of the trigger; NULL: none */
    char *created_by;
};
void backfill_row_fini(struct backfill_row *b);

#define TRIGGER_HISTORY 10   /* evaluations kept of each trigger, with their jobs */
#define SCHEDULE_HISTORY 100 /* lines kept of each schedule */

struct evaluation_row {
    int64_t trigger, number; /* number: counts from 1 */
    enum evaluation_result result;
    bool exited;
    int64_t exit_code;
    char *message;
    int64_t planned_ms; /* of a schedule: the moment it is about, of several the last; else 0 */
    int64_t moments;    /* how many planned moments the line stands for; of other kinds 1 */
    int64_t job;        /* 0: it did not come to that */
    int64_t execution;  /* that it started; 0: none */
    int64_t started_ms, ended_ms;
};
void evaluation_row_fini(struct evaluation_row *v);

#endif
