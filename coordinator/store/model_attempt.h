/* The nouns of attempts: those that are over, and what they left behind. See model.h. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_ATTEMPT_H
#define CADRE_COORDINATOR_STORE_MODEL_ATTEMPT_H

#include "coordinator/store/model.h"

/* Of the attempts of a job that are over, the first and the last ones are kept. */
#define ATTEMPTS_FIRST 10
#define ATTEMPTS_LAST 100

/* An attempt that ended while its job went on (the job's own row has the last attempt). */
struct attempt_row {
    int64_t job, attempt, agent;
    enum job_state state; /* FAILED or KILLED */
    enum reason reason;
    char *message;
    bool exited;
    int64_t exit_code, submitted_ms, started_ms, ended_ms;
};
void attempt_row_fini(struct attempt_row *a);

/* The agents of some attempts of a job, in order of the attempts. */
#define ATTEMPT_AGENTS 8
struct attempt_agents {
    int64_t ids[ATTEMPT_AGENTS];
    size_t count;
};

/* Processes of an attempt that is over: their agent could not end them. */
struct remnant_row {
    int64_t agent, job, attempt;
    int64_t since_ms; /* wall */
    char *processes;  /* for people: "sleep (4711, root)" */
};
void remnant_row_fini(struct remnant_row *r);

/* Why an agent that is known was not let in last. */
struct refusal_row {
    int64_t agent;
    int64_t at_ms; /* wall */
    char *group;   /* that it asked for; NULL: the default group */
    char *groups;  /* JSON array text, when it asked for several; `group` is the first */
    char *reason;  /* the code of the refusal: "requires-not-met" */
    char *message;
    char *name; /* the agent's; only when read */
};
void refusal_row_fini(struct refusal_row *r);

/* An agent that could not start the present attempt of a job. */
struct tried_row {
    int64_t job, place; /* 1, 2, ... of the job */
    int64_t agent;
    char *message; /* NULL: none */
};
void tried_row_fini(struct tried_row *t);

#endif
