/* Times in queries. Ids sort by the time of their creation: what was created in a time is a range
 * of ids. */
#ifndef CADRE_COORDINATOR_API_RANGE_H
#define CADRE_COORDINATOR_API_RANGE_H

#include "coordinator/api/request.h"

/* A time, or how long ago, in ms; 0: absent. A wrong one fills r->problem. */
int64_t range_time(struct request *r, const char *key);
/* The parameters `since`, `until` and `id`, the beginning of ids, as a range of ids in the lookup:
 * from_id, before_id, 0: it has no end. since_ms and until_ms: the times that it was made of. */
void range_ids(struct request *r, struct lookup *l);

#endif
