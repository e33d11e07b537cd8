/* The table of all routes: which handler a request belongs to, and whether it may have it. */
#include "coordinator/api/route.h"
#include "coordinator/api/cookie.h"
#include "coordinator/api/following.h"
#include "coordinator/api/forward.h"
#include "coordinator/api/forwarded.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/live.h"
#include "coordinator/api/webhooks.h"
#include "coordinator/metrics/allow.h"
#include "coordinator/store/model_token.h"

#include "base/encoding.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/limits.h"

#include <string.h>

/* A route of GET serves HEAD, too: route_serves. A path without ":" stands before those that would
 * take its last word for a ":". */
static const struct route routes[] = {
    {"GET", "", ROLE_JOIN, NS_NONE, STREAM_TEXT, BODY_NONE, AT_SELF, page_show},
    {"GET", "app.js", ROLE_JOIN, NS_NONE, STREAM_TEXT, BODY_NONE, AT_SELF, page_show},
    {"GET", "app.css", ROLE_JOIN, NS_NONE, STREAM_TEXT, BODY_NONE, AT_SELF, page_show},
    {"GET", "healthz", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_SELF, status_health},
    {"GET", "readyz", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_SELF, status_ready},
    {"GET", "ca.pem", ROLE_JOIN, NS_NONE, STREAM_TEXT, BODY_NONE, AT_SELF, status_ca},
    {"GET", "metrics", ROLE_READ, NS_NONE, STREAM_TEXT, BODY_NONE, AT_SELF, metrics_show},
    {"GET", "api/v1/version", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_SELF, status_version},
    {"GET", "api/v1/whoami", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE,
     status_whoami},
    {"POST", "api/v1/session", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_SIGN_IN, AT_OWNER,
     page_sessions_create},
    {"DELETE", "api/v1/session", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     page_sessions_end},
    {"GET", "api/v1/status", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE, status_show},
    {"POST", "api/v1/jobs", ROLE_SUBMIT, NS_BODY, STREAM_NONE, BODY_JOBS, AT_OWNER, jobs_submit},
    {"GET", "api/v1/jobs", ROLE_READ, NS_QUERY, STREAM_NONE, BODY_NONE, AT_DATABASE, jobs_list},
    {"POST", "api/v1/jobs/cancel", ROLE_SUBMIT, NS_QUERY, STREAM_NONE, BODY_NONE, AT_OWNER,
     jobs_cancel_all},
    {"POST", "api/v1/jobs/retry", ROLE_SUBMIT, NS_QUERY, STREAM_NONE, BODY_NONE, AT_OWNER,
     jobs_retry_all},
    {"GET", "api/v1/jobs/:", ROLE_READ, NS_ROW, STREAM_NONE, BODY_NONE, AT_DATABASE_FIRST,
     jobs_show},
    {"GET", "api/v1/jobs/:/attempts", ROLE_READ, NS_ROW, STREAM_NONE, BODY_NONE, AT_DATABASE,
     jobs_attempts},
    {"GET", "api/v1/jobs/:/logs", ROLE_READ, NS_ROW, STREAM_OUTPUT, BODY_NONE, AT_DATABASE,
     following_open},
    {"GET", "api/v1/jobs/:/follow", ROLE_READ, NS_ROW, STREAM_EVENTS, BODY_NONE, AT_OWNER,
     following_open},
    {"GET", "api/v1/jobs/:/why", ROLE_READ, NS_ROW, STREAM_NONE, BODY_NONE, AT_OWNER, jobs_why},
    {"POST", "api/v1/jobs/:/cancel", ROLE_SUBMIT, NS_ROW, STREAM_NONE, BODY_NONE, AT_OWNER,
     jobs_cancel},
    {"POST", "api/v1/jobs/:/retry", ROLE_SUBMIT, NS_ROW, STREAM_NONE, BODY_NONE, AT_OWNER,
     jobs_retry},
    {"GET", "api/v1/failures", ROLE_READ, NS_QUERY, STREAM_NONE, BODY_NONE, AT_DATABASE,
     failures_list},
    {"POST", "api/v1/flows", ROLE_SUBMIT, NS_BODY, STREAM_NONE, BODY_OBJECT, AT_OWNER, flows_apply},
    {"GET", "api/v1/flows", ROLE_READ, NS_QUERY, STREAM_NONE, BODY_NONE, AT_DATABASE, flows_list},
    {"GET", "api/v1/flows/:/:", ROLE_READ, NS_PATH, STREAM_NONE, BODY_NONE, AT_DATABASE,
     flows_show},
    {"GET", "api/v1/flows/:/:/revisions", ROLE_READ, NS_PATH, STREAM_NONE, BODY_NONE, AT_DATABASE,
     flows_revisions},
    {"DELETE", "api/v1/flows/:/:", ROLE_SUBMIT, NS_PATH, STREAM_NONE, BODY_NONE, AT_OWNER,
     flows_delete},
    {"POST", "api/v1/flows/:/:/executions", ROLE_SUBMIT, NS_PATH, STREAM_NONE, BODY_OBJECT,
     AT_OWNER, flows_run},
    {"GET", "api/v1/executions", ROLE_READ, NS_QUERY, STREAM_NONE, BODY_NONE, AT_DATABASE,
     executions_list},
    {"GET", "api/v1/executions/:", ROLE_READ, NS_ROW, STREAM_NONE, BODY_NONE, AT_DATABASE_FIRST,
     executions_show},
    {"GET", "api/v1/executions/:/taskruns", ROLE_READ, NS_ROW, STREAM_NONE, BODY_NONE, AT_DATABASE,
     executions_runs},
    {"GET", "api/v1/executions/:/logs", ROLE_READ, NS_ROW, STREAM_OUTPUT, BODY_NONE, AT_DATABASE,
     following_open},
    {"GET", "api/v1/executions/:/follow", ROLE_READ, NS_ROW, STREAM_EVENTS, BODY_NONE, AT_OWNER,
     following_open},
    {"POST", "api/v1/executions/:/cancel", ROLE_SUBMIT, NS_ROW, STREAM_NONE, BODY_NONE, AT_OWNER,
     executions_cancel},
    {"GET", "api/v1/triggers", ROLE_READ, NS_QUERY, STREAM_NONE, BODY_NONE, AT_DATABASE,
     triggers_list},
    {"GET", "api/v1/triggers/:/:/:", ROLE_READ, NS_PATH, STREAM_NONE, BODY_NONE, AT_DATABASE_FIRST,
     triggers_show},
    {"GET", "api/v1/triggers/:/:/:/next", ROLE_READ, NS_PATH, STREAM_NONE, BODY_NONE, AT_OWNER,
     triggers_next},
    {"POST", "api/v1/triggers/:/:/:/enable", ROLE_SUBMIT, NS_PATH, STREAM_NONE, BODY_NONE, AT_OWNER,
     triggers_enable},
    {"POST", "api/v1/triggers/:/:/:/disable", ROLE_SUBMIT, NS_PATH, STREAM_NONE, BODY_NONE,
     AT_OWNER, triggers_disable},
    {"POST", "api/v1/triggers/:/:/:/run", ROLE_SUBMIT, NS_PATH, STREAM_NONE, BODY_NONE, AT_OWNER,
     triggers_run},
    {"POST", "api/v1/triggers/:/:/:/backfills", ROLE_SUBMIT, NS_PATH, STREAM_NONE, BODY_OBJECT,
     AT_OWNER, triggers_backfill},
    {"GET", "api/v1/triggers/:/:/:/backfills", ROLE_READ, NS_PATH, STREAM_NONE, BODY_NONE, AT_OWNER,
     triggers_backfills},
    {"POST", "api/v1/triggers/:/:/:/backfills/:/cancel", ROLE_SUBMIT, NS_PATH, STREAM_NONE,
     BODY_NONE, AT_OWNER, triggers_backfill_cancel},
    {"POST", "api/v1/triggers/:/:/:/key", ROLE_SUBMIT, NS_PATH, STREAM_NONE, BODY_NONE, AT_OWNER,
     webhooks_set_key},
    {"POST", "api/v1/webhooks/:/:", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_WEBHOOK, AT_OWNER,
     webhooks_call},
    {"POST", "api/v1/webhooks/:/:/:", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_WEBHOOK, AT_OWNER,
     webhooks_call},
    /* as Kestra has them, without and with its default tenant */
    {"POST", "api/v1/executions/webhook/:/:", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_WEBHOOK,
     AT_OWNER, webhooks_call},
    {"POST", "api/v1/executions/webhook/:/:/:", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_WEBHOOK,
     AT_OWNER, webhooks_call},
    {"POST", "api/v1/main/executions/webhook/:/:", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_WEBHOOK,
     AT_OWNER, webhooks_call},
    {"POST", "api/v1/main/executions/webhook/:/:/:", ROLE_JOIN, NS_NONE, STREAM_NONE, BODY_WEBHOOK,
     AT_OWNER, webhooks_call},
    {"GET", "api/v1/agents", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE, agents_list},
    {"GET", "api/v1/agents/:", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE,
     agents_show},
    {"GET", "api/v1/agents/:/history", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE,
     agents_history},
    {"DELETE", "api/v1/agents/:", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     agents_remove},
    {"POST", "api/v1/agents/:/drain", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     agents_drain},
    {"POST", "api/v1/agents/:/resume", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     agents_resume},
    {"GET", "api/v1/groups", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE, groups_list},
    {"POST", "api/v1/groups", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_OBJECT, AT_OWNER,
     groups_create},
    {"GET", "api/v1/groups/:", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE_FIRST,
     groups_show},
    {"PATCH", "api/v1/groups/:", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_OBJECT, AT_OWNER,
     groups_update},
    {"DELETE", "api/v1/groups/:", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     groups_delete},
    {"POST", "api/v1/groups/:/pause", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     groups_pause},
    {"POST", "api/v1/groups/:/resume", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     groups_resume},
    {"GET", "api/v1/groups/:/history", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     groups_history},
    {"GET", "api/v1/waits", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER, groups_waits},
    {"GET", "api/v1/namespaces", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE,
     namespaces_list},
    {"GET", "api/v1/namespaces/:", ROLE_READ, NS_PATH, STREAM_NONE, BODY_NONE, AT_DATABASE,
     namespaces_show},
    {"PUT", "api/v1/namespaces/:", ROLE_ADMIN, NS_PATH, STREAM_NONE, BODY_OBJECT, AT_OWNER,
     namespaces_set},
    {"DELETE", "api/v1/namespaces/:", ROLE_ADMIN, NS_PATH, STREAM_NONE, BODY_NONE, AT_OWNER,
     namespaces_unset},
    {"GET", "api/v1/notices", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE,
     notices_list},
    {"GET", "api/v1/channels", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER, channels_list},
    {"POST", "api/v1/channels/:/test", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     channels_test},
    {"GET", "api/v1/events", ROLE_READ, NS_NONE, STREAM_EVENTS, BODY_NONE, AT_OWNER, live_open},
    {"GET", "api/v1/coordinators", ROLE_READ, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE,
     coordinators_list},
    {"GET", "api/v1/tokens", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_DATABASE, tokens_list},
    {"POST", "api/v1/tokens", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_OBJECT, AT_OWNER,
     tokens_create},
    {"DELETE", "api/v1/tokens/:", ROLE_ADMIN, NS_NONE, STREAM_NONE, BODY_NONE, AT_OWNER,
     tokens_revoke},
};
#define ROUTES (sizeof routes / sizeof *routes)

