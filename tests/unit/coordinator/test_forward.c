/* The API of a coordinator that does not own the queue: what it answers from the database, what it
 * passes on to the owner, and above all what it does when the owner misbehaves or is away. */
#include "tests/unit/coordinator/standby.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/forward_head.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/route.h"
#include "platform/os.h"

#include <string.h>

#define QUIET_MS 300                              /* where the owner is silent */
#define WHY "/api/v1/triggers/a/b/c/next?count=3" /* one that the owner has to answer */

static struct house house;
static struct standby standby;

static int open_all(void **state)
{
    (void)state;
    house_open(&house, "", NULL);
    standby_open(&standby, &house);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    standby_close(&standby);
    house_close(&house);
    return 0;
}

static int reset(void **state)
{
    (void)state;
    standby.owns = false;
    standby_quiet(&standby, 0);
    standby_owner(&standby, standby.owner_port);
    standby_ask(&standby, true);
    return 0;
}

static void call(const char *method, const char *path, const char *body, struct answer *a)
{
    house_call(&house, method, path, NULL, body, NULL, a);
}

/* A request on a connection of its own, whose answer the test reads as it comes. */
static void ask(struct peer *p, const char *method, const char *path, const char *rest)
{
    char *text = str_dupf("%s %s HTTP/1.1\r\nHost: cadre\r\nAuthorization: Bearer %s\r\n%s", method,
                          path, house.admin, rest ? rest : "\r\n");
    peer_open(p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(p, text, strlen(text));
    mem_free(text);
}

/* The end of the connection without one byte of an answer. */
static void breaks_off(struct peer *p)
{
    peer_wait_closed(p);
    assert_int_equal(p->in.len, 0);
    peer_fini(p);
}

static void is_away(struct peer *p)
{
    peer_wait_text(p, "\"error\"");
    assert_non_null(strstr(p->in.data, "HTTP/1.1 503 "));
    assert_non_null(strstr(p->in.data, "\r\nRetry-After: 1\r\n"));
    assert_non_null(strstr(p->in.data, "\"no-owner\""));
    peer_fini(p);
}

/* ---- which request goes where ---- */

static void routes__each__says_where_it_is_answered(void **state)
{
    size_t count;
    const struct route *t = route_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        bool get = str_eq(t[i].method, "GET");
        if (t[i].at == AT_NOWHERE) fail_msg("%s %s: nowhere", t[i].method, t[i].path);
        if (!get && t[i].at != AT_OWNER) fail_msg("%s %s changes", t[i].method, t[i].path);
        if (t[i].stream == STREAM_EVENTS && t[i].at != AT_OWNER) fail_msg("%s", t[i].path);
        if (t[i].role == ROLE_JOIN && get && t[i].at != AT_SELF) fail_msg("%s", t[i].path);
    }
}

static void lists_and_shows__without_an_owner__come_from_the_database(void **state)
{
    static const char *const paths[] = {"/api/v1/jobs",          "/api/v1/whoami",
                                        "/api/v1/status",        "/api/v1/flows",
                                        "/api/v1/executions",    "/api/v1/triggers",
                                        "/api/v1/agents",        "/api/v1/groups",
                                        "/api/v1/failures",      "/api/v1/namespaces",
                                        "/api/v1/notices",       "/api/v1/tokens",
                                        "/api/v1/groups/default"};
    (void)state;
    standby_ask(&standby, false);
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201);
    char *show = str_dupf("/api/v1/jobs/%s", json_get_str(j, "id", ""));
    char *logs = str_dupf("%s/logs", show);
    json_free(j);
    standby_ask(&standby, true);
    standby_owner(&standby, 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        json_free(house_get(&house, paths[i], 200));
    j = house_get(&house, show, 200);
    assert_int_equal(json_type(json_get(j, "waiting")), JSON_NULL);
    json_free(j);
    house_get(&house, logs, 200);
    mem_free(show);
    mem_free(logs);
}

static void show__job_that_waits__is_completed_by_the_owner(void **state)
{
    (void)state;
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201);
    char *show = str_dupf("/api/v1/jobs/%s", json_get_str(j, "id", ""));
    json_free(j);
    j = house_get(&house, show, 200);
    assert_int_equal(json_type(json_get(j, "waiting")), JSON_OBJECT);
    json_free(j);
    uint16_t port = standby.owner_port;
    standby_owner(&standby, 1); /* nobody listens there */
    j = house_get(&house, show, 200);
    assert_int_equal(json_type(json_get(j, "waiting")), JSON_NULL);
    json_free(j);
    standby_owner(&standby, port);
    mem_free(show);
}

