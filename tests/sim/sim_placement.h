/* Where jobs go that failed before, or could not be started (sim_placement.c). */
#ifndef CADRE_TESTS_SIM_PLACEMENT_H
#define CADRE_TESTS_SIM_PLACEMENT_H

#include "tests/sim/sim_model.h"

struct effect;

/* Could the agent not start the job's present attempt? */
bool placement_tried(struct sim *s, int64_t job, int64_t agent);
/* A command of an agent as it is applied; a sabotage may change it. */
void placement_hear(struct sim *s, struct command *c);
void placement_check_hand_out(struct sim *s, const struct effect *x, const struct link *l);
/* A job failed with this message as not-started. */
void placement_check_failure(struct sim *s, const struct job_row *row);
/* After a batch, and after a start: who takes jobs now. */
void placement_note(struct sim *s);

#endif
