/* What the files of the engine share; nobody else includes it.
 *
 * Memory holds what is decided about often: groups (groups), agents that are connected or hold
 * attempts (agents), and jobs that are assigned, due at some time, or so young in the queue that
 * they still are at hand (open jobs). A queue of any length lies in the store alone; of it a group
 * knows the counts, by what the jobs require (class).
 *
 * A failing store call is noted in engine.rc by `store_ok`; from then on nothing of the batch
 * counts, and engine_commit rolls back and loads everything anew. So a function may leave memory
 * half changed when it sees a failure, as long as what is linked stays linked. */
#ifndef CADRE_COORDINATOR_ENGINE_INTERNAL_H
#define CADRE_COORDINATOR_ENGINE_INTERNAL_H

#include "base/deadline.h"
#include "coordinator/engine/engine.h"
#include "base/map.h"
#include "coordinator/engine/requires.h"
#include "coordinator/flow/flow.h"
#include "wire/lease.h"

#define NEVER INT64_MAX
#define FLOW_NAME_SIZE 512

struct agent;
struct group;

enum timer_kind { TIMER_JOB, TIMER_LEASE, TIMER_GROUP, TIMER_UPKEEP, TIMER_FLOW, TIMER_TRIGGER };

struct timer {
    struct deadline deadline; /* first: the queue hands out its address */
    enum timer_kind kind;
    void *owner;
};

/* A job that is assigned, RETRYING, or CREATED and at hand. */
struct job {
    struct job_row row;
    char *spec;              /* NULL: in the store only; never kept beyond the hand-out */
    size_t cached_bytes;     /* counted in engine.cached_bytes while CREATED */
    struct agent *agent;     /* while assigned */
    struct job *prev, *next; /* of agent */
    int64_t since_ms;        /* mono, of the hand-out: the lease runs at least from here */
    int64_t queue_until_ms;  /* mono, NEVER: no queue timeout */
    int64_t retry_at_ms;     /* mono, while RETRYING */
    int64_t kill_ms;         /* mono, when the kill was first asked for */
    int64_t first_ms;        /* mono, when the first attempt started; NEVER: none did */
    int64_t timed_from_ms;   /* mono, from when its timeout counts */
    int64_t output_bytes;    /* of this attempt; -1: ask the store */
    bool listed;             /* in the hello at hand */
    bool received;           /* the agent is known to have got this attempt */
    bool end_listed; /* the hello said that it ended, and the event that says how is still due */
    uint64_t changed_in; /* the last batch that told of a change */
    uint64_t output_in;
    struct timer timer;
};

/* Interned requires, compiled. */
struct requires_entry {
    int64_t id;
    char *text;
    struct requires *compiled;
    bool never;  /* cannot be read: met by nobody */
    size_t slot; /* in agent.fits */
};

#define WINDOW 32

/* The CREATED jobs of a group that require the same. */
struct queue {
    struct group *group;
    int64_t requires_id;
    struct requires_entry *requires; /* NULL: nothing required, or not yet compiled */
    int64_t count;
    size_t place; /* in group.pending, 1-based; 0 while count is 0 */
    bool blocked; /* no free agent of the group meets it; a agent that gets free may */
    bool whole;   /* the window holds all of them */
    size_t window_count;
    struct queue_head window[WINDOW]; /* the best ones, in order */
};

struct group {
    struct group_row row; /* key NULL: the default group */
    bool deleted;         /* not in the store any more, but jobs speak of it */
    struct requires *requires;
    struct json *allowed; /* array of namespaces, or NULL */
    struct map queues;    /* by requires_id */
    struct queue **pending;
    size_t pending_count, pending_cap;
    int64_t queued;          /* jobs in CREATED */
    int64_t fallback_queued; /* of them those that do not just WAIT */
    int64_t assigned, retrying;
    int64_t online;      /* agents that could take jobs if they had slots */
    struct agent *first; /* connected agents */
    struct agent **heap; /* agents with free slots, the best one first */
    size_t heap_count, heap_cap;
    bool dirty;
    struct group *next_dirty;
    struct group *next_same; /* same text key */
    int64_t expect_until_ms; /* mono: until then its agents may still be on their way back */
    struct timer timer;
};

