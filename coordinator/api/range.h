/* Times in queries. Ids sort by the time of their creation: what was created in a time is a range
 * of ids. */
#ifndef CADRE_COORDINATOR_API_RANGE_H
#define CADRE_COORDINATOR_API_RANGE_H

#include "coordinator/api/request.h"

/* A time, or how long ago, in ms; 0: absent. A wrong one fills r->problem. */
int64_t range_time(struct request *r, const char *key);
/* The parameters `since`, `until` and `id`, the beginning of ids, as a range of ids. *before 0: it
 * has no end. */
void range_ids(struct request *r, int64_t *from, int64_t *before);

#endif
