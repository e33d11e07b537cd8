/* A database that returns to an older state (sim_older.c). */
#ifndef CADRE_TESTS_SIM_OLDER_H
#define CADRE_TESTS_SIM_OLDER_H

#include "tests/sim/sim.h"

void older_plan(struct sim *s); /* by chance; of several coordinators alone */
void older_fini(struct sim *s);
/* An attempt was handed out by the coordinator of that reign. Has the database lost it since? j:
 * the job; NULL: it is not known. */
bool older_lost_hand_out(const struct sim *s, const struct job_model *j, int64_t agent,
                         int64_t attempt, uint64_t reign);
/* Has what the present coordinator knows been lost? It does not know so yet. */
bool older_is_void(const struct sim *s);
void older_hear(struct sim *s, const char *line); /* of the log */
/* The agent is welcomed. */
void older_check_named(struct sim *s, struct agent_model *a);

/* ---- sim_machine.c ---- */
/* What ran by hand-outs that are lost is no part of the job's story any more. */
void machine_take_back(struct sim *s, struct job_model *j, int64_t id);
void machine_check_strays(struct sim *s); /* by now there is none */

#endif
