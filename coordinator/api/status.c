/* The coordinator itself: is it alive, which version, how much there is to do. */
#include "base/mem.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "cadre_version.h"

void status_health(struct request *r)
{
    struct json_answer a;
    json_answer_init(&a);
    jw_str(&a.w, "status", "ok");
    request_send(r, 200, &a);
}

void status_version(struct request *r)
{
    struct json_answer a;
    json_answer_init(&a);
    jw_str(&a.w, "version", CADRE_VERSION);
    request_send(r, 200, &a);
}

void status_whoami(struct request *r)
{
    request_look_up_id(r, lookup_whoami, r->who.token, request_answer);
}

void status_show(struct request *r)
{
    struct lookup *l = request_lookup(r, lookup_status);
    l->number = r->api->o.started_wall_ms;
    l->waiting = mem_strdup(r->api->put_off);
    request_look_up(r, l, request_answer);
}
