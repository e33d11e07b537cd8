/* Flows and polling triggers through minutes and hours of virtual time, on the real engine and
 * store: agents that come and go, operators that change and delete, a coordinator that dies at any
 * point. The agents' protocol has a ring of its own (sim_engine); here they are plain, and time
 * goes in steps. Everything random comes from one seed. */
#ifndef CADRE_TESTS_FLOW_SIM_H
#define CADRE_TESTS_FLOW_SIM_H

#include "base/map.h"
#include "coordinator/flow/flow.h"
#include "coordinator/store/reader.h"
#include "tests/unit/coordinator/engine_world.h"

/* Ways to break the house on purpose: the checker has to see each. */
enum flow_sabotage {
    BREAK_NOTHING,
    BREAK_DOUBLE_FIRE,   /* a firing starts two executions */
    BREAK_LOST_FIRE,     /* or none */
    BREAK_STUCK_TRIGGER, /* an evaluation's end is overlooked */
    BREAK_SKIPPED_TASK,  /* a task is passed by */
    BREAK_DEAF_CANCEL,   /* a cancelled execution goes on */
    BREAK_LEAKED_PLACE,  /* nobody looks for queued executions when one ends */
    BREAK_SLEEPER,       /* a trigger that was applied is not looked at */
    BREAK_DOUBLE_AFTER,  /* the end of an execution starts two */
    BREAK_LOST_AFTER,    /* or none */
    BREAK_DEPTH,         /* nobody counts how many ends led to an execution */
    BREAK_ONLINE,        /* a selector does not look who is online, */
    BREAK_SHORTEST,      /* nor how long the queues are, */
    BREAK_KEY,           /* and takes the last of equals */
    BREAK_MOVED,         /* a job goes to another group than was picked */
    BREAK_REGROUPED,     /* and later on, with another attempt, to yet another */
    BREAK_PAIR,          /* a changed one does not wait for the end of what was given up */
    BREAK_FORGOTTEN,     /* a start overlooks open executions */
    BREAK_LOST_UPDATE,   /* a step of an execution is not written */
    BREAK_LOST_TRIGGER,  /* what an evaluation came to is not written */
    BREAK_LOST_START,    /* a task's end is written, what follows is not */
    BREAK_LOST_FINALLY,  /* what failed does not clean up */
    BREAK_DEAF_TREE,     /* a cancel is taken for one of `finally` alone */
    BREAK_TWICE,         /* a start begins the tasks anew */
    BREAK_LOST_RUN,      /* the end of a task run is not written */
    FLOW_SABOTAGES
};
extern const char *const flow_sabotage_names[FLOW_SABOTAGES];

/* What the functions do that the linker puts in front of the engine's and the store's (--wrap). */
struct flow_faults {
    enum flow_sabotage sabotage;
    bool fail_commit; /* the next one */
    char wrong[160];  /* what a wrapped function did that it should not */
    uint64_t calls;   /* each of a wrapped function; the sabotage is done now and then */
};
extern struct flow_faults flow_faults;

enum { SIM_FLOWS = 5, SIM_AGENTS = 6, SIM_GROUPS = 3 };
extern const char *const flow_groups[SIM_GROUPS]; /* NULL: default */
/* The word at `at`, cut to fit; returns what follows it and a space. */
const char *flow_read_word(const char *at, char *out, size_t size);
const char *flow_ns(int number); /* where the flow f<number> is */

/* ---- agents ---- */
struct flow_held {
    int64_t job, attempt, lease_ms, act_ms;
    bool started, evaluation;
    enum reason kill; /* REASON_NONE: nobody wants it dead */
    struct flow_held *next;
};
struct flow_event {
    int64_t seq, job, attempt, code;
    enum command_type type;
    enum job_state state;
    enum reason reason;
    bool outputs, alive;
    struct flow_event *next;
};
/* Processes of an attempt that is over, which the agent could not end. */
struct flow_left {
    int64_t job, attempt, seq, gone_ms;
    bool told; /* the coordinator has heard of them */
    struct flow_left *next;
};
struct flow_agent {
    int64_t id, seq, slots, back_ms, base_ms;
    const char *group;
    uint64_t session; /* 0: away */
    bool ready;
    struct flow_held *held;
    struct flow_event *events;
    struct flow_left *left;
};

