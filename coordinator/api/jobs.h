/* The common code of the files about jobs. */
#ifndef CADRE_COORDINATOR_API_JOBS_H
#define CADRE_COORDINATOR_API_JOBS_H

#include "coordinator/api/request.h"

/* Answers with the whole job. duplicate -1: not part of the answer. */
void job_send(struct request *r, int status, int64_t id, int duplicate);

/* The reply to a command that makes one job. */
void job_on_made(struct request *r, struct reply *x);

#endif
