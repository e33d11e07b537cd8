/* The commands of users about jobs that there are: part of command.h. */
#ifndef CADRE_COORDINATOR_ENGINE_COMMAND_BULK_H
#define CADRE_COORDINATOR_ENGINE_COMMAND_BULK_H

#include <stddef.h>
#include <stdint.h>

struct cmd_again {
    int64_t job;
    char *unique_key; /* idempotency key, of those of the principal; NULL */
};

struct cmd_several {
    int64_t *jobs; /* 1 to LIMIT_JOBS */
    size_t count;
    /* of CANCEL_ALL: what a job has to be for it */
    uint32_t states; /* bit per state as people see them */
    char *group;     /* its key; NULL: any */
    int64_t agent;   /* 0: any */
    /* of RETRY_ALL: idempotency key, which '/' and the job's id follow; NULL; and how large the
     * specs are that are read for it */
    char *unique_key;
    size_t bytes;
};

#endif
