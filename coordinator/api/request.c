/* Requests: what was asked for, and ways to answer. */
#include "coordinator/api/request.h"
#include "coordinator/api/send.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
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

void request_drop_body(struct request *r)
{
    if (r->route && r->route->body == BODY_SIGN_IN)
        json_free_secret(r->body);
    else
        json_free(r->body);
    r->body = NULL;
}

void request_free(struct request *r)
{
    if (!r) return;
    if (r->number) map_remove(&r->api->waiting, r->number);
    if (r->lookup) {
        r->lookup->owner = NULL;
        reads_cancel(r->api->o.reads, &r->lookup->query);
    }
    auth_claim_fini(&r->claim);
    http_target_fini(&r->target);
    mem_free(r->who.ns);
    request_drop_body(r);
    mem_free(r->last_event);
    mem_free_secret(r->headers);
    mem_free(r->key);
    mem_free(r->text);
    for (size_t i = 0; i < r->text_count; i++)
        mem_free(r->texts[i]);
    mem_free(r->texts);
    if (r->token) token_row_fini(r->token);
    mem_free(r->token);
    mem_free(r->over);
    mem_free_secret(r->passed.head);
    mem_wipe(r->secret, sizeof r->secret);
    mem_wipe(r->fresh_key, sizeof r->fresh_key);
    mem_wipe(r->cookie, sizeof r->cookie);
    buf_fini(&r->answer);
    mem_free(r);
}

/* ---- answers ---- */

static void done(struct request *r)
{
    r->done = true;
    r->to->turn(r);
}

/* What was read for a token that has ended meanwhile is not told. What was done is. */
static bool is_over(const struct request *r)
{
    return r->over && !r->acted;
}

static void send_body(struct request *r, int status, const struct http_content *content,
                      const char *headers)
{
    struct http_content body = content ? *content : (struct http_content){0};
    if (r->head_only) body.data = NULL;
    r->status = status;
    if (http_write_response(&r->answer, status, content ? &body : NULL, headers, r->keep_alive))
        log_error("api: an answer of %zu bytes could not be written", body.len);
    done(r);
}

#define NO_STORE "Cache-Control: no-store\r\n"

/* What it says is of the moment, and not for everybody. */
static void send_json(struct request *r, int status, const struct buf *b, const char *headers)
{
    const struct http_content body = {JSON_TYPE, b->data, b->len};
    char *all = headers ? str_dupf(NO_STORE "%s", headers) : NULL;
    send_body(r, status, &body, all ? all : NO_STORE);
    mem_free_secret(all);
}

void request_send(struct request *r, int status, struct json_answer *a)
{
    struct err e = {0};
    int rc = json_answer_end(a, &e);
    if (is_over(r))
        request_send_problem(r, r->over);
    else if (rc)
        request_fail(r, rc, &e);
    else
        send_json(r, status, &a->b, r->headers);
    json_answer_fini(a);
}

void request_send_text(struct request *r, int status, const struct buf *json)
{
    if (is_over(r))
        request_send_problem(r, r->over);
    else
        send_json(r, status, json, NULL);
}

void request_send_content(struct request *r, int status, const char *type, const struct buf *b)
{
    const struct http_content body = {type, b->data, b->len};
    if (is_over(r))
        request_send_problem(r, r->over);
    else
        send_body(r, status, &body, NULL);
}

void request_send_bytes(struct request *r, int status, const struct http_content *content,
                        const char *headers)
{
    send_body(r, status, content, headers);
}

void request_send_empty(struct request *r, int status)
{
    r->status = status;
    if (http_write_response(&r->answer, status, NULL, r->headers, r->keep_alive))
        log_error("api: an answer could not be written");
    done(r);
}

void request_send_stream_head(struct request *r, const char *type)
{
    r->status = 200;
    if (http_write_stream_head(&r->answer, 200, type))
        log_error("api: an answer could not be written");
    done(r);
}

