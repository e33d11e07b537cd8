/* The agent's attempts on this machine: runner.c owns processes, work folders, the guard and the
 * timer, and carries out the actions of runner_logic.h. All on the loop's thread. */
#ifndef CADRE_AGENT_RUNNER_H
#define CADRE_AGENT_RUNNER_H

#include "agent/journal.h"
#include "agent/runner_logic.h"
#include "base/err.h"
#include "base/opt.h"

#include <stdbool.h>

struct uv_loop_s;
struct runner;

struct runner_options {
    struct uv_loop_s *loop;
    struct journal *journal;
    const char *state_folder;
    const char *agent_name;
    const struct opt_map *env; /* given to every job; lives as long as the runner */
    /* A command that ends with 0 at once, with which the agent tries itself: see trial.h. */
    const char *const *trial;
    /* An event is in the journal, or an attempt came or went: commit, send and look again in this
     * turn of the loop. Called from inside the runner, so it must only take note. */
    void (*on_change)(void *user);
    /* The journal cannot be written: the agent cannot keep its promises and has to end. Must only
     * take note. */
    void (*on_fatal)(const struct err *e, void *user);
    void *user;
};

/* Also ends the processes that an earlier life of this agent left running; the journal and the
 * marks tell which. */
int runner_new(const struct runner_options *o, struct runner **out, struct err *e);
/* Kills all attempts, without events. Handles close asynchronously: run the loop until it is
 * empty. */
void runner_free(struct runner *r);
const char *runner_kind(const struct runner *r); /* process_host_kind */
/* The runner's logic; lives as long as the runner. */
struct runner_logic *runner_logic_of(const struct runner *r);

#endif
