/* What ties a job or an execution to the command that submitted it. A signal that asks the command
 * to end cancels the job, and so does a reader that left (as SIGPIPE would end a local program),
 * unless the job is to be kept; a full disk does not. A command that only watches cancels
 * nothing. */
#ifndef CADRE_CLI_LEASH_H
#define CADRE_CLI_LEASH_H

#include "cli/cli.h"

struct leash {
    struct cli *cli;
    const char *what, *collection; /* "job", "jobs" */
    enum { LEASH_CANCEL, LEASH_KEEP, LEASH_WATCH } mode;
    /* set by the functions below */
    const char *id; /* NULL: not known yet */
    int stops, signal;
};

/* Handles the signals from now on, and lets output wait without keeping them waiting. The leash
 * lives as long as the client. */
void leash_hold(struct leash *l, struct client *c);
/* The id is known: when a signal came before, the cancel is sent now. */
void leash_take(struct leash *l, const char *id);
/* Was the cancel asked for by a signal? */
bool leash_cancelled(const struct leash *l);

/* Ends of the command; all print one sentence and return the exit code. */
int leash_left(struct leash *l);             /* a signal ended it */
int leash_lost(struct leash *l, bool ended); /* its output was lost; ended: the job has ended */
int leash_cut(struct leash *l, const struct err *e); /* the coordinator did not answer any more */

#endif
