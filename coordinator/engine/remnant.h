/* Processes of attempts that are over, which their agents could not end. As long as such a remnant
 * lives, a slot of its agent stays taken, and the next attempt of its job waits. */
#ifndef CADRE_COORDINATOR_ENGINE_REMNANT_H
#define CADRE_COORDINATOR_ENGINE_REMNANT_H

#include "coordinator/engine/core.h"

struct remnant {
    struct remnant_row row;
    struct remnant *next; /* of its agent */
    /* The job that waits; NULL: none does. */
    struct remnant **waiting; /* the job's own word for it */
    struct timer *timer;      /* of the job */
    int64_t due_ms;           /* mono, when the job's next attempt is due anyway */
};

/* Of one agent; at most as many as it has slots, but for remnants from before it had fewer. */
struct remnants {
    struct remnant *first;
    int64_t count;
};

/* "is" of one process, "are" of several. */
const char *remnant_is(const struct remnant *r);

/* Has the agent told of processes of this attempt that live on? */
bool remnant_known(const struct remnants *l, int64_t job, int64_t attempt);
/* Takes the row over. The same attempt has one remnant: the last word counts. */
struct remnant *remnant_add(struct remnants *l, struct remnant_row *row);
/* The same, and writes it. NULL: a failure was noted. */
struct remnant *remnant_note(struct engine *g, struct remnants *l, struct remnant_row *row);
/* What waits is due at due_ms, once the remnant is gone; *waiting is set now, and NULL then. */
void remnant_hold(struct remnant *r, struct remnant **waiting, struct timer *timer, int64_t due_ms);
/* The job does not wait any more. *waiting may be NULL. */
void remnant_let_go(struct remnant **waiting);
/* It is gone: a job that waited for it goes on. false: there is no such remnant. */
bool remnant_clear(struct engine *g, struct remnants *l, int64_t job, int64_t attempt);
void remnants_clear(struct engine *g, struct remnants *l); /* all are gone */
void remnants_free(struct remnants *l);                    /* from memory */

#endif
