/* The groups that a connected agent serves: its membership of each, and the heap of a group's
 * members with free slots.
 *
 * An agent serves one group, or several. A free slot goes to the group that the agent has served
 * least, of those with a job for it (match.c). That is counted in virtual time: each job that a
 * group is given moves the group's turn behind it. A group without work is not ahead of the others
 * afterwards: its next turn is at the agent's time, which is the turn of the last hand-out. */
#ifndef CADRE_COORDINATOR_ENGINE_MEMBER_H
#define CADRE_COORDINATOR_ENGINE_MEMBER_H

#include "coordinator/engine/group.h"

struct member {
    struct agent *agent;
    struct group *group;
    struct member *prev, *next; /* of the group */
    size_t heap_place;          /* 1-based; 0: not in the heap */
    int64_t turn;               /* when it is to be served next, unless the agent's time is later */
};

/* Makes the agent a member of the groups, each of which is named once; the first is its `group` for
 * those who know of one alone. It is a member of none before. */
void member_join(struct agent *a, struct group *const *groups, size_t count);
void member_leave(struct agent *a); /* all groups */
/* Its place in the heap of the group, after the agent's free slots or its idle time changed. */
void member_settle(struct member *m);
/* The order in which agents get jobs: most free slots, then idle longest. */
bool member_stands_before(const struct member *a, const struct member *b);
/* When the group's turn is. */
int64_t member_turn(const struct member *m);
/* The agent has got a job of the group. */
void member_served(struct member *m);

#endif
