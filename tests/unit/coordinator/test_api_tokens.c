/* The walk over all routes with tokens that end, by a revocation and by their time, and with
 * sessions of the page, which end with their token, by their time, and by signing out; before the
 * head, in the head, between head and body, in the body, before the answer, in the stream. No route
 * answers such a token but with 401, and none does anything for it.
 *
 * The clock, the store thread and the reader thread are in the test's hands, so that "before the
 * answer" is a moment like any other. */
#include "tests/unit/coordinator/house.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/cookie.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/route.h"
#include "coordinator/reads/reads.h"
#include "coordinator/spine.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/store.h"
#include "platform/os.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define NS "some.team"
#define HOUR_MS INT64_C(3600000)
#define ROUTES_MOST 128

static struct house house;
static char job[14], execution[14], bystander[14]; /* ids */
static char *before;                               /* what there was: a snapshot */

/* ---- what is in the test's hands ---- */

static struct {
    _Atomic int64_t mono_ms;    /* 0: the clock goes */
    _Atomic int64_t ahead_ms;   /* of the wall clock */
    atomic_bool store_waits;    /* the store thread: at the next batch, for `store_go` */
    _Atomic int64_t read_waits; /* the reader thread: at the row of this token, for `read_go` */
    atomic_int asked;           /* requests that reached one of the two threads' queues */
    uv_sem_t store_held, store_go, read_go;
} hands;

void __real_os_now(struct moment *out);
void __wrap_os_now(struct moment *out);
void __wrap_os_now(struct moment *out)
{
    int64_t mono_ms = atomic_load(&hands.mono_ms);
    __real_os_now(out);
    if (mono_ms) out->mono_ms = mono_ms;
    out->wall_ms += atomic_load(&hands.ahead_ms);
}

int __real_store_begin(struct store *s, struct err *e);
int __wrap_store_begin(struct store *s, struct err *e);
int __wrap_store_begin(struct store *s, struct err *e)
{
    if (atomic_exchange(&hands.store_waits, false)) {
        uv_sem_post(&hands.store_held);
        uv_sem_wait(&hands.store_go);
    }
    return __real_store_begin(s, e);
}

int __real_reader_token(struct reader *r, int64_t id, struct token_row *out, struct err *e);
int __wrap_reader_token(struct reader *r, int64_t id, struct token_row *out, struct err *e);
int __wrap_reader_token(struct reader *r, int64_t id, struct token_row *out, struct err *e)
{
    int64_t waits = id;
    if (atomic_compare_exchange_strong(&hands.read_waits, &waits, 0)) uv_sem_wait(&hands.read_go);
    return __real_reader_token(r, id, out, e);
}

void __real_spine_push(struct spine *s, struct command *c);
void __wrap_spine_push(struct spine *s, struct command *c);
void __wrap_spine_push(struct spine *s, struct command *c)
{
    if (c->request) atomic_fetch_add(&hands.asked, 1);
    __real_spine_push(s, c);
}

void __real_reads_push(struct reads *s, struct query *q);
void __wrap_reads_push(struct reads *s, struct query *q);
void __wrap_reads_push(struct reads *s, struct query *q)
{
    atomic_fetch_add(&hands.asked, 1);
    __real_reads_push(s, q);
}

static void turn_until_asked(int count)
{
    while (atomic_load(&hands.asked) < count)
        uv_run(&house.loop, UV_RUN_ONCE);
}

/* ---- clients ---- */

static void request_text(struct buf *b, const char *method, const char *path, const char *token,
                         const char *body, bool expect)
{
    buf_addf(b, "%s %s HTTP/1.1\r\nHost: x\r\n", method, path);
    if (str_starts(token, COOKIE_NAME))
        buf_addf(b, "Cookie: %s\r\nX-Cadre-Page: 1\r\nOrigin: https://x\r\n", token);
    else if (*token)
        buf_addf(b, "Authorization: Bearer %s\r\n", token);
    if (body) buf_addf(b, "Content-Length: %zu\r\n", strlen(body));
    if (expect) buf_adds(b, "Expect: 100-continue\r\n");
    buf_adds(b, "\r\n");
}

