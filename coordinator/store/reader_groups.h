/* Reading the groups that have something to do. Reader thread. */
#ifndef CADRE_COORDINATOR_STORE_READER_GROUPS_H
#define CADRE_COORDINATOR_STORE_READER_GROUPS_H

#include "coordinator/store/reader.h"

struct busy_seen {
    bool more;     /* there are groups beside those that were told */
    bool complete; /* the jobs of all groups were looked at */
};
/* The `limit` busiest groups, up to READER_BUSY_MOST: those with waiting jobs, most first, then
 * those with running ones, then the others by key. Of the counts of jobs, which are one for each
 * group and set of requirements, so many are looked at that no more than 5,000 rows are read in
 * all; the members of groups are summed up beside that. */
#define READER_BUSY_MOST 500
int reader_groups_busy(struct reader *r, size_t limit,
                       int (*fn)(const struct group_row *g, const struct group_counts *n,
                                 void *user),
                       void *user, struct busy_seen *seen, struct err *e);

#endif
