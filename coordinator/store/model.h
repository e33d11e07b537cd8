/* The nouns that the engine decides about and the store keeps. Plain structs: strings are owned by
 * the struct (x_fini frees them) unless a function says that it only borrows. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_H
#define CADRE_COORDINATOR_STORE_MODEL_H

#include "base/fsm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Order is stored in the database: append only. Names and successors: model.c (job_fsm).
 *
 *   CREATED --> SUBMITTED --> RUNNING --> SUCCESS | WARNING | FAILED | KILLED
 *      ^ |          |  |         |  |
 *      | |          |  +---+-----+  +--> KILLING --> KILLED | FAILED | SUCCESS
 *      | +-> FAILED | CANCELLED  (queue-timeout, no-agent, group-deleted; cancel)
 *      +-- RETRYING <------+  (attempt failed and may run again; also --> CANCELLED)
 *      ^------------+         (declined / proven never started: same attempt)
 */
enum job_state {
    JOB_CREATED = 0,
    JOB_SUBMITTED = 1,
    JOB_RUNNING = 2,
    JOB_KILLING = 3,
    JOB_RETRYING = 4,
    JOB_SUCCESS = 5,
    JOB_WARNING = 6,
    JOB_FAILED = 7,
    JOB_KILLED = 8,
    JOB_CANCELLED = 9,
    JOB_STATES
};
extern const struct fsm job_fsm;

enum job_kind { JOB_TASK = 0, JOB_TRIGGER = 1 };
enum fallback { FALLBACK_WAIT = 0, FALLBACK_FAIL = 1, FALLBACK_CANCEL = 2, FALLBACK_IGNORE = 3 };
extern const char *const fallback_names[4]; /* "WAIT" ... */

/* Reasons (design 5.6), stored as small numbers; names by reason_name. Append only. */
enum reason {
    REASON_NONE = 0,
    REASON_EXIT_CODE,
    REASON_TIMEOUT,
    REASON_QUEUE_TIMEOUT,
    REASON_CANCELLED,
    REASON_LOST,
    REASON_INTERRUPTED,
    REASON_NO_AGENT,
    REASON_UNKNOWN_GROUP,
    REASON_GROUP_DELETED,
    REASON_NOT_STARTED,
    REASON_PAYLOAD_TOO_LARGE,
    REASON_DRAIN,
    REASONS
};
const char *reason_name(enum reason r); /* "exit-code"; NULL for REASON_NONE */
int reason_find(const char *name);      /* -1: unknown */

enum retry_type { RETRY_NONE = 0, RETRY_CONSTANT = 1, RETRY_EXPONENTIAL = 2, RETRY_RANDOM = 3 };
struct retry {
    enum retry_type type;
    int64_t interval_ms;     /* constant, exponential; random: the smallest */
    int64_t max_interval_ms; /* 0: none; random: the greatest */
    double delay_factor;     /* exponential; default 2 */
    int64_t max_attempts;    /* all attempts, the first included; 0: no limit */
    int64_t max_duration_ms; /* from the first attempt's start; 0: none */
};

struct job_row {
    int64_t id;
    enum job_kind kind;
    char *ns;                      /* namespace; NULL: none */
    char *name;                    /* NULL: none */
    char *flow, *execution, *task; /* NULL for an ad-hoc job */
    char *group;                   /* NULL: default group; never changes */
    enum fallback fallback;
    int64_t requires_id; /* 0: nothing required; see store_requires_intern */
    int64_t priority;
    enum job_state state;
    enum reason reason;
    char *message; /* NULL: none */
    bool exited;   /* exit_code counts */
    int64_t exit_code;
    int64_t agent;   /* 0: not assigned (of the last attempt, also when final) */
    int64_t attempt; /* number of the present or next attempt; 1 from the beginning */
    /* wall; 0: not yet. submitted/started of this attempt */
    int64_t created_ms, submitted_ms, started_ms, ended_ms;
    int64_t first_started_ms; /* wall, of attempt 1; for retry.max_duration */
    int64_t retry_at_ms;      /* wall; RETRYING only */
    /* 0: none / the coordinator's default */
    int64_t queue_timeout_ms, timeout_ms, lease_ms, kill_grace_ms;
    struct retry retry;
    bool truncated;
    char *unique_key;     /* idempotency key, scoped by the submitting token; NULL */
    int64_t submitter;    /* token id */
    int64_t output_limit; /* 0: the coordinator's */
    bool allow_failure;   /* when it ends as FAILED it is WARNING; not read of jobs that ended */
};
void job_row_fini(struct job_row *j);
bool job_is_final(enum job_state s);
/* SUBMITTED, RUNNING or KILLING: an agent has it. */
bool job_is_assigned(enum job_state s);

/* Of the attempts of a job that are over, the first and the last ones are kept. */
#define ATTEMPTS_FIRST 10
#define ATTEMPTS_LAST 100

/* An attempt that is over while its job went on (the last attempt lives in the job itself). */
struct attempt_row {
    int64_t job, attempt, agent;
    enum job_state state; /* FAILED or KILLED */
    enum reason reason;
    char *message;
    bool exited;
    int64_t exit_code, submitted_ms, started_ms, ended_ms;
};
void attempt_row_fini(struct attempt_row *a);