static void send_one(struct peer *p, const char *method, const char *path, const char *token)
{
    struct buf b;
    buf_init(&b, 4096);
    request_text(&b, method, path, token, NULL, false);
    peer_write(p, b.data, b.len);
    buf_fini(&b);
}

static void wait_for(struct peer *p, const char *part)
{
    while (!p->closed && !(p->in.len && strstr(p->in.data, part))) {
        p->changed = false;
        house_run(&house, &p->changed);
    }
    if (!p->in.len || !strstr(p->in.data, part))
        fail_msg("'%s' did not come, but: %s", part, p->in.len ? p->in.data : "nothing");
}

/* The status and code of the first answer that came. */
static void answered(struct peer *p, const char *what, int status, const char *code)
{
    char line[32], error[64];
    assert_int_equal(str_format(line, sizeof line, "HTTP/1.1 %d ", status), 0);
    wait_for(p, "\r\n\r\n");
    if (code) wait_for(p, "\"code\"");
    assert_int_equal(str_format(error, sizeof error, "\"code\":\"%s\"", code ? code : ""), 0);
    if (!str_starts(p->in.data, line) || (code && !strstr(p->in.data, error)))
        fail_msg("%s: %d %s was expected, but came: %s", what, status, code ? code : "",
                 p->in.data);
}

/* The next answer of a connection with many of them; *at: how far they were read. answer_fini. */
static void next_answer(struct peer *p, size_t *at, struct answer *out)
{
    *out = (struct answer){0};
    for (;;) {
        struct http_parser *parser = http_parser_new(HTTP_CLIENT, 1u << 20);
        enum http_event event = HTTP_HEAD;
        struct err e = {0};
        size_t end = *at, used;
        while (event == HTTP_HEAD) {
            if (http_parse(parser, p->in.data + end, p->in.len - end, &used, &event, &e))
                fail_msg("%s", e.msg);
            end += used;
        }
        if (event == HTTP_MESSAGE) {
            struct http_message *m = http_parser_message(parser);
            out->status = m->status;
            out->text = mem_strndup(m->body.data, m->body.len);
            if (json_parse(out->text, m->body.len, &out->json, NULL)) out->json = NULL;
            *at = end;
        }
        http_parser_free(parser);
        if (event == HTTP_MESSAGE) return;
        if (p->closed) fail_msg("the connection ended: %s", p->err.msg);
        p->changed = false;
        house_run(&house, &p->changed);
    }
}

/* ---- tokens that end ---- */

enum ending {
    REVOKED,
    EXPIRED,
    IN_SESSION,
    SESSION_REVOKED = IN_SESSION,
    SESSION_EXPIRED,
    SIGNED_OUT,
    ENDINGS
};
static const char *const codes[ENDINGS] = {"token-revoked", "token-expired", "token-revoked",
                                           "session-ended", "session-ended"};

static bool ends_by_time(enum ending e)
{
    return e == EXPIRED || e == SESSION_EXPIRED;
}

struct victim {
    char *text /* of the token, or the cookie */, id[14];
    int64_t number;
    enum ending ending;
};

static void victim_make(struct victim *v, const char *role, enum ending ending)
{
    char *body = str_dupf("{\"type\":\"api\",\"role\":\"%s\",\"name\":\"victim\"%s}", role,
                          ending == EXPIRED ? ",\"expires\":\"1h\"" : "");
    *v = (struct victim){.ending = ending};
    v->text = house_token(&house, body, v->id);
    assert_int_equal(id_parse(v->id, &v->number), 0);
    mem_free(body);
    if (ending < IN_SESSION) return;
    char *cookie = house_sign_in(&house, v->text);
    mem_free(v->text);
    v->text = cookie;
}

/* It was looked up at the door, and is at hand there. */
static void is_known(const struct victim *v)
{
    struct peer p;
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    send_one(&p, "GET", "/api/v1/whoami", v->text);
    answered(&p, "whoami", 200, NULL);
    peer_fini(&p);
}

/* The request that ends it; *as: whose. mem_free */
static char *end_path(const struct victim *v, const char **as)
{
    *as = v->ending == SIGNED_OUT ? v->text : house.admin;
    return v->ending == SIGNED_OUT ? mem_strdup("/api/v1/session")
                                   : str_dupf("/api/v1/tokens/%s", v->id);
}

