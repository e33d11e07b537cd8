/* Agents of several groups: that they get jobs of theirs alone, and of each in its turn
 * (sim_turns.c). */
#ifndef CADRE_TESTS_SIM_TURNS_H
#define CADRE_TESTS_SIM_TURNS_H

#include "tests/sim/sim_model.h"

struct command;
struct effect;

/* Gives the agent its groups; the first is set. */
void turns_choose_groups(struct sim *s, struct agent_model *a);
/* What hello and enrol list; NULL: the first alone. */
const char *turns_groups(const struct agent_model *a);
/* A hello as it is applied; a sabotage changes it. */
void turns_hear(struct sim *s, struct command *c);
/* The groups as they are written: each of the agent's is there and met, and the job's is not
 * paused. */
void turns_check_groups(struct sim *s, const struct agent_model *a, const struct job_model *j);
/* In the order of the batch's hand-outs. */
void turns_check_hand_out(struct sim *s, const struct effect *x, struct link *l);

#endif