static void add_allow(struct buf *headers, const struct problem *p)
{
    /* 405 carries the methods in its hint: "GET, POST" */
    if (p->status == 405) buf_addf(headers, "Allow: %s\r\n", p->hint);
    if (p->status == 401) buf_adds(headers, "WWW-Authenticate: Bearer realm=\"cadre\"\r\n");
    if (p->status == 503 || p->retry_s > 0)
        buf_addf(headers, "Retry-After: %d\r\n", p->retry_s > 0 ? p->retry_s : 1);
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
    problem_json(&w, p);
    if (problems) jw_raw(&w, "problems", problems);
    jw_end(&w);
    jw_end(&w);
    (void)jw_finish(&w);
    buf_addc(&b, '\n');
    send_json(r, p->status, &b, headers.len ? headers.data : NULL);
    buf_fini(&b);
    buf_fini(&headers);
}

void request_body_too_large(struct problem *p)
{
    problem_set(p, 413, "too-large", BODY_HINT, "the body is over the limit");
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

void request_problem(const struct reply *x, struct problem *p)
{
    int status;
    const char *code, *hint;
    problem_face(x->rc, &status, &code, &hint);
    if (x->code) code = x->code;
    if (str_eq(code, "queue-full")) status = 429;
    if (str_starts(code, "token-") || str_eq(code, "session-ended"))
        status = 401; /* the engine found that it has ended */
    problem_set(p, status, code, x->hint ? x->hint : hint, "%s", err_text(&x->err));
    if (status == 422) field_of(p->message, p->field, sizeof p->field);
}

void request_fail_reply(struct request *r, const struct reply *x)
{
    struct problem p = {0};
    request_problem(x, &p);
    request_send_problem(r, &p);
}

uint64_t request_wait(struct request *r, void (*fn)(struct request *r, struct reply *x))
{
    r->number = ++r->api->last_number;
    r->on_reply = fn;
    map_put(&r->api->waiting, r->number, r);
    return r->number;
}

void request_reply(struct api *a, uint64_t number, struct reply *x)
{
    struct request *r = map_remove(&a->waiting, number);
    if (!r) return;
    void (*fn)(struct request *, struct reply *) = r->on_reply;
    r->number = 0;
    r->on_reply = NULL;
    if (r->changing && x->rc == 0) r->acted = true;
    fn(r, x);
}

static struct principal principal_of(const struct request *r)
{
    return (
        struct principal){.token = r->who.token, .session = r->who.session, .role = r->route->role};
}

void request_ask(struct request *r, struct command *c,
                 void (*fn)(struct request *r, struct reply *x))
{
    struct api *a = r->api;
    c->by = principal_of(r);
    r->changing = !engine_only_looks(c);
    bool may_ask = c->by.token || r->keyed || c->type == CMD_PROBE;
    if (a->stopped || !a->spine || !may_ask) {
        struct err e;
        command_free(c);
        if (a->stopped)
            err_set(&e, ERR_UNAVAILABLE, "the coordinator stops");
        else if (!a->spine)
            err_set(&e, ERR_UNAVAILABLE, "this coordinator does not own the queue");
        else /* a route that needs no token gives no commands, but for a webhook with its key, and
              * the question whether changes can be saved */
            err_set(&e, ERR_DENIED, "the request has no token");
        request_fail(r, e.code, &e);
        return;
    }
    c->request = request_wait(r, fn);
    c->source = (uint64_t)(uintptr_t)r->conn; /* sessions have small numbers */
    spine_push(a->spine, c);
}

bool request_has_engine(struct request *r)
{
    struct err e;
    if (r->api->spine) return true;
    err_set(&e, ERR_UNAVAILABLE, "this coordinator does not own the queue");
    request_fail(r, e.code, &e);
    return false;
}

/* ---- answers that are held back ---- */

void request_hold(struct request *r, void (*then)(struct request *r))
{
    if (!r->api->o.shared) {
        then(r);
        return;
    }
    r->held_ms = os_mono_ms() + API_HELD_MS;
    r->on_held = then;
}

void request_release(struct request *r, int64_t now_ms)
{
    if (!r->held_ms || now_ms < r->held_ms) return;
    r->held_ms = 0;
    r->on_held(r);
}

/* ---- the end of its token ---- */

void request_refuse_late(struct request *r, const struct problem *p)
{
    if (r->over) return;
    r->over = mem_dup(p, sizeof *p);
    if (!r->done || r->acted) {
        problem_set(&r->problem, p->status, p->code, p->hint, "%s", p->message);
        return;
    }
    buf_clear(&r->answer);
    request_send_problem(r, p);
}

bool request_has_expired(const struct request *r)
{
    return r->who.expires_ms > 0 && os_wall_ms() >= r->who.expires_ms;
}

/* ---- asking the store ---- */

static void on_looked_up(struct query *q)
{
    struct lookup *l = (struct lookup *)q;
    struct request *r = l->owner;
    if (r) {
        if (!q->ran) problem_set(&l->problem, 503, "unavailable", NULL, "the coordinator stops");
        r->lookup = NULL;
        r->on_answer(r, l);
    }
    lookup_free(l);
}

struct lookup *request_lookup(const struct request *r, lookup_fn *read)
{
    struct lookup *l = lookup_new(read);
    l->only_ns = mem_strdup(r->who.ns);
    if (!r->acted) l->by = principal_of(r);
    l->query.done = on_looked_up;
    return l;
}

void request_look_up(struct request *r, struct lookup *l,
                     void (*on_answer)(struct request *r, struct lookup *l))
{
    if (reads_is_full(r->api->o.reads)) {
        problem_set(&l->problem, 503, "unavailable", "try again a little later",
                    "%d questions to the database wait already", READS_WAITING_MAX);
        on_answer(r, l);
        lookup_free(l);
        return;
    }
    l->owner = r;
    r->lookup = l;
    r->on_answer = on_answer;
    r->asked_ms = os_mono_ms();
    reads_push(r->api->o.reads, &l->query);
}

void request_look_up_id(struct request *r, lookup_fn *read, int64_t id,
                        void (*on_answer)(struct request *r, struct lookup *l))
{
    struct lookup *l = request_lookup(r, read);
    l->id = id;
    request_look_up(r, l, on_answer);
}

void request_answer(struct request *r, struct lookup *l)
{
    if (l->problem.status == 500) log_error("api: %s", l->problem.message);
    if (is_over(r))
        request_send_problem(r, r->over);
    else if (l->problem.status)
        request_send_problem(r, &l->problem);
    else
        send_json(r, l->status, &l->answer.b, NULL);
}

struct lookup *request_list(struct request *r, enum list_kind kind, lookup_fn *read,
                            const char *const *keys, size_t count)
{
    const struct list_traits *traits = list_traits(kind);
    const char *cursor_key = traits->cursor == LIST_BY_NUMBER ? "before" : "cursor";
    const char **known = mem_array(2 + count, sizeof *known);
    known[0] = "limit";
    known[1] = cursor_key;
    for (size_t i = 0; i < count; i++)
        known[2 + i] = keys[i];
    request_query_known(r, known, 2 + count);
    mem_free(known);
    struct lookup *l = request_lookup(r, read);
    list_init(&l->list, kind);
    l->list.limit = (size_t)request_query_int(r, "limit", 1, (int64_t)traits->limit_max,
                                              (int64_t)traits->limit);
    const char *cursor = http_query(&r->target, cursor_key);
    if (!str_empty(cursor) && !list_set_cursor(&l->list, cursor) &&
        problem_field(&r->problem, cursor_key, "invalid cursor '%.40s'", cursor))
        (void)str_copy(r->problem.hint, sizeof r->problem.hint,
                       "use the nextCursor of an earlier answer");
    return l;
}

void request_send_list(struct request *r, struct lookup *l)
{
    if (!r->problem.status) {
        request_look_up(r, l, request_answer);
        return;
    }
    lookup_free(l);
    request_send_problem(r, &r->problem);
}

/* ---- the parameters of a request ---- */

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
    problem_field(&r->problem, key, "%s: '%s' is not a whole number from %lld to %lld", key, text,
                  (long long)min, (long long)max);
    return fallback;
}