static bool path_matches(const char *pattern, const struct http_target *t)
{
    for (size_t i = 0; i < t->segments; i++) {
        size_t len = strcspn(pattern, "/");
        bool any = len == 1 && pattern[0] == ':';
        if (!len) return false;
        if (!any && (strlen(t->segment[i]) != len || memcmp(t->segment[i], pattern, len) != 0))
            return false;
        pattern += len;
        if (*pattern == '/') pattern++;
    }
    return *pattern == '\0';
}

bool route_serves(const struct route *t, const char *method)
{
    return str_eq(t->method, method) || (str_eq(method, "HEAD") && str_eq(t->method, "GET"));
}

bool route_watches(const struct route *t)
{
    return t->handle == status_health || t->handle == status_ready || t->handle == metrics_show;
}

bool route_is_passed(const struct request *r)
{
    return r->passed.head && r->route->at == AT_OWNER;
}

/* NULL: there is none, and the problem is filled: 404, or 405 with the methods there are. */
static const struct route *find(const char *method, const struct http_target *t, struct problem *p)
{
    char allow[64] = "";
    bool exact = false;
    for (size_t i = 0; i < ROUTES; i++) {
        if (!path_matches(routes[i].path, t)) continue;
        if (!strchr(routes[i].path, ':'))
            exact = true;
        else if (exact)
            continue;
        if (route_serves(&routes[i], method)) return &routes[i];
        size_t len = strlen(allow);
        (void)str_format(allow + len, sizeof allow - len, "%s%s%s", len ? ", " : "",
                         routes[i].method, str_eq(routes[i].method, "GET") ? ", HEAD" : "");
    }
    if (allow[0])
        problem_set(p, 405, "method", allow, "this resource has no method %s, only %s", method,
                    allow);
    else
        problem_set(p, 404, "not-found",
                    "the API is described in docs/api.md; its paths begin with /api/v1/",
                    "there is no such resource");
    return NULL;
}

