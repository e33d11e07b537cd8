/* A job as a user writes it: the fields of POST /api/v1/jobs. */
#ifndef CADRE_COORDINATOR_API_JOB_BODY_H
#define CADRE_COORDINATOR_API_JOB_BODY_H

#include "coordinator/api/auth.h"
#include "coordinator/engine/command.h"

/* All but its key. The first fault goes to p; `out` is freed with its command, also then. */
void job_body_read(const struct json *object, const struct who *who, size_t payload_limit,
                   struct cmd_submit *out, struct problem *p);

#endif
