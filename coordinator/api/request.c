/* Requests: what was asked for, and ways to answer. */
#include "coordinator/api/request.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <string.h>

#define JSON_TYPE "application/json"
#define KEY_MAX 200 /* bytes of an idempotency key */

struct request *request_new(struct api *a, struct link *l, const struct responder *to,
                            struct conn *c)
{
    struct request *r = mem_alloc(sizeof *r);
    r->api = a;
    r->link = l;
    r->to = to;
    r->conn = c;
    buf_init(&r->answer, ANSWER_BYTES + LIMIT_HTTP_HEAD);
    return r;
}

void request_free(struct request *r)
{
    if (!r) return;
    if (r->number) map_remove(&r->api->waiting, r->number);
    http_target_fini(&r->target);
    mem_free(r->who.ns);
    json_free(r->body);
    mem_free(r->key);
    mem_free(r->text);
    if (r->token) token_row_fini(r->token);
    mem_free(r->token);
    mem_wipe(r->secret, sizeof r->secret);
    buf_fini(&r->answer);
    mem_free(r);
}

/* ---- answers ---- */

static void done(struct request *r)
{
    r->done = true;
    r->to->turn(r);
}

static void send_json(struct request *r, int status, const struct buf *b, const char *headers)
{
    if (http_write_response(&r->answer, status, &(struct http_content){JSON_TYPE, b->data, b->len},
                            headers, r->keep_alive))
        log_error("api: an answer of %zu bytes could not be written", b->len);
    done(r);
}

void request_send(struct request *r, int status, struct json_answer *a)
{
    struct err e = {0};
    int rc = json_answer_end(a, &e);
    if (rc)
        request_fail(r, rc, &e);
    else
        send_json(r, status, &a->b, NULL);
    json_answer_fini(a);
}

void request_send_empty(struct request *r, int status)
{
    if (http_write_response(&r->answer, status, NULL, NULL, r->keep_alive))
        log_error("api: an answer could not be written");
    done(r);
}

static void add_allow(struct buf *headers, const struct problem *p)
{
    /* 405 carries the methods in its hint: "GET, POST" */
    if (p->status == 405) buf_addf(headers, "Allow: %s\r\n", p->hint);
    if (p->status == 401) buf_adds(headers, "WWW-Authenticate: Bearer realm=\"cadre\"\r\n");
    if (p->status == 503) buf_adds(headers, "Retry-After: 1\r\n");
}

void request_send_problem(struct request *r, const struct problem *p)
{
    request_send_problems(r, p, NULL);
}

void request_send_problems(struct request *r, const struct problem *p, const char *problems)
{
    struct buf headers, b;
    struct jw w;
    buf_init(&headers, 1024);
    buf_init(&b, ANSWER_BYTES);
    add_allow(&headers, p);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_object(&w, "error");
    jw_str(&w, "code", p->code);
    jw_str(&w, "message", p->message);
    if (p->status == 405)
        jw_strn(&w, "hint", "", 0);
    else
        jw_str(&w, "hint", p->hint);
    if (p->field[0]) jw_str(&w, "field", p->field);
    if (problems) jw_raw(&w, "problems", problems);
    jw_end(&w);
    jw_end(&w);
    (void)jw_finish(&w);
    buf_addc(&b, '\n');
    send_json(r, p->status, &b, headers.len ? headers.data : NULL);
    buf_fini(&b);
    buf_fini(&headers);
}

void request_fail(struct request *r, int rc, const struct err *e)
{
    struct problem p = {0};
    problem_from(&p, rc, e);
    if (p.status == 500) log_error("api: %s", e ? err_text(e) : err_sentence(rc));
    request_send_problem(r, &p);
}

/* Messages of the engine that name a field begin with it: "requires.os: ...". */
static void field_of(const char *message, char *field, size_t size)
{
    size_t n = strcspn(message, ": '");
    field[0] = '\0';
    if (!n || message[n] != ':' || n >= size) return;
    memcpy(field, message, n);
    field[n] = '\0';
}

