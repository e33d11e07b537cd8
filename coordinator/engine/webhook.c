#include "coordinator/engine/webhook.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/occurrence.h"
#include "coordinator/engine/reply.h"

#include <string.h>

/* NULL: none. As much work for a key that is nobody's. */
static struct trigger *find(const struct engine *g, const struct cmd_webhook *w)
{
    const struct flow_entry *f = flow_get(g, w->ns, w->flow);
    struct trigger *found = NULL;
    if (!f || f->deleted) return NULL;
    for (struct trigger *t = f->triggers; t; t = t->next) {
        const char *hash = t->row.key_hash;
        if (t->row.kind != TRIGGER_WEBHOOK || !hash || strlen(hash) != sizeof w->key_hash - 1)
            continue;
        if (str_secret_eq(hash, w->key_hash, sizeof w->key_hash - 1)) found = t;
    }
    return found;
}

/* The same call again, with its key. */
static bool answer_known(struct engine *g, const char *key, struct reply *r)
{
    int64_t id;
    if (!key) return false;
    int rc = store_execution_find_key(g->store, key, &id, &g->err);
    if (rc == 0) return false;
    if (!store_ok(g, rc)) return true;
    r->id = id;
    r->known = true;
    return true;
}

static void fire(struct engine *g, struct trigger *t, const struct cmd_webhook *w, const char *key,
                 struct reply *r)
{
    const struct occurrence o = {.vars = w->vars, .unique_key = key, .trace = w->trace};
    char name[FLOW_NAME_SIZE];
    struct err e;
    if (t->row.disabled) {
        reply_error(r, ERR_CONFLICT, "disabled", NULL, "the trigger %s of %s is disabled: %s",
                    t->row.name, flow_name(t->flow, name), t->row.why ? t->row.why : "");
        return;
    }
    int64_t id = occurrence_fire(g, t, &o, &e);
    if (g->rc) return;
    if (e.code == ERR_NOT_FOUND) e.code = ERR_INVALID; /* a value of the inputs, not the webhook */
    if (id)
        r->id = id;
    else
        reply_err(r, &e, NULL, NULL);
}

void apply_webhook(struct engine *g, const struct command *c, struct reply *r)
{
    const struct cmd_webhook *w = &c->u.webhook;
    struct trigger *t = find(g, w);
    if (!t) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "there is no such webhook");
        return;
    }
    /* Each trigger has keys of its own, as each token has. They go by its name: the number of its
     * row is given to another when it is gone. */
    char *key = w->unique_key ? str_dupf("webhook %s/%s/%s/%s", t->row.ns, t->row.flow, t->row.name,
                                         w->unique_key)
                              : NULL;
    if (!answer_known(g, key, r)) fire(g, t, w, key, r);
    mem_free(key);
}
