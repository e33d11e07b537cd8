/* Tokens, and the enrolment of machines with join tokens. */
#include "coordinator/engine/token.h"

#include "base/duration.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/absence.h"
#include "coordinator/engine/agent_commands.h"
#include "coordinator/engine/agent_event.h"
#include "coordinator/engine/audit.h"
#include "coordinator/engine/news.h"
#include "coordinator/engine/principal.h"
#include "coordinator/engine/refusal.h"
#include "coordinator/engine/reply.h"
#include "coordinator/store/model_token.h"

#define DAY_MS INT64_C(86400000)

/* ---- tokens ---- */

static bool check_token(const struct engine *g, const struct token_row *t, struct reply *r)
{
    if ((unsigned)t->role > ROLE_ADMIN) {
        reply_error(r, ERR_INVALID, NULL, NULL, "role: not one of join, read, submit, admin");
        return false;
    }
    struct err why;
    if (t->name && str_name_check(t->name, &why) != 0) {
        reply_error(r, ERR_INVALID, NULL, NULL, "name: %s", err_text(&why));
        return false;
    }
    if (t->ns && !str_namespace_valid(t->ns)) {
        reply_error(r, ERR_INVALID, NULL, NULL, "namespace: '%s' is not a namespace", t->ns);
        return false;
    }
    if (t->uses_left == 0 || t->uses_left < -1) {
        reply_error(r, ERR_INVALID, NULL, NULL, "uses: at least 1");
        return false;
    }
    const struct group *group = group_find(g, t->group);
    if (!group || group->deleted) {
        const char *near = group_nearest_key(g, t->group);
        char hint[STR_SUGGEST_SIZE];
        reply_error(r, ERR_INVALID, "unknown-group", str_hint(hint, near),
                    "group: there is no worker group '%s'", t->group);
        return false;
    }
    return true;
}

static void tell_audit(struct engine *g, const struct token_row *t)
{
    char id[ID_TEXT_SIZE];
    id_format(t->id, id);
    char *what = str_dupf("%s (%s)", t->name ? t->name : id, role_names[t->role]);
    audit_about(g, what);
    mem_free(what);
}

/* Who made it, for the answer. */
static void tell_maker(const struct engine *g, struct reply *r)
{
    struct buf text;
    struct jw w;
    buf_init(&text, 4096);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    jw_str(&w, "createdBy", g->by);
    jw_end(&w);
    jw_finish(&w);
    reply_json(r, &text);
    buf_fini(&text);
}

void apply_token_create(struct engine *g, const struct command *c, struct reply *r)
{
    struct token_row t = c->u.token; /* its texts are the command's */
    if (!check_token(g, &t, r)) return;
    bool given = t.id > 0; /* the loop puts it into the token's text before */
    t.created_ms = g->now.wall_ms;
    t.revoked_ms = t.last_used_ms = 0;
    t.created_by = (char *)(uintptr_t)g->by;
    t.revoked_by = NULL;
    for (int tries = 0; tries < 100; tries++) {
        if (!given) t.id = engine_new_id(g);
        int rc = store_token_insert(g->store, &t, &g->err);
        if (rc == ERR_EXISTS && !given) {
            g->err = (struct err){0};
            continue;
        }
        if (rc == ERR_EXISTS) {
            g->err = (struct err){0};
            reply_error(r, ERR_EXISTS, NULL, NULL, "there is a token with this id");
            return;
        }
        store_ok(g, rc);
        tell_audit(g, &t);
        tell_maker(g, r);
        r->id = t.id;
        return;
    }
    engine_broken(g, "no free token id was found");
}

/* Others do not count that end so soon, unless the token ends as soon. */
static int64_t others_hold_at(const struct engine *g, const struct token_row *t)
{
    int64_t at = g->now.wall_ms + DAY_MS;
    return t->expires_ms > 0 && t->expires_ms - 1 < at ? t->expires_ms - 1 : at;
}

