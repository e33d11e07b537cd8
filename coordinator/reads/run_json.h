/* Task runs as the API shows them. Reader thread. */
#ifndef CADRE_COORDINATOR_READS_RUN_JSON_H
#define CADRE_COORDINATOR_READS_RUN_JSON_H

#include "coordinator/reads/job_json.h"
#include "coordinator/store/reader_run.h"

/* Members of an open object: those of its job, NULL: it has none, and its place in the tree. */
int run_json(struct jw *w, struct reader *r, const struct run_row *row, const struct job_view *job,
             const char *waiting);
/* The same of a job that an older coordinator has kept alone, as run `number` of the flow. */
int old_run_json(struct jw *w, struct reader *r, const struct job_view *job, int64_t number);

#endif
