/* Webhooks: a call with the key of a trigger starts an execution. The key is the right to do that;
 * there is no other token. It is looked at before a byte of the body is read, and again where the
 * execution is made. Whether flow, trigger or key is wrong is not told. */
#include "coordinator/api/webhooks.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/rate.h"
#include "coordinator/api/trace.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/limits.h"
#include "wire/pki.h"

#include <string.h>

#define KEY_BYTES 24 /* of a key that is made here: 32 letters */

void webhook_key_hash(const char *key, char out[WEBHOOK_HASH_SIZE])
{
    uint8_t hash[PKI_HASH_BYTES];
    pki_sha256(key, strlen(key), hash);
    str_hex(out, hash, sizeof hash);
}

/* ---- the key ---- */

/* The paths end in NS/FLOW/KEY, or in NS/FLOW: then the key is in the header. */
static size_t first_of(const struct request *r)
{
    size_t i = 0;
    while (i < r->target.segments && !str_eq(r->target.segment[i], "webhook") &&
           !str_eq(r->target.segment[i], "webhooks"))
        i++;
    return i + 1;
}

static const char *key_of(const struct request *r, const struct http_message *m)
{
    static const char scheme[] = "bearer ";
    size_t at = first_of(r) + 2, i = 0;
    if (at < r->target.segments) return r->target.segment[at];
    const char *header = http_header(m, "authorization");
    if (!header) return NULL;
    while (scheme[i] && (header[i] | 0x20) == (scheme[i] | 0x20))
        i++;
    return scheme[i] || !header[i] ? NULL : header + i;
}

static void say_unknown(struct problem *p)
{
    *p = (struct problem){0};
    problem_set(p, 404, "not-found", "look at the namespace, the flow's id and the key",
                "there is no such webhook");
}

static void take(struct request *r, int64_t trigger)
{
    int64_t wait_ms;
    r->keyed = true;
    if (rate_take(r->api->webhooks, (uint64_t)trigger, os_mono_ms(), &wait_ms)) return;
    problem_set(&r->problem, 429, "rate-limited", "limits.webhooks of the coordinator is the limit",
                "this webhook was called too often within a minute");
    r->problem.retry_s = (int)((wait_ms + 999) / 1000);
}

static void on_key(struct request *r, struct lookup *l)
{
    r->checking = false;
    if (l->problem.status)
        r->problem = l->problem;
    else if (l->found == 0)
        say_unknown(&r->problem);
    else
        take(r, l->found);
    /* so that guesses count at the door */
    if (!r->keyed) r->keep_alive = false;
    r->to->turn(r);
}

void webhooks_head(struct request *r, const struct http_message *m)
{
    const char *key = key_of(r, m);
    size_t first = first_of(r);
    if (!key) {
        problem_set(&r->problem, 401, "key-missing",
                    "the path ends in NAMESPACE/FLOW/KEY, or the key is in 'Authorization: Bearer'",
                    "a webhook needs its key");
        r->keep_alive = false;
        return;
    }
    r->text = mem_alloc(WEBHOOK_HASH_SIZE);
    webhook_key_hash(key, r->text);
    struct lookup *l = request_lookup(r, lookup_webhook);
    l->ns = mem_strdup(request_segment(r, first));
    l->flow = mem_strdup(request_segment(r, first + 1));
    l->name = mem_strdup(r->text);
    r->checking = true;
    request_look_up(r, l, on_key);
}

/* ---- what is sent ---- */

/* An object or a list as JSON, as Kestra does it; else a text, and what is none as base64. NULL:
 * nothing was sent. */
static struct json *read_body(const struct http_message *m)
{
    struct json *j = NULL;
    struct err unread;
    const char *data = m->body.data;
    size_t len = m->body.len;
    if (len == 0) return NULL;
    if (json_parse(data, len, &j, &unread) == 0) {
        if (json_type(j) == JSON_OBJECT || json_type(j) == JSON_ARRAY) return j;
        json_free(j);
    }
    bool text = str_utf8_valid(data, len) && !memchr(data, '\0', len);
    char *s = text ? mem_strndup(data, len) : mem_alloc((len + 2) / 3 * 4 + 1);
    if (!text) str_base64(s, data, len);
    j = json_new_str(s);
    mem_free(s);
    return j;
}