/* ---- what was seen ---- */
struct seen_execution {
    int64_t id, revision;
    char flow[8], trigger[8];
    bool known; /* its state is that of a commit before */
    enum execution_state state;
    int64_t next_task; /* place in the flow of the one behind the last that was seen */
    int64_t last_run;
    int64_t parent, depth; /* whose end started it, 0: none did; and how many ends led to it */
    bool matched;          /* its start was looked for and found */
    uint64_t born, over;   /* the batches in which it began and ended; over 0: it is open */
};
struct seen_job {
    int64_t id;
    bool evaluation;
    uint64_t trigger;    /* of an evaluation: flow and name as a key */
    bool abandoned;      /* its trigger does not wait for it any more */
    int64_t assigned_ms; /* mono; 0: it is not */
    int executions;      /* that it fired */
    enum job_state state;
    bool checked;   /* its selector was looked for */
    char group[16]; /* that it picked; empty: there is none */
};
struct seen_trigger {
    char name[24]; /* a row's number is given anew when a trigger is gone */
    uint64_t look; /* the last in which it was there */
    int64_t evaluations;
    int64_t free_ms; /* since when nothing holds it; 0: something does */
};
struct seen_start { /* a user's `flow run`, repeated until it is answered */
    char key[24];
    int flow;
    uint64_t request;
    int64_t id, again_ms;
    bool over;
};

struct seen_list {
    struct seen_execution **items;
    size_t count, cap;
};

struct flow_sim {
    uint64_t seed;
    enum flow_sabotage sabotage;
    struct rng rng;
    struct world w;
    struct reader *reader;
    bool down, healed;
    int64_t rise_ms, risen_ms;
    int crash, fail, cut, lose; /* one in n; 0: never */
    struct command *queue, **queue_end;
    struct flow_agent agents[SIM_AGENTS];
    int agent_count, flow_count;
    struct map executions, jobs, triggers, parsed, runs; /* parsed: flows by their text */
    struct seen_start *starts;
    int start_count;
    /* of the last batch: executions that ended, and those that an end started */
    struct seen_list ends, followers;
    int64_t short_since[SIM_FLOWS]; /* since when a flow has both places and queued ones */
    uint64_t looks, batches, crashes, failed, fired, ended, tasks, cancelled, left, followed, deep;
    char violation[256];
};

/* ---- flow_sim.c ---- */
bool flow_sim_run(struct flow_sim *s, uint64_t seed, enum flow_sabotage sabotage);
void flow_sim_fini(struct flow_sim *s);
int64_t flow_random(struct flow_sim *s, int64_t least, int64_t most);
bool flow_chance(struct flow_sim *s, int one_in); /* 0: never; never when healed */
void flow_violation(struct flow_sim *s, const char *fmt, ...) CADRE_PRINTF(2, 3);
void flow_push(struct flow_sim *s, struct command *c);
void flow_write_leaf(struct flow_sim *s, struct buf *heads, struct buf *b, int number);

/* ---- flow_agent.c ---- */
void flow_agent_step(struct flow_sim *s, struct flow_agent *a);
void flow_agent_effect(struct flow_sim *s, struct flow_agent *a, const struct effect *x);
void flow_agent_lost(struct flow_sim *s, struct flow_agent *a); /* its link is gone */
void flow_agent_fini(struct flow_agent *a);

/* ---- flow_after.c ---- */
/* Triggers that fire at ends, a0 and so on; what they listen to stands in comments (heads). */
void flow_after_write(struct flow_sim *s, struct buf *heads, struct buf *triggers, int flow,
                      int number);
void flow_after_list(struct seen_list *l, struct seen_execution *x);
void flow_after_born(struct flow_sim *s, struct seen_execution *x, const struct execution_row *row);
void flow_after_check(struct flow_sim *s); /* of the batch that was committed */

/* ---- flow_selector.c ---- */
const char *flow_tags(const char *group); /* JSON, for its creation; NULL: none */
/* {tags, match, fallback} of the work called name; heads gets them for the checks. */
void flow_selector_write(struct flow_sim *s, struct buf *heads, struct buf *out, const char *name);
/* A job that was created or has changed. */
void flow_selector_check(struct flow_sim *s, struct seen_job *j, const struct job_row *row);

/* ---- flow_runs.c ---- */
bool flow_is_tree(const struct flow *f);
/* tasks, errors and finally of a flow whose tasks hold others. */
void flow_runs_write(struct flow_sim *s, struct buf *heads, struct buf *out);
/* After a commit that changed the execution; x as it was before. */
void flow_runs_check(struct flow_sim *s, const struct seen_execution *x, const struct flow *f,
                     enum execution_state now);
/* May a task of an execution in this state be handed out? */
bool flow_may_run(const struct flow *f, const char *task, enum execution_state state);

/* ---- flow_check.c ---- */
void flow_check_batch(struct flow_sim *s); /* after a commit, before its effects are carried out */
bool flow_check_over(struct flow_sim *s);  /* has everything ended? */
void flow_check_end(struct flow_sim *s);
void flow_check_fini(struct flow_sim *s);

#endif
