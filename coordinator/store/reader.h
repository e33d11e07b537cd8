/* Reading for the API: its own read-only connection, which never waits behind the writer (SQLite:
 * WAL; PostgreSQL: MVCC). One thread (the reader thread, coordinator/reads). Sees what was
 * committed. Every list is bounded. */
#ifndef CADRE_COORDINATOR_STORE_READER_H
#define CADRE_COORDINATOR_STORE_READER_H

#include "base/err.h"
#include "coordinator/store/model_attempt.h"
#include "coordinator/store/model_flow.h"

struct json;
struct reader;

/* The store has been opened before (it makes and upgrades the files); close the reader before the
 * store. Of PostgreSQL: pg_store.h, with or without a store. */
int reader_open(const char *state_folder, struct reader **out, struct err *e);
void reader_close(struct reader *r);

/* A job (all but its unique_key) with what an API answer needs beside it. */
struct job_view {
    struct job_row job;
    char *spec;       /* JSON text; only from reader_job */
    char *spec_head;  /* its first bytes; only from reader_jobs, of jobs without name and task */
    char *outputs;    /* JSON text or NULL */
    char *require;    /* JSON text or NULL */
    char *agent_name; /* NULL: no agent */
};
void job_view_fini(struct job_view *v);
int reader_job(struct reader *r, int64_t id, struct job_view *out, struct err *e);
struct job_filter {
    uint32_t states;   /* bit per shown state (model.h); 0: all */
    uint32_t kinds;    /* bit per enum shown_kind; 0: all */
    const char *name;  /* NULL: any */
    const char *group; /* NULL: any */
    const char *ns;    /* NULL: any; subtree */
    int64_t agent;     /* 0: any */
    int64_t before_id; /* 0: from the newest */
    int64_t from_id;   /* only this one and newer ones */
    uint32_t reasons;  /* bit per enum reason; 0: all */
    bool exited;       /* only those that ended with exit_code */
    int64_t exit_code;
    int64_t ended_since_ms, ended_until_ms; /* only those that ended then or later, and before */
    const char *flow;          /* NULL: any; needs ns, which is exactly this one then */
    const char *task;          /* NULL: any */
    bool unnamed;              /* only those without a name */
    const struct json *labels; /* of their execution, each of these texts by its key; NULL: any */
    bool uncancelled;          /* not those that a user has cancelled and that have not ended yet */
    size_t limit;
};
/* Newest first; *next_before 0: no more, else the before_id of the next call. One call looks at
 * 5,000 jobs at most: there may be more although fewer than `limit` came, even none. */
int reader_jobs(struct reader *r, const struct job_filter *f,
                int (*fn)(const struct job_view *v, void *user), void *user, int64_t *next_before,
                struct err *e);
/* The newest `limit` attempts with a number below `before`, of those that are over while the job
 * went on: the present one is in the job itself. A job of many attempts keeps the first and the
 * last of them only (store_attempt_add). */
struct attempt_filter {
    int64_t job;
    int64_t before; /* 0: from the newest */
    size_t limit;
    bool ascending; /* the same attempts, oldest first; else newest first */
};
/* *more: there are older ones. */
int reader_attempts(struct reader *r, const struct attempt_filter *f,
                    int (*fn)(const struct attempt_row *a, const char *agent_name, void *user),
                    void *user, bool *more, struct err *e);

struct output_filter {
    int64_t job;
    int64_t attempt;  /* 0: all */
    uint32_t streams; /* bit 1<<stream; 0: all */
    int64_t cursor;   /* 0: from the beginning */
    int64_t since_ms; /* only what was received then or later */
    size_t max_bytes; /* of data, but at least one chunk */
};
/* Chunks behind the cursor in order of arrival; fn borrows. *next_cursor stands behind what was
 * looked at, also of other streams: when it equals the cursor, there is no more at present. */
int reader_output(struct reader *r, const struct output_filter *f,
                  int (*fn)(const struct chunk *c, void *user), void *user, int64_t *next_cursor,
                  struct err *e);

/* Where the last lines of a job's output begin; zeroed but for `lines` at the start. */
struct output_tail {
    int64_t lines;  /* still to be found */
    int64_t before; /* what was looked at begins with this chunk; 0: nothing was */
    bool found;
    int64_t cursor; /* the lines begin behind this chunk ... */
    size_t skip;    /* ... and so many bytes into the next one that the filter takes */
    bool any;       /* the last byte of the output was seen */
};
/* Looks at one page of the output that the filter takes, from its end backwards; to be called until
 * t->found. */
int reader_output_tail(struct reader *r, const struct output_filter *f, struct output_tail *t,
                       struct err *e);

