/* Agents that are connected or hold attempts: what they can do, their place among the agents of
 * their group, what they are told. */
#ifndef CADRE_COORDINATOR_ENGINE_AGENT_H
#define CADRE_COORDINATOR_ENGINE_AGENT_H

#include "coordinator/engine/caps.h"
#include "coordinator/engine/queue.h"

struct job;

/* An agent that is connected or holds attempts. */
struct agent {
    int64_t id;
    struct agent_row row; /* as stored; loaded with the first hello, only the id before */
    uint64_t session;     /* 0: away */
    uint64_t newest_session;
    uint64_t hello_in; /* the batch that began the session */
    bool ready;
    bool leaving; /* not of the group any more; stays until its attempts are over */
    bool counted; /* in group.online */
    /* Connected from another machine than the one that its attempts were handed out to (its state
     * folder was copied or moved). Those may run on there until their leases end: what this machine
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
        end_due_seq;   /* at this last_seq all ends that the hello listed have come; 0: none due */
    int64_t heartbeat; /* to be acknowledged; 0: none */
    bool ack_due;
    struct agent *next_ack;
    int64_t discarded_job, discarded_attempt; /* the last one told to discard */
    struct timer lease;
};

struct agent *agent_find(const struct engine *g, int64_t id);

struct agent *agent_of_session(const struct engine *g,
                               uint64_t session); /* NULL: none, or not any more */
struct agent *agent_add(struct engine *g, int64_t id);
void agent_free(struct engine *g, struct agent *a);
void agent_release(struct engine *g, struct agent *a); /* frees it when nothing keeps it */

/* ---- its session ---- */

void agent_join(struct engine *g, struct agent *a, struct group *group);
void agent_detach(struct engine *g, struct agent *a); /* its session is over */
void agent_close(struct engine *g, struct agent *a);  /* tells the link to close and detaches */
/* Forgets that it connected from another machine. */
void agent_forget_move(struct agent *a);
void agent_heard(struct engine *g, struct agent *a);
void agent_discard(struct engine *g, struct agent *a, int64_t job, int64_t attempt,
                   const char *why);
/* It is acknowledged at the end of the batch, once. */
void agent_ack(struct engine *g, struct agent *a);
/* Tells it to drain, or not any more. */
void agent_tell_drain(struct engine *g, struct agent *a, bool on);
void agent_store_seq(struct engine *g, struct agent *a);

/* ---- a session outlives a failed batch ---- */

/* What the store does not know of an agent that is connected. */
struct agent_session {
    int64_t agent, seen_ms;
    uint64_t session;
    bool ready;
};
/* Is that all? Else the agent has to come back and say what it holds. */
bool agent_may_stay(const struct agent *a);
/* It is connected as before; takes the row, as stored. */
void agent_stay(struct engine *g, const struct agent_session *k, struct agent_row *row);

/* ---- what it can do ---- */

void agent_set_caps(struct engine *g, struct agent *a);
/* NULL: it may be in the group. Else the refusal's code, and the sentence in e. */
const char *agent_refusal(const struct agent *a, const struct group *group, const char *key,
                          struct err *e);
/* Looks whether the agent still belongs to its group: when not it leaves, at once or after its
 * last attempt. */
void agent_review(struct engine *g, struct agent *a);

bool agent_fits(struct engine *g, struct agent *a, struct queue *q);

int64_t agent_free_slots(const struct agent *a); /* 0 when it takes no jobs */
/* The order in which agents get jobs: most free slots, then idle longest. */
bool agent_stands_before(const struct agent *a, const struct agent *b);
/* After anything of the agent changed: its place in the heap, the count of those online, blocked
 * queues. */
void agent_update(struct engine *g, struct agent *a);

#endif