static void end_token(const struct victim *v)
{
    const char *as;
    struct peer p;
    if (ends_by_time(v->ending)) {
        atomic_store(&hands.ahead_ms, (v->ending == EXPIRED ? 2 : 13) * HOUR_MS);
        return;
    }
    char *path = end_path(v, &as);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    send_one(&p, "DELETE", path, as);
    answered(&p, path, 204, NULL);
    peer_fini(&p);
    mem_free(path);
}

static void victim_fini(struct victim *v)
{
    atomic_store(&hands.ahead_ms, 0);
    mem_free(v->text);
}

/* ---- the routes ---- */

/* A new one without a token is to be thought about. A webhook has a key instead. */
static const char *const open_routes[] = {
    "", /* the page, which holds nothing */
    "app.js",
    "app.css",
    "healthz",
    "readyz",
    "ca.pem",
    "api/v1/version",
    "api/v1/session", /* to sign in; its body has the token */
    "api/v1/webhooks/:/:",
    "api/v1/webhooks/:/:/:",
    "api/v1/executions/webhook/:/:",
    "api/v1/executions/webhook/:/:/:",
    "api/v1/main/executions/webhook/:/:",
    "api/v1/main/executions/webhook/:/:/:",
};

static bool is_open(const struct route *t)
{
    bool listed = false;
    for (size_t i = 0; i < sizeof open_routes / sizeof *open_routes; i++)
        if (str_eq(open_routes[i], t->path)) listed = true;
    if (t->handle == page_sessions_end) listed = false;
    if (listed != (t->role == ROLE_JOIN))
        fail_msg("%s %s: say here whether it needs a token", t->method, t->path);
    return listed;
}

/* Each does something, when it may. */
static const char *body_of(const struct route *t)
{
    static const struct {
        const char *path, *body;
    } bodies[] = {
        {"api/v1/jobs", "{\"command\":[\"x\"],\"namespace\":\"" NS "\",\"name\":\"walk\"}"},
        {"api/v1/flows", "{\"files\":[{\"text\":\"id: walk\\nnamespace: " NS
                         "\\ntasks:\\n  - {id: t, command: [x]}\\n\"}]}"},
        {"api/v1/flows/:/:/executions", "{}"},
        {"api/v1/triggers/:/:/:/backfills", "{\"start\":\"2020-01-01\",\"end\":\"2020-01-31\"}"},
        {"api/v1/groups", "{\"key\":\"walk\"}"},
        {"api/v1/groups/:", "{\"maxQueued\":77}"},
        {"api/v1/namespaces/:", "{\"group\":\"kept\"}"},
        {"api/v1/tokens", "{\"type\":\"api\",\"role\":\"admin\",\"name\":\"walk\"}"},
    };
    if (!t->body) return NULL;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        if (str_eq(bodies[i].path, t->path)) return bodies[i].body;
    fail_msg("%s %s: give it a body here", t->method, t->path);
    return NULL;
}

/* What the ":" of a path are, so that it is about something that there is. mem_free */
static char *path_of(const struct route *t)
{
    static const char *const names[][5] = {
        {"executions/webhook", NS, "flow", "key"},
        {"webhooks", NS, "flow", "key"},
        {"main", NS, "flow", "key"},
        {"jobs", job},
        {"executions", execution},
        {"flows", NS, "flow"},
        {"groups", "kept"},
        {"triggers", NS, "flow", "p", "0000000000001"},
        {"agents", "agent"},
        {"namespaces", NS},
        {"tokens", bystander},
        {"channels", "page"},
    };
    struct buf b;
    const char *collection = str_starts(t->path, "api/v1/") ? t->path + 7 : t->path;
    size_t row = 0, rows = sizeof names / sizeof *names, count = 0;
    while (row < rows && strncmp(names[row][0], collection, strlen(names[row][0])) != 0)
        row++;
    buf_init(&b, 1024);
    buf_addc(&b, '/');
    for (const char *s = t->path; *s; s++) {
        if (*s != ':') {
            buf_addc(&b, *s);
            continue;
        }
        const char *name = row < rows && count < 4 ? names[row][++count] : NULL;
        if (!name) fail_msg("%s %s: say here what its ':' is", t->method, t->path);
        buf_adds(&b, name);
    }
    if (str_eq(t->path, "api/v1/jobs/cancel") || str_eq(t->path, "api/v1/jobs/retry"))
        buf_adds(&b, "?all=true"); /* which has to be said */
    return buf_detach(&b);
}

