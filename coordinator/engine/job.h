/* One job, from state to state. */
#ifndef CADRE_COORDINATOR_ENGINE_JOB_H
#define CADRE_COORDINATOR_ENGINE_JOB_H

#include "coordinator/engine/agent.h"
#include "coordinator/engine/tried.h"
#include "wire/output_account.h"

/* A job that is assigned, RETRYING, or CREATED and at hand. */
struct job {
    struct job_row row;
    struct group *group; /* of row.group, once it was looked up (job_group) */
    struct attempt_agents
        *failures;           /* of former attempts; NULL: there are none, or see job_failures */
    char *spec;              /* NULL: in the store only; never kept beyond the hand-out */
    bool encoded;            /* spec_encode wrote the spec just now, without attempt_mark */
    size_t cached_bytes;     /* counted in engine.cached_bytes while CREATED */
    struct agent *agent;     /* while assigned */
    struct job *prev, *next; /* of agent */
    int64_t since_ms;        /* mono, of the hand-out: the lease runs at least from here */
    int64_t queue_until_ms;  /* mono, NEVER: no queue timeout */
    int64_t retry_at_ms;     /* mono, while RETRYING */
    struct remnant *remnant; /* of an attempt before; while it lives, the next attempt waits */
    int64_t kill_ms;         /* mono, when the kill was first asked for */
    int64_t first_ms;        /* mono, when the first attempt started; NEVER: none did */
    int64_t timed_from_ms;   /* mono, from when its timeout counts */
    bool output_known;       /* false: `output` is to be asked of the store */
    struct output_account output; /* of this attempt */
    bool listed;                  /* in the hello at hand */
    bool received;                /* the agent is known to have got this attempt */
    int64_t after_seq; /* events of its agent up to this one are of another hand-out; 0: none are */
    bool end_listed;   /* the hello listed the attempt as ended, and its last event is still due */
    bool rebooted;     /* and the agent's machine or journal was another one at the hand-out */
    uint64_t changed_in; /* the last batch that reported a change */
    uint64_t output_in;
    struct timer timer;
};

struct job_row job_row_copy(const struct job_row *row); /* job_row_fini */
/* The job's group, as group_of_job. */
struct group *job_group(struct engine *g, struct job *j);
struct job *job_find(const struct engine *g, int64_t id);

/* Makes a job from a row (takes over its strings), in the row's state, without a transition. */
struct job *job_add(struct engine *g, struct job_row *row);
void job_free(struct engine *g, struct job *j);
/* Keeps a CREATED job from the store at hand, with its spec, when there is room for it; takes over
 * the row. */
void job_keep(struct engine *g, struct job_row *row, const char *spec);
bool job_has_room(const struct engine *g);
/* A CREATED job; loaded when it is not in memory. NULL: a failure was noted. */
struct job *job_get(struct engine *g, int64_t id);
/* Where former attempts failed. NULL: this is the first one, or a failure was noted. */
const struct attempt_agents *job_failures(struct engine *g, struct job *j);
void job_arm(struct engine *g, struct job *j); /* the timer that its state wants */
int64_t job_output_limit(const struct engine *g, const struct job_row *row);
int64_t job_lease(const struct engine *g, const struct job *j); /* its length */
int64_t job_lease_until(const struct engine *g, const struct job *j);
/* Counts the job as queued; state CREATED. May free j, which then is only in the store. */
void job_enqueue(struct engine *g, struct job *j);
void job_changed(struct engine *g, struct job *j); /* tells followers, once a batch */
/* Applies the job's fallback, because its group has no agent online. May free j. */
void job_fall_back(struct engine *g, struct job *j);
bool job_falls_back(const struct job_row *row); /* is its fallback other than WAIT? */
/* Hands the job out; the caller arms the lease of the agent. */
void job_assign(struct engine *g, struct job *j, struct agent *a);
void job_running(struct engine *g, struct job *j);
void job_kill(struct engine *g, struct job *j, enum reason why);
/* Puts the job back into its old place with the same attempt: the agent never started it. */
void job_give_back(struct engine *g, struct job *j, const char *why);
void job_end(struct engine *g, struct job *j, const struct job_end *end,
             const char *why); /* frees j */
/* The attempt failed: the next attempt, or the end of the job. Frees j at the end. */
void job_attempt_failed(struct engine *g, struct job *j, const struct job_end *end,
                        const char *why);
/* RETRYING: the next attempt waits until the remnant is gone, or the queue timeout is over. */
void job_wait_for(struct engine *g, struct job *j, struct remnant *r);
/* The attempt's agent is out of touch, or has lost the attempt. */
void job_lost(struct engine *g, struct job *j, enum reason reason, const char *message);
void losses_tell(struct engine *g); /* what was lost in the batch, to whom rules name */
/* A queued job from the store: only its deadlines stay in memory. Frees j. */
void job_watch_stored(struct engine *g, struct job *j);
/* The first queue timeout. */
void job_on_queue_timeout(struct engine *g);
void job_put_off_timeout(struct engine *g, int64_t id, int64_t until_ms);
void job_on_timer(struct engine *g, struct job *j);
/* Cancels the job for a user: ends it, or tells its agent to end it. May free j. */
void job_cancel(struct engine *g, struct job *j);
void job_cancel_id(struct engine *g, int64_t id); /* does nothing when the job has ended */

#endif
