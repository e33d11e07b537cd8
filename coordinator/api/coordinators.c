/* The coordinators that share the store. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/mem.h"

void coordinators_list(struct request *r)
{
    const struct api *a = r->api;
    struct lookup *l = request_list(r, LIST_COORDINATORS, lookup_coordinators, NULL, 0);
    l->id = a->o.id;
    l->number = a->o.started_wall_ms;
    l->name = mem_strdup(a->o.name);
    l->why = mem_strdup(a->o.addresses);
    l->owns = api_owns(a);
    l->shared = a->o.shared;
    request_send_list(r, l);
}