/* All requests that a token is needed for. */
struct walk {
    const struct route *routes[ROUTES_MOST];
    struct peer peers[ROUTES_MOST];
    size_t count;
    bool bodies; /* those with a body alone */
    bool asking; /* those alone that ask the store or the reader thread */
    enum ending ending;
};

/* What stands in the configuration is answered at once, but for what a channel says; and the stream
 * of events begins at once (test_api_live). A token that is in no session is told so. */
static bool asks_nobody(const struct route *t, enum ending ending)
{
    return str_starts(t->path, "api/v1/channels") || str_eq(t->path, "api/v1/events") ||
           (ending < IN_SESSION && str_eq(t->path, "api/v1/session"));
}

static void walk_open(struct walk *w)
{
    size_t count;
    const struct route *t = route_table(&count);
    w->count = 0;
    assert_in_range(count, 40, ROUTES_MOST);
    for (size_t i = 0; i < count; i++) {
        if (is_open(&t[i]) || (w->bodies && !t[i].body)) continue;
        if (w->asking && asks_nobody(&t[i], w->ending)) continue;
        w->routes[w->count] = &t[i];
        peer_open(&w->peers[w->count++], &house, ALPN_HTTP, NULL, NULL);
    }
}

#define BEGIN LONG_MIN
#define END LONG_MAX

/* The bytes of each request from `from` up to `to`, which count from the end of its head. */
static void walk_send(struct walk *w, const char *token, long from, long to, bool expect)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct route *t = w->routes[i];
        struct buf b;
        char *path = path_of(t);
        const char *body = body_of(t);
        buf_init(&b, 8192);
        request_text(&b, t->method, path, token, body, expect);
        long head = (long)b.len;
        if (body) buf_adds(&b, body);
        long len = (long)b.len;
        long begin = from == BEGIN ? 0 : head + from;
        long end = to == END ? len : head + to;
        if (end > begin) peer_write(&w->peers[i], b.data + begin, (size_t)(end - begin));
        buf_fini(&b);
        mem_free(path);
    }
}

static void walk_is_refused(struct walk *w, const char *moment, const char *code)
{
    for (size_t i = 0; i < w->count; i++) {
        char *what =
            str_dupf("%s %s, %s, %s", w->routes[i]->method, w->routes[i]->path, moment, code);
        struct peer *p = &w->peers[i];
        /* what was said before the token ended */
        const char *go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        if (p->in.len && str_starts(p->in.data, go_on)) buf_consume(&p->in, strlen(go_on));
        answered(p, what, 401, code);
        mem_free(what);
        peer_fini(p);
    }
}

/* All routes over one connection; without bodies, as they do not come to that. */
static void pipeline_is_refused(const char *token, const char *moment, const char *code)
{
    size_t count, at = 0;
    const struct route *t = route_table(&count);
    struct peer p;
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        char *path = path_of(&t[i]);
        if (!is_open(&t[i])) send_one(&p, t[i].method, path, token);
        mem_free(path);
    }
    for (size_t i = 0; i < count; i++) {
        struct answer a;
        if (is_open(&t[i])) continue;
        next_answer(&p, &at, &a);
        if (a.status != 401 || !str_eq(json_get_str(json_get(a.json, "error"), "code", ""), code))
            fail_msg("%s %s, %s, %s: %d %s", t[i].method, t[i].path, moment, code, a.status,
                     a.text);
        answer_fini(&a);
    }
    peer_fini(&p);
}

