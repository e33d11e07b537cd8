/* The part of reader.h about task runs; what is said there holds here. */
#ifndef CADRE_COORDINATOR_STORE_READER_RUN_H
#define CADRE_COORDINATOR_STORE_READER_RUN_H

#include "coordinator/store/model_run.h"
#include "coordinator/store/reader.h"

struct run_filter {
    int64_t execution;
    int64_t after; /* the page begins behind the run of this number; 0: with the first */
    size_t limit;
};
/* The task runs of an execution by their numbers, each with its job, NULL: it has none. There is
 * none of an execution that an older coordinator brought to its end: see reader_task_runs. */
int reader_runs(struct reader *r, const struct run_filter *f,
                int (*fn)(const struct run_row *row, const struct job_view *job, void *user),
                void *user, bool *more, struct err *e);
/* The job whose output is the chunk of that cursor; *job 0: there is no such chunk. */
int reader_output_job(struct reader *r, int64_t cursor, int64_t *job, struct err *e);

#endif
