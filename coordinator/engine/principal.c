/* Tokens in memory, and the principal of the command at hand. */
#include "coordinator/engine/principal.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/reply.h"
#include "coordinator/flow/flow.h"
#include "coordinator/store/model_token.h"

#include <string.h>

#define TOKENS_MOST 4096 /* kept; above this number they are read anew */

/* ---- tokens ---- */

void principals_clear(struct engine *g)
{
    size_t place = 0;
    for (struct token_row *t; (t = map_next(&g->tokens, &place)) != NULL;) {
        token_row_fini(t);
        mem_free(t);
    }
    map_fini(&g->tokens);
    map_init(&g->tokens);
}

/* NULL: there is none, or a failure was noted. */
static const struct token_row *find(struct engine *g, int64_t id)
{
    struct token_row *t = map_find(&g->tokens, (uint64_t)id), row;
    if (t) return t;
    int rc = store_token_find(g->store, id, &row, &g->err);
    if (!store_ok(g, rc) || rc == 0) return NULL;
    if (g->tokens.count >= TOKENS_MOST) principals_clear(g);
    t = mem_alloc(sizeof *t);
    *t = row;
    map_put(&g->tokens, (uint64_t)id, t);
    return t;
}

void principal_revoked(struct engine *g, int64_t token)
{
    struct token_row *t = map_find(&g->tokens, (uint64_t)token);
    if (t) t->revoked_ms = g->now.wall_ms > 0 ? g->now.wall_ms : 1;
}

/* ---- the command at hand ---- */

bool principal_sees(const struct engine *g, const char *ns, struct reply *r)
{
    const char *only = g->by_token ? g->by_token->ns : NULL;
    if (!only || (ns && str_namespace_covers(only, ns))) return true;
    reply_error(r, ERR_DENIED, "namespace", NULL,
                "this token is for the namespace %s only, but the request is about %s%s", only,
                ns ? "the namespace " : "no namespace", ns ? ns : "");
    return false;
}

/* Are all flows that the trigger follows in the namespace or below? It is told their outputs. */
static bool stays_within(const char *only, const struct flow_after *a)
{
    if (!a->ns) return false;
    if (!a->prefix) return str_namespace_covers(only, a->ns);
    size_t len = strlen(only); /* "a.b" begins a.bc, too */
    return str_starts(a->ns, only) && a->ns[len] == '.';
}

static bool sees_flow(const struct engine *g, const struct flow *f, struct reply *r)
{
    const char *only = g->by_token ? g->by_token->ns : NULL;
    if (!principal_sees(g, f->ns, r)) return false;
    for (size_t i = 0; only && i < f->trigger_count; i++) {
        const struct flow_trigger *t = &f->triggers[i];
        if (t->kind != TRIGGER_FLOW || stays_within(only, &t->after)) continue;
        const char *of = !t->after.ns      ? "of all namespaces"
                         : t->after.prefix ? "of namespaces whose name begins with "
                                           : "of ";
        reply_error(r, ERR_DENIED, "namespace", "name one of its namespaces in the conditions",
                    "this token is for the namespace %s only, but the trigger %s of flow %s/%s is "
                    "told of executions %s%s",
                    only, t->id, f->ns, f->id, of, t->after.ns ? t->after.ns : "");
        return false;
    }
    return true;
}

static bool sees_files(const struct engine *g, const struct cmd_apply *a, struct reply *r)
{
    for (size_t i = 0; i < a->count; i++) /* one that cannot be parsed changes nothing */
        if (a->files[i].flow && !sees_flow(g, a->files[i].flow, r)) return false;
    return true;
}

/* The namespaces that stand in the command. */
static bool sees_command(const struct engine *g, const struct command *c, struct reply *r)
{
    switch (c->type) {
    case CMD_SUBMIT:
        return principal_sees(g, c->u.submit.job.ns, r);
    case CMD_EXECUTION_START:
        return principal_sees(g, c->u.start.ns, r);
    case CMD_FLOW_APPLY:
        return sees_files(g, &c->u.apply, r);
    case CMD_FLOW_DELETE:
    case CMD_TRIGGER_ENABLE:
    case CMD_TRIGGER_DISABLE:
    case CMD_TRIGGER_RUN:
    case CMD_TRIGGER_KEY:
    case CMD_TRIGGER_NEXT:
    case CMD_TRIGGER_BACKFILL:
    case CMD_TRIGGER_BACKFILLS:
    case CMD_TRIGGER_BACKFILL_CANCEL:
        return principal_sees(g, c->u.place.ns, r);
    case CMD_NS_SET:
        return principal_sees(g, c->u.ns.ns, r);
    case CMD_NS_UNSET:
    case CMD_RESOLVE:
        return principal_sees(g, c->text, r);
    default:
        return true; /* of no namespace, or by an id: see principal_sees */
    }
}

/* Read anew each time: people change things more slowly than programs do. */
static bool may_in_session(struct engine *g, const struct command *c, struct reply *r)
{
    struct page_session_row p;
    int rc = store_page_session_find(g->store, c->by.session, &p, &g->err);
    if (!store_ok(g, rc)) return false;
    bool of_token = rc == 1 && p.token == c->by.token;
    const struct token_refusal *no = page_session_refusal(of_token ? &p : NULL, g->now.wall_ms);
    if (no) reply_error(r, ERR_DENIED, no->code, no->hint, "%s", no->sentence);
    return !no;
}

bool principal_enter(struct engine *g, const struct command *c, struct reply *r)
{
    if (c->by.token == 0) return true;
    const struct token_row *t = find(g, c->by.token);
    if (g->rc) return false;
    const struct token_refusal *no = token_refusal(t, g->now.wall_ms);
    if (no) {
        reply_error(r, ERR_DENIED, no->code, no->hint, "%s", no->sentence);
        return false;
    }
    if (c->by.session && !may_in_session(g, c, r)) return false;
    if (!token_covers(t->role, c->by.role)) {
        reply_error(r, ERR_DENIED, "role", NULL, "this token has the role '%s', but '%s' is needed",
                    role_names[t->role], role_names[c->by.role]);
        return false;
    }
    id_format(t->id, g->by_id);
    g->by_token = t;
    g->by = t->name ? t->name : g->by_id;
    return sees_command(g, c, r);
}

void principal_leave(struct engine *g)
{
    g->by_token = NULL;
    g->by = NULL;
}
