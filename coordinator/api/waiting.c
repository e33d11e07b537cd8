/* See waiting.h. */
#include "coordinator/api/waiting.h"

#include "base/mem.h"
#include "base/str.h"

void waiting_ask(struct request *r, struct lookup *l,
                 void (*on_reply)(struct request *r, struct reply *x))
{
    if (!l->waits || l->problem.status) {
        request_answer(r, l);
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
