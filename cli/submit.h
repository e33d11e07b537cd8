/* Submitting what `run` and `flow run` start: a job or an execution. */
#ifndef CADRE_CLI_SUBMIT_H
#define CADRE_CLI_SUBMIT_H

#include "cli/leash.h"

struct submit {
    const char *target, *body; /* the POST */
    const char *key;           /* --unique, or NULL */
    const char *stream;        /* --stream, or NULL: all of the output */
    bool detach, keep;
    bool execution; /* else a job */
};

#define SUBMIT_KEEP_HELP                                                                           \
    "leave it running when this command is ended by Ctrl-C, SIGTERM or SIGHUP, or when nobody "    \
    "reads its output any more"

/* Submits, then prints the id (detach) or follows to the end. Returns the exit code; failures are
 * printed. */
int submit_run(struct cli *cli, const struct submit *s);

#endif