static void answers__passed_on__are_those_of_the_owner(void **state)
{
    static const char *const paths[] = {
        "/api/v1/channels",       "/api/v1/waits",       WHY,
        "/api/v1/groups/default", "/api/v1/groups/none", "/api/v1/waits?group=%00"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct answer a, b;
        standby_ask(&standby, false);
        call("GET", paths[i], NULL, &a);
        standby_ask(&standby, true);
        call("GET", paths[i], NULL, &b);
        assert_int_equal(a.status, b.status);
        assert_string_equal(a.text, b.text);
        answer_fini(&a);
        answer_fini(&b);
    }
}

static void rights__are_judged_by_the_owner(void **state)
{
    struct answer a;
    (void)state;
    char *reader = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    house_call(&house, "POST", "/api/v1/jobs", reader, "{\"command\":[\"x\"]}", NULL, &a);
    answer_is(&a, 403, "role", NULL);
    answer_fini(&a);
    house_call(&house, "POST", "/api/v1/jobs", "", "{\"command\":[\"x\"]}", NULL, &a);
    answer_is(&a, 401, "token-missing", NULL);
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/channels", "nonsense", NULL, NULL, &a);
    answer_is(&a, 401, "token-malformed", NULL);
    answer_fini(&a);
    house_call(&house, "DELETE", "/api/v1/agents/none", NULL, "{}", NULL, &a);
    answer_is(&a, 400, "bad-request", "takes no body");
    answer_fini(&a);
    mem_free(reader);
}

