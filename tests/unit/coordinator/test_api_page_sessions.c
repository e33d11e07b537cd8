/* Sessions of the page over the API: signing in and out, what a cookie is good for, and what it is
 * not. test_api_tokens.c walks all routes with sessions that end. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/duration.h"
#include "coordinator/api/cookie.h"
#include "coordinator/api/route.h"
#include "coordinator/store/reader_page_session.h"
#include "platform/os.h"

#include <stdatomic.h>
#include <string.h>

#define SESSION "/api/v1/session"
#define HOUR_MS INT64_C(3600000)

static struct house house;
static atomic_int asked; /* how often the reader was asked for a cookie */

int __real_reader_page_session(struct reader *r, const uint8_t *hash, int64_t id,
                               struct page_session_row *out, struct err *e);
int __wrap_reader_page_session(struct reader *r, const uint8_t *hash, int64_t id,
                               struct page_session_row *out, struct err *e);
int __wrap_reader_page_session(struct reader *r, const uint8_t *hash, int64_t id,
                               struct page_session_row *out, struct err *e)
{
    if (hash) atomic_fetch_add(&asked, 1);
    return __real_reader_page_session(r, hash, id, out, e);
}

static struct {
    const char *text;   /* a secret */
    atomic_int counted; /* how often memory with it was overwritten */
} wiped;

void __real_mem_wipe(void *p, size_t len);
void __wrap_mem_wipe(void *p, size_t len);
void __wrap_mem_wipe(void *p, size_t len)
{
    size_t n = wiped.text ? strlen(wiped.text) : 0;
    for (size_t i = 0; n > 0 && i + n <= len; i++) {
        if (memcmp((const char *)p + i, wiped.text, n) != 0) continue;
        atomic_fetch_add(&wiped.counted, 1);
        break;
    }
    __real_mem_wipe(p, len);
}

