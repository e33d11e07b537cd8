/* Jobs: as JSON, and the handlers' way to the one that the path names. */
#ifndef CADRE_COORDINATOR_API_JOBS_H
#define CADRE_COORDINATOR_API_JOBS_H

#include "coordinator/api/request.h"

enum { JOB_JSON_SPEC = 1, JOB_JSON_ATTEMPTS = 2, JOB_JSON_WAITING = 4 };
/* Members of an open object. waiting: JSON text or NULL, written with JOB_JSON_WAITING. */
int job_json(struct jw *w, struct reader *reader, const struct job_view *v, unsigned parts,
             const char *waiting, struct err *e);
/* Reads the job named by the path and checks the namespace; false: answered. */
bool job_of_path(struct request *r, struct job_view *v);
/* Answers with the whole job; `waiting` may be NULL. */
void job_send(struct request *r, int status, int64_t id, const char *waiting, int duplicate);

void execution_json(struct jw *w, const struct execution_row *x); /* members of an open object */
/* As job_of_path. */
bool execution_of_path(struct request *r, struct execution_row *x);

#endif