static void page__sign_in_and_out__at_any_coordinator(void **state)
{
    struct answer a;
    (void)state;
    char *pair = house_sign_in(&house, house.admin);
    char *headers = str_dupf("Cookie: %s\r\n" HOUSE_PAGE, pair);
    house_call(&house, "GET", "/api/v1/whoami", "", NULL, headers, &a); /* here */
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/channels", "", NULL, headers, &a); /* at the owner */
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    house_call(&house, "DELETE", "/api/v1/session", "", NULL, headers, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/channels", "", NULL, headers, &a);
    answer_is(&a, 401, "session-ended", NULL);
    answer_fini(&a);
    mem_free(headers);
    mem_free(pair);
}

static void readyz__owner__is_at_the_owner_only(void **state)
{
    struct answer a;
    (void)state;
    house_call(&house, "GET", "/readyz?owner", "", NULL, NULL, &a);
    answer_is(&a, 503, "unavailable", "does not own the queue");
    assert_string_equal(a.retry_after, "1");
    answer_fini(&a);
    house_call(&house, "GET", "/readyz", "", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    standby_ask(&standby, false);
    house_call(&house, "GET", "/readyz?owner", "", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
}

static void status__shared_store__says_who_owns(void **state)
{
    (void)state;
    struct json *j = house_get(&house, "/api/v1/status", 200);
    assert_string_equal(json_get_str(j, "store", ""), "postgresql");
    assert_int_equal(json_get_int(json_get(j, "owner"), "epoch", 0), 7);
    assert_false(json_get_bool(j, "owns", true));
    json_free(j);
    standby_ask(&standby, false);
    j = house_get(&house, "/api/v1/status", 200);
    assert_true(json_get_bool(j, "owns", false));
    json_free(j);
}

static void token__revoked__is_told_when_nobody_remembers_it(void **state)
{
    struct answer a;
    char id[14];
    (void)state;
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", id);
    char *path = str_dupf("/api/v1/tokens/%s", id);
    house_call(&house, "GET", "/api/v1/whoami", token, NULL, NULL, &a); /* it is remembered here */
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    int64_t before_ms = os_mono_ms();
    call("DELETE", path, NULL, &a);
    assert_int_equal(a.status, 204);
    assert_true(os_mono_ms() - before_ms >= 1000);
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/whoami", token, NULL, NULL, &a);
    answer_is(&a, 401, "token-revoked", NULL);
    answer_fini(&a);
    mem_free(path);
    mem_free(token);
}

static void agent__removed__is_told_a_second_later(void **state)
{
    struct identity i;
    struct answer a;
    (void)state;
    standby_ask(&standby, false); /* agents come to the owner */
    house_enrol(&house, "gone", NULL, &i);
    standby_ask(&standby, true);
    int64_t before_ms = os_mono_ms();
    call("DELETE", "/api/v1/agents/gone", NULL, &a);
    assert_int_equal(a.status, 204);
    assert_true(os_mono_ms() - before_ms >= 1000);
    answer_fini(&a);
    identity_fini(&i);
}

/* ---- what goes there and comes back ---- */

static void request__its_head__arrives_as_it_is(void **state)
{
    struct fake f;
    struct peer p;
    (void)state;
    fake_open(&f, &standby, NULL);
    ask(&p, "GET", "/api/v1/jobs/J/why?a=%41+b&&c=",
        "X-Odd:  two words \r\nCookie: a=b; c\r\n"
        "Connection: keep-alive, X-Hop, Authorization\r\nX-Hop: 1\r\nTE: trailers\r\n"
        "X-Forwarded-For: 192.0.2.1\r\nKeep-Alive: 5\r\n\r\n");
    fake_wait(&f, "\r\n\r\n");
    char *expected = str_dupf("GET /api/v1/jobs/J/why?a=%%41+b&&c= HTTP/1.1\r\nhost: cadre\r\n"
                              "authorization: Bearer %s\r\nx-odd: two words\r\ncookie: a=b; c\r\n"
                              "x-forwarded-for: 192.0.2.1\r\ncadre-forwarded: 1\r\n"
                              "connection: close\r\n\r\n",
                              house.admin);
    assert_string_equal(f.in.data, expected);
    mem_free(expected);
    fake_say(&f,
             "HTTP/1.1 200 Fine\r\nX-One: 1\r\ncoNNection: close\r\nContent-Length: 2\r\n\r\n{}");
    peer_wait_text(&p, "{}");
    assert_string_equal(p.in.data, "HTTP/1.1 200 Fine\r\nX-One: 1\r\nContent-Length: 2\r\n\r\n{}");
    peer_fini(&p);
    fake_close(&f);
}

static void answer__in_chunks__comes_as_its_bytes_are(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3;ext=1\r\nabc\r\n0010\r\n0123456789abcdef\r\n0\r\nT: 1\r\n\r\n";
    struct fake f;
    struct peer p;
    (void)state;
    fake_open(&f, &standby, NULL);
    ask(&p, "GET", WHY, NULL);
    fake_wait(&f, "\r\n\r\n");
    for (size_t i = 0; i < sizeof text - 1; i++) { /* byte for byte */
        char one[2] = {text[i], '\0'};
        fake_say(&f, one);
        link_flush_now(f.link);
    }
    peer_wait_text(&p, "T: 1\r\n\r\n");
    assert_string_equal(p.in.data, text);
    fake_wait(&f, NULL); /* the standby needs the link no more */
    peer_fini(&p);
    fake_close(&f);
}

static void answer__to_head__has_no_body(void **state)
{
    struct peer p;
    (void)state;
    ask(&p, "HEAD", "/api/v1/channels", NULL);
    peer_wait_text(&p, "\r\n\r\n");
    assert_non_null(strstr(p.in.data, "HTTP/1.1 200 OK"));
    assert_null(strstr(p.in.data, "channels"));
    buf_clear(&p.in);
    char *next = str_dupf("GET /api/v1/channels HTTP/1.1\r\nHost: cadre\r\nAuthorization: Bearer "
                          "%s\r\n\r\n",
                          house.admin);
    peer_write(&p, next, strlen(next)); /* on the same connection */
    peer_wait_text(&p, "\"channels\"");
    mem_free(next);
    peer_fini(&p);
}

/* Of the client's connection the owner knows nothing. */
static void connection__that_ends_with_its_request__ends(void **state)
{
    static const char *const heads[] = {"GET /api/v1/channels HTTP/1.1\r\nConnection: close\r\n",
                                        "GET /api/v1/channels HTTP/1.0\r\n"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct peer p;
        char *text =
            str_dupf("%sHost: x\r\nAuthorization: Bearer %s\r\n\r\n", heads[i], house.admin);
        peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
        peer_write(&p, text, strlen(text));
        peer_wait_closed(&p);
        assert_non_null(strstr(p.in.data, "\r\nConnection: close\r\n"));
        assert_non_null(strstr(p.in.data, "\"channels\""));
        peer_fini(&p);
        mem_free(text);
    }
}

static void requests__pipelined__are_answered_in_order(void **state)
{
    struct peer p;
    struct buf b;
    (void)state;
    static const char *const paths[] = {"GET /api/v1/channels", "GET /api/v1/whoami",
                                        "POST /api/v1/jobs",    "GET /api/v1/waits",
                                        "GET /api/v1/nowhere",  "GET /healthz"};
    buf_init(&b, 65536);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        bool post = str_starts(paths[i], "POST");
        buf_addf(&b, "%s HTTP/1.1\r\nHost: cadre\r\nAuthorization: Bearer %s\r\n%s", paths[i],
                 house.admin, post ? "Content-Length: 17\r\n\r\n{\"command\":[\"x\"]}" : "\r\n");
    }
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, b.data, b.len);
    peer_wait_text(&p, "\"status\":\"ok\"");
    static const char *const parts[] = {"\"channels\"", "\"role\"",      "201 Created",
                                        "\"groups\"",   "404 Not Found", "\"status\":\"ok\""};
    const char *at = p.in.data;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        at = strstr(at, parts[i]);
        if (!at) fail_msg("%s is missing or too early: %s", parts[i], p.in.data);
    }
    buf_fini(&b);
    peer_fini(&p);
}

