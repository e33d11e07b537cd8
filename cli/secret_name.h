/* Names of values that are probably secret. */
#ifndef CADRE_CLI_SECRET_NAME_H
#define CADRE_CLI_SECRET_NAME_H

#include "cli/cli.h"

#include <stdbool.h>

bool secret_name(const char *name); /* "DB_PASSWORD" */
/* Warns on standard error when some of the names look so and their values are not empty. `what`
 * holds the values and is read by whom it may concern: "the job". */
void secret_name_warn(const struct cli *cli, const struct opt_map *values, const char *what);

#endif
