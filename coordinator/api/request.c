/* Ways to answer. */
#include "coordinator/api/internal.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define JSON_TYPE "application/json"
#define KEY_MAX 200 /* bytes of an idempotency key */

/* ---- problems ---- */

void problem_set(struct problem *p, int status, const char *code, const char *hint,
                 const char *field, const char *fmt, ...)
{
    if (p->status) return;
    struct err text;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(p->message, sizeof p->message, fmt, args);
    va_end(args);
    /* a cut message is cut at a character: err_set knows how */
    if (n >= (int)sizeof p->message) {
        err_set(&text, ERR_INVALID, "%s", p->message);
        (void)str_copy(p->message, sizeof p->message, text.msg);
        p->message[str_utf8_whole(p->message, strlen(p->message))] = '\0';
    }
    p->status = status;
    p->code = code;
    if (hint && str_copy(p->hint, sizeof p->hint, hint)) p->hint[0] = '\0';
    if (field && str_copy(p->field, sizeof p->field, field)) p->field[0] = '\0';
}

/* How a library's code looks from outside. */
static const struct {
    int rc, status;
    const char *code;
} faces[] = {
    {ERR_INVALID, 422, "invalid"},         {ERR_NOT_FOUND, 404, "not-found"},
    {ERR_EXISTS, 409, "conflict"},         {ERR_CONFLICT, 409, "conflict"},
    {ERR_TOO_LARGE, 413, "too-large"},     {ERR_DENIED, 403, "denied"},
    {ERR_FULL, 503, "disk-full"},          {ERR_UNAVAILABLE, 503, "unavailable"},
    {ERR_IO, 503, "unavailable"},          {ERR_CORRUPT, 503, "unavailable"},
    {ERR_UNSUPPORTED, 422, "unsupported"},
};

static void face_of(int rc, int *status, const char **code)
{
    *status = 500;
    *code = "internal";
    for (size_t i = 0; i < sizeof faces / sizeof *faces; i++) {
        if (faces[i].rc != rc) continue;
        *status = faces[i].status;
        *code = faces[i].code;
    }
}

static const char *usual_hint(int rc)
{
    if (rc == ERR_FULL)
        return "free space on the coordinator's disk; nothing that was acknowledged is lost";
    if (rc == ERR_IO || rc == ERR_UNAVAILABLE) return "try again; the coordinator's log says more";
    return NULL;
}

void problem_from(struct problem *p, int rc, const struct err *e)
{
    int status;
    const char *code;
    face_of(rc, &status, &code);
    problem_set(p, status, code, usual_hint(rc), NULL, "%s", e ? err_text(e) : err_sentence(rc));
}

/* ---- answers ---- */

void answer_init(struct answer *a)
{
    buf_init(&a->b, API_ANSWER_BYTES);
    jw_init(&a->w, &a->b);
    jw_object(&a->w, NULL);
}

static void done(struct request *r)
{
    r->done = true;
    conn_turn(r->conn);
}

static void send_json(struct request *r, int status, const struct buf *b, const char *headers)
{
    if (http_write_response(&r->answer, status, JSON_TYPE, b->data, b->len, headers, r->keep_alive))
        log_error("api: an answer of %zu bytes could not be written", b->len);
    done(r);
}

void request_send(struct request *r, int status, struct answer *a)
{
    jw_end(&a->w);
    int rc = jw_finish(&a->w);
    if (!rc) rc = buf_addc(&a->b, '\n');
    if (rc) {
        struct err e;
        err_set(&e, rc == ERR_TOO_LARGE ? ERR_INTERNAL : rc, "the answer could not be written: %s",
                err_sentence(rc));
        buf_fini(&a->b);
        request_fail(r, e.code, &e);
        return;
    }
    send_json(r, status, &a->b, NULL);
    buf_fini(&a->b);
}

void request_send_empty(struct request *r, int status)
{
    if (http_write_response(&r->answer, status, NULL, NULL, 0, NULL, r->keep_alive))
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
    buf_init(&b, API_ANSWER_BYTES);
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
    const char *code;
    face_of(x->rc, &status, &code);
    if (x->code) code = x->code;
    if (str_eq(code, "queue-full")) status = 429;
    if (status == 422) field_of(err_text(&x->err), field, sizeof field);
    problem_set(&p, status, code, x->hint ? x->hint : usual_hint(x->rc), field[0] ? field : NULL,
                "%s", err_text(&x->err));
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
                "cursor: '%.40s' is none", cursor);
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
        const char *near = str_nearest(key, keys, count);
        problem_set(&r->problem, 422, "invalid", NULL, key, "unknown query parameter '%s'%s%s%s",
                    key, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
}