static void requests__pipelined__are_with_the_owner_one_at_a_time(void **state)
{
    struct fake f;
    struct peer p;
    (void)state;
    fake_open(&f, &standby, NULL);
    ask(&p, "GET", WHY, "\r\nGET /api/v1/channels HTTP/1.1\r\nHost: x\r\n\r\n");
    fake_wait(&f, "/next");
    fake_say(&f, "HTTP/1.1 204 No Content\r\n\r\n");
    fake_wait(&f, "/channels");
    assert_false(f.again);
    fake_say(&f, "HTTP/1.1 304 Not Modified\r\n\r\n");
    peer_wait_text(&p, "304 Not Modified\r\n\r\n");
    peer_fini(&p);
    fake_close(&f);
}

/* ---- bodies ---- */

static void body__large__arrives_whole(void **state)
{
    const size_t len = 8u << 20;
    struct fake f;
    struct peer p;
    char text[128];
    (void)state;
    fake_open(&f, &standby, NULL);
    (void)str_format(text, sizeof text, "Content-Length: %zu\r\n\r\n", len);
    ask(&p, "POST", "/api/v1/jobs", text);
    fake_wait(&f, "\r\n\r\n");
    assert_non_null(strstr(f.in.data, "expect: 100-continue\r\n"));
    assert_non_null(strstr(f.in.data, "content-length: 8388608\r\n"));
    size_t head = f.in.len;
    fake_say(&f, "HTTP/1.1 100 Continue\r\n\r\n");
    char *piece = mem_alloc(1u << 20);
    for (size_t i = 0; i < 1u << 20; i++)
        piece[i] = (char)('a' + i % 23);
    for (size_t at = 0; at < len; at += 1u << 20)
        peer_write(&p, piece, 1u << 20);
    while (f.in.len < head + len) {
        f.changed = false;
        house_run(&house, &f.changed);
    }
    assert_int_equal(f.in.len, head + len);
    for (size_t at = 0; at < len; at += 1u << 20)
        assert_memory_equal(f.in.data + head + at, piece, 1u << 20);
    fake_say(&f, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    peer_wait_text(&p, "201 Created");
    mem_free(piece);
    peer_fini(&p);
    fake_close(&f);
}

static void body__in_chunks__arrives_in_one(void **state)
{
    static const struct {
        const char *sent, *got;
    } bodies[] = {{"2\r\n{}\r\n3\r\n   \r\n0\r\n\r\n", "\r\n\r\n5\r\n{}   \r\n0\r\n\r\n"},
                  {"0\r\n\r\n", "\r\n\r\n0\r\n\r\n"}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fake f;
        struct peer p;
        fake_open(&f, &standby, NULL);
        ask(&p, "POST", "/api/v1/jobs", "Transfer-Encoding: chunked\r\n\r\n");
        peer_write(&p, bodies[i].sent, strlen(bodies[i].sent));
        fake_wait(&f, "\r\n\r\n");
        fake_say(&f, "HTTP/1.1 100 Continue\r\n\r\n");
        fake_wait(&f, bodies[i].got);
        fake_say(&f, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        peer_wait_text(&p, "400 Bad Request");
        peer_fini(&p);
        fake_close(&f);
    }
}

static void body__of_who_is_refused__is_not_read(void **state)
{
    struct fake f;
    struct peer p;
    (void)state;
    fake_open(&f, &standby, NULL);
    ask(&p, "POST", "/api/v1/jobs", "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    fake_wait(&f, "\r\n\r\n");
    fake_say(&f, "HTTP/1.1 1");
    link_flush_now(f.link);
    fake_say(&f, "01 Odd\r\n\r\n"); /* neither one nor the other */
    fake_say(&f, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}");
    peer_wait_closed(&p);
    assert_null(strstr(p.in.data, "100 Continue"));
    assert_non_null(strstr(p.in.data, "401 Unauthorized"));
    assert_non_null(strstr(p.in.data, "Connection: close\r\n"));
    peer_fini(&p);
    fake_close(&f);
}

static void body__asked_about__is_told_when_the_owner_agrees(void **state)
{
    struct peer p;
    (void)state;
    ask(&p, "POST", "/api/v1/jobs", "Expect: 100-continue\r\nContent-Length: 17\r\n\r\n");
    peer_wait_text(&p, "100 Continue");
    peer_write(&p, "{\"command\":[\"x\"]}", 17);
    peer_wait_text(&p, "201 Created");
    peer_fini(&p);
}

static void body__too_large__is_refused_here(void **state)
{
    struct peer p;
    (void)state;
    ask(&p, "POST", "/api/v1/groups", "Content-Length: 1048577\r\n\r\n");
    peer_wait_text(&p, "\"too-large\"");
    peer_fini(&p);
    ask(&p, "POST", "/api/v1/session", "Transfer-Encoding: chunked\r\n" HOUSE_PAGE "\r\n");
    for (int i = 0; i < 5; i++) {
        char piece[1100] = "400\r\n";
        memset(piece + 5, 'x', 1024);
        memcpy(piece + 1029, "\r\n", 2);
        peer_write(&p, piece, 1031);
    }
    peer_wait_text(&p, "\"too-large\"");
    peer_fini(&p);
}

/* ---- owners that are away, or are none ---- */

static void owner__unknown_or_away__is_told_with_a_time(void **state)
{
    static const char *const lists[] = {"",
                                        "[]",
                                        "[\"127.0.0.1:1\"]",
                                        "nonsense",
                                        "[\"\"]",
                                        "[7]",
                                        "[\"127.0.0.1:1\",\"127.0.0.1:2\"]",
                                        "[\"127.0.0.1:0\"]"};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct peer p;
        assert_int_equal(str_copy(standby.addresses, sizeof standby.addresses, lists[i]), 0);
        ask(&p, "GET", WHY, NULL);
        is_away(&p);
        ask(&p, "POST", "/api/v1/jobs", "Content-Length: 17\r\n\r\n{\"command\":[\"x\"]}");
        is_away(&p);
        ask(&p, "DELETE", "/api/v1/groups/x", NULL);
        is_away(&p);
    }
}

static void owner__at_its_second_address__is_found(void **state)
{
    (void)state;
    (void)str_format(standby.addresses, sizeof standby.addresses,
                     "[\"127.0.0.1:1\",\"127.0.0.1:%u\"]", (unsigned)standby.owner_port);
    json_free(house_get(&house, "/api/v1/channels", 200));
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201));
}

