/* Agents whose heartbeats were acknowledged, on their way to the engine. Pure. All zero: empty. */
#ifndef CADRE_COORDINATOR_SESSIONS_HEARD_H
#define CADRE_COORDINATOR_SESSIONS_HEARD_H

#include <stddef.h>
#include <stdint.h>

/* A list that stays longer than this is rid of doubles whenever it has doubled since the last time:
 * so it is never longer than this, or twice the number of agents, with what was moved last. */
#define HEARD_MANY 4096

struct command;

struct heard {
    int64_t *agents;
    size_t count, cap;
    size_t single; /* the count when the doubles were removed last */
};

void heard_fini(struct heard *h);
void heard_add(struct heard *h, int64_t agent);
/* Moves all of `from`, which is empty afterwards. */
void heard_move(struct heard *to, struct heard *from);
/* A CMD_HEARD with all of them, and the list is empty. NULL: nobody was heard. */
struct command *heard_take(struct heard *h);

#endif
