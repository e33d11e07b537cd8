/* The commands of cadre-coordinator. Each prints its own failures and returns the process's exit
 * code. */
#ifndef CADRE_COORDINATOR_COMMAND_LINE_H
#define CADRE_COORDINATOR_COMMAND_LINE_H

#include "coordinator/config.h"

struct command_args {
    struct config *config;
    int argc; /* what is left behind command and flags */
    char **argv;
};

#define EXIT_USAGE 2

int command_init(const struct command_args *a);
int command_run(const struct command_args *a);
int command_dev(const struct command_args *a);
int command_token(const struct command_args *a);
int command_ca(const struct command_args *a);
int command_backup(const struct command_args *a);
int command_migrate(const struct command_args *a);
int command_check(const struct command_args *a);
int command_check_config(const struct command_args *a);
int command_version(const struct command_args *a);

/* What the command is there to print. */
int command_print(const char *command, const char *text);

#endif