static void owner__that_is_none_either__ends_the_way(void **state)
{
    struct peer p;
    (void)state;
    standby_owner(&standby, standby.port); /* itself */
    ask(&p, "GET", WHY, NULL);
    is_away(&p);
    ask(&p, "POST", "/api/v1/jobs", "Content-Length: 17\r\n\r\n{\"command\":[\"x\"]}");
    is_away(&p);
    ask(&p, "GET", WHY, FORWARD_MARK ": 0\r\n\r\n");
    is_away(&p);
}

static void certificate__of_an_agent__is_no_owners(void **state)
{
    struct identity i;
    struct fake f;
    struct peer p;
    (void)state;
    standby_ask(&standby, false);
    house_enrol(&house, "agent", NULL, &i); /* a real one */
    standby_ask(&standby, true);
    fake_open(&f, &standby, &i);
    ask(&p, "GET", WHY, NULL);
    fake_look_away();
    is_away(&p);
    assert_int_equal(fake_refusals(), 1);
    assert_int_equal(f.in.len, 0); /* no token came to it */
    fake_close(&f);
    identity_fini(&i);
}

/* The same with the owner's name in it: what a certificate was made for counts as well. */
static void certificate__made_for_clients__is_no_owners(void **state)
{
    static const enum pki_usage usages[] = {PKI_CLIENT, PKI_SERVER};
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        struct identity i;
        struct fake f;
        struct peer p;
        house_certify(&house, "localhost", os_wall_ms() - 60000, os_wall_ms() + 60000, usages[n],
                      &i);
        fake_open(&f, &standby, &i);
        (void)str_format(standby.addresses, sizeof standby.addresses, "[\"localhost:%u\"]",
                         (unsigned)link_listener_port(f.listener));
        ask(&p, "GET", WHY, NULL);
        fake_look_away();
        if (usages[n] == PKI_CLIENT) {
            is_away(&p);
            assert_int_equal(fake_refusals(), 1);
            assert_int_equal(f.in.len, 0);
        } else {
            fake_wait(&f, "/next"); /* what differs is the use alone */
            assert_int_equal(fake_refusals(), 0);
            peer_fini(&p);
        }
        fake_close(&f);
        identity_fini(&i);
    }
}