/* A body where none belongs is refused at the head: reading it would cost memory for nothing. */
static void refuse_body(struct request *r)
{
    if (r->problem.status || !r->has_body || r->route->body) return;
    problem_set(&r->problem, 400, "bad-request", "send it without a body",
                "this request takes no body");
}

/* Fills the problem when the token must not use the route. */
static void check_rules(struct request *r)
{
    const struct route *t = r->route;
    if (r->problem.status) return;
    if (!token_covers(r->who.role, t->role)) {
        char hint[128];
        (void)str_format(hint, sizeof hint, "cadre token create api --role %s",
                         role_names[t->role]);
        problem_set(&r->problem, 403, "role", hint,
                    "this token has the role '%s', but '%s' is needed", role_names[r->who.role],
                    role_names[t->role]);
    } else if (t->ns == NS_PATH) {
        (void)auth_namespace(&r->who, request_segment(r, 3), &r->problem);
    }
    refuse_body(r);
}

static void on_token(struct request *r, struct lookup *l);

static void look_up_token(struct request *r)
{
    struct lookup *l = request_lookup(r, r->claim.cookie ? lookup_page_session : lookup_token);
    l->id = r->claim.token;
    memcpy(l->page_session.hash, r->claim.hash, sizeof r->claim.hash);
    r->checking = true;
    r->claim.revocations = auth_revocations(r->api->auth);
    request_look_up(r, l, on_token);
}

