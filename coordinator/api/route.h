/* Which handler a request belongs to. */
#ifndef CADRE_COORDINATOR_API_ROUTE_H
#define CADRE_COORDINATOR_API_ROUTE_H

#include "coordinator/api/request.h"

/* Finds the route and checks the token; r->problem tells what is wrong. */
void route_head(struct request *r, struct auth_memory *m, const struct http_message *head);
/* The whole message is there. */
void route_message(struct request *r, const struct http_message *m);

#endif