static void certificate__of_another_name_or_old__is_no_owners(void **state)
{
    (void)state;
    for (int n = 0; n < 2; n++) {
        struct identity i;
        struct fake f;
        struct peer p;
        int64_t now_ms = os_wall_ms();
        house_certify(&house, "localhost", now_ms - 60000, n ? now_ms - 30000 : now_ms + 60000,
                      PKI_SERVER, &i);
        fake_open(&f, &standby, &i);
        if (n)
            (void)str_format(standby.addresses, sizeof standby.addresses, "[\"localhost:%u\"]",
                             (unsigned)link_listener_port(f.listener));
        ask(&p, "GET", WHY, NULL);
        is_away(&p);
        assert_int_equal(f.in.len, 0);
        fake_close(&f);
        identity_fini(&i);
    }
}

/* ---- owners that misbehave ---- */

static void owner__that_says_nothing__is_given_up(void **state)
{
    struct fake f;
    struct peer p;
    (void)state;
    standby_quiet(&standby, QUIET_MS);
    fake_open(&f, &standby, NULL);
    ask(&p, "GET", WHY, NULL);
    is_away(&p);
    fake_wait(&f, NULL);                                            /* its link is closed */
    ask(&p, "POST", "/api/v1/jobs", "Content-Length: 2\r\n\r\n{}"); /* it was not sent the body */
    is_away(&p);
    ask(&p, "POST", "/api/v1/jobs/J/cancel", NULL); /* it may have done it */
    breaks_off(&p);
    fake_close(&f);
}

static void owner__that_ends_early__is_no_answer(void **state)
{
    static const char *const pieces[] = {"", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Le"};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof pieces / sizeof *pieces; i++) {
        struct fake f;
        struct peer p;
        bool change = i % 2;
        fake_open(&f, &standby, NULL);
        ask(&p, change ? "POST" : "GET", change ? "/api/v1/jobs/J/cancel" : WHY, NULL);
        fake_wait(&f, "\r\n\r\n");
        fake_say(&f, pieces[i / 2]);
        fake_hang_up(&f, i % 4 < 2);
        if (change)
            breaks_off(&p);
        else
            is_away(&p);
        fake_close(&f);
    }
}

static void owner__that_ends_in_a_body__breaks_the_answer_off(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct fake f;
        struct peer p;
        fake_open(&f, &standby, NULL);
        ask(&p, "GET", WHY, NULL);
        fake_wait(&f, "\r\n\r\n");
        fake_say(&f, heads[i / 2]);
        peer_wait_text(&p, "abc");
        fake_hang_up(&f, i % 2);
        peer_wait_closed(&p);
        assert_true(str_ends(p.in.data, "abc"));
        peer_fini(&p);
        fake_close(&f);
    }
}

/* Wherever it ends: the client never takes it for the whole answer. */
static void owner__that_ends_at_any_byte__is_seen(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\n\r\n";
    (void)state;
    struct fake f;
    fake_open(&f, &standby, NULL);
    for (size_t len = 1; len < sizeof text; len++) {
        struct peer p;
        char *part = mem_strndup(text, len);
        buf_clear(&f.in);
        ask(&p, "GET", WHY, "Connection: close\r\n\r\n");
        fake_wait(&f, "\r\n\r\n");
        fake_say(&f, part);
        fake_hang_up(&f, true); /* after all of it was sent */
        peer_wait_closed(&p);
        bool whole = str_ends(p.in.data, "\r\n0\r\n\r\n"), away = strstr(p.in.data, "no-owner");
        assert_int_equal(whole, len == sizeof text - 1);
        if (!whole && !away && !str_starts(p.in.data, "HTTP/1.1 200 OK\r\n"))
            fail_msg("after %zu bytes: '%s'", len, p.in.data);
        if (strstr(part, "\r\n\r\n") == NULL && !away) fail_msg("after %zu bytes", len);
        peer_fini(&p);
        mem_free(part);
    }
    fake_close(&f);
}