static int open_house(void **state)
{
    (void)state;
    house_open(&house, "metrics: {allow: [192.0.2.1]}\n", NULL);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

/* With this cookie and no token. page NULL: as our own page does; else these headers. */
static void call(const char *method, const char *path, const char *cookie, const char *body,
                 const char *page, struct answer *a)
{
    char *headers = str_dupf("%s%s%s%s", cookie ? "Cookie: " : "", cookie ? cookie : "",
                             cookie ? "\r\n" : "", page ? page : HOUSE_PAGE);
    house_call(&house, method, path, "", body, headers, a);
    mem_free(headers);
}

static void is_refused(const char *method, const char *path, const char *cookie, const char *body,
                       const char *page, int status, const char *code)
{
    struct answer a;
    call(method, path, cookie, body, page, &a);
    if (a.status != status || !str_eq(json_get_str(json_get(a.json, "error"), "code", ""), code))
        fail_msg("%s %s %s: %d %s was expected, not %d: %s", method, path, body ? body : "", status,
                 code, a.status, a.text);
    assert_string_equal(a.set_cookie, "");
    answer_fini(&a);
}

/* Whose name the cookie and the token have at whoami; mem_free. NULL: 401. */
static char *who(const char *cookie, const char *token)
{
    struct answer a;
    char *headers = cookie ? str_dupf("Cookie: %s\r\n", cookie) : NULL;
    house_call(&house, "GET", "/api/v1/whoami", token, NULL, headers, &a);
    assert_true(a.status == 200 || a.status == 401);
    char *name = a.status == 200 ? mem_strdup(json_get_str(a.json, "name", "?")) : NULL;
    answer_fini(&a);
    mem_free(headers);
    return name;
}

static void is_who(const char *cookie, const char *token, const char *name)
{
    char *got = who(cookie, token);
    if (!str_eq(got, name)) fail_msg("%s was expected, not %s", name, got ? got : "401");
    mem_free(got);
}

static char *make_token(const char *role, const char *name, const char *more, char id[14])
{
    char *body = str_dupf("{\"type\":\"api\",\"role\":\"%s\",\"name\":\"%s\"%s}", role, name, more);
    char *text = house_token(&house, body, id);
    mem_free(body);
    return text;
}

static void revoke_token(const char *id)
{
    struct answer a;
    char *path = str_dupf("/api/v1/tokens/%s", id);
    house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    mem_free(path);
}

/* ---- signing in ---- */

static void sign_in__answers_who_it_is__and_with_a_cookie(void **state)
{
    struct answer in, out;
    int64_t end_ms = 0;
    (void)state;
    char *text = make_token("submit", "ann", ",\"namespace\":\"a.b\"", NULL);
    char *body = str_dupf("{\"token\":\" %s\\n\"}", text); /* as it was pasted */
    int64_t before_ms = os_wall_ms();
    call("POST", SESSION, NULL, body, NULL, &in);
    assert_int_equal(in.status, 200);
    assert_true(str_starts(in.set_cookie, COOKIE_NAME "="));
    assert_string_equal(strchr(in.set_cookie, ';'),
                        "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200");
    char *cookie = mem_strndup(in.set_cookie, strcspn(in.set_cookie, ";"));
    assert_null(strstr(in.text, strchr(cookie, '=') + 1)); /* a script could read it there */
    assert_string_equal(json_get_str(in.json, "name", ""), "ann");
    assert_string_equal(json_get_str(in.json, "role", ""), "submit");
    assert_string_equal(json_get_str(in.json, "namespace", ""), "a.b");
    assert_int_equal(time_parse(json_get_str(in.json, "expiresAt", ""), &end_ms), 0);
    assert_in_range(end_ms, before_ms + 12 * HOUR_MS, os_wall_ms() + 12 * HOUR_MS);
    call("GET", "/api/v1/whoami", cookie, NULL, "", &out);
    assert_int_equal(out.status, 200);
    assert_string_equal(out.text, in.text);
    assert_string_equal(out.set_cookie, "");
    answer_fini(&in);
    answer_fini(&out);
    mem_free(cookie);
    mem_free(body);
    mem_free(text);
}

static void session__of_a_token_that_ends_before__ends_with_it(void **state)
{
    struct answer a;
    char id[14];
    (void)state;
    char *text = make_token("read", "brief", ",\"expires\":\"1h\"", id);
    char *body = str_dupf("{\"token\":\"%s\"}", text);
    call("POST", SESSION, NULL, body, NULL, &a);
    assert_int_equal(a.status, 200);
    const char *life = strstr(a.set_cookie, "Max-Age=");
    int64_t seconds = 0;
    assert_non_null(life);
    assert_int_equal(str_int64(strchr(life, '=') + 1, &seconds), 0);
    assert_in_range(seconds, 3500, 3600);
    char *cookie = mem_strndup(a.set_cookie, strcspn(a.set_cookie, ";"));
    is_who(cookie, "", "brief");
    revoke_token(id);
    is_refused("GET", "/api/v1/whoami", cookie, NULL, NULL, 401, "token-revoked");
    answer_fini(&a);
    mem_free(cookie);
    mem_free(body);
    mem_free(text);
}

/* The id and secret of a join token, in the clothes of an API token. */
static char *disguised(const char *join)
{
    struct token t;
    char *text = mem_alloc(TOKEN_TEXT_SIZE);
    assert_int_equal(token_parse(join, &t, NULL), 0);
    t.kind = TOKEN_API;
    assert_int_equal(token_format(&t, text, TOKEN_TEXT_SIZE), 0);
    token_fini(&t);
    return text;
}

static char *with_wrong_secret(const char *token)
{
    struct token t;
    char *text = mem_alloc(TOKEN_TEXT_SIZE);
    assert_int_equal(token_parse(token, &t, NULL), 0);
    t.secret[15] ^= 1;
    assert_int_equal(token_format(&t, text, TOKEN_TEXT_SIZE), 0);
    token_fini(&t);
    return text;
}

/* Exactly as any other request with that token, but for the connection's end. */
static void wrong_token__is_answered_as_everywhere(void **state)
{
    char revoked_id[14];
    (void)state;
    char *join = house_token(&house, "{\"type\":\"join\"}", NULL);
    char *revoked = make_token("admin", "gone", "", revoked_id);
    revoke_token(revoked_id);
    const struct {
        char *text;
        const char *code;
    } cases[] = {{mem_strdup("nonsense"), "token-malformed"},
                 {mem_strdup("cadre-api-AAAA"), "token-malformed"},
                 {join, "token-malformed"},
                 {disguised(join), "token-unknown"},
                 {with_wrong_secret(house.admin), "token-unknown"},
                 {with_wrong_secret(revoked), "token-unknown"},
                 {revoked, "token-revoked"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer other, a;
        char *body = str_dupf("{\"token\":\"%s\"}", cases[i].text);
        house_call(&house, "GET", "/api/v1/whoami", cases[i].text, NULL, NULL, &other);
        call("POST", SESSION, NULL, body, NULL, &a);
        answer_is(&a, 401, cases[i].code, NULL);
        assert_string_equal(a.text, other.text);
        assert_string_equal(a.set_cookie, "");
        answer_fini(&other);
        answer_fini(&a);
        mem_free(body);
        mem_free(cases[i].text);
    }
}

static void sign_in__with_a_wrong_body__is_refused(void **state)
{
    (void)state;
    char *large = mem_alloc(6000);
    memset(large, ' ', 5999);
    char *extra = str_dupf("{\"token\":\"%s\",\"remember\":true}", house.admin);
    const struct {
        const char *body;
        int status;
        const char *code;
    } cases[] = {{"", 400, "bad-request"},
                 {"x", 400, "bad-request"},
                 {"[]", 400, "bad-request"},
                 {"\"token\"", 400, "bad-request"},
                 {"{\"token\":", 400, "bad-request"},
                 {large, 413, "too-large"},
                 {"{}", 422, "invalid"},
                 {"{\"token\":null}", 422, "invalid"},
                 {"{\"token\":7}", 422, "invalid"},
                 {"{\"token\":[\"x\"]}", 422, "invalid"},
                 {"{\"Token\":\"x\"}", 422, "invalid"},
                 {extra, 422, "invalid"},
                 {"{\"token\":\"\"}", 401, "token-malformed"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        is_refused("POST", SESSION, NULL, cases[i].body, NULL, cases[i].status, cases[i].code);
    mem_free(large);
    mem_free(extra);
}

/* Another site could sign somebody in as somebody else. */
static void sign_in__from_another_page__is_refused(void **state)
{
    static const char *const pages[] = {
        "",
        "X-Cadre-Page: 1\r\n",
        "Origin: https://cadre\r\n",
        "X-Cadre-Page: 1\r\nOrigin: https://evil\r\n",
        "X-Cadre-Page: 1\r\nOrigin: http://cadre\r\n",
        "X-Cadre-Page: 1\r\nOrigin: null\r\n",
        "X-Cadre-Page: 0\r\nOrigin: https://cadre\r\n",
        "X-Cadre-Page: 1\r\nOrigin: https://cadre\r\nOrigin: https://cadre\r\n",
    };
    (void)state;
    char *body = str_dupf("{\"token\":\"%s\"}", house.admin);
    char *cookie = house_sign_in(&house, house.admin);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct answer a;
        is_refused("POST", SESSION, NULL, body, pages[i], 403, "origin");
        is_refused("POST", SESSION, cookie, body, pages[i], 403, "origin");
        house_call(&house, "POST", SESSION, NULL, body, pages[i], &a); /* nor with a token */
        answer_is(&a, 403, "origin", NULL);
        answer_fini(&a);
    }
    mem_free(body);
    mem_free(cookie);
}

/* So that guesses count at the door. */
static void sign_in__that_failed__ends_the_connection(void **state)
{
    struct peer p;
    (void)state;
    char *one = str_dupf("POST " SESSION " HTTP/1.1\r\nHost: cadre\r\n" HOUSE_PAGE
                         "Content-Length: 13\r\n\r\n{\"token\":\"x\"}");
    char *two = str_dupf("%s%s", one, one);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, two, strlen(two));
    peer_wait_closed(&p);
    assert_true(str_starts(p.in.data, "HTTP/1.1 401 "));
    assert_non_null(strstr(p.in.data, "WWW-Authenticate: Bearer"));
    assert_non_null(strstr(p.in.data, "\r\nCache-Control: no-store\r\n"));
    assert_null(strstr(p.in.data + 9, "HTTP/1.1 "));
    peer_fini(&p);
    mem_free(one);
    mem_free(two);
}

/* The body as it came, and the text in its tree; also of one that is refused. */
static void sign_in__overwrites_the_text_of_the_token(void **state)
{
    (void)state;
    char *good = str_dupf("{\"token\":\"%s\"}", house.admin);
    char *extra = str_dupf("{\"token\":\"%s\",\"remember\":true}", house.admin);
    char *broken = str_dupf("{\"token\":\"%s\"", house.admin);
    const struct {
        const char *body;
        int status, counted;
    } cases[] = {{good, 200, 2}, {extra, 422, 2}, {broken, 400, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer a;
        atomic_store(&wiped.counted, 0);
        wiped.text = house.admin;
        call("POST", SESSION, NULL, cases[i].body, NULL, &a);
        wiped.text = NULL;
        assert_int_equal(a.status, cases[i].status);
        assert_int_equal(atomic_load(&wiped.counted), cases[i].counted);
        answer_fini(&a);
    }
    mem_free(good);
    mem_free(extra);
    mem_free(broken);
}

/* ---- what a session may ---- */

/* What the paths of the table have in place of each ":" is of no account here. mem_free */
static char *path_of(const struct route *t)
{
    struct buf b;
    buf_init(&b, 1024);
    buf_addc(&b, '/');
    for (const char *s = t->path; *s; s++)
        buf_addc(&b, *s == ':' ? 'x' : *s);
    return buf_detach(&b);
}

static void every_change__of_another_page__is_refused(void **state)
{
    static const char *const pages[] = {"", "X-Cadre-Page: 1\r\n", "Origin: https://cadre\r\n",
                                        "X-Cadre-Page: 1\r\nOrigin: https://cadre.evil\r\n"};
    size_t count, changes = 0;
    const struct route *t = route_table(&count);
    (void)state;
    char *admin = house_sign_in(&house, house.admin);
    char *text = make_token("read", "looks", "", NULL), *reader = house_sign_in(&house, text);
    for (size_t i = 0; i < count; i++) {
        if (t[i].role == ROLE_JOIN || str_eq(t[i].method, "GET")) continue;
        char *path = path_of(&t[i]);
        changes++;
        for (size_t k = 0; k < sizeof pages / sizeof *pages; k++)
            is_refused(t[i].method, path, admin, t[i].body ? "{}" : NULL, pages[k], 403, "origin");
        /* ours is let through, to the next question */
        if (t[i].role > ROLE_READ)
            is_refused(t[i].method, path, reader, t[i].body ? "{}" : NULL, NULL, 403, "role");
        mem_free(path);
    }
    assert_true(changes > 20);
    is_who(admin, "", "first administrator"); /* not even the one that signs out */
    mem_free(admin);
    mem_free(reader);
    mem_free(text);
}

static void change__of_our_page__is_made(void **state)
{
    struct answer a;
    (void)state;
    char *cookie = house_sign_in(&house, house.admin);
    call("POST", "/api/v1/jobs", cookie, "{\"command\":[\"x\"]}", NULL, &a);
    assert_int_equal(a.status, 201);
    char *path = str_dupf("/api/v1/jobs/%s", json_get_str(a.json, "id", ""));
    answer_fini(&a);
    call("GET", path, cookie, NULL, "", &a); /* looking takes no more than the cookie */
    assert_int_equal(a.status, 200);
    assert_string_equal(json_get_str(a.json, "createdBy", ""), "first administrator");
    answer_fini(&a);
    call("GET", "/metrics", cookie, NULL, "", &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    mem_free(path);
    mem_free(cookie);
}

static void session__of_a_namespace__sees_that_alone(void **state)
{
    (void)state;
    char *text = make_token("submit", "bound", ",\"namespace\":\"mine\"", NULL);
    char *cookie = house_sign_in(&house, text);
    is_refused("GET", "/api/v1/jobs?namespace=other", cookie, NULL, NULL, 403, "namespace");
    is_refused("POST", "/api/v1/jobs", cookie, "{\"command\":[\"x\"],\"namespace\":\"other\"}",
               NULL, 403, "namespace");
    is_refused("GET", "/api/v1/tokens", cookie, NULL, NULL, 403, "role");
    mem_free(cookie);
    mem_free(text);
}

static void authorization__goes_first(void **state)
{
    struct answer a;
    static const char bad[] = COOKIE_NAME "=nonsense";
    (void)state;
    char *text = make_token("read", "of the cookie", "", NULL),
         *cookie = house_sign_in(&house, text);
    is_who(cookie, "", "of the cookie");
    is_who(cookie, house.admin, "first administrator");
    is_who(bad, house.admin, "first administrator");
    is_who(bad, "", NULL);
    is_who(cookie, "nonsense", NULL);
    is_refused("GET", "/api/v1/whoami", cookie, NULL, "Authorization:\r\n", 401, "token-malformed");
    is_refused("GET", "/api/v1/whoami", cookie, NULL, "Authorization: Basic eDp5\r\n", 401,
               "token-malformed");
    /* and with it, nothing of the page is needed */
    char *headers = str_dupf("Cookie: %s\r\nOrigin: https://evil\r\n", cookie);
    house_call(&house, "POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"]}", headers, &a);
    assert_int_equal(a.status, 201);
    answer_fini(&a);
    mem_free(headers);
    mem_free(cookie);
    mem_free(text);
}

static void cookie__where_no_token_is_needed__is_not_looked_at(void **state)
{
    static const char *const paths[] = {"/healthz", "/readyz", "/ca.pem", "/api/v1/version"};
    (void)state;
    char *cookie = house_sign_in(&house, house.admin);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct answer a;
        call("GET", paths[i], COOKIE_NAME "=nonsense", NULL, "", &a);
        assert_int_equal(a.status, 200);
        answer_fini(&a);
    }
    is_refused("POST", "/api/v1/webhooks/a/b", cookie, "x", NULL, 401, "key-missing");
    is_refused("POST", "/api/v1/webhooks/a/b/c", cookie, "x", NULL, 404, "not-found");
    is_refused("POST", "/api/v1/executions/webhook/a/b", cookie, "x", NULL, 401, "key-missing");
    mem_free(cookie);
}

static void cookie__that_is_none__is_refused(void **state)
{
    struct answer a;
    (void)state;
    char *cookie = house_sign_in(&house, house.admin);
    char *twice = str_dupf("%s; %s", cookie, cookie), *other = mem_strdup(cookie);
    other[strlen(COOKIE_NAME) + 6] = other[strlen(COOKIE_NAME) + 6] == 'A' ? 'B' : 'A';
    const char *const cases[] = {twice, other, COOKIE_NAME "=", COOKIE_NAME};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        is_refused("GET", "/api/v1/whoami", cases[i], NULL, NULL, 401, "session-ended");
        is_refused("DELETE", SESSION, cases[i], NULL, NULL, 401, "session-ended");
    }
    call("GET", "/api/v1/whoami", "theme=dark", NULL, "", &a);
    answer_is(&a, 401, "token-missing", NULL);
    answer_fini(&a);
    mem_free(cookie);
    mem_free(twice);
    mem_free(other);
}

static void session__in_use__is_looked_up_once_a_second(void **state)
{
    (void)state;
    char *cookie = house_sign_in(&house, house.admin);
    int64_t from_ms = os_mono_ms();
    int before = atomic_load(&asked);
    for (int i = 0; i < 20; i++)
        is_who(cookie, "", "first administrator");
    int most = 1 + (int)((os_mono_ms() - from_ms) / 1000);
    assert_in_range(atomic_load(&asked) - before, 1, most);
    mem_free(cookie);
}

/* ---- signing out ---- */

static void sign_out__ends_this_session_alone(void **state)
{
    struct answer a;
    (void)state;
    char *text = make_token("read", "two", "", NULL);
    char *one = house_sign_in(&house, text), *two = house_sign_in(&house, text);
    assert_string_not_equal(one, two);
    is_who(one, "", "two");
    is_who(two, "", "two");
    call("DELETE", SESSION, one, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    assert_string_equal(a.set_cookie,
                        COOKIE_NAME "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    answer_fini(&a);
    is_refused("GET", "/api/v1/whoami", one, NULL, NULL, 401, "session-ended");
    is_refused("DELETE", SESSION, one, NULL, NULL, 401, "session-ended");
    is_who(two, "", "two");
    is_who(NULL, text, "two");
    mem_free(one);
    mem_free(two);
    mem_free(text);
}

static void sign_out__of_a_token__finds_no_session(void **state)
{
    struct answer a;
    (void)state;
    char *cookie = house_sign_in(&house, house.admin);
    char *headers = str_dupf("Cookie: %s\r\n" HOUSE_PAGE, cookie);
    house_call(&house, "DELETE", SESSION, NULL, NULL, headers, &a);
    answer_is(&a, 404, "not-found", "in no session");
    answer_fini(&a);
    is_who(cookie, "", "first administrator");
    house_call(&house, "GET", SESSION, NULL, NULL, NULL, &a);
    answer_is(&a, 405, "method", NULL);
    assert_string_equal(a.allow, "POST, DELETE");
    answer_fini(&a);
    mem_free(headers);
    mem_free(cookie);
}

static void session__after_a_restart__goes_on(void **state)
{
    (void)state;
    char *kept = house_sign_in(&house, house.admin), *ended = house_sign_in(&house, house.admin);
    struct answer a;
    call("DELETE", SESSION, ended, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    house_stop(&house);
    house_start(&house, NULL);
    is_who(kept, "", "first administrator");
    is_who(ended, "", NULL);
    mem_free(kept);
    mem_free(ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sign_in__answers_who_it_is__and_with_a_cookie),
        cmocka_unit_test(session__of_a_token_that_ends_before__ends_with_it),
        cmocka_unit_test(wrong_token__is_answered_as_everywhere),
        cmocka_unit_test(sign_in__with_a_wrong_body__is_refused),
        cmocka_unit_test(sign_in__overwrites_the_text_of_the_token),
        cmocka_unit_test(sign_in__from_another_page__is_refused),
        cmocka_unit_test(sign_in__that_failed__ends_the_connection),
        cmocka_unit_test(every_change__of_another_page__is_refused),
        cmocka_unit_test(change__of_our_page__is_made),
        cmocka_unit_test(session__of_a_namespace__sees_that_alone),
        cmocka_unit_test(authorization__goes_first),
        cmocka_unit_test(cookie__where_no_token_is_needed__is_not_looked_at),
        cmocka_unit_test(cookie__that_is_none__is_refused),
        cmocka_unit_test(session__in_use__is_looked_up_once_a_second),
        cmocka_unit_test(sign_out__ends_this_session_alone),
        cmocka_unit_test(sign_out__of_a_token__finds_no_session),
        cmocka_unit_test(session__after_a_restart__goes_on),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
