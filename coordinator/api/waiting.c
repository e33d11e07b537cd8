/* See waiting.h. */
#include "coordinator/api/waiting.h"
#include "coordinator/api/forward.h"

#include "base/mem.h"
#include "base/str.h"

static void without_owner(struct request *r)
{
    struct reply none = {.rc = ERR_NOT_FOUND};
    void (*on_reply)(struct request *, struct reply *) = r->on_reply;
    r->on_reply = NULL;
    on_reply(r, &none);
}

void waiting_ask(struct request *r, struct lookup *l,
                 void (*on_reply)(struct request *r, struct reply *x))
{
    if (!l->waits || l->problem.status) {
        request_answer(r, l);
        return;
    }
    if (!api_owns(r->api)) {
        r->on_reply = on_reply;
        forward_rest(r, without_owner);
        return;
    }
    struct command *c = command_new(CMD_WHY);
    c->u.id = l->found;
    request_ask(r, c, on_reply);
}

char *waiting_of(const struct reply *x)
{
    return x->rc == 0 && x->json && !str_eq(x->json, "null") ? mem_strdup(x->json) : NULL;
}
