/* The W3C's header traceparent of requests that start something. Loop thread. */
#ifndef CADRE_COORDINATOR_API_TRACE_H
#define CADRE_COORDINATOR_API_TRACE_H

#include "coordinator/api/request.h"

/* Takes it into r->trace; "": there is none, none that is valid, or several, of which the standard
 * wants none to be taken (https://www.w3.org/TR/trace-context/). */
void trace_take(struct request *r);
/* Logs that the `what` ("job") with the id was started with it, if it was: so whoever has a trace
 * finds its job, and the other way about. */
void trace_log(const struct request *r, const char *what, int64_t id);
char *trace_copy(const struct request *r); /* mem_free; NULL: there is none */

#endif
