/* Flows in memory: where they are found, their triggers, their open executions, and their revisions
 * as far as something needs them. */
#ifndef CADRE_COORDINATOR_ENGINE_FLOW_H
#define CADRE_COORDINATOR_ENGINE_FLOW_H

#include "coordinator/engine/core.h"
#include "coordinator/engine/run.h"
#include "coordinator/flow/flow.h"

#define FLOW_NAME_SIZE 512

/* The present revision of a flow, or a revision of which an execution is open. */
struct revision {
    struct flow_entry *flow;
    int64_t number;
    struct flow *parsed; /* NULL: not needed yet */
    char *broken;        /* why the source cannot be parsed any more; else NULL */
    int64_t executions;
    struct revision *next;
};

struct outcomes;

struct execution {
    struct timer timer;          /* task runs are to be looked at, or one that sleeps is to wake */
    struct outcomes *outcomes;   /* what its task runs left (outcome.h); NULL: not known */
    struct execution_row row;    /* without inputs, trigger_vars and labels: the store has them */
    struct run root;             /* the flow itself */
    struct run *runs, *last_run; /* open ones, oldest first */
    struct run *look_first, *look_last; /* those to be looked at */
    int64_t run_count;                  /* numbers given so far */
    bool full;     /* one beyond RUNS_MOST was refused: none begins but in the spare */
    size_t asleep; /* how many of `runs` sleep */
    bool named;    /* the tasks of all runs are known */
    bool old;      /* an older coordinator began it: position and job are to become task runs */
    struct revision *revision;
    /* that started it, while there is such a one; one of a backfill belongs to that alone */
    struct trigger *trigger;
    struct backfill *backfill;
    struct execution_list *list;
    struct execution *prev, *next;
};

struct execution_list {
    struct execution *first, *last;
    int64_t count;
};

/* A trigger. One that polls is looked at when its timer says so; the timer does not run while it is
 * disabled, while it is being evaluated, while an evaluation that was given up is still being
 * killed, or while an execution that it started keeps it. Nothing of that is written down as a
 * lock: it follows from the jobs and the executions that are open. */
struct trigger {
    struct trigger_row row;
    struct flow_entry *flow;
    int64_t executions; /* how many open executions it started */
    int64_t ending;     /* an evaluation that was given up, until its agent has ended it; 0: none */
    int64_t due_ms;     /* mono: row.next_ms, which a wall clock that is set does not move */
    struct timer timer;
    struct trigger *next; /* of the flow */

    /* of a schedule (schedule.c): */
    struct zone *zone; /* NULL: not looked up yet, or not known */
    bool planned;      /* the three that follow are right */
    bool left_out;     /* next_s is no moment: notAt leaves all out up to there */
    int64_t next_s;    /* the planned moment that is next */
    int64_t fire_ms;   /* wall: when it fires, jitter included; NEVER: none is to come */
    /* of the last line in the history: how many moments it stands for, while more may be added,
     * else 0; and the wall time of the first */
    int64_t line_moments, line_since_ms;
    int64_t fired_ranges;       /* how many are kept of it (fired.c); 0: not counted yet */
    struct backfill *backfills; /* under way, oldest first */

    /* of one that fires at the end of executions (listener.c): */
    enum { LISTENS_NOT, LISTENS_UNREAD, LISTENS_IN_PLACE } listening;
    uint64_t listens_to; /* its place */
    bool listens_to_prefix;
    uint64_t called; /* the number of the end that it was called for last */
    /* executions that it started in the batch started_in, those that ended as they came included */
    int64_t started;
    uint64_t started_in;
    struct trigger *next_listener;
};

/* A backfill of a schedule (backfill.c). */
struct backfill {
    struct timer timer;
    struct backfill_row row;
    struct trigger *trigger;
    int64_t open; /* its executions that have not ended */
    struct backfill *next;
};

struct flow_entry {
    char *ns, *id;
    int64_t revision, created_ms; /* revision: the present one */
    bool deleted;
    struct revision *revisions;
    struct trigger *triggers;
    struct execution_list running, queued; /* open executions, oldest first */
    struct timer timer;                    /* more queued ones are to be started */
    struct flow_entry *next_same;
};

struct flow_entry *flow_get(const struct engine *g, const char *ns,
                            const char *id); /* NULL: there never was one */

struct flow_entry *flow_add(struct engine *g, const struct flow_row *row);
/* The store has removed the flow: the flow was deleted, and none of its executions is kept. */
void flow_forget(struct engine *g, const char *ns, const char *id);
void flows_clear(struct engine *g); /* executions and triggers are gone already */

struct trigger *trigger_find(const struct flow_entry *f, const char *name);

struct revision *revision_get(struct flow_entry *f, int64_t number);
void revision_release(struct revision *r); /* frees the revision when nothing needs it */
/* Parsed, read from the store when it was not yet. NULL: it cannot be (r->broken), or a failure was
 * noted. */
const struct flow *revision_parsed(struct engine *g, struct revision *r);
const struct flow *flow_present(struct engine *g, struct flow_entry *f); /* the present revision */
const char *flow_name(const struct flow_entry *f, char out[FLOW_NAME_SIZE]); /* "ns.id" */
/* Tells the store which groups the present revision of a flow names. */
void flow_note_groups(struct engine *g, const struct flow_row *row, const struct flow *f);
/* Does that for some flows that an older version applied; *more: others are left. */
void flows_read_groups(struct engine *g, bool *more);
/* Replies that the flow does not exist. */
void flow_reply_unknown(const struct engine *g, const char *ns, const char *id, struct reply *r);

#endif
