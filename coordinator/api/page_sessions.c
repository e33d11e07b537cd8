/* Signing in and out: a browser gives a token once, and from then on a cookie. The number in it is
 * made here and kept nowhere; the engine keeps its hash. What the token's text says is judged as
 * that of an Authorization header is, and once more by the engine. */
#include "coordinator/api/body.h"
#include "coordinator/api/cookie.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/mem.h"
#include "coordinator/reads/token_json.h"
#include "platform/os.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <string.h>

_Static_assert(sizeof((struct request *)0)->cookie == COOKIE_BYTES, "the number of a cookie");

/* ---- in ---- */

/* It is the last request of its connection, so that guesses count at the door. */
void page_sessions_head(struct request *r, const struct http_message *m)
{
    r->keep_alive = false;
    (void)cookie_from_page(m, &r->problem);
}

static void on_signed_in(struct request *r, struct reply *x)
{
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    struct buf headers;
    struct json_answer a;
    buf_init(&headers, 1024);
    cookie_set(&headers, r->cookie, r->who.expires_ms - os_wall_ms());
    json_answer_init(&a);
    token_json_who(&a.w, r->token, r->who.expires_ms);
    r->headers = buf_detach(&headers);
    request_send(r, 200, &a);
}

static int ask(struct request *r, struct err *e)
{
    int64_t end_ms = os_wall_ms() + PAGE_SESSION_LIFE_MS;
    int rc = pki_random(r->cookie, sizeof r->cookie, e);
    if (rc) return rc;
    struct command *c = command_new(CMD_SIGN_IN);
    pki_sha256(r->cookie, sizeof r->cookie, c->u.page_session.hash);
    if (!r->who.expires_ms || end_ms < r->who.expires_ms) r->who.expires_ms = end_ms;
    c->u.page_session.ends_ms = r->who.expires_ms;
    request_ask(r, c, on_signed_in);
    return 0;
}

/* Not kept for others: it may have been revoked meanwhile, and the engine looks again. */
static void on_token(struct request *r, struct lookup *l)
{
    struct err e = {0};
    if (l->problem.status)
        r->problem = l->problem;
    else
        auth_judge(r->api, r->memory, &r->claim, &l->token, &r->who, &r->problem);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    r->token = mem_alloc(sizeof *r->token);
    *r->token = l->token;
    l->token = (struct token_row){0};
    int rc = ask(r, &e);
    if (rc) request_fail(r, rc, &e);
}

void page_sessions_create(struct request *r)
{
    static const char *const keys[] = {"token"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    body_known(&b, keys, 1);
    const char *text = body_str(&b, "token", TOKEN_TEXT_SIZE);
    if (!r->problem.status && !text) body_fail(&b, "token", "is missing: the text of an API token");
    if (!r->problem.status && auth_read_token(text, &r->claim, &r->problem))
        request_look_up_id(r, lookup_token, r->claim.token, on_token);
    else
        request_send_problem(r, &r->problem);
}

/* ---- out ---- */

static void on_signed_out(struct request *r, struct reply *x)
{
    struct buf headers;
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    auth_forget_session(r->api->auth, r->who.session);
    r->to->cut(r->api, 0, r->who.session);
    buf_init(&headers, 1024);
    cookie_clear(&headers);
    r->headers = buf_detach(&headers);
    request_send_empty(r, 204);
}

void page_sessions_end(struct request *r)
{
    if (!r->who.session) {
        problem_set(&r->problem, 404, "not-found",
                    "a token is not signed out: 'cadre token revoke' ends it",
                    "this request came with a token and in no session");
        request_send_problem(r, &r->problem);
        return;
    }
    struct command *c = command_new(CMD_SIGN_OUT);
    c->u.id = r->who.session;
    request_ask(r, c, on_signed_out);
}
