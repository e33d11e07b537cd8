/* Which jobs a filter finds: part of reader.h. */
#ifndef CADRE_COORDINATOR_STORE_READER_IDS_H
#define CADRE_COORDINATOR_STORE_READER_IDS_H

#include "coordinator/store/reader.h"

#define READER_IDS_MOST 5000

/* Ids of jobs. */
struct job_ids {
    int64_t *items; /* has room for `limit`, or for READER_IDS_MOST when that is less */
    size_t count;
    /* 0: not looked at. Else the list ends with the job whose spec makes it so many bytes. */
    size_t specs_most;
    size_t spec_bytes; /* of all of them then */
};
/* As reader_jobs: their ids, added to `out`. */
int reader_job_ids(struct reader *r, const struct job_filter *f, struct job_ids *out,
                   int64_t *next_before, struct err *e);

#endif
