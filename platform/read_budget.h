/* How much of the processes' output one turn of the loop reads: a bounded amount of each stream,
 * and a bounded amount of all together, whatever they write. The rest waits in its pipe for the
 * next turns. Each stream that wants to be read has an equal share, so that a loud one never keeps
 * another from being read. Pure: no I/O, no clock. */
#ifndef CADRE_PLATFORM_READ_BUDGET_H
#define CADRE_PLATFORM_READ_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#define READ_BUDGET_STREAM (64u * 1024) /* bytes of one stream in one turn; a process has two */
#define READ_BUDGET_ALL (256u * 1024)   /* bytes of all streams together in one turn */

struct read_budget {
    uint64_t turn;
    size_t most;   /* of all streams together in one turn: READ_BUDGET_ALL or less */
    size_t left;   /* of that in this turn */
    size_t share;  /* of each stream in this turn */
    size_t wanted; /* streams that wanted to be read in this turn */
};

/* One for each stream; zeroed at first. */
struct read_share {
    uint64_t turn;
    size_t left;
};

void read_budget_init(struct read_budget *b);
/* From now on at most so many bytes of all streams together in one turn, and READ_BUDGET_ALL. */
void read_budget_limit(struct read_budget *b, size_t bytes);
/* The next turn begins. Its shares follow from how many wanted to be read in the one before: when
 * more come than that, the last of them wait for one turn. */
void read_budget_turn(struct read_budget *b);
/* How many bytes may be read of the stream now. */
size_t read_budget_room(struct read_budget *b, struct read_share *s);
/* So many were read: at most as many as there was room for. */
void read_budget_take(struct read_budget *b, struct read_share *s, size_t bytes);

#endif
