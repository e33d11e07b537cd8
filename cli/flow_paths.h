/* The files of flows that a command line names. */
#ifndef CADRE_CLI_FLOW_PATHS_H
#define CADRE_CLI_FLOW_PATHS_H

#include "base/err.h"
#include "base/opt.h"

#include <stddef.h>

struct flow_paths {
    char **items;
    size_t count;
};

/* A folder stands for all .yaml and .yml files in it and below it, in order; every other argument
 * for itself. ERR_NOT_FOUND: a folder has none. What cannot be listed or is too deep is an error,
 * too: nothing is left out. *out: flow_paths_fini in every case. */
int flow_paths_collect(const struct opt_args *args, struct flow_paths *out, struct err *e);
void flow_paths_fini(struct flow_paths *p);

#endif
