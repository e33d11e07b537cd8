/* Looking for damage in the store's files, also while the coordinator runs. Any thread or
 * process. */
#ifndef CADRE_COORDINATOR_STORE_CHECK_H
#define CADRE_COORDINATOR_STORE_CHECK_H

#include "base/err.h"

#include <stdint.h>

/* So many faults are told of each kind; the others are counted. */
#define STORE_CHECK_TOLD 20

struct store_check {
    void (*say)(const char *fault, void *user); /* one sentence for each fault; NULL: none */
    void *user;
    /* results */
    int64_t pages;  /* pages that were looked at */
    int64_t chunks; /* pieces of output that have a checksum */
    int64_t faults; /* in the pages, indexes and counts of the files */
    int64_t damaged_chunks;
};

/* Both files of the folder: every page, every index against its table, the counts that are kept
 * against what is counted, the checksum of every piece of output. Faults are results; an error is
 * a file that cannot be looked at. */
int store_check(const char *state_folder, struct store_check *c, struct err *e);

#endif
