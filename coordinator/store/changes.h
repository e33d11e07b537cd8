/* What a batch changes in jobs and executions, gathered in memory until it is handed to the
 * database as one set: a row that takes three steps in a batch is written once, and one that comes
 * and is handed out in the same batch is never written as queued. For implementations of store.h
 * alone. One thread; texts are copied. */
#ifndef CADRE_COORDINATOR_STORE_CHANGES_H
#define CADRE_COORDINATOR_STORE_CHANGES_H

#include "base/arena.h"
#include "base/map.h"
#include "coordinator/store/store.h"

/* The columns of a job's state that change together. */
enum job_part {
    PART_STATE = 1,
    PART_ATTEMPT = 2,     /* agent, attempt, submitted_ms, retry_at_ms */
    PART_STARTED = 4,     /* started_ms */
    PART_FIRST = 8,       /* first_started_ms, unless it is there already */
    PART_REASON = 16,     /* reason */
    PART_MESSAGE = 32,    /* message */
    PART_END = 64,        /* exited, exit_code, truncated, outputs, ended_ms */
    PART_CANCELLED = 128, /* cancelled_by */
    PART_GROUP = 256,     /* group */
};

struct job_change {
    bool fresh;         /* the batch inserts the job: row is whole */
    unsigned parts;     /* else: which parts of row count */
    struct job_row row; /* its texts are the set's */
    bool known;         /* what the row was before: */
    enum job_state was;
    const char *was_group;
    const char *spec; /* of a fresh one */
    const char *outputs;
    struct job_change *next; /* in the order in which they were first changed */
};

struct execution_change {
    bool fresh;
    struct execution_row row; /* not fresh: what store_execution_update writes */
    struct execution_change *next;
};

struct run_change {
    bool fresh;
    bool due; /* not fresh: due_ms changed */
    struct run_row row;
    struct run_change *same; /* key */
    struct run_change *next;
};

struct evaluation_change {
    struct evaluation_row row;
    struct evaluation_change *next;
};

/* An idempotency key that was looked for in this batch, or came with it. */
struct key_known {
    const char *key;
    int64_t id; /* 0: nobody has it */
    struct key_known *next;
};

#define OUTPUT_STREAMS 4 /* numbers of streams are smaller */
#define OUTPUT_REMARKS 3 /* the stream of Cadre's own remarks */

/* How far the output of an attempt has come, when it was looked up for the batch. */
struct output_known {
    int64_t job, attempt;
    bool read;                                 /* the rest counts */
    int64_t bytes;                             /* of all streams */
    int64_t remarks;                           /* of those, Cadre's own */
    int64_t next[OUTPUT_STREAMS];              /* offset, by stream */
    struct output_known *next_known, *another; /* of all; with the same number */
};

struct changes {
    struct arena arena;
    struct map jobs, executions;         /* by id */
    struct map runs;                     /* by run_key: struct run_change, chained */
    struct map job_keys, execution_keys; /* by map_text_key: struct key_known, chained */
    struct job_change *first_job, **last_job;
    struct execution_change *first_execution, **last_execution;
    struct run_change *first_run, **last_run;
    struct evaluation_change *first_evaluation, **last_evaluation;
    struct map outputs; /* struct output_known, chained */
    struct output_known *first_output;
};

void changes_init(struct changes *c);
void changes_fini(struct changes *c);
/* The changes are written; what is known of keys stays. */
void changes_written(struct changes *c);
/* Rows that have keys may be deleted. */
void changes_forget_keys(struct changes *c);
/* Forgets everything. */
void changes_clear(struct changes *c);
static inline bool changes_any(const struct changes *c)
{
    return c->first_job || c->first_execution || c->first_run || c->first_evaluation;
}

/* NULL: the batch has not changed it. */
struct job_change *changes_find_job(const struct changes *c, int64_t id);
struct execution_change *changes_find_execution(const struct changes *c, int64_t id);
/* The change of the job, begun if need be. */
struct job_change *changes_of_job(struct changes *c, int64_t id);
/* What a job is that the batch has not changed yet; no change in itself. */
void changes_know_job(struct changes *c, const struct job_row *j);
/* Not one of the batch already. */
void changes_insert_job(struct changes *c, const struct job_row *j, const char *spec);
void changes_insert_execution(struct changes *c, const struct execution_row *x);
void changes_update_execution(struct changes *c, const struct execution_row *x);
/* The row as the batch leaves it; row: what the database has, of a fresh one whatever. Strings are
 * the caller's. */
void changes_read_execution(const struct execution_change *x, struct execution_row *row);

void changes_insert_run(struct changes *c, const struct run_row *r);
void changes_update_run(struct changes *c, const struct run_row *r);
void changes_add_evaluation(struct changes *c, const struct evaluation_row *v);

/* NULL: nobody looked for it. */
struct key_known *changes_key(const struct map *keys, const char *key);
void changes_know_key(struct changes *c, struct map *keys, const char *key, int64_t id);

/* NULL: nobody asked for it. */
struct output_known *changes_output(const struct changes *c, int64_t job, int64_t attempt);
/* The same, made if need be. */
struct output_known *changes_of_output(struct changes *c, int64_t job, int64_t attempt);
/* Output may be deleted. */
void changes_forget_outputs(struct changes *c);

/* The steps of a job's life, as store.h has them. */
void change_submitted(struct job_change *x, int64_t agent, int64_t attempt, int64_t now_ms);
void change_running(struct job_change *x, int64_t now_ms);
void change_killing(struct job_change *x, enum reason why);
void change_requeue(struct job_change *x, int64_t attempt);
void change_retrying(struct job_change *x, int64_t attempt, int64_t retry_at_ms);
void change_finish(struct changes *c, struct job_change *x, const struct job_end *end);
void change_cancelled_by(struct changes *c, struct job_change *x, const char *by);
void change_group(struct changes *c, struct job_change *x, const char *group);

#endif