/* {name: [value, ...]}: a name may be there more than once. */
static void add_value(struct json *object, const char *name, const char *value)
{
    struct json *list = json_new(JSON_ARRAY), *text = json_new_str(value);
    if (json_add(object, name, list) == 0) {
        json_push(list, text);
        return;
    }
    json_free(list);
    list = json_copy(json_get(object, name));
    json_push(list, text);
    json_remove(object, name);
    json_put(object, name, list);
}

/* What proves who somebody is belongs to nobody who may read the execution; nor does the key,
 * wherever a proxy may have put it. */
static bool is_told(const struct http_header *h, const char *key)
{
    static const char *const secret[] = {"authorization", "proxy-authorization", "cookie"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        if (str_eq(h->name, secret[i])) return false;
    return !strstr(h->value, key) && str_utf8_valid(h->value, strlen(h->value));
}

static struct json *read_vars(const struct request *r)
{
    const struct http_message *m = r->message;
    const char *key = key_of(r, m);
    struct json *vars = json_new(JSON_OBJECT), *body = read_body(m);
    struct json *headers = json_new(JSON_OBJECT), *parameters = json_new(JSON_OBJECT);
    for (size_t i = 0; i < m->header_count; i++)
        if (is_told(&m->headers[i], key))
            add_value(headers, m->headers[i].name, m->headers[i].value);
    for (size_t i = 0; i < r->target.queries; i++)
        add_value(parameters, r->target.query[i].key, r->target.query[i].value);
    if (body) json_put(vars, "body", body);
    json_put(vars, "headers", headers);
    json_put(vars, "parameters", parameters);
    return vars;
}

/* ---- the call ---- */

static void on_called(struct request *r, struct reply *x)
{
    struct problem p;
    if (x->rc == ERR_NOT_FOUND) {
        say_unknown(&p);
        request_send_problem(r, &p);
        return;
    }
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    if (!x->known) trace_log(r, "execution", x->id);
    size_t first = first_of(r);
    struct json_answer a;
    json_answer_init(&a);
    jw_id(&a.w, "id", x->id);
    jw_str(&a.w, "namespace", request_segment(r, first));
    jw_str(&a.w, "flowId", request_segment(r, first + 1));
    jw_bool(&a.w, "duplicate", x->known);
    request_send(r, 200, &a);
}

void webhooks_call(struct request *r)
{
    size_t first = first_of(r);
    char *key = request_take_key(r, "");
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    struct command *c = command_new(CMD_WEBHOOK);
    struct cmd_webhook *w = &c->u.webhook;
    w->ns = mem_strdup(request_segment(r, first));
    w->flow = mem_strdup(request_segment(r, first + 1));
    (void)str_copy(w->key_hash, sizeof w->key_hash, r->text);
    w->vars = read_vars(r);
    w->bytes = r->message->body.len;
    w->unique_key = key;
    trace_take(r);
    w->trace = trace_copy(r);
    request_ask(r, c, on_called);
}

/* ---- a new key ---- */

static void on_key_set(struct request *r, struct reply *x)
{
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    char key[KEY_BYTES / 3 * 4 + 1];
    struct json_answer a;
    str_base64url(key, r->fresh_key, KEY_BYTES);
    json_answer_init(&a);
    jw_str(&a.w, "namespace", request_segment(r, 3));
    jw_str(&a.w, "flow", request_segment(r, 4));
    jw_str(&a.w, "id", request_segment(r, 5));
    jw_str(&a.w, "key", key);
    mem_wipe(key, sizeof key);
    request_send(r, 201, &a);
}

void webhooks_set_key(struct request *r)
{
    struct err e = {0};
    char key[KEY_BYTES / 3 * 4 + 1];
    int rc = pki_random(r->fresh_key, sizeof r->fresh_key, &e);
    if (rc) {
        request_fail(r, rc, &e);
        return;
    }
    struct command *c = command_new(CMD_TRIGGER_KEY);
    c->u.place.ns = mem_strdup(request_segment(r, 3));
    c->u.place.flow = mem_strdup(request_segment(r, 4));
    c->u.place.trigger = mem_strdup(request_segment(r, 5));
    c->text = mem_alloc(WEBHOOK_HASH_SIZE);
    str_base64url(key, r->fresh_key, KEY_BYTES);
    webhook_key_hash(key, c->text);
    mem_wipe(key, sizeof key);
    request_ask(r, c, on_key_set);
}
