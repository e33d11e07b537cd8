/* How a turn of the loop is shared between handshakes and all else. Pure: the clock comes in.
 *
 * A step of a handshake costs milliseconds, what an open link says costs microseconds, and after a
 * restart thousands of peers come at once. So steps wait in a queue, and in each turn they get as
 * much time as the rest of the turn took: half of it. What the last step took beyond that is taken
 * off the next turns. A turn in which nothing else was to be done gives them one step, and debts
 * are forgotten: an idle loop does nothing but handshakes, and is never away for longer than one
 * step. */
#ifndef CADRE_WIRE_TURN_H
#define CADRE_WIRE_TURN_H

#include <stdbool.h>
#include <stdint.h>

/* No turn gives more: whoever comes next is not to wait longer for handshakes than for all else. */
#define TURN_SHARE_MOST_NS 20000000

struct turn {
    int64_t credit_ns; /* what steps may take; below 0: a debt */
    int64_t since_ns;  /* when the last share ended; 0: nobody waited then */
    bool busy;         /* somebody else had something to do since */
};

/* Something that is no handshake was done. */
void turn_worked(struct turn *t);
/* The time for steps begins; somebody waits. */
void turn_begin(struct turn *t, int64_t now_ns);
bool turn_may_step(const struct turn *t);
/* A step that began with turn_begin, or after the last one, has ended. */
void turn_stepped(struct turn *t, int64_t now_ns);
/* waits: somebody still waits. */
void turn_end(struct turn *t, bool waits);

#endif