/* What there is: nothing of it may have changed, and nothing be new. mem_free */
static char *snapshot(void)
{
    static const char *const paths[] = {"/api/v1/jobs",     "/api/v1/executions", "/api/v1/flows",
                                        "/api/v1/triggers", "/api/v1/namespaces", "/api/v1/groups",
                                        "/api/v1/agents",   "/api/v1/tokens"};
    const size_t count = sizeof paths / sizeof *paths;
    struct peer p;
    struct buf b;
    size_t at = 0;
    buf_init(&b, 1u << 20);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        send_one(&p, "GET", paths[i], house.admin);
    for (size_t i = 0; i < count; i++) {
        struct answer a;
        next_answer(&p, &at, &a);
        assert_int_equal(a.status, 200);
        const struct json *tokens = json_get(a.json, "tokens");
        if (!tokens) buf_addf(&b, "%s\n", a.text);
        for (const struct json *j = json_first(tokens); j; j = json_next(j)) {
            if (!str_eq(json_get_str(j, "name", ""), "victim"))
                buf_addf(&b, "%s %s\n", json_get_str(j, "id", ""),
                         json_get_str(j, "revokedAt", "-"));
        }
        answer_fini(&a);
    }
    peer_fini(&p);
    return buf_detach(&b);
}

static void nothing_happened(void)
{
    char *now = snapshot();
    assert_string_equal(now, before);
    mem_free(now);
}

/* ---- the house ---- */

static int open_house(void **state)
{
    /* what is asked for is counted: no other question comes between */
    static const struct coordinator_timeouts seldom = {.sample_ms = HOUR_MS};
    static const char flow[] = "{\"files\":[{\"text\":\"id: flow\\nnamespace: " NS
                               "\\ntasks:\\n  - {id: t, command: [x]}\\ntriggers:\\n"
                               "  - {id: p, interval: PT1H, command: [x], disabled: true}\\n\"}]}";
    struct identity agent;
    struct json *j;
    (void)state;
    if (uv_sem_init(&hands.store_held, 0) || uv_sem_init(&hands.store_go, 0) ||
        uv_sem_init(&hands.read_go, 0))
        fail();
    house_open(&house, "channels: {page: {kind: command, command: [/bin/true]}}\n", &seldom);
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"kept\"}", 201));
    house_enrol(&house, "agent", "kept", &agent);
    identity_fini(&agent);
    j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"],\"namespace\":\"" NS "\"}", 201);
    assert_int_equal(str_copy(job, sizeof job, json_get_str(j, "id", "")), 0);
    json_free(j);
    json_free(house_post(&house, "/api/v1/flows", flow, 200));
    j = house_post(&house, "/api/v1/flows/" NS "/flow/executions", "{}", 201);
    assert_int_equal(str_copy(execution, sizeof execution, json_get_str(j, "id", "")), 0);
    json_free(j);
    mem_free(house_token(&house, "{\"type\":\"api\",\"role\":\"read\",\"name\":\"bystander\"}",
                         bystander));
    /* what was read of a token stays at hand, and nobody is too slow */
    atomic_store(&hands.mono_ms, os_mono_ms());
    before = snapshot();
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    atomic_store(&hands.mono_ms, 0);
    mem_free(before);
    house_close(&house);
    uv_sem_destroy(&hands.store_held);
    uv_sem_destroy(&hands.store_go);
    uv_sem_destroy(&hands.read_go);
    return 0;
}

/* ---- moments ---- */

static void in_each_way(void (*moment)(struct victim *v, struct walk *w))
{
    struct walk *w = mem_alloc(sizeof *w);
    for (int ending = 0; ending < ENDINGS; ending++) {
        struct victim v;
        victim_make(&v, "admin", (enum ending)ending);
        w->ending = v.ending;
        moment(&v, w);
        victim_fini(&v);
        nothing_happened();
        w->bodies = w->asking = false;
    }
    mem_free(w);
}

static void before_the_head(struct victim *v, struct walk *w)
{
    (void)w;
    end_token(v);
    pipeline_is_refused(v->text, "before the head", codes[v->ending]);
}

static void in_the_head(struct victim *v, struct walk *w)
{
    walk_open(w);
    walk_send(w, v->text, BEGIN, -2, false); /* but for the end of its last line */
    end_token(v);
    walk_send(w, v->text, -2, END, false);
    walk_is_refused(w, "in the head", codes[v->ending]);
}

static void heads_were_judged(struct walk *w)
{
    for (size_t i = 0; i < w->count; i++)
        wait_for(&w->peers[i], "100 Continue\r\n\r\n");
}

static void between_head_and_body(struct victim *v, struct walk *w)
{
    w->bodies = true;
    walk_open(w);
    walk_send(w, v->text, BEGIN, 0, true);
    heads_were_judged(w);
    end_token(v);
    walk_send(w, v->text, 0, END, true);
    walk_is_refused(w, "between head and body", codes[v->ending]);
}

