/* What the files about jobs share. */
#ifndef CADRE_COORDINATOR_API_JOBS_H
#define CADRE_COORDINATOR_API_JOBS_H

#include "coordinator/api/request.h"

/* Answers with the whole job. duplicate -1: not told. */
void job_send(struct request *r, int status, int64_t id, int duplicate);

#endif
