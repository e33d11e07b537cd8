/* The nouns that the engine decides about and the store keeps. Plain structs: strings are owned by
 * the struct (x_fini frees them) unless a function says that it only borrows.
 *
 * created_by, cancelled_by and their like say who did it: the name of the token (its id when it has
 * none), "flow NS/ID", "trigger NS/FLOW/ID". The text stays as it was then, also when the token is
 * revoked and forgotten. NULL: nobody did, or a version before did not note it. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_H
#define CADRE_COORDINATOR_STORE_MODEL_H

#include "base/fsm.h"
#include "coordinator/store/model_namespace.h"

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
 *   CREATED --> RETRYING       (agents could not start the attempt, and no other may)
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
/* What people call them: a JOB_TASK of no execution is a job. */
enum shown_kind { SHOWN_JOB, SHOWN_TASK, SHOWN_EVALUATION, SHOWN_KINDS };
extern const char *const shown_kind_names[SHOWN_KINDS];     /* "job" ... */
enum shown_kind shown_kind(enum job_kind kind, bool alone); /* alone: of no execution */
/* A state as people see it: an evaluation ends in FIRED or NO. SUCCESS: exit code 0 fires, any
 * other does not; WARNING: the check asks for another code, and its code says the opposite. */
enum { SHOWN_FIRED = JOB_STATES, SHOWN_NO, SHOWN_STATES };
extern const char *const shown_state_names[SHOWN_STATES];
/* exit_code: 0 where the job did not exit. */
int shown_state(enum job_kind kind, enum job_state state, int64_t exit_code);
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
    REASON_FAIL,
    REASON_LIMIT, /* an execution has as many task runs as it may have, or they are too deep */
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
    char *group;                   /* its key; NULL: not resolved yet */
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
    char *created_by, *cancelled_by; /* cancelled_by: not read of jobs that ended as SUCCESS */
    int64_t retry_of;                /* the job that somebody asked to do again; 0: none */
};
void job_row_fini(struct job_row *j);
bool job_is_final(enum job_state s);
/* SUBMITTED, RUNNING or KILLING: an agent has the job. */
bool job_is_assigned(enum job_state s);

struct agent_row {
    int64_t id;
    char *name;        /* unique among those not removed */
    char *group;       /* the key of its group, the first when there are several */
    char *groups;      /* JSON array text of several keys in order; NULL: `group` alone */
    char *token_group; /* the group of the join token; NULL: any group */
    /* JSON object text, as last sent, labels as "label.x" members; "{}" before the first hello */
    char *capabilities;
    char *version;
    char *host_id, *boot_id, *journal_id; /* of the last accepted hello; NULL before */
    int64_t slots;
    int64_t last_seq;
    bool online;
    bool draining; /* the agent drains because it is being stopped */
    bool held;     /* an operator said `agent drain` */
    char *drain_reason;
    char *unwell_reason;                          /* why it cannot start jobs */
    int64_t unwell_since_ms;                      /* wall; 0: it can, as far as it said */
    int64_t created_ms, last_seen_ms, removed_ms; /* wall; removed: 0 = not */
    char *spki;                                   /* hex SHA-256 of the key that enrolled */
    int64_t token;                                /* join token id */
    char *created_by, *drained_by, *removed_by;   /* created: enrolled */
    char *removed_reason;                         /* NULL: none given, or it is not removed */
};
void agent_row_fini(struct agent_row *a);
/* As people see it. */
enum agent_state { AGENT_ONLINE, AGENT_OFFLINE, AGENT_DRAINING, AGENT_UNWELL, AGENT_STATES };
extern const char *const agent_state_names[AGENT_STATES];
enum agent_state agent_state_of(const struct agent_row *a);

struct group_row {
    char *key, *description;
    char *require;            /* JSON object text; NULL: nothing required */
    char *allowed_namespaces; /* JSON array text; NULL: all */
    char *tags;               /* JSON array text, without the key, which is one; NULL: no more */
    bool paused;
    int64_t max_queued; /* 0: no limit */
    int64_t created_ms;
    char *created_by, *updated_by;
    char *paused_by; /* NULL while it is not paused */
};
void group_row_fini(struct group_row *g);

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
    char *created_by, *revoked_by;
};
void token_row_fini(struct token_row *t);

/* Output chunk. */
struct chunk {
    int64_t cursor; /* order of arrival, set by the store */
    int64_t job, attempt;
    int stream; /* 1 stdout, 2 stderr, 3 system */
    int64_t offset;
    int64_t at_ms; /* when it was received; 0: not known */
    const void *data;
    size_t len;
};

#endif
