/* The options of lists of jobs that ask when a job ended. */
#ifndef CADRE_CLI_ENDED_H
#define CADRE_CLI_ENDED_H

#include "cli/logs.h"
#include "cli/resource.h"

#define LIST_ENDED                                                                                 \
    {.flag = "ended-since",                                                                        \
     .type = OPT_STRING,                                                                           \
     .offset = LIST_AT(ended_since),                                                               \
     .value_name = "T",                                                                            \
     .check = logs_check_since,                                                                    \
     .help = "only what ended at a time or so long ago, or later, whenever it was created"},       \
    {                                                                                              \
        .flag = "ended-until", .type = OPT_STRING, .offset = LIST_AT(ended_until),                 \
        .value_name = "T", .check = logs_check_since,                                              \
        .help = "only what ended before a time, or more than so long ago"                          \
    }

#endif