/* An agent that is connected or holds attempts. */
struct agent {
    int64_t id;
    struct agent_row row; /* as stored; loaded with the first hello, only the id before */
    uint64_t session;     /* 0: away */
    uint64_t newest_session;
    bool ready;
    bool leaving; /* not of the group any more; stays until its attempts are over */
    bool counted; /* in group.online */
    /* Connected from another machine than the one that its attempts were handed out to (its state
     * folder was copied or moved). Those may run on there until their leases end: what the moved
     * says of them is hearsay, its signs of life are not theirs, and it gets no jobs before they
     * are over. */
    bool moved;
    char *moved_host, *moved_boot, *moved_journal; /* become the row's then */
    struct group *group;                           /* while connected */
    struct agent *prev, *next;                     /* of group */
    struct caps *caps;
    unsigned char *fits; /* by requirement slot: 0 not known, 1 no, 2 yes */
    size_t fits_cap;
    struct job *jobs;
    int64_t busy;
    uint64_t touched;      /* order of the last hand-out or end */
    size_t heap_place;     /* 1-based; 0: not in the heap */
    int64_t free;          /* slots that the group knows of; see agent_update */
    int64_t last_heard_ms; /* mono */
    int64_t seen_ms;       /* mono; the last_heard_ms that is written */
    int64_t last_seq, stored_seq;
    int64_t
        /* when last_seq is here, all ends that the hello listed have come; 0: none is due */
        end_due_seq;
    int64_t heartbeat; /* to be acknowledged; 0: none */
    bool ack_due;
    struct agent *next_ack;
    int64_t discarded_job, discarded_attempt; /* the last one told to discard */
    struct timer lease;
};

struct namespace
{
    struct namespace_row row;
    struct namespace *next_same;
};

/* A revision of a flow that is the present one, or that an open execution is of. */
struct revision {
    struct flow_entry *flow;
    int64_t number;
    struct flow *parsed; /* NULL: not needed yet */
    char *broken;        /* it cannot be parsed any more: why */
    int64_t executions;
    struct revision *next;
};

struct execution {
    struct execution_row row; /* without inputs, trigger_vars and labels: the store has them */
    struct revision *revision;
    struct trigger *trigger; /* that started it, while there is such a one */
    struct execution_list *list;
    struct execution *prev, *next;
};

struct execution_list {
    struct execution *first, *last;
    int64_t count;
};

/* A polling trigger. It is looked at when its timer says so; the timer does not run while it is
 * disabled, while it is being evaluated, while an evaluation that was given up is still being
 * killed, or while an execution that it started keeps it. Nothing of that is written down as a
 * lock: it follows from the jobs and the executions that are open. */
struct trigger {
    struct trigger_row row;
    struct flow_entry *flow;
    int64_t executions; /* open ones that it started */
    int64_t ending;     /* an evaluation that was given up, until its agent has ended it; 0: none */
    int64_t due_ms;     /* mono: row.next_ms, which a wall clock that is set does not move */
    struct timer timer;
    struct trigger *next; /* of the flow */
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

/* A job of a flow that has ended in this batch, and what it leaves behind. */
struct ended_job {
    struct job_row row;
    enum job_state state;
    enum reason reason;
    char *message;
    bool exited;
    int64_t exit_code;
    char *outputs;
    struct ended_job *next;
};

struct engine {
    struct store *store;
    struct engine_config config;
    struct rng rng;
    struct moment now;
    int64_t fallback_grace_ms;
    bool loaded;             /* memory stands for what the store has */
    bool offline_due;        /* agents are to be marked as away in the next transaction */
    uint64_t newest_session; /* that said hello */
    uint64_t oldest_session; /* those before were closed when a batch failed */
    int64_t last_id;

    struct map jobs, agents, sessions, groups, namespaces, requires_entries, requires_texts;
    struct map flows, executions;
    struct group *default_group;
    struct group *dirty;
    size_t requires_slots;
    int64_t seen_due_ms; /* mono, when it is next written who was heard */
    struct deadline_queue deadlines;
    struct timer upkeep;
    size_t cached_bytes;
    uint64_t stamp; /* counts up: agent.touched */