static void in_the_body(struct victim *v, struct walk *w)
{
    w->bodies = true;
    walk_open(w);
    walk_send(w, v->text, BEGIN, 1, true);
    heads_were_judged(w);
    end_token(v);
    walk_send(w, v->text, 1, END, true);
    walk_is_refused(w, "in the body", codes[v->ending]);
}

/* The body that would be refused for what it says, too: the token comes first. */
static void before_a_wrong_body(struct victim *v, struct walk *w)
{
    static const char *const bodies[] = {"[", "[]", "{\"nonsense\":1}", "\xff\xfe{\0}\0"};
    (void)w;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct victim own;
        struct peer p;
        struct buf b;
        victim_make(&own, "admin", v->ending);
        buf_init(&b, 4096);
        request_text(&b, "POST", "/api/v1/tokens", own.text, bodies[i], true);
        peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
        peer_write(&p, b.data, b.len);
        wait_for(&p, "100 Continue\r\n\r\n");
        buf_consume(&p.in, strlen("HTTP/1.1 100 Continue\r\n\r\n"));
        end_token(&own);
        peer_write(&p, bodies[i], strlen(bodies[i]));
        answered(&p, bodies[i], 401, codes[v->ending]);
        peer_fini(&p);
        buf_fini(&b);
        victim_fini(&own);
    }
}

/* The store thread waits in a batch until it is released: what is asked for comes into the next. */
static void hold_store(struct peer *holder)
{
    peer_open(holder, &house, ALPN_HTTP, NULL, NULL);
    atomic_store(&hands.store_waits, true);
    send_one(holder, "GET", "/api/v1/namespaces/x", house.admin);
    while (uv_sem_trywait(&hands.store_held))
        uv_run(&house.loop, UV_RUN_NOWAIT);
}

static void release_store(struct peer *holder)
{
    uv_sem_post(&hands.store_go);
    answered(holder, "the request that held the store", 200, NULL);
    peer_fini(holder);
}

static void revoke_later(struct peer *revoker, const struct victim *v)
{
    const char *as;
    char *path = end_path(v, &as);
    int asked = atomic_load(&hands.asked);
    peer_open(revoker, &house, ALPN_HTTP, NULL, NULL);
    send_one(revoker, "DELETE", path, as);
    turn_until_asked(asked + 1);
    mem_free(path);
}

static void is_revoked(struct peer *revoker)
{
    answered(revoker, "the revocation", 204, NULL);
    peer_fini(revoker);
}

/* All of them wait for the store thread or the reader thread. */
static void before_the_answer(struct victim *v, struct walk *w)
{
    struct peer holder, revoker;
    w->asking = true;
    walk_open(w);
    is_known(v);
    hold_store(&holder);
    atomic_store(&hands.read_waits, v->number);
    if (!ends_by_time(v->ending))
        revoke_later(&revoker, v); /* ahead of all that the token asks for */
    int asked = atomic_load(&hands.asked);
    walk_send(w, v->text, BEGIN, END, false);
    turn_until_asked(asked + (int)w->count);
    if (ends_by_time(v->ending)) end_token(v);
    release_store(&holder);
    if (!ends_by_time(v->ending)) is_revoked(&revoker);
    uv_sem_post(&hands.read_go);
    walk_is_refused(w, "before the answer", codes[v->ending]);
}

#define MOMENT(name)                                                                               \
    static void every_route__for_a_token_that_ends_##name##__is_refused(void **state)              \
    {                                                                                              \
        (void)state;                                                                               \
        in_each_way(name);                                                                         \
    }

MOMENT(before_the_head)
MOMENT(in_the_head)
MOMENT(between_head_and_body)
MOMENT(in_the_body)
MOMENT(before_the_answer)

static void wrong_body__of_a_token_that_ends_before_it__is_refused_for_the_token(void **state)
{
    (void)state;
    in_each_way(before_a_wrong_body);
}

/* ---- in the stream ---- */

#define STREAM_END "\r\n0\r\n\r\n"