static void owner__that_talks_nonsense__is_away(void **state)
{
    static const char *const texts[] = {
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nwithout an end",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fake f;
        struct peer p;
        fake_open(&f, &standby, NULL);
        ask(&p, "GET", WHY, NULL);
        fake_wait(&f, "\r\n\r\n");
        fake_say(&f, texts[i]);
        is_away(&p);
        fake_close(&f);
    }
}

static void owner__with_a_huge_head__is_away(void **state)
{
    struct fake f;
    struct peer p;
    struct buf b;
    (void)state;
    buf_init(&b, 1u << 20);
    buf_adds(&b, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 40; i++)
        buf_addf(&b, "X-%d: %01000d\r\n", i, i);
    fake_open(&f, &standby, NULL);
    ask(&p, "GET", WHY, NULL);
    fake_wait(&f, "\r\n\r\n");
    fake_say(&f, b.data);
    is_away(&p);
    fake_wait(&f, NULL);
    buf_fini(&b);
    fake_close(&f);
}

static void owner__that_ends_before_the_body__is_away(void **state)
{
    struct fake f;
    struct peer p;
    (void)state;
    fake_open(&f, &standby, NULL);
    ask(&p, "POST", "/api/v1/jobs", "Content-Length: 17\r\n\r\n{\"command\"");
    fake_wait(&f, "\r\n\r\n");
    fake_say(&f, "HTTP/1.1 100 Continue\r\n\r\n");
    house_run_ms(&house, 20);
    fake_hang_up(&f, false);
    peer_write(&p, ":[\"x\"]}", 7);
    is_away(&p);
    fake_close(&f);
}

/* ---- clients that go, or are slow ---- */

static void client__that_goes__ends_the_link_to_the_owner(void **state)
{
    static const char *const said[] = {
        "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fake f;
        struct peer p;
        fake_open(&f, &standby, NULL);
        if (i < 2)
            ask(&p, "GET", "/api/v1/events", NULL);
        else
            ask(&p, "POST", "/api/v1/jobs", "Content-Length: 5\r\n\r\n");
        fake_wait(&f, "\r\n\r\n");
        fake_say(&f, said[i % 2]);
        if (i == 1) peer_wait_text(&p, "a\r\n");
        link_abort(p.link, NULL);
        fake_wait(&f, NULL);
        peer_fini(&p);
        fake_close(&f);
    }
}

static void client__that_does_not_read__holds_the_owner_back(void **state)
{
    const size_t piece = 256u << 10, total = 128 * piece; /* 32 MiB */
    struct fake f;
    struct peer p;
    char head[128];
    size_t said = 0;
    (void)state;
    standby_quiet(&standby, QUIET_MS);
    char *bytes = mem_alloc(piece + 1);
    memset(bytes, 'x', piece);
    bytes[piece] = '\0';
    fake_open(&f, &standby, NULL);
    ask(&p, "GET", WHY, NULL);
    fake_wait(&f, "\r\n\r\n");
    link_pause(p.link);
    (void)str_format(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", total);
    fake_say(&f, head);
    /* until nothing goes on any more for longer than an owner may be silent */
    for (int idle = 0; idle < 30;) {
        size_t before = said;
        while (said < total && link_pending(f.link) < piece) {
            fake_say(&f, bytes);
            said += piece;
        }
        house_run_ms(&house, 20);
        idle = said == before ? idle + 1 : 0;
    }
    assert_true(said < total); /* what is held is bounded, and nobody was cut */
    link_resume(p.link);
    while (p.in.len < total) {
        while (said < total && link_pending(f.link) < piece) {
            fake_say(&f, bytes);
            said += piece;
        }
        p.changed = false;
        house_run(&house, &p.changed);
    }
    while (p.in.len < total + strlen(head)) {
        p.changed = false;
        house_run(&house, &p.changed);
    }
    assert_int_equal(p.in.len, total + strlen(head));
    mem_free(bytes);
    peer_fini(&p);
    fake_close(&f);
}

/* ---- streams ---- */

static void follow__at_a_standby__is_that_of_the_owner(void **state)
{
    struct peer p;
    (void)state;
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201);
    char *follow = str_dupf("/api/v1/jobs/%s/follow?format=json", json_get_str(j, "id", ""));
    char *cancel = str_dupf("/api/v1/jobs/%s/cancel", json_get_str(j, "id", ""));
    json_free(j);
    ask(&p, "GET", follow, NULL);
    peer_wait_text(&p, "\"event\":\"state\"");
    json_free(house_post(&house, cancel, NULL, 202));
    peer_wait_text(&p, "0\r\n\r\n");
    assert_non_null(strstr(p.in.data, "CANCELLED"));
    peer_fini(&p);
    mem_free(follow);
    mem_free(cancel);
}