/* The last token that may make others is not revoked by accident. false: answered. */
static bool may_revoke(struct engine *g, const struct command *c, const struct token_row *t,
                       struct reply *r)
{
    int64_t others;
    char id[ID_TEXT_SIZE];
    id_format(t->id, id);
    if (c->flag || t->role != ROLE_ADMIN || token_refusal(t, g->now.wall_ms)) return true;
    if (!store_ok(g, store_token_other_admins(g->store, t->id, others_hold_at(g, t), &others,
                                              &g->err)))
        return false;
    if (others > 0) return true;
    reply_error(r, ERR_CONFLICT, "last-administrator",
                "make another first, for longer than a day: cadre token create api --role admin; "
                "with --force nobody is "
                "left who can, but 'cadre-coordinator token create' on the coordinator's host",
                "'%s' is the last administrator's token%s", t->name ? t->name : id,
                t->id == c->by.token ? ", and the one in use" : "");
    return false;
}

void apply_token_revoke(struct engine *g, const struct command *c, struct reply *r)
{
    struct token_row t;
    int rc = store_token_find(g->store, c->u.id, &t, &g->err);
    if (rc == 0) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "there is no such token");
        return;
    }
    if (!store_ok(g, rc)) return;
    tell_audit(g, &t);
    bool revoked = t.revoked_ms > 0, may = revoked || may_revoke(g, c, &t, r);
    token_row_fini(&t);
    if (!may) return;
    if (!revoked &&
        !store_ok(g, store_token_revoke(g->store, c->u.id, g->now.wall_ms, g->by, &g->err)))
        return;
    principal_revoked(g, c->u.id);
    effects_add(g->out, EFFECT_TOKEN_REVOKED)->u.revoked.token = c->u.id;
    r->id = c->u.id;
}

void apply_token_used(struct engine *g, const struct command *c, struct reply *r)
{
    if (store_ok(g, store_token_use(g->store, c->u.id, g->now.wall_ms, &g->err))) r->id = c->u.id;
}

/* ---- enrol ---- */

static bool is_same_join(const struct agent_row *a, const struct cmd_enrol *x)
{
    return a->token == x->token_id && str_eq(a->spki, x->spki);
}

/* Is it the token that was given out, and does it hold? A secret that does not fit is told like a
 * token that does not exist, so that ids cannot be tried out. false: refused. */
static bool check_join_token(struct engine *g, const struct command *c, struct token_row *t)
{
    const struct cmd_enrol *x = &c->u.enrol;
    char when[TIME_TEXT_SIZE];
    int rc = store_token_find(g->store, x->token_id, t, &g->err);
    if (!store_ok(g, rc)) return false;
    if (rc == 0 || t->role != ROLE_JOIN ||
        !str_secret_eq(t->secret_hash, x->secret_hash, sizeof t->secret_hash)) {
        refuse(g, c->session, "unknown-token", 0, "the coordinator does not know this join token");
    } else if (t->revoked_ms > 0) {
        time_format(t->revoked_ms, when);
        refuse(g, c->session, "token-revoked", 0, "the join token was revoked at %s", when);
    } else if (t->expires_ms > 0 && g->now.wall_ms >= t->expires_ms) {
        time_format(t->expires_ms, when);
        refuse(g, c->session, "token-expired", 0,
               "the join token expired at %s: make a new one with cadre token "
               "create join",
               when);
    } else {
        return true;
    }
    if (rc == 1) token_row_fini(t);
    return false;
}

/* The key of the group that the agent is to be in, the first of several; borrowed. */
static char *group_of(const struct cmd_enrol *x, const struct token_row *t)
{
    const char *key = x->group ? x->group : t->group ? t->group : STR_DEFAULT_GROUP;
    return (char *)(uintptr_t)key;
}

/* Is there each of the groups that the agent is to be in, and does the token allow it? false:
 * refused. */
static bool may_join(struct engine *g, const struct command *c, const struct token_row *t)
{
    const struct cmd_enrol *x = &c->u.enrol;
    struct group_keys keys;
    bool may = true;
    group_keys_read(&keys, group_of(x, t), x->groups);
    for (size_t i = 0; i < keys.count && may; i++) {
        const char *key = keys.items[i];
        const struct group *group = group_find(g, key);
        may = false;
        if (t->group && !str_eq(t->group, key))
            refuse(g, c->session, "wrong-group", 0,
                   keys.count == 1 ? "the join token is for group %s, not for %s"
                                   : "the join token is for group %s alone, not for %s",
                   t->group, key);
        else if (!group || group->deleted)
            refuse(g, c->session, "unknown-group", 60000,
                   "there is no worker group '%s': create it first, or name another", key);
        else
            may = true;
    }
    group_keys_fini(&keys);
    return may;
}