bool request_query_bool(struct request *r, const char *key)
{
    const char *text = http_query(&r->target, key);
    if (!text || str_eq(text, "false")) return false;
    if (!str_eq(text, "true") && !str_eq(text, ""))
        problem_field(&r->problem, key, "%s: '%s' is neither true nor false", key, text);
    return true;
}

char *request_query_group(struct request *r)
{
    const char *group = http_query(&r->target, "group");
    if (!str_empty(group) && !str_key_valid(group))
        problem_field(&r->problem, "group", "group: '%.80s' is not a group's key", group);
    return mem_strdup(group && !*group ? STR_DEFAULT_GROUP : group);
}

const char *request_query_namespace(struct request *r)
{
    const char *ns = http_query(&r->target, "namespace");
    if (str_empty(ns)) ns = NULL;
    if (ns && !str_namespace_valid(ns))
        problem_field(
            &r->problem, "namespace",
            "namespace: '%.80s' is not a namespace: words of letters, digits, '_' and '-' "
            "joined by dots",
            ns);
    if (r->problem.status) return NULL;
    if (!ns) ns = r->who.ns; /* a token of one namespace sees it */
    (void)auth_namespace(&r->who, ns, &r->problem);
    return ns;
}

static void unknown_word(struct request *r, const char *key, const char *text,
                         const char *const *names, size_t count)
{
    char all[256] = "";
    for (size_t i = 0; i < count; i++) {
        size_t at = strlen(all);
        (void)str_format(all + at, sizeof all - at, "%s%s", i ? ", " : "", names[i]);
    }
    size_t len = strcspn(text, ",");
    problem_field(&r->problem, key, "%s: '%.*s' is not %s %s; there are %s", key,
                  (int)(len < 40 ? len : 40), text, strchr("aeiou", *key) ? "an" : "a", key, all);
}