static void events__when_the_token_is_revoked__break_off(void **state)
{
    struct peer p;
    struct answer a;
    char id[14];
    (void)state;
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", id);
    char *text = str_dupf("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                          "\r\n",
                          token);
    char *path = str_dupf("/api/v1/tokens/%s", id);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, text, strlen(text));
    peer_wait_text(&p, "chunked");
    call("DELETE", path, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    peer_wait_closed(&p);
    assert_false(str_ends(p.in.data, "0\r\n\r\n")); /* so that who follows comes back */
    peer_fini(&p);
    mem_free(text);
    mem_free(path);
    mem_free(token);
}

static void standby__that_stops__cuts_what_it_passes_on(void **state)
{
    struct standby other;
    struct fake f;
    struct peer p;
    (void)state;
    standby_open(&other, &house);
    fake_open(&f, &other, NULL);
    standby_ask(&other, true);
    ask(&p, "GET", "/api/v1/events", NULL);
    fake_wait(&f, "\r\n\r\n");
    standby_close(&other);
    fake_wait(&f, NULL);
    peer_fini(&p);
    fake_close(&f);
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(routes__each__says_where_it_is_answered),
        TEST(lists_and_shows__without_an_owner__come_from_the_database),
        TEST(show__job_that_waits__is_completed_by_the_owner),
        TEST(answers__passed_on__are_those_of_the_owner),
        TEST(rights__are_judged_by_the_owner),
        TEST(page__sign_in_and_out__at_any_coordinator),
        TEST(readyz__owner__is_at_the_owner_only),
        TEST(status__shared_store__says_who_owns),
        TEST(token__revoked__is_told_when_nobody_remembers_it),
        TEST(agent__removed__is_told_a_second_later),
        TEST(request__its_head__arrives_as_it_is),
        TEST(answer__in_chunks__comes_as_its_bytes_are),
        TEST(answer__to_head__has_no_body),
        TEST(connection__that_ends_with_its_request__ends),
        TEST(requests__pipelined__are_answered_in_order),
        TEST(requests__pipelined__are_with_the_owner_one_at_a_time),
        TEST(body__large__arrives_whole),
        TEST(body__in_chunks__arrives_in_one),
        TEST(body__of_who_is_refused__is_not_read),
        TEST(body__asked_about__is_told_when_the_owner_agrees),
        TEST(body__too_large__is_refused_here),
        TEST(owner__unknown_or_away__is_told_with_a_time),
        TEST(owner__at_its_second_address__is_found),
        TEST(owner__that_is_none_either__ends_the_way),
        TEST(certificate__of_an_agent__is_no_owners),
        TEST(certificate__made_for_clients__is_no_owners),
        TEST(certificate__of_another_name_or_old__is_no_owners),
        TEST(owner__that_says_nothing__is_given_up),
        TEST(owner__that_ends_early__is_no_answer),
        TEST(owner__that_ends_in_a_body__breaks_the_answer_off),
        TEST(owner__that_ends_at_any_byte__is_seen),
        TEST(owner__that_talks_nonsense__is_away),
        TEST(owner__with_a_huge_head__is_away),
        TEST(owner__that_ends_before_the_body__is_away),
        TEST(client__that_goes__ends_the_link_to_the_owner),
        TEST(client__that_does_not_read__holds_the_owner_back),
        TEST(follow__at_a_standby__is_that_of_the_owner),
        TEST(events__when_the_token_is_revoked__break_off),
        TEST(standby__that_stops__cuts_what_it_passes_on),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
