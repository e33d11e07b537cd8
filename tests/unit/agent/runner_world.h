/* A runner with a real journal and real processes in a folder of its own, and the turns of its
 * loop. */
#ifndef CADRE_TESTS_UNIT_AGENT_RUNNER_WORLD_H
#define CADRE_TESTS_UNIT_AGENT_RUNNER_WORLD_H

#include "agent/journal.h"
#include "agent/runner.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define LEASE_MS 600000

struct world {
    char folder[64];
    uv_loop_t loop;
    struct journal *journal;
    struct runner *runner;
    struct runner_logic *logic; /* the runner's */
    struct opt_map env;
    const char *const *trial; /* runner_options.trial; NULL: one that is good */
    int64_t output_limit;     /* of jobs that are taken; 0: none */
};

/* For cmocka: *state is a struct world. */
int world_up(void **state);
int world_down(void **state);
/* A world comes up with a runner; these end it and begin another on the same journal. */
void end_life(struct world *w);
void begin_life(struct world *w);

void turn(struct world *w); /* a turn of the agent's loop, see agent.c */
void take_job(struct world *w, int64_t job, const char *script);
/* How many events that the coordinator would get have this text? */
int times_said(struct world *w, const char *text);
bool said(struct world *w, const char *text);
/* Turns the loop until an event has it; fails after a minute. */
void until_said(struct world *w, const char *text);

#endif