void request_fail_reply(struct request *r, const struct effect *x)
{
    struct problem p = {0};
    char field[128] = "";
    int status;
    const char *code, *hint;
    problem_face(x->rc, &status, &code, &hint);
    if (x->code) code = x->code;
    if (str_eq(code, "queue-full")) status = 429;
    if (status == 422) field_of(err_text(&x->err), field, sizeof field);
    problem_set(&p, status, code, x->hint ? x->hint : hint, field[0] ? field : NULL, "%s",
                err_text(&x->err));
    request_send_problem(r, &p);
}

void request_ask(struct request *r, struct command *c,
                 void (*fn)(struct request *r, struct effect *x))
{
    struct api *a = r->api;
    if (a->stopped) {
        struct err e;
        command_free(c);
        err_set(&e, ERR_UNAVAILABLE, "the coordinator stops");
        request_fail(r, e.code, &e);
        return;
    }
    r->number = ++a->last_number;
    r->on_reply = fn;
    c->request = r->number;
    map_put(&a->waiting, r->number, r);
    spine_push(a->o.spine, c);
}

/* ---- what was asked for ---- */

const char *request_segment(const struct request *r, size_t n)
{
    return n < r->target.segments ? r->target.segment[n] : "";
}

int64_t request_query_int(struct request *r, const char *key, int64_t min, int64_t max,
                          int64_t fallback)
{
    const char *text = http_query(&r->target, key);
    int64_t n;
    if (!text) return fallback;
    if (str_int64(text, &n) == 0 && n >= min && n <= max) return n;
    problem_set(&r->problem, 422, "invalid", NULL, key,
                "%s: '%s' is not a whole number from %lld to %lld", key, text, (long long)min,
                (long long)max);
    return fallback;
}

bool request_query_bool(struct request *r, const char *key)
{
    const char *text = http_query(&r->target, key);
    if (!text || str_eq(text, "false")) return false;
    if (!str_eq(text, "true") && !str_eq(text, ""))
        problem_set(&r->problem, 422, "invalid", NULL, key, "%s: '%s' is neither true nor false",
                    key, text);
    return true;
}

const char *request_query_namespace(struct request *r)
{
    const char *ns = http_query(&r->target, "namespace");
    if (str_empty(ns)) ns = NULL;
    if (ns && !str_namespace_valid(ns))
        problem_set(&r->problem, 422, "invalid", NULL, "namespace",
                    "namespace: '%.80s' is not a namespace", ns);
    if (r->problem.status) return NULL;
    if (!ns) ns = r->who.ns; /* a token of one namespace sees it */
    (void)auth_namespace(&r->who, ns, &r->problem);
    return ns;
}

char *request_query_place(struct request *r, char **parts, size_t count)
{
    const char *cursor = http_query(&r->target, "cursor");
    if (str_empty(cursor)) return NULL;
    char *text = mem_strdup(cursor), *at = text;
    for (size_t i = 0; i < count; i++) {
        char *slash = at ? strchr(at, '/') : NULL;
        parts[i] = at;
        at = slash ? slash + 1 : NULL;
        if (slash) *slash = '\0';
    }
    if (!at && parts[count - 1]) return text;
    problem_set(&r->problem, 422, "invalid", "use the nextCursor of an earlier answer", "cursor",
                "invalid cursor '%.40s'", cursor);
    return text;
}

char *request_take_key(struct request *r)
{
    if (!r->key) return NULL;
    if (!*r->key || strlen(r->key) > KEY_MAX || !str_utf8_valid(r->key, strlen(r->key))) {
        problem_set(&r->problem, 422, "invalid", NULL, "Idempotency-Key",
                    "Idempotency-Key: must have 1 to %d bytes", KEY_MAX);
        return NULL;
    }
    return mem_strdup(r->key);
}

void request_query_known(struct request *r, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < r->target.queries; i++) {
        const char *key = r->target.query[i].key;
        size_t k = 0;
        while (k < count && !str_eq(keys[k], key))
            k++;
        if (k < count) continue;
        char suggestion[STR_SUGGEST_SIZE];
        problem_set(&r->problem, 422, "invalid", NULL, key, "unknown query parameter '%s'%s", key,
                    str_suggest_nearest(suggestion, key, keys, count));
    }
}