static bool ends_with(const struct peer *p, const char *end)
{
    size_t len = strlen(end);
    return p->in.len >= len && memcmp(p->in.data + p->in.len - len, end, len) == 0;
}

static void every_stream__ends_with_its_token(void **state)
{
    (void)state;
    for (int ending = 0; ending < ENDINGS; ending++) {
        size_t count, open = 0;
        const struct route *t = route_table(&count);
        struct peer peers[8];
        struct victim v;
        victim_make(&v, "read", (enum ending)ending);
        for (size_t i = 0; i < count; i++) {
            if (t[i].stream != STREAM_EVENTS) continue;
            assert_in_range(open, 0, 7);
            char *path = path_of(&t[i]), *lines = str_dupf("%s?format=json", path);
            struct peer *p = &peers[open++];
            peer_open(p, &house, ALPN_HTTP, NULL, NULL);
            send_one(p, "GET", lines, v.text);
            wait_for(p, "\"event\"");
            mem_free(path);
            mem_free(lines);
        }
        assert_true(open >= 2);
        end_token(&v);
        for (size_t i = 0; i < open; i++) {
            peer_wait_closed(&peers[i]);
            assert_false(ends_with(&peers[i], STREAM_END)); /* it is not whole */
            peer_fini(&peers[i]);
        }
        victim_fini(&v);
    }
}

static int refusals(const struct peer *p, const char *code)
{
    int count = 0;
    for (const char *s = p->in.len ? p->in.data : ""; (s = strstr(s, code)) != NULL; s++)
        count++;
    return count;
}

/* A stream that nothing was sent of yet is answered as any request is. */
static void stream__behind_requests_that_wait__ends_with_its_token(void **state)
{
    char *follow = str_dupf("/api/v1/jobs/%s/follow?format=json", job);
    (void)state;
    for (int ending = 0; ending < ENDINGS; ending++) {
        struct peer holder, revoker, p;
        struct victim v;
        victim_make(&v, "read", (enum ending)ending);
        is_known(&v);
        peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
        hold_store(&holder);
        if (!ends_by_time(v.ending)) revoke_later(&revoker, &v);
        int asked = atomic_load(&hands.asked);
        send_one(&p, "GET", "/api/v1/namespaces/x", v.text);
        send_one(&p, "GET", follow, v.text);
        turn_until_asked(asked + 2);
        if (ends_by_time(v.ending)) end_token(&v);
        release_store(&holder);
        if (!ends_by_time(v.ending)) is_revoked(&revoker);
        while (!p.closed && refusals(&p, codes[ending]) < 2) {
            p.changed = false;
            house_run(&house, &p.changed);
        }
        assert_int_equal(refusals(&p, codes[ending]), 2);
        peer_fini(&p);
        victim_fini(&v);
    }
    mem_free(follow);
}

static void stream__behind_the_end_of_its_token_or_session__does_not_begin(void **state)
{
    static const enum ending endings[] = {REVOKED, SIGNED_OUT};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct victim v;
        struct peer p;
        victim_make(&v, "admin", endings[i]);
        char *follow = str_dupf("/api/v1/jobs/%s/follow?format=json", job);
        char *path = endings[i] == REVOKED ? str_dupf("/api/v1/tokens/%s", v.id)
                                           : mem_strdup("/api/v1/session");
        peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
        send_one(&p, "DELETE", path, v.text);
        send_one(&p, "GET", follow, v.text);
        wait_for(&p, codes[endings[i]]);
        assert_true(str_starts(p.in.data, "HTTP/1.1 204 "));
        assert_non_null(strstr(p.in.data, "HTTP/1.1 401 "));
        assert_null(strstr(p.in.data, "\"event\""));
        peer_fini(&p);
        mem_free(follow);
        mem_free(path);
        victim_fini(&v);
    }
}

/* And only what is the token's: others go on to their end. */
static void stream_of_another_token__goes_on(void **state)
{
    struct victim v, other;
    struct peer p;
    (void)state;
    victim_make(&v, "admin", REVOKED);
    victim_make(&other, "admin", REVOKED);
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201);
    char *follow = str_dupf("/api/v1/jobs/%s/follow?format=json", json_get_str(j, "id", ""));
    char *cancel = str_dupf("/api/v1/jobs/%s/cancel", json_get_str(j, "id", ""));
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    send_one(&p, "GET", follow, other.text);
    wait_for(&p, "\"event\"");
    end_token(&v);
    json_free(house_post(&house, cancel, NULL, 202));
    wait_for(&p, "CANCELLED");
    wait_for(&p, STREAM_END);
    peer_fini(&p);
    json_free(j);
    mem_free(follow);
    mem_free(cancel);
    victim_fini(&v);
    victim_fini(&other);
}

