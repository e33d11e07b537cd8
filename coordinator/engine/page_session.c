/* See page_session.h. A session is never more than its token: whether that may still act is looked
 * at with every command (principal.c). */
#include "coordinator/engine/page_session.h"

#include "coordinator/engine/reply.h"

/* What it opened ends. false: a failure was noted. */
static bool end_session(struct engine *g, int64_t id)
{
    if (!store_ok(g, store_page_session_delete(g->store, id, &g->err))) return false;
    effects_add(g->out, EFFECT_SIGNED_OUT)->u.signed_out.session = id;
    return true;
}

/* For one more of this token. false: a failure was noted. */
static bool make_room(struct engine *g, int64_t token)
{
    int64_t oldest;
    int rc;
    while ((rc = store_page_session_behind(g->store, token, PAGE_SESSIONS_MOST - 1, &oldest,
                                           &g->err)) == 1)
        if (!end_session(g, oldest)) return false;
    return store_ok(g, rc);
}

void apply_sign_in(struct engine *g, const struct command *c, struct reply *r)
{
    struct page_session_row p = c->u.page_session;
    const struct token_row *t = g->by_token;
    if (!t) { /* nobody's session would be everybody's */
        reply_error(r, ERR_DENIED, "token-missing", NULL, "a session needs a token");
        return;
    }
    p.token = t->id;
    p.created_ms = g->now.wall_ms;
    if (t->expires_ms > 0 && p.ends_ms > t->expires_ms) p.ends_ms = t->expires_ms;
    if (!make_room(g, t->id)) return;
    for (int tries = 0; tries < 100; tries++) {
        p.id = engine_new_id(g);
        int rc = store_page_session_insert(g->store, &p, &g->err);
        if (rc == ERR_EXISTS) {
            g->err = (struct err){0};
            continue;
        }
        if (store_ok(g, rc)) r->id = p.id;
        return;
    }
    engine_broken(g, "no free session id was found");
}

void apply_sign_out(struct engine *g, const struct command *c, struct reply *r)
{
    struct page_session_row p;
    int rc = store_page_session_find(g->store, c->u.id, &p, &g->err);
    if (!store_ok(g, rc)) return;
    if (rc == 0 || p.token != c->by.token) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "there is no such session");
        return;
    }
    if (end_session(g, c->u.id)) r->id = c->u.id;
}
