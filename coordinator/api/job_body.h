/* A job as a user writes it: the fields of POST /api/v1/jobs. */
#ifndef CADRE_COORDINATOR_API_JOB_BODY_H
#define CADRE_COORDINATOR_API_JOB_BODY_H

#include "coordinator/api/auth.h"
#include "coordinator/engine/command.h"

/* All but its key. trace: of the request, as of trace_parent_read; "": none. The first fault goes
 * to p; `out` is freed with its command, also then. */
void job_body_read(const struct json *object, const struct who *who, size_t payload_limit,
                   const char *trace, struct cmd_submit *out, struct problem *p);

#endif
