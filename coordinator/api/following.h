/* Streams of the present output of a job or an execution (logs), and of its further output and
 * events (follow). A piece is looked up only when the client has room for it: at most
 * API_PENDING_BYTES and one piece wait. Loop thread. */
#ifndef CADRE_COORDINATOR_API_FOLLOWING_H
#define CADRE_COORDINATOR_API_FOLLOWING_H

#include "coordinator/api/stream.h"

void following_open(struct request *r); /* handler */
void following_on_job(struct api *a, int64_t job, bool state);
void following_on_execution(struct api *a, int64_t execution);
/* The request of the next stream that was woken; NULL: none was. */
struct request *following_take_woken(struct api *a);

#endif
