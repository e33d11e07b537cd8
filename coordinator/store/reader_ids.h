/* Which jobs a filter finds: part of reader.h. */
#ifndef CADRE_COORDINATOR_STORE_READER_IDS_H
#define CADRE_COORDINATOR_STORE_READER_IDS_H

#include "coordinator/store/reader.h"

#define READER_IDS_MOST 5000

/* As reader_jobs: their ids. `ids` has room for `limit`, or for READER_IDS_MOST when that is
 * less. */
int reader_job_ids(struct reader *r, const struct job_filter *f, int64_t *ids, size_t *count,
                   int64_t *next_before, struct err *e);

#endif