static void answer_enrolled(struct engine *g, const struct command *c, const struct agent_row *a)
{
    session_effect(g, EFFECT_ENROLLED, c->session)->u.enrolled = (struct effect_enrolled){
        .agent = a->id,
        .name = mem_strdup(a->name),
        .group = str_is_default_group(a->group) ? NULL : mem_strdup(a->group),
    };
}

/* The token is good and the name is free: is there anything else against it? */
static bool may_enrol(struct engine *g, const struct command *c, const struct token_row *t)
{
    int64_t known;
    if (t->uses_left == 0) {
        refuse(g, c->session, "token-used-up", 0,
               "the join token was used as often as it may be: make a new one with cadre token "
               "create join");
        return false;
    }
    if (!may_join(g, c, t)) return false;
    if (!store_ok(g, store_agent_count(g->store, &known, &g->err))) return false;
    if (g->config.max_agents > 0 && known >= g->config.max_agents) {
        refuse(g, c->session, "busy", 60000,
               "the coordinator knows %lld agents, as many as limits.agents allows: remove some",
               (long long)known);
        return false;
    }
    return true;
}

static void tell_enrolled(struct engine *g, const struct agent_row *a)
{
    char *text = str_dupf("with the join token '%s'", a->created_by);
    agent_event(g, a->id, AGENT_ENROLLED, text);
    mem_free(text);
}

static void enrol_new(struct engine *g, const struct command *c, const struct token_row *t)
{
    const struct cmd_enrol *x = &c->u.enrol;
    char none[] = "{}", token[ID_TEXT_SIZE];
    id_format(t->id, token);
    struct agent_row a = {.name = x->name,
                          .group = group_of(x, t),
                          .groups = x->groups,
                          .token_group = t->group,
                          .capabilities = none,
                          .version = x->version,
                          .host_id = x->host_id,
                          .slots = 1,
                          .created_ms = g->now.wall_ms,
                          .spki = (char *)(uintptr_t)x->spki,
                          .token = t->id,
                          .created_by = t->name ? t->name : token};
    for (int tries = 0; tries < 100; tries++) {
        a.id = engine_new_id(g);
        int rc = store_agent_insert(g->store, &a, &g->err);
        if (rc == ERR_EXISTS) {
            g->err = (struct err){0};
            continue;
        }
        if (!store_ok(g, rc) ||
            !store_ok(g, store_token_use(g->store, t->id, g->now.wall_ms, &g->err)))
            return;
        absence_begin(g, &a, NEVER);
        news_add(g, NEWS_AGENTS);
        tell_enrolled(g, &a);
        answer_enrolled(g, c, &a);
        return;
    }
    engine_broken(g, "no free agent id was found");
}

void apply_enrol(struct engine *g, const struct command *c)
{
    const struct cmd_enrol *x = &c->u.enrol;
    struct token_row t;
    struct agent_row other = {0};
    if (!check_join_token(g, c, &t)) return;
    int rc = store_agent_find_name(g->store, x->name, &other, &g->err);
    bool taken = rc == 1;
    if (!store_ok(g, rc)) goto out;
    if (taken && is_same_join(&other, x)) {
        /* asked again: the answer got lost on the way */
        answer_enrolled(g, c, &other);
    } else if (may_enrol(g, c, &t)) {
        if (taken && !x->replace) {
            refuse(g, c->session, "name-taken", 0,
                   "there is an agent '%s' already: choose another name, or take its place with "
                   "--replace",
                   x->name);
            refusal_note(g, other.id, other.group, other.groups, "name-taken",
                         "a machine that wanted to join under this name was not let in");
            goto out;
        }
        if (taken) agent_remove(g, &other, "another one joined under its name");
        if (taken) log_info("agent %s: removed, another one takes its name", x->name);
        if (g->rc == 0) enrol_new(g, c, &t);
    }
out:
    agent_row_fini(&other);
    token_row_fini(&t);
}