uint32_t request_query_words(struct request *r, const char *key, const char *const *names,
                             size_t count)
{
    const char *s = http_query(&r->target, key);
    uint32_t bits = 0;
    while (s && *s) {
        size_t i = 0, len = strcspn(s, ",");
        while (i < count && (strlen(names[i]) != len || memcmp(names[i], s, len) != 0))
            i++;
        if (i == count) {
            unknown_word(r, key, s, names, count);
            return 0;
        }
        bits |= UINT32_C(1) << i;
        s += len + (s[len] == ',');
    }
    return bits;
}

char *request_query_copy(const struct request *r, const char *key)
{
    const char *text = http_query(&r->target, key);
    return str_empty(text) ? NULL : mem_strdup(text);
}

struct json *request_query_labels(struct request *r)
{
    struct json *labels = NULL;
    for (size_t i = 0; i < r->target.queries; i++) {
        const char *text = r->target.query[i].value, *equals = strchr(text, '=');
        if (!str_eq(r->target.query[i].key, "label")) continue;
        char *key = mem_strndup(text, equals ? (size_t)(equals - text) : 0);
        if (!labels) labels = json_new(JSON_OBJECT);
        struct json *value = json_new_str(equals ? equals + 1 : "");
        if (!*key) problem_field(&r->problem, "label", "label: '%.80s' is not KEY=VALUE", text);
        if (!*key || json_add(labels, key, value)) {
            json_free(value);
            if (*key) problem_field(&r->problem, "label", "label: '%.80s' is there twice", key);
        }
        mem_free(key);
    }
    return labels;
}

bool request_path_id(struct request *r, const char *thing, int64_t *id)
{
    const char *text = request_segment(r, 3);
    char hint[128];
    struct problem p = {0};
    if (id_parse(text, id) == 0) return true;
    (void)str_format(hint, sizeof hint,
                     "an id has 13 letters and digits; 'cadre %s list' shows them", thing);
    problem_set(&p, 404, "not-found", hint, "'%.40s' is not the id of %s %s", text,
                thing[0] == 'e' ? "an" : "a", thing);
    request_send_problem(r, &p);
    return false;
}

char *request_take_key(struct request *r, const char *suffix)
{
    size_t most = KEY_MAX - strlen(suffix);
    if (!r->key) return NULL;
    if (!*r->key || strlen(r->key) > most || !str_utf8_valid(r->key, strlen(r->key))) {
        problem_field(&r->problem, "Idempotency-Key",
                      "Idempotency-Key: must have 1 to %zu bytes%s%s%s", most,
                      *suffix ? ", the last job's is it with '" : "", suffix, *suffix ? "'" : "");
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
        if (k < count) {
            if (!str_eq(key, "label") && http_query(&r->target, key) != r->target.query[i].value)
                problem_field(&r->problem, key, "the query parameter '%s' is there twice", key);
            continue;
        }
        char suggestion[STR_SUGGEST_SIZE];
        problem_field(&r->problem, key, "unknown query parameter '%s'%s", key,
                      str_suggest_nearest(suggestion, key, keys, count));
    }
}

bool request_is_fit(const struct api *a, struct problem *p)
{
    if (!a->unfit) return true;
    problem_set(p, 503, "no-owner", "ask another coordinator; this one has to be upgraded",
                "this coordinator serves nothing: %s", a->unfit);
    return false;
}
