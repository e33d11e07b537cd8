/* Who owns the queue, as one of several coordinators over one database sees it: the rules of
 * tests/model/ownership.pml. Pure: no thread, no clock, no database. Times are mono, in ms; the
 * constants are in wire/lease.h.
 *
 *   STANDBY -wants to take-> TAKING -taken-> OWNER <-resolved- RESOLVING
 *      ^                       |               |  -no answer->     |
 *      |<------ not taken -----+               v                   v
 *      +<------------- ownership_init ------- LOST <- fenced, or the time is over
 *
 * Nothing leads from LOST back to OWNER: what was loaded has to be thrown away first. */
#ifndef CADRE_COORDINATOR_OWNERSHIP_H
#define CADRE_COORDINATOR_OWNERSHIP_H

#include "coordinator/store/owner_place.h"

enum owner_state { OWNER_STANDBY, OWNER_TAKING, OWNER_OWNS, OWNER_RESOLVING, OWNER_LOST };

struct ownership {
    enum owner_state state;
    /* standby */
    bool seen; /* the row was read */
    struct owner_row row;
    int64_t changed_ms; /* when it was first read as it is */
    bool doubted;       /* the database did not answer before: a row that is free may be old */
    /* owner */
    bool under_way;     /* a transaction is */
    int64_t sent_ms;    /* ... and was sent then */
    int64_t renewed_ms; /* the last one that was committed was sent then */
};

/* A standby that has seen nothing. */
void ownership_init(struct ownership *o);

/* ---- standby ---- */
/* The row was read; now_ms: when its answer had come, not when it was asked for. */
void ownership_saw(struct ownership *o, const struct owner_row *row, int64_t now_ms);
/* The row could not be read. The database that answers next may be another one, which returned to
 * an older state while an owner went on: how long the row stood still there is not known. */
void ownership_unseen(struct ownership *o);
bool ownership_wants_to_take(const struct ownership *o, int64_t now_ms);
/* The take-over is about to be sent. It has to look for o->row, epoch and batch. */
void ownership_taking(struct ownership *o, int64_t now_ms);
/* Its answer: committed, or any other one, also none. Then the row is watched from the beginning:
 * whose it is now is not known. */
void ownership_taken(struct ownership *o, bool committed);

/* ---- owner: each is ignored in another state ---- */
/* A transaction with the owner's row is about to be sent: before its COMMIT, at the latest. */
void ownership_sent(struct ownership *o, int64_t now_ms);
void ownership_committed(struct ownership *o);
/* It was rolled back for another reason than the row. */
void ownership_rolled_back(struct ownership *o);
/* Nobody knows whether it was committed. */
void ownership_unanswered(struct ownership *o);
/* The epoch was raised, which was sent with ownership_sent before; the row tells by now what became
 * of the other transaction. */
void ownership_resolved(struct ownership *o);
/* The row is another one's. */
void ownership_fenced(struct ownership *o);
/* Time passes: an owner whose time is over is LOST. */
void ownership_tick(struct ownership *o, int64_t now_ms);

/* May what needs no commit be sent? May effects of a commit be? */
bool ownership_may_send(const struct ownership *o, int64_t now_ms);
/* Is a commit due that says no more than that this coordinator is alive? */
bool ownership_wants_renewal(const struct ownership *o, int64_t now_ms);
/* When that is so, or the take-over, or the end of the time; INT64_MAX: never. */
int64_t ownership_next_ms(const struct ownership *o);

#endif
