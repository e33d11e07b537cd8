/* Jobs by the names that people gave them. */
#ifndef CADRE_CLI_JOB_NAME_H
#define CADRE_CLI_JOB_NAME_H

#include "cli/cli.h"

/* The id of a job: what has the form of an id is one; all else is a name, and one job must have it.
 * mem_free. NULL: printed already, with the jobs that have the name. */
char *job_id_of(struct cli *cli, const char *word);

#endif
