/* Making, listing and revoking tokens. A secret is shown once, in the answer to its making. */
#include "coordinator/api/body.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "coordinator/reads/token_json.h"
#include "coordinator/trust/admin_token.h"
#include "coordinator/trust/names.h"
#include "platform/os.h"
#include "wire/limits.h"
#include "wire/token.h"

#include <string.h>

#define JOIN_LIFE_MS (INT64_C(24) * 3600 * 1000)
#define LIFE_MIN_MS 1
#define USES_MAX 1000000

void tokens_list(struct request *r)
{
    request_send_list(r, request_list(r, LIST_TOKENS, lookup_tokens, NULL, 0));
}

/* ---- create ---- */

/* null means no expiry and any number of uses; an absent field gets the default. */
static void read_life(struct body *b, struct token_row *t, int64_t now_ms)
{
    bool join = t->role == ROLE_JOIN;
    int64_t fallback = join && !json_get(b->object, "expires") ? JOIN_LIFE_MS : 0;
    int64_t life = body_duration(b, "expires", LIFE_MIN_MS, DURATION_MAX_MS, fallback);
    t->expires_ms = life ? now_ms + life : 0;
    t->uses_left = -1;
    if (join)
        t->uses_left = body_int(b, "uses", 1, USES_MAX, json_get(b->object, "uses") ? -1 : 1);
    else if (body_has(b, "uses"))
        body_fail(b, "uses", "is for join tokens");
}

static void read_token(struct body *b, struct token_row *t, int64_t now_ms)
{
    static const char *const keys[] = {"type",    "role", "namespace", "group",
                                       "expires", "uses", "name"};
    static const char *const types[] = {"join", "api"};
    static const char *const roles[] = {"read", "submit", "admin"};
    body_known(b, keys, sizeof keys / sizeof *keys);
    int type = body_choice(b, "type", types, 2, -1);
    int role = body_choice(b, "role", roles, 3, -1);
    if (type < 0) body_fail(b, "type", "is missing: join or api");
    if (type == 0 && role >= 0) body_fail(b, "role", "is for API tokens");
    if (type == 1 && role < 0) body_fail(b, "role", "is missing: read, submit or admin");
    t->role = type == 0 ? ROLE_JOIN : (enum token_role)(ROLE_READ + (role < 0 ? 0 : role));
    const char *name = body_name(b, "name");
    const char *group = body_group_key(b, "group"), *ns = body_namespace(b, "namespace");
    if (group && type != 0) body_fail(b, "group", "is for join tokens");
    if (ns && t->role != ROLE_SUBMIT) body_fail(b, "namespace", "is for the role submit");
    t->name = mem_strdup(name);
    t->group = mem_strdup(group);
    t->ns = mem_strdup(ns);
    read_life(b, t, now_ms);
}

/* Lines to paste on the machine that is to join. */
static void put_commands(struct jw *w, const char *token, const char *group)
{
    char *deb = str_dupf("sudo CADRE_TOKEN=%s%s%s apt-get install -y ./cadre-agent_*.deb", token,
                         group ? " CADRE_GROUP=" : "", group ? group : "");
    char *msi = str_dupf("msiexec /i cadre-agent-" CADRE_VERSION "-x64.msi /qn TOKEN=%s%s%s", token,
                         group ? " GROUP=" : "", group ? group : "");
    char *shell = str_dupf("cadre-agent join %s%s%s", token, group ? " --worker-group " : "",
                           group ? group : "");
    jw_object(w, "commands");
    jw_str(w, "deb", deb);
    jw_str(w, "msi", msi);
    jw_str(w, "shell", shell);
    jw_end(w);
    mem_free(deb);
    mem_free(msi);
    mem_free(shell);
}

/* reply.json: {"createdBy": ...} */
static void read_maker(struct token_row *t, const struct reply *x)
{
    struct json *made = NULL;
    struct err e;
    if (!x->json || json_parse(x->json, strlen(x->json), &made, &e)) return;
    t->created_by = mem_strdup(json_get_str(made, "createdBy", NULL));
    json_free(made);
}

static void on_created(struct request *r, struct reply *x)
{
    struct token t = {0};
    char text[TOKEN_TEXT_SIZE];
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    r->token->id = x->id;
    read_maker(r->token, x);
    t.kind = r->token->role == ROLE_JOIN ? TOKEN_JOIN : TOKEN_API;
    t.id = x->id;
    memcpy(t.secret, r->secret, sizeof t.secret);
    memcpy(t.pin, authority_pin(r->api->o.authority), sizeof t.pin);
    names_for_token(r->api->o.config, r->api->o.port, false, &t);
    int rc = token_format(&t, text, sizeof text);
    token_fini(&t);
    if (rc) {
        struct err e;
        err_set(&e, ERR_INTERNAL, "the token cannot be written as text");
        request_fail(r, ERR_INTERNAL, &e);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    token_json(&a.w, r->token);
    jw_str(&a.w, "token", text);
    token_json_uses(&a.w, "uses", r->token);
    if (r->token->role == ROLE_JOIN) put_commands(&a.w, text, r->token->group);
    mem_wipe(text, sizeof text);
    request_send(r, 201, &a);
}

/* The command's copy of the row: strings of its own. */
static void copy_row(const struct token_row *from, struct token_row *to)
{
    *to = *from;
    to->name = mem_strdup(from->name);
    to->group = mem_strdup(from->group);
    to->ns = mem_strdup(from->ns);
}

void tokens_create(struct request *r)
{
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    struct token_row row, wanted = {0};
    struct err e = {0};
    int64_t now_ms = os_wall_ms();
    r->token = mem_alloc(sizeof *r->token);
    read_token(&b, &wanted, now_ms);
    int rc = token_fresh(wanted.role, now_ms, &row, r->secret, &e);
    if (rc) problem_from(&r->problem, rc, &e);
    *r->token = wanted;
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    r->token->id = row.id;
    r->token->created_ms = now_ms;
    memcpy(r->token->secret_hash, row.secret_hash, sizeof row.secret_hash);
    struct command *c = command_new(CMD_TOKEN_CREATE);
    copy_row(r->token, &c->u.token);
    request_ask(r, c, on_created);
}

/* ---- revoke ---- */

static void tell_revoked(struct request *r)
{
    request_send_empty(r, 204);
}

static void on_revoked(struct request *r, struct reply *x)
{
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    auth_forget(r->api->auth, r->id);
    r->to->cut(r->api, r->id, 0);
    request_hold(r, tell_revoked);
}

void tokens_revoke(struct request *r)
{
    static const char *const keys[] = {"force"};
    request_query_known(r, keys, 1);
    bool force = request_query_bool(r, "force");
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    if (!request_path_id(r, "token", &r->id)) return;
    struct command *c = command_new(CMD_TOKEN_REVOKE);
    c->u.id = r->id;
    c->flag = force;
    request_ask(r, c, on_revoked);
}
