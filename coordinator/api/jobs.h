/* The common code of the files about jobs. */
#ifndef CADRE_COORDINATOR_API_JOBS_H
#define CADRE_COORDINATOR_API_JOBS_H

#include "coordinator/api/request.h"

/* The kinds that a query chooses. Evaluations are among them when they are asked for, by their kind
 * or by a state that only they have. */
uint32_t jobs_query_kinds(struct request *r, uint32_t states);
/* The parameters of a filter. */
#define JOBS_FILTERS                                                                               \
    "state", "group", "namespace", "agent", "kind", "name", "since", "until", "id", "reason",      \
        "exitCode", "flow", "task", "named", "label", "endedSince", "endedUntil"
/* All of a query's filter but kinds and states. */
void jobs_query_filter(struct request *r, struct lookup *l);

/* Answers with the whole job. duplicate -1: not part of the answer. */
void job_send(struct request *r, int status, int64_t id, int duplicate);

/* The reply to a command that makes one job. */
void job_on_made(struct request *r, struct reply *x);

#endif
