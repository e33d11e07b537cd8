/* Agents that are connected or hold attempts: their capabilities, their place among the agents of
 * their group, and the messages to them. */
#ifndef CADRE_COORDINATOR_ENGINE_AGENT_H
#define CADRE_COORDINATOR_ENGINE_AGENT_H

#include "coordinator/engine/caps.h"
#include "coordinator/engine/member.h"
#include "coordinator/engine/queue.h"
#include "coordinator/engine/remnant.h"

struct job;

/* An agent that is connected or holds attempts. */
struct agent {
    int64_t id;
    struct agent_row row; /* as stored; loaded with the first hello, only the id before */
    uint64_t session;     /* 0: away */
    uint64_t newest_session;
    uint64_t hello_in; /* the batch that began the session */
    int64_t protocol;  /* the minor that the session speaks */
    char *folder_id;   /* as the session's hello had it; NULL: not known */
    bool ready;
    bool leaving; /* not of its groups any more; stays until its attempts are over */
    bool counted; /* in group.online of each */
    /* Connected from another machine than the one that its attempts were handed out to (its state
     * folder was copied or moved). Those may run on there until their leases end: what this machine
     * says of them is hearsay, its signs of life are not theirs, and it gets no jobs before they
     * are over. */
    bool moved;
    char *moved_host, *moved_boot, *moved_journal; /* become the row's then */
    struct member *members;                        /* while connected: of its groups */
    size_t member_count;
    int64_t turn; /* the virtual time of the last hand-out (member.h) */
    struct caps *caps;
    unsigned char *fits; /* by requirement slot: 0 not known, 1 no, 2 yes */
    size_t fits_cap;
    struct job *jobs;
    int64_t busy;
    struct remnants remnants; /* each takes a slot, too */
    uint64_t touched;         /* order of the last hand-out or end */
    int64_t free;             /* slots that the groups know of; see agent_update */
    int64_t came_ms;          /* mono; its session began */
    int64_t last_heard_ms;    /* mono */
    int64_t seen_ms;          /* mono; the last_heard_ms that is written */
    int64_t last_seq, stored_seq;
    int64_t hello_seq; /* the last event that its journal had when it said hello */
    /* What came since stored_seq changed something beside output. */
    bool seq_due;
    /* At this last_seq all ends that the hello listed have come; 0: none due. */
    int64_t end_due_seq;
    /* The last batch in which a move ended, or the ends that were due were settled. Should the
     * batch fail, the store has the attempts still, and memory alone knew how they stood. */
    uint64_t settled_in;
    bool ack_due;
    struct agent *next_ack;
    int64_t discarded_job, discarded_attempt; /* the last attempt to be discarded */
    struct timer lease;
    struct timer full; /* set: it said that it has no slot, so it gets no job meanwhile */
};

struct agent *agent_find(const struct engine *g, int64_t id);

struct agent *agent_of_session(const struct engine *g,
                               uint64_t session); /* NULL: none, or not any more */
struct agent *agent_add(struct engine *g, int64_t id);
void agent_free(struct engine *g, struct agent *a);
void agent_release(struct engine *g, struct agent *a); /* frees the agent when nothing needs it */

/* ---- its session ---- */

/* Makes it a member of the groups that its row names. One that is gone is made as a deleted one. */
void agent_join(struct engine *g, struct agent *a);
/* Its session is over. why: for its history; NULL: not known. Of one that is removed nothing is
 * said. */
void agent_detach(struct engine *g, struct agent *a, const char *why);
/* Closes the session, detaches a. */
void agent_close(struct engine *g, struct agent *a, const char *why);
/* Forgets that the agent connected from another machine. */
void agent_forget_move(struct agent *a);
void agent_heard(struct engine *g, struct agent *a);
void agent_discard(struct engine *g, struct agent *a, int64_t job, int64_t attempt,
                   const char *why);
/* The agent's events are acknowledged once, at the end of the batch. */
void agent_ack(struct engine *g, struct agent *a);
/* Tells the agent to drain, or to stop draining. */
void agent_tell_drain(struct engine *g, struct agent *a, bool on);
void agent_store_seq(struct engine *g, struct agent *a); /* last_seq, unless it is stored */

/* ---- a session outlives a failed batch ---- */

/* The state of a connected agent that the store does not have. */
struct agent_session {
    int64_t agent, came_ms, seen_ms, protocol;
    uint64_t session;
    bool ready;
};
/* Was the state complete before the batch at hand, which failed? If not, the agent has to reconnect
 * and list its attempts. */
bool agent_may_stay(const struct engine *g, const struct agent *a);
/* Restores a connected agent; takes over the stored row. */
void agent_stay(struct engine *g, const struct agent_session *k, struct agent_row *row);

/* ---- capabilities ---- */

void agent_set_caps(struct engine *g, struct agent *a);
/* NULL: the agent may be in each of the groups that its row names. Otherwise the refusal's code,
 * with the sentence in e, which names the group. */
const char *agent_refusal(const struct engine *g, const struct agent *a, struct err *e);
/* What the group requires. */
bool agent_meets_group(const struct agent *a, const struct group *group);
/* Looks whether the agent still belongs to each of its groups: when not it leaves, at once or after
 * its last attempt. */
void agent_review(struct engine *g, struct agent *a);

bool agent_fits(struct engine *g, struct agent *a, struct queue *q);

bool agent_is_unwell(const struct agent_row *row);
/* The agent says why it cannot start jobs; NULL: it can. true: the row changed, and is to be
 * written. */
bool agent_set_unwell(struct engine *g, struct agent_row *row, const char *why);
/* Slots that jobs and remnants take. */
int64_t agent_taken_slots(const struct agent *a);
int64_t agent_free_slots(const struct agent *a); /* 0 when the agent takes no jobs */
/* It declined a job for want of a slot, whatever is counted here: two sides that disagree must not
 * send an attempt to and fro. Until it says `ready`, or an attempt of it ends, or a second has
 * passed. */
void agent_set_full(struct engine *g, struct agent *a, bool full);
/* After anything of the agent changed: its place in the heaps, the counts of those online, blocked
 * queues. */
void agent_update(struct engine *g, struct agent *a);

#endif
