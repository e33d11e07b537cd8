/* What there is to know of a route, and what its kinds mean. */
#ifndef CADRE_COORDINATOR_API_ROUTE_KIND_H
#define CADRE_COORDINATOR_API_ROUTE_KIND_H

#include "coordinator/store/model.h"

struct request;

/* How a route checks the namespace of a token. */
enum route_namespace {
    NS_NONE,  /* its resource is of no namespace */
    NS_PATH,  /* the path has the namespace (segment 3): checked before the handler runs */
    NS_QUERY, /* a list of the `namespace` of the query, or else of the token's */
    NS_BODY,  /* the body has the namespace */
    NS_ROW    /* the resource of the path's id has one: checked when it is looked up */
};
/* The kind of a route's answer, when it is not one JSON object. */
enum route_stream {
    STREAM_NONE,
    STREAM_TEXT,   /* a text of a type of its own, whole */
    STREAM_OUTPUT, /* the bytes as they are now */
    STREAM_EVENTS  /* events, until what is followed ends, or without an end */
};

enum route_body {
    BODY_NONE,
    BODY_OBJECT,  /* a JSON object */
    BODY_JOBS,    /* one, or an array of them, which may have LIMIT_HTTP_JOBS */
    BODY_SIGN_IN, /* an object of at most LIMIT_HTTP_SIGN_IN, of who is not known yet */
    /* Any bytes: of a webhook. Its key, and no token, is looked at before they are read. */
    BODY_WEBHOOK
};

/* Where a request is answered when several coordinators share a database. Only one of them owns the
 * queue, and has the engine; a request that it has to answer is passed on to it (api/forward.h). */
enum route_at {
    AT_NOWHERE,        /* nobody has thought about it yet: no route may have it */
    AT_SELF,           /* by whoever is asked, of itself */
    AT_DATABASE,       /* by whoever is asked, from the database */
    AT_DATABASE_FIRST, /* the same; what the owner alone knows is left out when there is none */
    AT_OWNER           /* by the owner */
};

struct route {
    const char *method;   /* GET: HEAD, too (route_serves) */
    const char *path;     /* segments; ":" matches any segment */
    enum token_role role; /* ROLE_JOIN: no token needed */
    enum route_namespace ns;
    enum route_stream stream;
    enum route_body body;
    enum route_at at;
    void (*handle)(struct request *r);
};

#endif