    /* the batch */
    uint64_t batch;
    struct effects *out;
    int rc; /* first failure */
    struct err err;
    struct agent *acks;
    struct ended_job *ended, **ended_last; /* not looked at yet */
    int begun;                             /* evaluations that were due */
    uint64_t *requests;                    /* to be answered, should the batch fail */
    size_t request_count, request_cap;
    uint64_t *newcomers; /* sessions that said enrol or hello */
    size_t newcomer_count, newcomer_cap;
};

/* ---- engine.c ---- */
/* true: go on. Else the failure is noted; pass &g->err to the store. */
bool store_ok(struct engine *g, int rc);
/* A bug: fails the batch. */
void engine_broken(struct engine *g, const char *what);
struct effect *session_effect(struct engine *g, enum effect_type type, uint64_t session);
void timer_init(struct timer *t, enum timer_kind kind, void *owner);
void timer_set(struct engine *g, struct timer *t, int64_t at_ms); /* NEVER clears */
void timer_clear(struct engine *g, struct timer *t);
/* Grows with every call, whatever the clock does. */
int64_t engine_new_id(struct engine *g);
int compare_ids(const void *a, const void *b); /* for qsort of int64_t */

/* ---- reply.c ---- */
void reply_ok(struct engine *g, const struct command *c, int64_t id);
void reply_json(struct engine *g, const struct command *c,
                struct buf *json); /* takes the content */
/* code and hint as in struct effect; the hint is copied. */
void reply_error(struct engine *g, const struct command *c, int rc, const char *code,
                 const char *hint, const char *fmt, ...) CADRE_PRINTF(6, 7);
void reply_err(struct engine *g, const struct command *c, const struct err *e, const char *code,
               const char *hint);
void refuse(struct engine *g, uint64_t session, const char *code, int64_t retry_ms, const char *fmt,
            ...) CADRE_PRINTF(5, 6);

/* ---- load.c ---- */
int engine_load(struct engine *g, struct err *e);
void engine_unload(struct engine *g);

/* ---- job.c: one job from state to state ---- */
struct job *job_find(const struct engine *g, int64_t id);
/* Puts a row into memory (takes its strings), in the state that it has, without any transition. */
struct job *job_add(struct engine *g, struct job_row *row);
void job_free(struct engine *g, struct job *j);
/* A CREATED job, loaded when it is not at hand; NULL: a failure was noted. */
struct job *job_get(struct engine *g, int64_t id);
void job_arm(struct engine *g, struct job *j); /* the timer that its state wants */
int64_t job_lease_until(const struct engine *g, const struct job *j);
int64_t job_grace(const struct job *j);

/* Counts it among the queued ones; state CREATED. May free j, which then is in the store alone. */
void job_enqueue(struct engine *g, struct job *j);
void job_changed(struct engine *g, struct job *j); /* tells followers, once a batch */
/* Does what its fallback says, since its group has no agent online. May free j. */
void job_fall_back(struct engine *g, struct job *j);
bool job_falls_back(const struct job_row *row); /* does it not just wait? */
void job_assign(struct engine *g, struct job *j, struct agent *a);
void job_running(struct engine *g, struct job *j);
void job_kill(struct engine *g, struct job *j, enum reason why);
/* Back into its old place, same attempt: an agent never started it. */
void job_give_back(struct engine *g, struct job *j, const char *why);
void job_end(struct engine *g, struct job *j, const struct job_end *end,
             const char *why); /* frees j */
/* The attempt is over, not well: another one, or the end. Frees j in the latter case. */
void job_attempt_failed(struct engine *g, struct job *j, const struct job_end *end,
                        const char *why);
/* The attempt's agent is out of touch, or forgot it. */
void job_lost(struct engine *g, struct job *j, enum reason reason, const char *message);
void job_on_timer(struct engine *g, struct job *j);

/* Ends it, or asks its agent to: on a user's word. May free j. */
void job_cancel(struct engine *g, struct job *j);
void job_cancel_id(struct engine *g, int64_t id); /* fine when it is over */

/* ---- submit.c ---- */
/* Sets group and fallback where the job itself names none (design 4). NULL: there is no group
 * row->group; *from: the namespace that said so, or NULL. */
struct group *job_resolve(struct engine *g, struct job_row *row, bool fallback_given,
                          const struct namespace **from);
bool group_allows(const struct group *group, const char *ns); /* may it target the group? */
/* A new job whose group is there and which requires what is interned; takes the strings and spec.
 * It may end at once, by its fallback. 0: a failure was noted. */
int64_t job_create(struct engine *g, struct job_row *row, char *spec);
/* One that is over as it comes: it could not be made, or needs no agent. */
int64_t job_create_ended(struct engine *g, struct job_row *row, const struct job_end *end);

/* ---- group.c: groups in memory ---- */
struct group *group_find(const struct engine *g,
                         const char *key); /* NULL key: default; NULL: no such */
struct group *group_add(struct engine *g, struct group_row *row); /* takes the strings */
void group_free(struct engine *g, struct group *group);
/* The group of a job, made as a deleted one when its group is gone. */
struct group *group_of_job(struct engine *g, const struct job_row *row);
int group_read_rules(struct group *group, struct err *e); /* requires and namespaces from the row */
const char *group_name(const struct group *group,
                       char out[96]); /* "group gpu", "the default group" */
void group_set_dirty(struct engine *g, struct group *group);
void group_watch(struct engine *g, struct group *group); /* arms fallback and sweep */
void group_on_timer(struct engine *g, struct group *group);

struct queue *queue_get(struct engine *g, struct group *group, int64_t requires_id);
void queue_add(struct engine *g, struct queue *c, const struct queue_head *head);
void queue_remove(struct engine *g, struct queue *c, int64_t id);
/* The best one; NULL: a failure was noted. count > 0. */
const struct queue_head *queue_best(struct engine *g, struct queue *c);
struct requires_entry *requires_entry_find(struct engine *g,
                                           int64_t id); /* NULL: a failure was noted */
int requires_entry_intern(struct engine *g, struct requires *r, int64_t *id); /* takes r */
/* Forgets those that no queued job has, when there are many. */
void requires_entries_trim(struct engine *g);

/* ---- match.c ---- */
bool agent_fits(struct engine *g, struct agent *a, struct queue *c);
int64_t agent_free_slots(const struct agent *a); /* 0 when it takes no jobs */
/* After anything of the agent changed: its place in the heap, the count of those online, blocked
 * classes. */
void agent_update(struct engine *g, struct agent *a);
void match_all(struct engine *g);

/* ---- session.c ---- */
struct agent *agent_find(const struct engine *g, int64_t id);
struct agent *agent_of_session(const struct engine *g,
                               uint64_t session); /* NULL: none, or not any more */
struct agent *agent_add(struct engine *g, int64_t id);
void agent_free(struct engine *g, struct agent *a);
void agent_release(struct engine *g, struct agent *a); /* frees it when nothing keeps it */
void agent_join(struct engine *g, struct agent *a, struct group *group);
void agent_detach(struct engine *g, struct agent *a); /* its session is over */
void agent_close(struct engine *g, struct agent *a);  /* tells the link to close and detaches */
void agent_set_caps(struct engine *g, struct agent *a);
/* Looks whether the agent still belongs to its group: when not it leaves, at once or after its
 * last attempt. */
void agent_review(struct engine *g, struct agent *a);
void agent_discard(struct engine *g, struct agent *a, int64_t job, int64_t attempt,
                   const char *why);
void agent_heard(struct engine *g, struct agent *a);
void agent_ack(struct engine *g, struct agent *a);
void acks_flush(struct engine *g); /* and settles what the hello listed as ended */

/* ---- lease.c ---- */
void lease_arm(struct engine *g, struct agent *a); /* after a hand-out */
void lease_begin(struct engine *g,
                 struct agent *a); /* after anything else that makes one end earlier */
void lease_on_timer(struct engine *g, struct agent *a);
void upkeep_on_timer(struct engine *g);
void timers_run(struct engine *g);

/* ---- flow.c: flows in memory ---- */
struct flow_entry *flow_get(const struct engine *g, const char *ns,
                            const char *id); /* NULL: there never was one */
struct flow_entry *flow_add(struct engine *g, const struct flow_row *row);
void flows_clear(struct engine *g);
struct revision *revision_get(struct flow_entry *f, int64_t number);
void revision_release(struct revision *r); /* forgets it when nothing needs it */
/* Parsed, read from the store when it was not yet. NULL: it cannot be (r->broken), or a failure was
 * noted. */
const struct flow *revision_parsed(struct engine *g, struct revision *r);
const struct flow *flow_present(struct engine *g, struct flow_entry *f); /* the present revision */
const char *flow_name(const struct flow_entry *f, char out[FLOW_NAME_SIZE]); /* "ns.id" */
/* Answers that there is no such flow. */
void flow_reply_unknown(struct engine *g, const struct command *c, const char *ns, const char *id);

/* ---- task.c: from a flow's work to a job ---- */
/* What is wrong with a job that was to be made. */
struct flaw {
    enum reason reason;
    struct err err;
};
/* Renders work into a job: the rest of *row is the caller's. false: flaw tells, or a failure was
 * noted. */
bool work_render(struct engine *g, const struct flow *f, const struct flow_work *w,
                 const struct expr_values *v, struct job_row *row, char **spec, struct flaw *flaw);
/* The next task run of an execution whose tasks before x->row.position are over; or its end, which
 * frees x. */
void execution_advance(struct engine *g, struct execution *x);

/* ---- execution.c ---- */
struct execution *execution_find(const struct engine *g, int64_t id);
struct execution *execution_add(struct engine *g,
                                struct execution_row *row); /* takes the strings */
void execution_free(struct execution *x);
bool execution_store(struct engine *g, struct execution *x);
/* As far as the flow's concurrency lets it; queued, or ended at once, where not. Takes the strings
 * of row. Its id, 0: a failure was noted. */
int64_t execution_start(struct engine *g, struct flow_entry *f, struct execution_row *row);
/* One that is over as it comes. */
int64_t execution_start_ended(struct engine *g, struct flow_entry *f, struct execution_row *row);
void execution_end(struct engine *g, struct execution *x, enum execution_state state,
                   enum reason reason, const char *message); /* frees x */
void execution_on_task(struct engine *g, const struct ended_job *j);
/* Starts what is queued, as far as there are places. */
void flow_pump(struct engine *g, struct flow_entry *f);

/* ---- ended.c: what follows when a job of a flow ends ---- */
void ended_note(struct engine *g, struct job_row *row,
                const struct job_end *end); /* takes the row's strings */
void ended_run(struct engine *g);           /* until nothing follows any more */
void ended_clear(struct engine *g);

/* ---- trigger.c ---- */
struct trigger *trigger_find(const struct flow_entry *f, const char *name);
struct trigger *trigger_add(struct engine *g, struct flow_entry *f,
                            struct trigger_row *row); /* takes the strings; last of the flow */
void trigger_free(struct engine *g, struct trigger *t);
void trigger_set_due(struct engine *g, struct trigger *t, int64_t in_ms);
void trigger_arm(struct engine *g, struct trigger *t);
/* Finds out which of them wait for an evaluation that was given up; f NULL: of all flows. */
void triggers_find_ending(struct engine *g, const struct flow_entry *f);
void trigger_arm_loaded(struct engine *g, struct trigger *t); /* after a start: without a burst */
void trigger_on_timer(struct engine *g, struct trigger *t);
void trigger_on_evaluation(struct engine *g, const struct ended_job *j);
/* An execution that it started has ended. */
void trigger_on_execution(struct engine *g, struct trigger *t, enum execution_state state);
/* What the flow says of its triggers in a new revision; before: the parsed one until now, or
 * NULL. */
void triggers_follow(struct engine *g, struct flow_entry *f, const struct flow *before,
                     const struct flow *now);
void triggers_remove(struct engine *g, struct flow_entry *f); /* all */
/* Evaluates it now, on time or not. It ends at once where no job can be made. */
void trigger_evaluate(struct engine *g, struct trigger *t);
/* The evaluation under way, if there is one, does not count any more. */
void trigger_abandon(struct engine *g, struct trigger *t, const char *why);
void trigger_enable(struct engine *g, struct trigger *t); /* and makes it due */
void trigger_disable(struct engine *g, struct trigger *t, const char *why);

/* ---- the commands ---- */
typedef void apply_fn(struct engine *g, struct command *c);
apply_fn apply_enrol, apply_hello, apply_ready, apply_heartbeat, apply_gone;
apply_fn apply_started, apply_output, apply_finished, apply_declined;
apply_fn apply_submit, apply_cancel, apply_why;
apply_fn apply_token_create, apply_token_revoke, apply_token_used;
apply_fn apply_agent_drain, apply_agent_resume, apply_agent_remove;
apply_fn apply_group_create, apply_group_update, apply_group_delete, apply_group_pause,
    apply_group_resume;
apply_fn apply_ns_set, apply_ns_unset, apply_resolve;
apply_fn apply_awake;
apply_fn apply_flow_apply, apply_flow_delete, apply_execution_start, apply_execution_cancel;
apply_fn apply_trigger_enable, apply_trigger_disable, apply_trigger_run;

/* ---- agent.c ---- */
void agent_remove(struct engine *g, struct agent_row *row); /* revokes it, and ends its session */

/* ---- namespace.c ---- */
struct namespace *namespace_find(const struct engine *g, const char *ns);
void namespace_put(struct engine *g, struct namespace_row *row); /* takes the strings */
void namespaces_clear(struct engine *g);
/* The nearest namespace at or above ns that says something; NULL: none. */
const struct namespace *namespace_nearest(const struct engine *g, const char *ns);
const char *group_nearest_key(const struct engine *g,
                              const char *key); /* a likely misspelling; NULL: none */

#endif