/* A page of rows by name, and a page of rows by id; *more: another page follows. */
struct name_filter {
    const char *after; /* NULL: from the first */
    const char *ns;    /* of namespaces: this one and those below it; NULL: all */
    size_t limit;
};
struct id_filter {
    int64_t after; /* 0: from the first */
    size_t limit;
};

struct agent_filter {
    const char *group; /* NULL: any; else one of the agent's */
    uint32_t states;   /* bit per enum agent_state; 0: any */
    const char *after; /* NULL: from the first */
    size_t limit;
    char **passed; /* NULL: not asked for */
};
/* Agents not removed, by name. busy: slots that jobs or remnants take. One call looks at 5,000 at
 * most: then *passed is the last name that was looked at, behind which the next call begins, else
 * NULL; mem_free. */
int reader_agents(struct reader *r, const struct agent_filter *f,
                  int (*fn)(const struct agent_row *a, int64_t busy, void *user), void *user,
                  bool *more, struct err *e);
int reader_agent(struct reader *r, const char *id_or_name, struct agent_row *out, int64_t *busy,
                 struct err *e);
/* The same of an agent that was removed and is kept for a while; of several of that name it is the
 * one that was removed last. */
int reader_removed_agent(struct reader *r, const char *id_or_name, struct agent_row *out,
                         int64_t *busy, struct err *e);
/* The last one of an agent; ERR_NOT_FOUND: it was let in since. */
int reader_refusal(struct reader *r, int64_t agent, struct refusal_row *out, struct err *e);
/* Those of an agent, oldest first. */
int reader_remnants(struct reader *r, int64_t agent,
                    int (*fn)(const struct remnant_row *m, void *user), void *user, struct err *e);
struct group_counts {
    int64_t agents, online, unwell, queued, running; /* unwell: of those online */
};
int reader_groups(struct reader *r, const struct name_filter *f,
                  int (*fn)(const struct group_row *g, const struct group_counts *n, void *user),
                  void *user, bool *more, struct err *e);
int reader_group(struct reader *r, const char *key, struct group_row *out,
                 struct group_counts *counts, struct err *e);
int reader_namespaces(struct reader *r, const struct name_filter *f,
                      int (*fn)(const struct namespace_row *n, void *user), void *user, bool *more,
                      struct err *e);
int reader_tokens(struct reader *r, const struct id_filter *f,
                  int (*fn)(const struct token_row *t, void *user), void *user, bool *more,
                  struct err *e);
int reader_token(struct reader *r, int64_t id, struct token_row *out, struct err *e);

/* ---- flows ---- */
/* In order of (namespace, id), those not deleted, without source. One page: behind (after_ns,
 * after_id), at most `limit`; *more tells whether another follows. */
struct flow_filter {
    const char *ns;                  /* NULL: any; subtree */
    const char *after_ns, *after_id; /* NULL: from the first */
    size_t limit;
    char **passed; /* as of agents: "NS/ID" */
};
int reader_flows(struct reader *r, const struct flow_filter *f,
                 int (*fn)(const struct flow_row *row, int64_t triggers, void *user), void *user,
                 bool *more, struct err *e);
/* revision 0: the newest; a deleted flow is found by number only. With source. */
int reader_flow(struct reader *r, const char *ns, const char *id, int64_t revision,
                struct flow_row *out, struct err *e);
struct revision_filter {
    const char *ns, *flow;
    int64_t before; /* 0: from the newest */
    size_t limit;
};
/* Newest first, without source. updated_ms is the revision's. */
int reader_flow_revisions(struct reader *r, const struct revision_filter *f,
                          int (*fn)(const struct flow_row *row, void *user), void *user, bool *more,
                          struct err *e);

/* ---- executions ---- */
struct execution_filter {
    uint32_t states;           /* bit per enum execution_state; 0: all */
    const char *ns;            /* NULL: any; subtree, but with `flow` exactly this one */
    const char *flow;          /* NULL: any; needs ns */
    const char *trigger;       /* NULL: any */
    const struct json *labels; /* each of these texts by its key; NULL: any */
    int64_t before_id;         /* 0: from the newest */
    int64_t from_id;           /* only this one and newer ones */
    size_t limit;
};
/* As reader_jobs. */
int reader_executions(struct reader *r, const struct execution_filter *f,
                      int (*fn)(const struct execution_row *x, void *user), void *user,
                      int64_t *next_before, struct err *e);
int reader_execution(struct reader *r, int64_t id, struct execution_row *out, struct err *e);
struct task_run_filter {
    int64_t execution;
    int64_t after_id; /* the page begins after this id; 0: at the first row */
    size_t limit;
};
/* The existing jobs of an execution, oldest first. */
int reader_task_runs(struct reader *r, const struct task_run_filter *f,
                     int (*fn)(const struct job_view *v, void *user), void *user, bool *more,
                     struct err *e);

#endif