static void judge(struct request *r, const struct page_session_row *session,
                  const struct token_row *row)
{
    if (r->claim.cookie)
        auth_judge_session(r->api, session, row, &r->who, &r->problem);
    else
        auth_judge(r->api, r->memory, &r->claim, row, &r->who, &r->problem);
    check_rules(r);
}

static void on_token(struct request *r, struct lookup *l)
{
    const struct token_row *row = &l->token;
    if (r->claim.revocations != auth_revocations(r->api->auth)) {
        look_up_token(r); /* it may be the one that was revoked meanwhile */
        return;
    }
    r->checking = false;
    if (l->problem.status) {
        r->problem = l->problem;
    } else {
        const struct page_session_row *session = NULL;
        if (l->page_session.id)
            session = auth_keep_session(r->api->auth, &l->page_session, r->asked_ms);
        if (row->role != ROLE_JOIN) row = auth_keep(r->api->auth, &l->token, r->asked_ms);
        judge(r, session, row);
    }
    r->to->turn(r);
}

/* false: what is kept is too old, or nothing. */
static bool judge_kept(struct request *r)
{
    const struct auth *a = r->api->auth;
    const struct page_session_row *session = NULL;
    int64_t token = r->claim.token, now_ms = os_mono_ms();
    if (r->claim.cookie) {
        session = auth_find_session(a, r->claim.hash, now_ms);
        if (!session) return false;
        token = session->token;
    }
    const struct token_row *row = auth_find(a, token, now_ms);
    if (row) judge(r, session, row);
    return row != NULL;
}

/* A session is for the page; whoever sends a token means that one. Fills the problem when it is
 * neither. */
static bool read_claim(struct request *r, const struct http_message *m)
{
    const char *header = http_header(m, "authorization");
    uint8_t number[COOKIE_BYTES] = {0};
    enum cookie_found cookie = header ? COOKIE_NONE : cookie_read(m, number);
    if (cookie == COOKIE_NONE) return auth_read(r->memory, header, &r->claim, &r->problem);
    bool looks = str_eq(r->route->method, "GET"); /* or HEAD */
    if (cookie == COOKIE_BAD) auth_say_session_ended(&r->problem);
    if (!looks && !r->problem.status) (void)cookie_from_page(m, &r->problem);
    auth_read_cookie(number, &r->claim);
    mem_wipe(number, sizeof number);
    return !r->problem.status;
}

/* Metrics may be read without a token from the addresses that the configuration names. */
static bool is_allowed(const struct request *r, const struct http_message *m)
{
    const struct api *a = r->api;
    char client[FORWARDED_SIZE];
    if (r->route->handle != metrics_show || http_header(m, "authorization")) return false;
    forwarded_client(a->proxies, a->proxy_count, link_remote(r->link), m, client);
    return allow_has(a->allow, a->allow_count, client);
}

/* What needs neither the database nor the owner, and nobody's token. */
static bool needs_nothing(const struct route *t)
{
    return t->at == AT_SELF && t->role == ROLE_JOIN;
}

/* Which of two counts is a guess, and a proxy in front may have made another one. */
static bool are_single(struct request *r, const struct http_message *m)
{
    static const char *const single[][2] = {{"authorization", "Authorization"},
                                            {"idempotency-key", "Idempotency-Key"}};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        if (http_header_count(m, single[i][0]) < 2) continue;
        problem_set(&r->problem, 400, "bad-request", "send it once", "the header %s is there twice",
                    single[i][1]);
        return false;
    }
    return true;
}

