/* How many requests of each route were answered with which status. Loop thread. */
#ifndef CADRE_COORDINATOR_API_TRAFFIC_H
#define CADRE_COORDINATOR_API_TRAFFIC_H

struct route;
struct scrape;
struct traffic;

/* routes: the table that requests point into; borrowed. */
struct traffic *traffic_new(const struct route *routes, int count);
void traffic_free(struct traffic *t); /* NULL is fine */
/* route NULL: none was found. */
void traffic_add(struct traffic *t, const struct route *route, int status);
/* Fills s->http. */
void traffic_copy(const struct traffic *t, struct scrape *s);

#endif