struct agent_row {
    int64_t id;
    char *name;        /* unique among those not removed */
    char *group;       /* NULL: default */
    char *token_group; /* group that the join token bound it to; NULL: free */
    /* JSON object text, as last sent, labels as "label.x" members; "{}" before the first hello */
    char *capabilities;
    char *version;
    char *host_id, *boot_id, *journal_id; /* of the last accepted hello; NULL before */
    int64_t slots;
    int64_t last_seq;
    bool online;
    bool draining; /* the agent says so, it is on its way out */
    bool held;     /* an operator said `agent drain` */
    char *drain_reason;
    int64_t created_ms, last_seen_ms, removed_ms; /* wall; removed: 0 = not */
    char *spki;                                   /* hex SHA-256 of the key that enrolled */
    int64_t token;                                /* join token id */
};
void agent_row_fini(struct agent_row *a);

struct group_row {
    char *key, *description;
    char *require;            /* JSON object text; NULL: nothing required */
    char *allowed_namespaces; /* JSON array text; NULL: all */
    bool paused;
    int64_t max_queued; /* 0: no limit */
    int64_t created_ms;
};
void group_row_fini(struct group_row *g);

struct namespace_row { /* what a namespace says for itself and its children */
    char *ns;
    char *group;  /* NULL: says explicitly "default group" */
    int fallback; /* enum fallback, -1: says nothing */
};
void namespace_row_fini(struct namespace_row *n);

enum token_role { ROLE_JOIN = 0, ROLE_READ = 1, ROLE_SUBMIT = 2, ROLE_ADMIN = 3 };
extern const char *const role_names[4];
struct token_row {
    int64_t id;
    enum token_role role;
    uint8_t secret_hash[32]; /* SHA-256 of the 16-byte secret */
    char *name;
    char *group; /* join: agents must be of this group; NULL: any */
    char *ns;    /* submit: subtree; NULL: all */
    int64_t created_ms, expires_ms, revoked_ms, last_used_ms; /* 0: never */
    int64_t uses_left;                                        /* join; -1: no limit */
};
void token_row_fini(struct token_row *t);

/* ---- flows ---- */

/* A flow in one of its revisions. What it says is parsed from the source (coordinator/flow). */
struct flow_row {
    char *ns, *id;
    int64_t revision; /* from 1; grows with every change of the source */
    char *source;     /* NULL where a list leaves it out */
    int64_t created_ms, updated_ms;
    int64_t deleted_ms; /* 0: not; kept for the executions that it had */
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
    EXECUTION_WARNING = 5, /* a task failed that may */
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
    char *trigger;      /* id of the trigger that started it; NULL: somebody did */
    char *inputs;       /* JSON object text, resolved: defaults filled in */
    char *trigger_vars; /* JSON object text: outputs of the evaluation; NULL: none */
    char *labels;       /* JSON object text; NULL: none */
    int64_t position;   /* number of the task that is under way, from 0 */
    int64_t job;        /* its task run; 0: none */
    bool warned;        /* a task ended as WARNING */
    int64_t submitter;  /* token id; 0: none */
    int64_t created_ms, started_ms, ended_ms;
    char *unique_key; /* idempotency key, scoped by the submitting token; only on its way in */
};
void execution_row_fini(struct execution_row *x);

/* What an evaluation of a trigger came to. Order is stored: append only. */
enum evaluation_result {
    EVALUATION_NONE = 0, /* there was none yet */
    EVALUATION_FIRED = 1,
    EVALUATION_NOT_FIRED = 2,
    EVALUATION_ERROR = 3,
    EVALUATION_SKIPPED = 4, /* it did not take place: no agent, no such group, disabled meanwhile */
    EVALUATION_RESULTS
};
extern const char *const evaluation_names[EVALUATION_RESULTS]; /* NULL, "fired", "not-fired", ... */

/* A polling trigger of a flow that is there, as it stands. */
struct trigger_row {
    int64_t id; /* of the row, set by the store */
    char *ns, *flow, *name;
    bool file_disabled; /* what the flow said when it was applied last */
    bool disabled;      /* as it is: the flow, an operator or stopAfter had the last word */
    char *why;          /* of disabled: "disabled in the flow"; NULL when it is not */
    bool concurrent;    /* allowConcurrent */
    int64_t interval_ms;
    int64_t next_ms; /* wall: when the next evaluation is due; 0: it has never been set */
    int64_t job;     /* the evaluation under way; 0: none */
    /* of the last one that ended */
    enum evaluation_result result;
    char *message;
    int64_t ended_ms;
    int64_t execution;   /* the last one that it started; 0: none */
    int64_t evaluations; /* that ended; also the number of the last one in the history */
    int64_t fired, errors, skipped;
};
void trigger_row_fini(struct trigger_row *t);

#define TRIGGER_HISTORY 10 /* evaluations kept of each trigger, with their jobs */

struct evaluation_row {
    int64_t trigger, number; /* number: counts from 1 */
    enum evaluation_result result;
    bool exited;
    int64_t exit_code;
    char *message;
    int64_t job;       /* 0: it did not come to that */
    int64_t execution; /* that it started; 0: none */
    int64_t started_ms, ended_ms;
};
void evaluation_row_fini(struct evaluation_row *v);

/* Output chunk. */
struct chunk {
    int64_t cursor; /* order of arrival, set by the store */
    int64_t job, attempt;
    int stream; /* 1 stdout, 2 stderr, 3 system */
    int64_t offset;
    const void *data;
    size_t len;
};

#endif
