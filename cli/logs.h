/* `job logs` and `execution logs`. */
#ifndef CADRE_CLI_LOGS_H
#define CADRE_CLI_LOGS_H

#include "cli/cli.h"

#include <stdint.h>

struct logs_config {
    bool follow, timestamps;
    char *stream, *since, *task; /* task: of executions */
    int64_t attempt, tail;       /* 0: all */
};
#define LOGS_AT(field) offsetof(struct logs_config, field)
#define LOGS_FOLLOW(what)                                                                          \
    {                                                                                              \
        .flag = "follow", .short_flag = 'f', .type = OPT_BOOL, .offset = LOGS_AT(follow),          \
        .help = "follow the output until the " what                                                \
    }
#define LOGS_STREAM(place)                                                                         \
    {                                                                                              \
        .flag = "stream", .type = OPT_STRING, .offset = (place),                                   \
        .choices = "stdout|stderr|system",                                                         \
        .help = "only what the job writes to stdout or to stderr, or only Cadre's remarks"         \
    }
#define LOGS_OPTIONS                                                                               \
    LOGS_STREAM(LOGS_AT(stream)),                                                                  \
        {.flag = "attempt",                                                                        \
         .type = OPT_INT,                                                                          \
         .offset = LOGS_AT(attempt),                                                               \
         .min = 1,                                                                                 \
         .max = 1000000,                                                                           \
         .value_name = "N",                                                                        \
         .help = "only this attempt's output"},                                                    \
        {.flag = "tail",                                                                           \
         .type = OPT_INT,                                                                          \
         .offset = LOGS_AT(tail),                                                                  \
         .min = 1,                                                                                 \
         .max = 1000000,                                                                           \
         .value_name = "N",                                                                        \
         .help = "only the last N lines of what is there"},                                        \
        {.flag = "since",                                                                          \
         .type = OPT_STRING,                                                                       \
         .offset = LOGS_AT(since),                                                                 \
         .value_name = "T",                                                                        \
         .check = logs_check_since,                                                                \
         .help = "only what came since a time, 2026-01-31T08:00:00Z, or for so long, 10m"},        \
    {                                                                                              \
        .flag = "timestamps", .type = OPT_BOOL, .offset = LOGS_AT(timestamps),                     \
        .help = "begin each line with the time at which the coordinator received it"               \
    }

int logs_check_since(const char *value, struct err *e); /* for option tables */

/* The output of a job. Returns the exit code; failures are printed. */
int logs_of_job(struct cli *cli, const char *id, const struct logs_config *c);
/* The output of all of an execution's tasks: what belongs to one job (attempt, tail, stream) must
 * not be set. */
int logs_of_execution(struct cli *cli, const char *id, const struct logs_config *c);

#endif
