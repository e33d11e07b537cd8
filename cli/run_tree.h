/* The task runs of an execution for people: a line each, what a task holds below it. */
#ifndef CADRE_CLI_RUN_TREE_H
#define CADRE_CLI_RUN_TREE_H

#include "base/json.h"
#include "cli/out.h"

/* runs: the execution's `taskRuns`, each behind the one that holds it. */
void run_tree_print(struct out *out, const struct json *runs);

#endif