void route_head(struct request *r, const struct http_message *m)
{
    struct err e = {0};
    r->head_only = str_eq(m->method, "HEAD");
    if (http_target_parse(m->target, &r->target, &e)) {
        problem_set(&r->problem, 400, "bad-request", NULL, "%s", err_text(&e));
        return;
    }
    r->route = find(m->method, &r->target, &r->problem);
    if (!r->route) return;
    r->has_body = m->has_body;
    if (!needs_nothing(r->route) && !request_is_fit(r->api, &r->problem)) return;
    if (!api_owns(r->api) && r->route->at >= AT_DATABASE_FIRST) forward_head(r, m);
    if (route_is_passed(r) || r->problem.status || !are_single(r, m)) return;
    if (r->route->body == BODY_WEBHOOK) {
        webhooks_head(r, m);
        return;
    }
    if (r->route->role == ROLE_JOIN) {
        if (r->route->body == BODY_SIGN_IN) page_sessions_head(r, m);
        refuse_body(r);
        return;
    }
    r->allowed = is_allowed(r, m);
    if (r->allowed) {
        refuse_body(r);
        return;
    }
    if (read_claim(r, m) && !judge_kept(r)) look_up_token(r);
}

const struct route *route_table(size_t *count)
{
    *count = ROUTES;
    return routes;
}

static bool begins_array(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    return at < len && text[at] == '[';
}

/* An array is checked and not parsed: what is not looked at yet takes no memory. */
static void read_body(struct request *r, const char *text, size_t len)
{
    struct err e = {0};
    bool array = r->route->body == BODY_JOBS && begins_array(text, len);
    if (!array && len > LIMIT_HTTP_BODY)
        request_body_too_large(&r->problem);
    else if (array ? json_check(text, len, &r->array, &e) : json_parse(text, len, &r->body, &e))
        problem_set(&r->problem, 400, "bad-request", NULL, "the body is not JSON: %s",
                    err_text(&e));
    else if (!array && json_type(r->body) != JSON_OBJECT)
        problem_set(&r->problem, 400, "bad-request", NULL, "the body must be a JSON object");
}

/* Bodies are taken as they are. */
static bool is_coded(struct request *r, const struct http_message *m)
{
    const char *coding = http_header(m, "content-encoding");
    if (str_empty(coding) || str_eq(coding, "identity")) return false;
    problem_set(&r->problem, 415, "encoding", "send it as it is",
                "Content-Encoding '%.40s' is not taken", coding);
    return true;
}

static void take_body(struct request *r, const struct http_message *m)
{
    /* RFC 8259 section 8.1 lets a reader ignore a byte order mark */
    size_t mark = encoding_mark(m->body.data, m->body.len);
    if (!m->body.len)
        problem_set(&r->problem, 400, "bad-request", NULL, "the body must be a JSON object");
    else if (encoding_is_utf16(m->body.data, m->body.len))
        problem_set(&r->problem, 400, "bad-request", NULL,
                    "the body is UTF-16; JSON is sent in UTF-8");
    else
        read_body(r, m->body.data + mark, m->body.len - mark);
}

/* Of the forms that are served, the first one that is named. */
static enum stream_form form_of(const char *accept)
{
    const char *lines = accept ? strstr(accept, FORM_LINES_TYPE) : NULL;
    const char *sse = accept ? strstr(accept, FORM_SSE_TYPE) : NULL;
    if (lines && (!sse || lines < sse)) return FORM_LINES;
    return sse ? FORM_SSE : FORM_USUAL;
}

void route_message(struct request *r, const struct http_message *m)
{
    bool body = r->route && r->route->body != BODY_NONE;
    if (!r->problem.status && body && !is_coded(r, m) && r->route->body != BODY_WEBHOOK)
        take_body(r, m);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    const char *key = http_header(m, "idempotency-key");
    const char *prefer = http_header(m, "prefer");
    const char *last_event = http_header(m, "last-event-id");
    if (key) r->key = mem_strdup(key);
    if (last_event) r->last_event = mem_strdup(last_event);
    r->form = form_of(http_header(m, "accept"));
    r->minimal = prefer && str_eq(prefer, "return=minimal");
    r->message = m;
    r->route->handle(r);
    r->message = NULL;
    /* r is still there: finished requests are freed by conn_turn, later */
    request_drop_body(r);
    r->array = (struct json_value){0};
}