/* Signing out ends what the session opened, and nothing else of its token. */
static void stream_of_another_session_of_the_token__goes_on(void **state)
{
    struct victim v;
    struct peer peers[3];
    (void)state;
    char *token =
        house_token(&house, "{\"type\":\"api\",\"role\":\"read\",\"name\":\"victim\"}", NULL);
    char *cookies[2] = {house_sign_in(&house, token), house_sign_in(&house, token)};
    const char *const as[3] = {token, cookies[0], cookies[1]};
    for (int i = 0; i < 3; i++) {
        peer_open(&peers[i], &house, ALPN_HTTP, NULL, NULL);
        send_one(&peers[i], "GET", "/api/v1/events?topic=groups", as[i]);
        wait_for(&peers[i], "event: open");
    }
    v = (struct victim){.text = cookies[1], .ending = SIGNED_OUT};
    end_token(&v);
    peer_wait_closed(&peers[2]);
    assert_null(strstr(peers[2].in.data, "event: groups"));
    json_free(house_post(&house, "/api/v1/groups/kept/pause", NULL, 200));
    for (int i = 0; i < 2; i++)
        wait_for(&peers[i], "event: groups");
    json_free(house_post(&house, "/api/v1/groups/kept/resume", NULL, 200));
    for (int i = 0; i < 3; i++)
        peer_fini(&peers[i]);
    mem_free(token);
    mem_free(cookies[0]);
    mem_free(cookies[1]);
}

/* ---- tokens that never were ---- */

static void every_route__for_a_token_that_is_none__is_refused(void **state)
{
    char wrong_secret[TOKEN_TEXT_SIZE], wrong_id[TOKEN_TEXT_SIZE];
    struct token t;
    struct err e;
    (void)state;
    assert_int_equal(token_parse(house.admin, &t, &e), 0);
    t.secret[0] ^= 1;
    assert_int_equal(token_format(&t, wrong_secret, sizeof wrong_secret), 0);
    t.id++;
    assert_int_equal(token_format(&t, wrong_id, sizeof wrong_id), 0);
    token_fini(&t);
    char *join = house_token(&house, "{\"type\":\"join\",\"name\":\"victim\"}", NULL);
    const struct {
        const char *token, *code;
    } cases[] = {{"", "token-missing"},
                 {"nonsense", "token-malformed"},
                 {join, "token-malformed"},
                 {wrong_secret, "token-unknown"},
                 {wrong_id, "token-unknown"},
                 {COOKIE_NAME, "session-ended"},
                 {COOKIE_NAME "=nonsense", "session-ended"},
                 {COOKIE_NAME "=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "session-ended"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        pipeline_is_refused(cases[i].token, "at once", cases[i].code);
    nothing_happened();
    mem_free(join);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route__for_a_token_that_is_none__is_refused),
        cmocka_unit_test(every_route__for_a_token_that_ends_before_the_head__is_refused),
        cmocka_unit_test(every_route__for_a_token_that_ends_in_the_head__is_refused),
        cmocka_unit_test(every_route__for_a_token_that_ends_between_head_and_body__is_refused),
        cmocka_unit_test(every_route__for_a_token_that_ends_in_the_body__is_refused),
        cmocka_unit_test(wrong_body__of_a_token_that_ends_before_it__is_refused_for_the_token),
        cmocka_unit_test(every_route__for_a_token_that_ends_before_the_answer__is_refused),
        cmocka_unit_test(every_stream__ends_with_its_token),
        cmocka_unit_test(stream__behind_requests_that_wait__ends_with_its_token),
        cmocka_unit_test(stream__behind_the_end_of_its_token_or_session__does_not_begin),
        cmocka_unit_test(stream_of_another_token__goes_on),
        cmocka_unit_test(stream_of_another_session_of_the_token__goes_on),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
