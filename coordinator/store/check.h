/* SQLite alone: looking for damage in the store's files, also while the coordinator runs. Any
 * thread or process. */
#ifndef CADRE_COORDINATOR_STORE_CHECK_H
#define CADRE_COORDINATOR_STORE_CHECK_H

#include "base/err.h"

#include <stdint.h>

/* So many faults are told of each kind; the others are counted. */
#define STORE_CHECK_TOLD 20

/* When the index of jobs is wrong: the next start makes an empty one anew. */
#define STORE_INDEX_REMEDY                                                                         \
    "stop the coordinator, run \"DELETE FROM job_blocks\" on cadre.db (sqlite3), and start it "    \
    "again"

struct store_check {
    void (*say)(const char *fault, void *user); /* one sentence for each fault; NULL: none */
    void *user;
    /* results */
    int64_t pages;        /* pages that were looked at */
    int64_t chunks;       /* pieces of output that have a checksum */
    int64_t faults;       /* in the pages, indexes and counts of the files */
    int64_t index_faults; /* in the index of jobs, which is made of the jobs: no job is lost */
    int64_t damaged_chunks;
};

/* Both files of the folder: every page, every index against its table, the counts that are kept
 * against what is counted, the checksum of every piece of output. Faults are results; an error is
 * a file that cannot be looked at. */
int store_check(const char *state_folder, struct store_check *c, struct err *e);

#endif
