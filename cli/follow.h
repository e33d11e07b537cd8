/* Following a job or an execution: its output to stdout and stderr, why it waits to stderr, its end
 * as an exit code. */
#ifndef CADRE_CLI_FOLLOW_H
#define CADRE_CLI_FOLLOW_H

#include "cli/leash.h"

#include <stdint.h>

struct follow_options {
    const char *id;
    struct leash *leash; /* of the command that submitted it; NULL: it is only watched */
    bool quiet;          /* no remarks about waiting */
    bool json;           /* `run -o json`: the object at the end, behind the lines of output */
    /* Of `logs`: "?attempt=2" or NULL; times before lines; lines of JSON; a mark also where the
     * first attempt begins; the job, which tells the agents of its attempts, or NULL. */
    const char *query;
    bool timestamps, lines, mark_first;
    const struct json *job;
};

/* The exit code of design section 8: the job's own, 124, 125, 126/127, 137. */
int follow_job(struct cli *cli, const struct follow_options *o);

/* The execution's tasks, one after the other. 0: SUCCESS, WARNING; 1: FAILED; 137: KILLED,
 * CANCELLED; 125: could not be followed. */
int follow_execution(struct cli *cli, const struct follow_options *o);

#endif
