/* Which handler a request belongs to. */
#ifndef CADRE_COORDINATOR_API_ROUTE_H
#define CADRE_COORDINATOR_API_ROUTE_H

#include "coordinator/api/request.h"

/* Finds the route and checks the token; r->problem says what is wrong. With r->checking the token
 * is being looked up; r->to->turn is called afterwards. */
void route_head(struct request *r, const struct http_message *head);
/* The whole message is there. */
void route_message(struct request *r, const struct http_message *m);
/* HEAD belongs to every GET, and is answered as GET is, without the body. */
bool route_serves(const struct route *t, const char *method);
/* Is it for those who watch, answered without the store thread? */
bool route_watches(const struct route *t);
/* Is it answered at the owner, which is another coordinator? Known when its head was judged. */
bool route_is_passed(const struct request *r);
/* All routes. */
const struct route *route_table(size_t *count);

#endif
