/* The jobs and executions that ended in this batch and on which others depend. */
#ifndef CADRE_COORDINATOR_ENGINE_ENDED_H
#define CADRE_COORDINATOR_ENGINE_ENDED_H

#include "coordinator/engine/core.h"

enum ended_kind { ENDED_JOB, ENDED_EXECUTION };

/* A job of a flow, and its results. */
struct ended_job {
    struct job_row row;
    enum job_state state;
    enum reason reason;
    char *message;
    bool exited;
    int64_t exit_code;
    char *outputs;
};

struct ended_execution {
    struct flow_entry *flow;
    int64_t trigger; /* number of the row of the trigger that started it; 0: none did */
    enum execution_state state;
    int64_t id, depth;
};

struct ended {
    enum ended_kind kind;
    struct ended_job job;
    struct ended_execution execution;
    struct ended *next;
};

void ended_init(struct engine *g);
/* Takes the strings of the row. */
void ended_job_note(struct engine *g, struct job_row *row, const struct job_end *end);
void ended_execution_note(struct engine *g, const struct ended_execution *x);
/* The next entry, which the caller owns; NULL: none is left. */
struct ended *ended_take(struct engine *g);
void ended_free(struct ended *x);
void ended_clear(struct engine *g);

#endif
